// sources: kernel/acpi/slit.c kernel/numa/topology.c kernel/numa/ranges.c kernel/numa/distance.c
// sources: kernel/acpi/table.c kernel/acpi/cpus.c
// options: -max_len=1024
/* SLIT: an accepted matrix lies in the table and is one that can be true, in the nodes as well. */
#include "tests/fuzz/acpi_table.h"

#include <fanga/numa.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct acpi_table table = table_of(data, size);
	const struct acpi_slit *slit = &info.slit;

	acpi_info_reset(&info);
	acpi_slit_parse(&info, &table);
	require(slit->present != slit->rejected);
	require(numa_init(&info, NULL, 0) == 0);
	if (slit->present) {
		require(slit->matrix + (size_t)slit->n * slit->n <= table.data + table.bytes);
		for (unsigned from = 0; from < numa_node_count(); from++)
			for (unsigned to = 0; to < numa_node_count(); to++)
				require((numa_distance(from, to) == 10) == (from == to));
	}
	free((void *)(uintptr_t)table.data);
	return 0;
}
