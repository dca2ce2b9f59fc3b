/*
 * Collect the tables that FangaOS reads: from the RSDP through XSDT or RSDT, and from files.
 *
 * Of two tables with one signature the first sound one counts. Any other table is skipped unread.
 * Pure.
 */
#ifndef KERNEL_ACPI_ROOT_H
#define KERNEL_ACPI_ROOT_H

#include <fanga/acpi.h>

#include "kernel/acpi/rsdp.h"
#include "kernel/acpi/table.h"

/* Entries of a root table that are followed; real machines have below 100. */
#define ACPI_ROOT_ENTRY_MAX 1024

enum acpi_kind {
	ACPI_MADT,
	ACPI_FADT,
	ACPI_HPET,
	ACPI_SRAT,
	ACPI_SLIT,
	ACPI_HMAT,
	ACPI_DSDT,
	ACPI_KIND_COUNT,
};

/* Sound tables by kind; data is NULL where there is none. */
struct acpi_tables {
	struct acpi_table of[ACPI_KIND_COUNT];
	bool rejected[ACPI_KIND_COUNT]; /* one was there and is broken */
};

/*
 * Add the tables of the source's RSDP (given, or found where 5.2.5.1 says), less those that files
 * replace. What is broken is noted in `info`: a MADT as an error, the rest as warnings.
 */
void acpi_root_collect(struct acpi_tables *tables, struct acpi_info *info,
		       const struct acpi_source *source);

/* Add the source's files. One that is no table is an error. */
void acpi_files_collect(struct acpi_tables *tables, struct acpi_info *info,
			const struct acpi_source *source);

#endif
