/*
 * ACPI tables on the host: raw dumps, folders of them, and the text that acpidump prints.
 *
 * Nothing here judges a table; it only finds the bytes. Host only, one thread.
 */
#ifndef TOOLS_ACPI_FILES_H
#define TOOLS_ACPI_FILES_H

#include <fanga/acpi.h>

/* What has been loaded; start from all zero. Names and data are owned. */
struct acpi_files {
	struct acpi_file *list;
	unsigned count;
	unsigned room;
};

/*
 * Append what `path` holds. A folder gives its tables by name: *.dat, *.aml and *.bin, names as in
 * /sys/firmware/acpi/tables (APIC, SSDT2), and acpidump*; everything else in it is passed over.
 *
 * Returns 0; -ENOENT if there is no such path; another negative errno, with one line in `reason`,
 * if it cannot be read, is a broken dump, or is a folder without tables. What was appended before
 * stays.
 */
int acpi_files_load(struct acpi_files *files, const char *path, char *reason,
		    size_t reason_bytes) __must_check;

/* Release everything and start over. */
void acpi_files_free(struct acpi_files *files);

#endif
