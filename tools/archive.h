/*
 * The archive that goes into the machine beside the kernel: the tables of --acpi under acpi/.
 */
#pragma once

#include "tools/memory.h"

/*
 * Build the archive of the tables in `folder`: MADT, SRAT, SLIT and HMAT, told by the signature
 * inside or, where there is none, by the file's name; in the order of their names. Anything else in
 * the folder stays out. Returns 0, or EXIT_USAGE after one line on standard error.
 */
int archive_make(struct bytes *archive, const char *folder) __must_check;
