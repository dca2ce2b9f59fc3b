/*
 * The list of enabled CPUs: each APIC id once, whatever number of entries name it.
 *
 * Ids below ACPI_SEEN_MAX are told apart by a bitmap and so counted truly in any number; higher
 * ids, which no machine has, are told apart among the CPUs that are kept. Pure: no state, any
 * context.
 */
#include "kernel/acpi/parsers.h"

#include "lib/bitmap.h"

#define APIC_ID_BROADCAST 0xffffffffu

void acpi_info_reset(struct acpi_info *info)
{
	info->cpu_count = 0;
	info->enabled = 0;
	info->max_apic_id = 0;
	memset(info->seen, 0, sizeof(info->seen));
	memset(&info->madt, 0, offsetof(struct acpi_madt, ioapics));
	memset(&info->fadt, 0, sizeof(info->fadt));
	memset(&info->hpet, 0, sizeof(info->hpet));
	memset(&info->srat, 0, offsetof(struct acpi_srat, ranges));
	memset(&info->slit, 0, sizeof(info->slit));
	memset(&info->hmat, 0, offsetof(struct acpi_hmat, attributes));
	memset(&info->s5, 0, sizeof(info->s5));
	info->warnings.count = info->warnings.dropped = 0;
	info->errors.count = info->errors.dropped = 0;
}

struct acpi_cpu *acpi_cpu_find(struct acpi_info *info, uint32_t apic_id)
{
	if (apic_id < ACPI_SEEN_MAX && !bitmap_test(info->seen, apic_id))
		return NULL;
	for (unsigned cpu = 0; cpu < info->cpu_count; cpu++)
		if (info->cpus[cpu].apic_id == apic_id)
			return &info->cpus[cpu];
	return NULL;
}

struct acpi_cpu *acpi_cpu_add(struct acpi_info *info, uint32_t apic_id)
{
	struct acpi_cpu *cpu = acpi_cpu_find(info, apic_id);

	if (cpu || apic_id == APIC_ID_BROADCAST)
		return cpu;
	if (apic_id < ACPI_SEEN_MAX) {
		if (bitmap_test(info->seen, apic_id))
			return NULL;
		bitmap_set(info->seen, apic_id);
	}
	info->enabled++;
	if (info->enabled == 1 || apic_id > info->max_apic_id)
		info->max_apic_id = apic_id;
	if (info->cpu_count == ACPI_CPU_MAX)
		return NULL;
	cpu = &info->cpus[info->cpu_count++];
	*cpu = (struct acpi_cpu){.apic_id = apic_id};
	return cpu;
}
