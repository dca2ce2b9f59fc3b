/*
 * Polled 16550 UARTs. No interrupts, no locks and no allocation, so that the console works from the
 * first instruction in C to the last line of a panic. Invariant: every wait is bounded; a port that
 * once timed out gets a single poll per call until it drains, so that a dead line cannot slow the
 * kernel down. Writers of one port are serialised by the caller.
 * Register layout: National Semiconductor PC16550D data sheet, section 8.
 */
#include "arch/x86_64/serial.h"

#include "arch/x86_64/cpu.h"

#define UART_THR 0 /* transmit holding, divisor low with LCR.DLAB */
#define UART_IER 1 /* interrupt enable, divisor high with LCR.DLAB */
#define UART_FCR 2
#define UART_LCR 3
#define UART_MCR 4
#define UART_LSR 5
#define UART_SCR 7

#define LCR_8N1	       0x03
#define LCR_DLAB       0x80
#define FCR_ENABLE     0x07 /* FIFOs on, both cleared */
#define MCR_DTR_RTS    0x03 /* OUT2 stays 0: it would gate the interrupt line through */
#define LSR_THR_EMPTY  0x20
#define LSR_IDLE       0x40 /* FIFO and shift register are empty */
#define UART_FIFO_SIZE 16
#define DIVISOR_115200 1

/*
 * One FIFO takes 1.4 ms at 115200 baud and a port read about 1 us on hardware, so this is some 200
 * ms: long enough for a host that reads our output slowly, short enough for a line that is dead.
 */
#define SERIAL_SPIN_LIMIT 200000u

struct uart {
	uint16_t base;
	bool present;
	bool stuck; /* the last wait timed out */
};

static struct uart uarts[SERIAL_PORTS] = {
	[SERIAL_COM1] = {.base = 0x3f8},
	[SERIAL_COM2] = {.base = 0x2f8},
};

/* The scratch register keeps what is written; an empty bus reads 0xff whatever was written. */
static bool uart_answers(uint16_t base)
{
	outb((uint16_t)(base + UART_SCR), 0x5a);
	if (inb((uint16_t)(base + UART_SCR)) != 0x5a)
		return false;
	outb((uint16_t)(base + UART_SCR), 0xa5);
	return inb((uint16_t)(base + UART_SCR)) == 0xa5 && inb((uint16_t)(base + UART_LSR)) != 0xff;
}

bool serial_init(enum serial_port port)
{
	struct uart *uart = &uarts[port];
	uint16_t base = uart->base;

	uart->present = false;
	uart->stuck = false;
	if (!uart_answers(base))
		return false;

	outb((uint16_t)(base + UART_IER), 0);
	outb((uint16_t)(base + UART_LCR), LCR_DLAB);
	outb((uint16_t)(base + UART_THR), DIVISOR_115200 & 0xff);
	outb((uint16_t)(base + UART_IER), DIVISOR_115200 >> 8);
	outb((uint16_t)(base + UART_LCR), LCR_8N1);
	outb((uint16_t)(base + UART_FCR), FCR_ENABLE);
	outb((uint16_t)(base + UART_MCR), MCR_DTR_RTS);
	uart->present = true;
	return true;
}

/* Wait until the line status has @state. */
static bool wait_transmitter(struct uart *uart, uint8_t state)
{
	unsigned polls = uart->stuck ? 1 : SERIAL_SPIN_LIMIT;

	while (polls-- > 0) {
		if (inb((uint16_t)(uart->base + UART_LSR)) & state) {
			uart->stuck = false;
			return true;
		}
		cpu_relax();
	}
	uart->stuck = true;
	return false;
}

size_t serial_write(enum serial_port port, const void *bytes, size_t length)
{
	struct uart *uart = &uarts[port];
	const uint8_t *next = bytes;
	size_t left = length;

	if (!uart->present)
		return 0;
	while (left > 0) {
		/* Holding register empty means that the whole FIFO is. */
		if (!wait_transmitter(uart, LSR_THR_EMPTY))
			break;
		for (unsigned room = UART_FIFO_SIZE; room > 0 && left > 0; room--, left--)
			outb((uint16_t)(uart->base + UART_THR), *next++);
	}
	return length - left;
}

void serial_drain(enum serial_port port)
{
	if (uarts[port].present)
		(void)wait_transmitter(&uarts[port], LSR_IDLE);
}

void serial_console_write(const char *text, size_t length)
{
	size_t start = 0;

	for (size_t i = 0; i < length; i++) {
		if (text[i] != '\n')
			continue;
		serial_write(SERIAL_COM1, text + start, i - start);
		serial_write(SERIAL_COM1, "\r\n", 2);
		start = i + 1;
	}
	serial_write(SERIAL_COM1, text + start, length - start);
}
