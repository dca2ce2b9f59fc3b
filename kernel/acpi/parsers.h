/*
 * One parser per table kind. Each reads one validated table into its part of struct acpi_info and notes
 * what it tolerated; whatever the bytes, that part is sound afterwards. Order matters in one place: CPUs
 * come from the MADT, so acpi_srat_parse() runs after acpi_madt_parse(). Pure, any context.
 */
#ifndef KERNEL_ACPI_PARSERS_H
#define KERNEL_ACPI_PARSERS_H

#include <fanga/acpi.h>

#include "kernel/acpi/table.h"

/* Start an empty result. Arrays keep their old content, which their counts hide. */
void acpi_info_reset(struct acpi_info *info);

/*
 * Register an enabled CPU and count it once. Returns it; NULL for a placeholder id or when there is no room. `*is_new`
 * is false if it was known before.
 */
struct acpi_cpu *acpi_cpu_add(struct acpi_info *info, uint32_t apic_id, bool *is_new);

/* The CPU with this APIC id, or NULL. */
struct acpi_cpu *acpi_cpu_find(struct acpi_info *info, uint32_t apic_id);

/* MADT. -EINVAL, with an error noted, if even its fixed part is not there. */
int acpi_madt_parse(struct acpi_info *info, const struct acpi_table *table) __must_check;

/* FADT and HPET: -EINVAL, with a warning noted, if the table is unusable. */
int acpi_fadt_parse(struct acpi_info *info, const struct acpi_table *table) __must_check;
int acpi_hpet_parse(struct acpi_info *info, const struct acpi_table *table) __must_check;

/*
 * SRAT, SLIT, HMAT: -EINVAL, with a warning noted, `rejected` set and nothing kept, if the table is
 * unusable. The SRAT alone is allowed to name CPUs (add_cpus) when no MADT does.
 */
int acpi_srat_parse(struct acpi_info *info, const struct acpi_table *table,
		    bool add_cpus) __must_check;
int acpi_slit_parse(struct acpi_info *info, const struct acpi_table *table) __must_check;
int acpi_hmat_parse(struct acpi_info *info, const struct acpi_table *table) __must_check;

#endif
