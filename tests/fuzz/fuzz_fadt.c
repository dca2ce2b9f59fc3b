// sources: kernel/acpi/fadt.c kernel/acpi/s5.c kernel/acpi/table.c kernel/acpi/cpus.c
// options: -max_len=512
/* FADT and the search for \_S5_: only registers that can be reached come out. */
#include "tests/fuzz/acpi_table.h"

static void check(const struct acpi_gas *gas)
{
	require(gas->address == 0 || gas->space == ACPI_SPACE_MEMORY ||
		(gas->space == ACPI_SPACE_IO && gas->address <= 0xffff));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct acpi_table table = table_of(data, size);

	acpi_info_reset(&info);
	acpi_fadt_parse(&info, &table);
	check(&info.fadt.pm1a_control);
	check(&info.fadt.pm1b_control);
	check(&info.fadt.pm_timer);
	require(info.fadt.smi_command <= 0xffff);
	if (acpi_find_s5(&info.s5, table.data, table.bytes) == 0)
		require(info.s5.slp_typ_a < 8 && info.s5.slp_typ_b < 8);
	free((void *)(uintptr_t)table.data);
	return 0;
}
