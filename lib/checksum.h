/*
 * The byte sum that ACPI tables, the RSDP and SMBIOS carry (ACPI 6.5 section 5.2.3). Any context.
 */
#pragma once

#include "lib/types.h"

/* Sum of all bytes modulo 256; 0 for a table whose checksum is right. */
static inline uint8_t checksum_sum8(const void *data, size_t bytes)
{
	const uint8_t *p = data;
	uint8_t sum = 0;

	for (size_t i = 0; i < bytes; i++)
		sum = (uint8_t)(sum + p[i]);
	return sum;
}
