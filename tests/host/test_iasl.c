// sources: kernel/acpi/root.c kernel/acpi/rsdp.c kernel/acpi/table.c kernel/acpi/note.c
// sources: kernel/acpi/cpus.c kernel/acpi/parse.c kernel/acpi/madt.c kernel/acpi/fadt.c
// sources: kernel/acpi/hpet.c kernel/acpi/srat.c kernel/acpi/slit.c kernel/acpi/hmat.c
// sources: kernel/acpi/s5.c kernel/numa/topology.c kernel/numa/ranges.c kernel/numa/distance.c
// sources: tools/acpi_files.c lib/printf.c
/*
 * The sources in tests/host/fixtures, compiled by iasl into one machine: an encoder that is not
 * ours must agree with our parsers on every field. Skipped aloud where there is no iasl (package
 * acpica-tools).
 */
#include "tests/host/acpi_build.h"

#include <fanga/numa.h>

#include "tools/acpi_files.h"

#define MIB (1ull << 20)

static struct acpi_files files;
static bool has_iasl;

static int compile(void **state)
{
	char reason[256];
	struct acpi_source source = {0};

	(void)state;
	if (system("command -v iasl >/dev/null 2>&1") != 0) {
		print_message("iasl is not installed: its fixtures are skipped\n");
		return 0;
	}
	has_iasl = true;
	if (system("d=build/tests/iasl && rm -rf $d && mkdir -p $d && "
		   "for f in tests/host/fixtures/*.asl; do "
		   "iasl -p $d/$(basename $f .asl) $f >$d/log 2>&1 || { tail -3 $d/log; exit 1; }; "
		   "done") != 0)
		return -1;
	if (acpi_files_load(&files, "build/tests/iasl", reason, sizeof(reason)) != 0) {
		print_error("%s\n", reason);
		return -1;
	}
	source.files = files.list;
	source.file_count = files.count;
	memset(&info, 0xa5, sizeof(info));
	return acpi_parse(&info, &source);
}

static int release(void **state)
{
	(void)state;
	acpi_files_free(&files);
	return 0;
}

static void begin(void)
{
	if (!has_iasl)
		skip();
}

static void all_sound(void **state)
{
	(void)state;
	begin();
	assert_int_equal(files.count, 7);
	assert_int_equal(info.errors.count, 0);
	for (unsigned i = 0; i < info.warnings.count; i++)
		print_message("%s\n", info.warnings.text[i]);
	assert_int_equal(info.warnings.count, 0);
}

static void madt(void **state)
{
	static const uint32_t ids[] = {0, 2, 0x100, 0x102};
	static const uint32_t uids[] = {0, 1, 0x100, 0x101};

	(void)state;
	begin();
	assert_int_equal(info.enabled, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(info.cpus[i].apic_id, ids[i]);
		assert_int_equal(info.cpus[i].uid, uids[i]);
	}
	assert_int_equal(info.max_apic_id, 0x102);
	assert_int_equal(info.madt.disabled, 2);
	assert_int_equal(info.madt.online_capable, 1);
	assert_int_equal(info.madt.x2apic, 2);
	assert_true(info.madt.pcat_compat);
	assert_int_equal(info.madt.lapic_address, 0x1fee00000);
	assert_int_equal(info.madt.ioapic_count, 2);
	assert_int_equal(info.madt.ioapics[1].ioapic_id, 9);
	assert_int_equal(info.madt.ioapics[1].address, 0xfec01000);
	assert_int_equal(info.madt.ioapics[1].gsi_base, 24);
	assert_int_equal(info.madt.override_count, 1);
	assert_int_equal(info.madt.overrides[0].irq, 9);
	assert_int_equal(info.madt.overrides[0].gsi, 20);
	assert_int_equal(info.madt.overrides[0].flags, 0xd);
	assert_int_equal(info.madt.nmi_source_count, 1);
	assert_int_equal(info.madt.nmi_sources[0].gsi, 23);
	assert_int_equal(info.madt.nmi_sources[0].flags, 5);
	assert_int_equal(info.madt.nmis, 2);
	assert_int_equal(info.madt.lapic_nmis[0].uid, ACPI_UID_ALL);
	assert_int_equal(info.madt.lapic_nmis[0].lint, 1);
	assert_int_equal(info.madt.lapic_nmis[1].uid, 0x101);
	assert_int_equal(info.madt.lapic_nmis[1].flags, 5);
	assert_int_equal(info.madt.lapic_nmis[1].lint, 0);
}

static void srat_and_nodes(void **state)
{
	(void)state;
	begin();
	assert_int_equal(info.srat.cpus_enabled, 4);
	assert_int_equal(info.srat.cpus_disabled, 1);
	assert_int_equal(info.srat.range_entries, 5);
	assert_int_equal(info.srat.hotplug_entries, 1);
	assert_int_equal(info.srat.nonvolatile_entries, 1);
	assert_int_equal(info.srat.initiator_count, 1);
	assert_int_equal(info.srat.initiators[0], 3);
	assert_int_equal(numa_init(&info, NULL, 0), 0);
	assert_int_equal(numa_node_count(), 2);
	assert_int_equal(numa_get_node(1)->pxm, 70000);
	assert_int_equal(numa_node_for_cpu(1), 0);
	assert_int_equal(numa_node_for_cpu(3), 1);
	assert_int_equal(numa_get_node(1)->memory_bytes, 2048 * MIB + 16 * MIB);
	assert_int_equal(numa_get_node(1)->range_count, 1);
	assert_int_equal(numa_get_node(0)->memory_bytes, 640 * 1024 + 2047 * MIB);
}

static void slit(void **state)
{
	static const uint8_t matrix[] = {10, 21, 255, 31, 10, 21, 21, 21, 10};

	(void)state;
	begin();
	assert_int_equal(info.slit.n, 3);
	assert_memory_equal(info.slit.matrix, matrix, sizeof(matrix));
}

static void hmat(void **state)
{
	uint64_t value = 0;

	(void)state;
	begin();
	assert_int_equal(info.hmat.attribute_count, 1);
	assert_int_equal(info.hmat.attributes[0].memory_pxm, 70000);
	assert_int_equal(info.hmat.attributes[0].initiator_pxm, 1);
	assert_true(info.hmat.attributes[0].has_initiator);
	assert_int_equal(info.hmat.locality_count, 1);
	assert_int_equal(info.hmat.localities[0].data_type, 4);
	assert_int_equal(acpi_hmat_value(&info.hmat.localities[0], 1, 70000, &value), 0);
	assert_int_equal(value, 0x28 * 100);
	assert_int_equal(info.hmat.cache_count, 1);
	assert_int_equal(info.hmat.caches[0].memory_pxm, 70000);
	assert_int_equal(info.hmat.caches[0].size_bytes, 1 << 30);
	assert_int_equal(info.hmat.caches[0].attributes, 0x400111);
}

static void fadt_and_hpet(void **state)
{
	(void)state;
	begin();
	assert_int_equal(info.fadt.major, 6);
	assert_int_equal(info.fadt.minor, 3);
	assert_int_equal(info.fadt.sci_irq, 9);
	assert_int_equal(info.fadt.smi_command, 0xb2);
	assert_int_equal(info.fadt.acpi_enable, 0xa1);
	assert_int_equal(info.fadt.boot_arch, 3);
	assert_int_equal(info.fadt.flags, 0x5a5);
	assert_int_equal(info.fadt.reset.address, 0xcf9);
	assert_int_equal(info.fadt.reset_value, 0xf);
	assert_int_equal(info.fadt.pm1a_control.address, 0x604);
	assert_int_equal(info.fadt.pm1b_control.address, 0x614);
	assert_int_equal(info.fadt.pm_timer.address, 0x608);
	assert_int_equal(info.fadt.pm_timer.width_bits, 32);
	assert_int_equal(info.fadt.dsdt, 0x17ffe0040);
	assert_true(info.hpet.present);
	assert_int_equal(info.hpet.address, 0xfed00000);
	assert_int_equal(info.hpet.number, 2);
	assert_int_equal(info.hpet.minimum_tick, 0x37ee);
}

static void s5(void **state)
{
	(void)state;
	begin();
	assert_true(info.s5.present);
	assert_int_equal(info.s5.slp_typ_a, 5);
	assert_int_equal(info.s5.slp_typ_b, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_sound),
		cmocka_unit_test(madt),
		cmocka_unit_test(srat_and_nodes),
		cmocka_unit_test(slit),
		cmocka_unit_test(hmat),
		cmocka_unit_test(fadt_and_hpet),
		cmocka_unit_test(s5),
	};

	return cmocka_run_group_tests_name("iasl", tests, compile, release);
}
