/*
 * From the boot loader's words and the firmware's tables to initialised hardware: the parts of the
 * boot story that translate between rooms.
 */
#pragma once

#include "fanga/boot.h"

/*
 * Parse the ACPI tables that @boot points to, or those in the boot archive's folder acpi/, and build
 * the memory nodes. Unusable tables are told to the host (status 65) and end the machine.
 */
void firmware_parse_tables(const struct boot_info *boot);

/* Interrupt controllers, timers, clock and power, as the tables describe them. */
void firmware_init_devices(void);
