/*
 * Power off, by what the firmware's tables say. ACPI 6.5 sections 4.8.3.2 (PM1 control), 7.4.2
 * (\_S5).
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
};

/* Remember @firmware. Without it the fallbacks still work. Once. */
void power_init(const struct power_config *firmware);

/*
 * Off: ACPI S5, then the simulators' shutdown ports, then halt with interrupts off and a line on
 * the console. Any context, panic included; other CPUs should have stopped.
 */
_Noreturn void power_off(void);
