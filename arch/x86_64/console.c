/*
 * The serial console, and what the log needs to know about the processor.
 */
#include "arch/x86_64/console.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/serial.h"
#include "fanga/log.h"
#include "fanga/percpu.h"

unsigned log_cpu(void)
{
	return current_cpu_id();
}

unsigned long log_irq_save(void)
{
	return irq_save();
}

void log_irq_restore(unsigned long flags)
{
	irq_restore(flags);
}

void console_init(void)
{
	/* Without a port there is nobody to tell; the log's ring still keeps everything. */
	if (serial_init(SERIAL_COM1) && log_sink_add(serial_console_write))
		log_warn("no room for the console among the log's sinks");
}
