/*
 * Power off and reset, by what the firmware's tables say. ACPI 6.5 sections 4.8.3.2 (PM1 control),
 * 4.8.3.6 (reset register), 7.4.2 (\_S5).
 */
#pragma once

#include "lib/types.h"

struct power_config {
	uint16_t pm1a_control; /* I/O port; 0: no ACPI power-off */
	uint16_t pm1b_control; /* I/O port or 0 */
	bool has_s5;	       /* the two types below are valid */
	uint8_t slp_typ_a;     /* 0..7, from \_S5 */
	uint8_t slp_typ_b;
	uint16_t smi_command; /* I/O port; 0: no legacy mode to leave */
	uint8_t acpi_enable;  /* value for smi_command; 0 with the same meaning */
	bool has_reset;
	bool reset_mmio;	/* reset_address is physical memory, else an I/O port */
	uint64_t reset_address; /* of one byte */
	uint8_t reset_value;
};

/* Remember @firmware and map what panics may need later. Without it the fallbacks still work. Once.
 */
void power_init(const struct power_config *firmware);

/*
 * Off: ACPI S5, then the simulators' shutdown port, then halt with interrupts off and a line on the
 * console. Any context, panic included; other CPUs should have stopped.
 */
_Noreturn void power_off(void);

/* Restart: FADT's reset register, keyboard controller, triple fault. Any context. */
_Noreturn void power_reset(void);
