/*
 * For fuzz targets of one table: the fuzzer's bytes become the body of a table whose header is
 * sound, so that they reach the parser behind it.
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "kernel/acpi/parsers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct acpi_info info;

/* Counts only: formatting, tested elsewhere, would take most of the time. */
void acpi_note(struct acpi_notes *notes, const char *format, ...)
{
	(void)format;
	if (notes->count < ACPI_NOTE_MAX)
		notes->count++;
}

/* Revision from the first byte; the buffer is of exact size, and the caller's to free. */
static inline struct acpi_table table_of(const uint8_t *data, size_t size)
{
	struct acpi_table table = {.bytes = (uint32_t)(ACPI_HEADER_BYTES + (size ? size - 1 : 0))};
	uint8_t *copy = malloc(table.bytes);

	memset(copy, 0, ACPI_HEADER_BYTES);
	copy[offsetof(struct acpi_header, revision)] = size ? data[0] : 0;
	if (size > 1)
		memcpy(copy + ACPI_HEADER_BYTES, data + 1, size - 1);
	table.data = copy;
	return table;
}

/* What must hold whatever the bytes were. */
static inline void require(bool holds)
{
	if (!holds)
		abort();
}
