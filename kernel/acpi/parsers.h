/*
 * One parser per table kind. Each reads one validated table into its part of struct acpi_info and
 * notes what it tolerated; whatever the bytes, that part is sound afterwards. Order matters in one
 * place: CPUs come from the MADT, so acpi_srat_parse() runs after acpi_madt_parse(). Pure, any
 * context.
 */
#ifndef KERNEL_ACPI_PARSERS_H
#define KERNEL_ACPI_PARSERS_H

#include <fanga/acpi.h>

#include "kernel/acpi/table.h"

/* Start an empty result. Arrays keep their old content, which their counts hide. */
void acpi_info_reset(struct acpi_info *info);

/*
 * Register an enabled CPU; info->enabled grows if its id is new. Returns the CPU, or NULL if it is
 * not kept: a placeholder id, or no room.
 */
struct acpi_cpu *acpi_cpu_add(struct acpi_info *info, uint32_t apic_id);

/* The CPU with this APIC id, or NULL. */
struct acpi_cpu *acpi_cpu_find(struct acpi_info *info, uint32_t apic_id);

/* MADT. `present` stays false, with an error noted, if even its fixed part is not there. */
void acpi_madt_parse(struct acpi_info *info, const struct acpi_table *table);

/* FADT and HPET. `present` stays false, with a warning noted, if the table is unusable. */
void acpi_fadt_parse(struct acpi_info *info, const struct acpi_table *table);
void acpi_hpet_parse(struct acpi_info *info, const struct acpi_table *table);

/*
 * SRAT, SLIT, HMAT. If the table is unusable, a warning is noted, `rejected` is set and nothing is
 * kept. The SRAT may name CPUs of its own (add_cpus) only when there is no MADT to do it.
 */
void acpi_srat_parse(struct acpi_info *info, const struct acpi_table *table, bool add_cpus);
void acpi_slit_parse(struct acpi_info *info, const struct acpi_table *table);
void acpi_hmat_parse(struct acpi_info *info, const struct acpi_table *table);

#endif
