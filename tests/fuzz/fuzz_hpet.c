// sources: kernel/acpi/hpet.c kernel/acpi/table.c kernel/acpi/cpus.c
// options: -max_len=128
/* HPET table: present means that there is an address. */
#include "tests/fuzz/acpi_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct acpi_table table = table_of(data, size);

	acpi_info_reset(&info);
	acpi_hpet_parse(&info, &table);
	require(info.hpet.present == (info.hpet.address != 0));
	free((void *)(uintptr_t)table.data);
	return 0;
}
