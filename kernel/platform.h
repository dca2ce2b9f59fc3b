/*
 * What the firmware's tables say about the machine's hardware, handed to arch's drivers, which know
 * no tables. The calls belong into the boot order that kernel/main.c shows.
 */
#pragma once

#include "fanga/acpi.h"

/*
 * Bring up the boot CPU's local APIC, silence the legacy PICs, take over the I/O APICs with their
 * overrides. 0, or a negative errno when there is no local APIC to work with; anything else that is
 * missing or makes no sense is left out with a warning. Boot CPU, interrupts off, after idt_init().
 */
int platform_init_interrupts(const struct acpi_info *info) __must_check;

/* HPET and PM timer as the tables have them, then clock_calibrate() and timer_init_bsp(). */
int platform_init_clocks(const struct acpi_info *info) __must_check;

/* Tell arch how to power off and reset. */
void platform_init_power(const struct acpi_info *info);
