/*
 * Bounds-checked table reader; see table.h for the promise it makes. Pure: no state, any context.
 */
#include "kernel/acpi/table.h"

#include <fanga/acpi.h>

#include "lib/checksum.h"
#include "lib/errno.h"

bool acpi_table_has_header(const void *data, size_t bytes)
{
	const uint8_t *p = data;

	if (bytes < ACPI_HEADER_BYTES)
		return false;
	for (unsigned i = 0; i < 4; i++)
		if (p[i] < 0x20 || p[i] > 0x7e)
			return false;
	return true;
}

uint32_t acpi_table_length(const void *data)
{
	return acpi_read32((const uint8_t *)data + offsetof(struct acpi_header, length));
}

int acpi_table_open(struct acpi_table *out, const void *data, size_t bytes, const char **why)
{
	uint32_t length;

	if (!acpi_table_has_header(data, bytes)) {
		*why = "no table header";
		return -EINVAL;
	}
	length = acpi_table_length(data);
	if (length < ACPI_HEADER_BYTES)
		*why = "length field is smaller than a header";
	else if (length > ACPI_TABLE_BYTES_MAX)
		*why = "length field is larger than any table";
	else if (length > bytes)
		*why = "cut short of its length field";
	else if (checksum_sum8(data, length) != 0)
		*why = "wrong checksum";
	else
		goto good;
	return -EINVAL;
good:
	out->data = data;
	out->bytes = length;
	return 0;
}

void acpi_walk_begin(struct acpi_walk *walk, const struct acpi_table *table, uint32_t offset,
		     enum acpi_walk_form form)
{
	walk->table = table;
	walk->offset = offset < table->bytes ? offset : table->bytes;
	walk->form = form;
	walk->end = ACPI_WALK_ON;
}

bool acpi_walk_next(struct acpi_walk *walk, struct acpi_subtable *out)
{
	uint32_t header = walk->form == ACPI_WALK_U8 ? 2 : 8;
	uint32_t left = walk->table->bytes - walk->offset;
	const uint8_t *p = walk->table->data + walk->offset;

	if (walk->end != ACPI_WALK_ON)
		return false;
	if (left == 0) {
		walk->end = ACPI_WALK_COMPLETE;
		return false;
	}
	if (left < header) {
		walk->end = ACPI_WALK_LONG;
		return false;
	}
	out->data = p;
	out->type = walk->form == ACPI_WALK_U8 ? p[0] : acpi_read16(p);
	out->bytes = walk->form == ACPI_WALK_U8 ? p[1] : acpi_read32(p + 4);
	if (out->bytes < header) {
		walk->end = ACPI_WALK_SHORT;
		return false;
	}
	if (out->bytes > left) {
		walk->end = ACPI_WALK_LONG;
		return false;
	}
	walk->offset += out->bytes;
	return true;
}

const char *acpi_walk_fault(const struct acpi_walk *walk)
{
	switch (walk->end) {
	case ACPI_WALK_SHORT:
		return "has a length too small for any entry";
	case ACPI_WALK_LONG:
		return "reaches past the end of the table";
	default:
		return NULL;
	}
}
