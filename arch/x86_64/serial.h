/*
 * Polled 16550 serial ports: COM1 carries the console, COM2 the result bytes where there is no
 * shared memory.
 */
#pragma once

#include "lib/types.h"

enum serial_port {
	SERIAL_COM1,
	SERIAL_COM2,
	SERIAL_PORTS,
};

/*
 * Probes the UART and sets it to 115200 8N1 with FIFOs on and interrupts off. Needs nothing but the
 * I/O instructions, so it may be the first call of the kernel. Returns false when no UART answers;
 * everything else is then a no-op for that port.
 * Context: any, once per port, before its first use.
 */
bool serial_init(enum serial_port port);

/*
 * Sends the bytes as they are. Waits for the transmitter, but never for ever: a UART that takes
 * nothing for some 200 ms loses the rest. Returns the number of bytes accepted.
 * Context: any, NMI and panic included. The caller serialises writers of one port (the log's output
 * lock for COM1, the results lock for COM2).
 */
size_t serial_write(enum serial_port port, const void *bytes, size_t length);

/*
 * Waits, as serial_write() does, until the last byte has left the port: the power must not go
 * before. Context as serial_write().
 */
void serial_drain(enum serial_port port);

/* Log sink for COM1: serial_write() with "\n" sent as "\r\n". Context as serial_write(). */
void serial_console_write(const char *text, size_t length);
