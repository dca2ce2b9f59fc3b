// sources: kernel/acpi/hmat.c kernel/acpi/table.c kernel/acpi/cpus.c
// options: -max_len=1024
/* HMAT: every value of every matrix can be read, every list lies in the table. */
#include "tests/fuzz/acpi_table.h"

static void read_all(const struct acpi_hmat_locality *locality)
{
	uint64_t value;
	int found = 0;

	for (uint32_t from = 0; from < locality->initiator_count && from < 8; from++)
		for (uint32_t to = 0; to < locality->target_count && to < 8; to++)
			found |= acpi_hmat_value(
				locality, acpi_read32(locality->initiators + 4 * (size_t)from),
				acpi_read32(locality->targets + 4 * (size_t)to), &value);
	require(found <= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct acpi_table table = table_of(data, size);

	acpi_info_reset(&info);
	acpi_hmat_parse(&info, &table);
	require(info.hmat.present != info.hmat.rejected);
	for (unsigned i = 0; i < info.hmat.locality_count && i < ACPI_HMAT_MAX; i++)
		read_all(&info.hmat.localities[i]);
	free((void *)(uintptr_t)table.data);
	return 0;
}
