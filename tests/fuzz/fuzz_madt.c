// sources: kernel/acpi/madt.c kernel/acpi/table.c kernel/acpi/cpus.c
// options: -max_len=1024
/* MADT: arrays stay within their limits and no APIC id comes twice, whatever the entries. */
#include "tests/fuzz/acpi_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct acpi_table table = table_of(data, size);

	acpi_info_reset(&info);
	acpi_madt_parse(&info, &table);
	require(info.madt.present == (info.errors.count == 0));
	require(info.cpu_count <= info.enabled);
	require(info.madt.lapic_nmi_count <= info.madt.nmis);
	for (unsigned i = 1; i < info.cpu_count; i++)
		require(info.cpus[i].apic_id != info.cpus[i - 1].apic_id);
	for (unsigned i = 0; i < info.madt.override_count; i++)
		require(info.madt.overrides[i].irq < 16);
	free((void *)(uintptr_t)table.data);
	return 0;
}
