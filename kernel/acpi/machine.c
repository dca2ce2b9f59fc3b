/*
 * The machine's own tables, for the rooms that start from them. Written once on the boot CPU.
 */
#include "kernel/acpi/machine.h"

static struct acpi_info machine;

int acpi_machine_parse(const struct acpi_source *source)
{
	return acpi_parse(&machine, source);
}

const struct acpi_info *acpi_machine(void)
{
	return &machine;
}
