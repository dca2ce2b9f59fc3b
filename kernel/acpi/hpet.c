/*
 * HPET description table (IA-PC HPET specification 1.0a, 3.2.4). Pure: no state, any context.
 */
#include "kernel/acpi/parsers.h"

enum hpet_field {
	HPET_SPACE = 40,
	HPET_ADDRESS = 44,
	HPET_NUMBER = 52,
	HPET_MINIMUM_TICK = 53,
	HPET_BYTES = 56,
};

void acpi_hpet_parse(struct acpi_info *info, const struct acpi_table *table)
{
	const uint8_t *p = table->data;
	uint64_t address;

	if (table->bytes < HPET_BYTES) {
		acpi_note(&info->warnings, "HPET: %u bytes, too short, ignored", table->bytes);
		return;
	}
	address = acpi_read64(p + HPET_ADDRESS);
	if (p[HPET_SPACE] != ACPI_SPACE_MEMORY || address == 0) {
		acpi_note(&info->warnings, "HPET: registers are not in memory, ignored");
		return;
	}
	info->hpet = (struct acpi_hpet){
		.present = true,
		.number = p[HPET_NUMBER],
		.minimum_tick = acpi_read16(p + HPET_MINIMUM_TICK),
		.address = address,
	};
}
