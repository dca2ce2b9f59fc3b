// sources: kernel/acpi/srat.c kernel/acpi/table.c kernel/acpi/cpus.c
// options: -max_len=1024
/* SRAT: ranges come out sorted, disjoint and joined; a rejected table leaves nothing behind. */
#include "tests/fuzz/acpi_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct acpi_table table = table_of(data, size);
	const struct acpi_srat *srat = &info.srat;

	acpi_info_reset(&info);
	acpi_srat_parse(&info, &table, true);
	require(srat->present != srat->rejected);
	require(srat->present || (info.cpu_count == 0 && srat->range_count == 0));
	for (unsigned i = 0; i < srat->range_count; i++) {
		const struct acpi_range *range = &srat->ranges[i];

		require(range->base < range->end);
		if (i == 0)
			continue;
		require(range[-1].end <= range->base);
		require(range[-1].end < range->base || range[-1].pxm != range->pxm);
	}
	free((void *)(uintptr_t)table.data);
	return 0;
}
