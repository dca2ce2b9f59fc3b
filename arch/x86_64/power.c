/*
 * Power off, see power.h. The configuration is written once at boot; afterwards everything here is
 * a handful of port writes that work in any state of the machine, so there are no locks.
 */
#include "arch/x86_64/power.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/serial.h"

#define PM1_SCI_ENABLE 0x0001u
#define PM1_SLP_TYP(t) ((uint16_t)((t) << 10))
#define PM1_SLP_MASK   0x3c00u /* SLP_TYP and SLP_EN */
#define PM1_SLP_ENABLE 0x2000u

#define BOCHS_SHUTDOWN_PORT 0x8900 /* Bochs: the bytes of "Shutdown" in order */
#define QEMU_PM1_CONTROL    0x604  /* of QEMU's q35, where its firmware puts it */

#define KEYBOARD_STATUS 0x64
/* Port reads of about 1 us each: what firmware may take to switch modes, or the power to go. */
#define WAIT_POLLS 300000

static struct power_config config;

void power_init(const struct power_config *firmware)
{
	config = *firmware;
}

static void wait_polls(void)
{
	for (unsigned i = 0; i < WAIT_POLLS; i++) {
		(void)inb(KEYBOARD_STATUS);
		cpu_relax();
	}
}

/* PM1 control is ACPI's only once firmware has left legacy mode (ACPI 6.5 section 4.8.2.5). */
static void enter_acpi_mode(void)
{
	if ((inw(config.pm1a_control) & PM1_SCI_ENABLE) || !config.smi_command ||
	    !config.acpi_enable)
		return;
	outb(config.smi_command, config.acpi_enable);
	for (unsigned i = 0; i < WAIT_POLLS; i++) {
		if (inw(config.pm1a_control) & PM1_SCI_ENABLE)
			return;
		cpu_relax();
	}
}

static void sleep_s5(uint16_t port, uint8_t type)
{
	uint16_t value = (uint16_t)(inw(port) & ~PM1_SLP_MASK) | PM1_SLP_TYP(type);

	/* Type before enable, in two writes, as the specification's section 16.1.7 orders them. */
	outw(port, value);
	outw(port, value | PM1_SLP_ENABLE);
}

static void shutdown_acpi(void)
{
	if (!config.pm1a_control || !config.has_s5)
		return;
	enter_acpi_mode();
	sleep_s5(config.pm1a_control, config.slp_typ_a);
	if (config.pm1b_control)
		sleep_s5(config.pm1b_control, config.slp_typ_b);
	wait_polls();
}

/* On real hardware that port is anybody's. */
static bool is_qemu(void)
{
	bool is_simulated = cpuid(1, 0).ecx & BIT(31);

	return is_simulated && cpuid(0x40000000, 0).ebx == 0x54474354; /* "TCGT" */
}

static void shutdown_simulator(void)
{
	for (const char *c = "Shutdown"; *c; c++)
		outb(BOCHS_SHUTDOWN_PORT, (uint8_t)*c);
	/* For an end before the tables are read: a panic of early boot, a wrong option. */
	if (is_qemu())
		outw(QEMU_PM1_CONTROL, PM1_SLP_ENABLE);
}

static _Noreturn void halt_for_ever(void)
{
	irq_disable();
	for (;;)
		cpu_halt();
}

_Noreturn void power_off(void)
{
	static const char text[] = "It is now safe to turn off this computer.\n";

	irq_disable();
	for (enum serial_port port = 0; port < SERIAL_PORTS; port++)
		serial_drain(port);
	shutdown_acpi();
	shutdown_simulator();
	/* Straight to the port: after a panic the log may not be usable. */
	serial_console_write(text, sizeof(text) - 1);
	halt_for_ever();
}
