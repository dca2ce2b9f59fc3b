/*
 * The tables of the machine we run on: parsed once at boot, constant afterwards.
 */
#pragma once

#include "fanga/acpi.h"

/* Parse @source into the machine's record. As acpi_parse(). Boot CPU, once. */
int acpi_machine_parse(const struct acpi_source *source) __must_check;

/* The record; empty before acpi_machine_parse(). Any context. */
const struct acpi_info *acpi_machine(void);
