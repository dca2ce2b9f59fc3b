/*
 * SLIT (ACPI 6.5, 5.2.17): an N x N matrix of distances, trusted whole or not at all.
 *
 * N is a 64-bit number from outside: it is compared with the square root of the table's size before
 * it takes part in any product. Asymmetry and 255 (unreachable) are legal. Pure: no state, any
 * context.
 */
#include "kernel/acpi/parsers.h"

#define SLIT_COUNT  36
#define SLIT_MATRIX 44

/* No N whose square fits into ACPI_TABLE_BYTES_MAX is larger. */
#define SLIT_N_MAX 2048
_Static_assert((uint64_t)SLIT_N_MAX *SLIT_N_MAX >= ACPI_TABLE_BYTES_MAX, "limit of N");

#define SLIT_LOCAL 10

static void reject(struct acpi_info *info)
{
	info->slit.rejected = true;
}

void acpi_slit_parse(struct acpi_info *info, const struct acpi_table *table)
{
	const uint8_t *matrix = table->data + SLIT_MATRIX;
	uint64_t n;

	if (table->bytes < SLIT_MATRIX) {
		acpi_note(&info->warnings, "SLIT: %u bytes, too short, ignored", table->bytes);
		reject(info);
		return;
	}
	n = acpi_read64(table->data + SLIT_COUNT);
	if (n == 0 || n > SLIT_N_MAX || n * n > table->bytes - SLIT_MATRIX) {
		acpi_note(&info->warnings, "SLIT: %llu domains do not fit its %u bytes, ignored",
			  (unsigned long long)n, table->bytes);
		reject(info);
		return;
	}
	for (uint64_t from = 0; from < n; from++) {
		for (uint64_t to = 0; to < n; to++) {
			uint8_t distance = matrix[from * n + to];

			if (from == to ? distance == SLIT_LOCAL : distance > SLIT_LOCAL)
				continue;
			acpi_note(&info->warnings,
				  "SLIT: distance %u from domain %u to %u is impossible, table "
				  "ignored",
				  distance, (unsigned)from, (unsigned)to);
			reject(info);
			return;
		}
	}
	if (n * n < table->bytes - SLIT_MATRIX)
		acpi_note(&info->warnings, "SLIT: %u bytes after the matrix, ignored",
			  (unsigned)(table->bytes - SLIT_MATRIX - n * n));
	info->slit = (struct acpi_slit){.present = true, .n = (uint32_t)n, .matrix = matrix};
}
