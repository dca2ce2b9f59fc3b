// sources: kernel/acpi/srat.c kernel/acpi/table.c kernel/acpi/note.c kernel/acpi/cpus.c
// sources: lib/printf.c
/* SRAT: domains of CPUs and memory, merging of ranges, and when the table is not believed. */
#include "tests/host/acpi_build.h"

#define MIB (1ull << 20)

static struct build b;

static void parse(bool add_cpus)
{
	struct acpi_table table;

	build_end(&b);
	table = build_open(&b);
	acpi_srat_parse(&info, &table, add_cpus);
}

static void begin(uint8_t revision)
{
	info_begin();
	srat_begin(&b, revision);
}

static void assert_range(unsigned i, uint64_t base, uint64_t end, uint32_t pxm)
{
	assert_true(i < info.srat.range_count);
	assert_int_equal(info.srat.ranges[i].base, base);
	assert_int_equal(info.srat.ranges[i].end, end);
	assert_int_equal(info.srat.ranges[i].pxm, pxm);
}

static void assert_rejected(const char *why)
{
	assert_false(info.srat.present);
	assert_true(info.srat.rejected);
	assert_int_equal(info.srat.range_count, 0);
	assert_int_equal(info.cpu_count, 0);
	assert_warned(why);
}

static void plain(void **state)
{
	(void)state;
	begin(3);
	srat_cpu(&b, 0, 0, SRAT_ON);
	srat_x2apic(&b, 1, 0x101, SRAT_ON);
	srat_cpu(&b, 1, 9, 0);
	srat_memory(&b, 0, 0, 640 * 1024, SRAT_ON);
	srat_memory(&b, 0, MIB, 127 * MIB, SRAT_ON);
	srat_memory(&b, 1, 128 * MIB, 128 * MIB, SRAT_ON);
	srat_memory(&b, 1, 1ull << 32, 1ull << 32, SRAT_ON | SRAT_HOTPLUG);
	srat_memory(&b, 7, 0, 1ull << 40, 0);
	srat_initiator(&b, 3, SRAT_ON);
	srat_initiator(&b, 4, 0);
	put8(&b, 3); /* GICC affinity: another architecture's */
	put8(&b, 18);
	put_zeros(&b, 16);
	parse(true);
	assert_true(info.srat.present);
	assert_int_equal(info.srat.cpus_enabled, 2);
	assert_int_equal(info.srat.cpus_disabled, 1);
	assert_int_equal(info.srat.range_entries, 4);
	assert_int_equal(info.srat.hotplug_entries, 1);
	assert_int_equal(info.srat.range_count, 3);
	assert_range(1, MIB, 128 * MIB, 0);
	assert_range(2, 128 * MIB, 256 * MIB, 1);
	assert_int_equal(info.srat.initiator_count, 1);
	assert_int_equal(info.srat.initiators[0], 3);
	assert_int_equal(info.cpu_count, 2);
	assert_int_equal(info.cpus[1].apic_id, 0x101);
	assert_int_equal(info.cpus[1].pxm, 1);
	assert_int_equal(info.warnings.count, 0);
}

/* Revision 1 has 8-bit domains and rubbish where later ones have the rest. */
static void domain_width(void **state)
{
	(void)state;
	for (uint8_t revision = 1; revision <= 3; revision++) {
		uint32_t expected = revision == 1 ? 0x44 : 0x11223344;

		begin(revision);
		srat_cpu(&b, 0x11223344, 0, SRAT_ON);
		srat_memory(&b, 0x11223344, 0, MIB, SRAT_ON);
		parse(true);
		assert_int_equal(info.cpus[0].pxm, expected);
		assert_range(0, 0, MIB, expected);
	}
	begin(2);
	srat_cpu(&b, 0xffffffff, 0, SRAT_ON);
	srat_memory(&b, 0xffffffff, 0, MIB, SRAT_ON);
	parse(true);
	assert_int_equal(info.cpus[0].pxm, 0xffffffff);
}

/* With a MADT, the SRAT places CPUs but adds none. */
static void only_places_what_the_madt_lists(void **state)
{
	struct acpi_cpu *cpu;

	(void)state;
	begin(3);
	cpu = acpi_cpu_add(&info, 4);
	srat_cpu(&b, 6, 4, SRAT_ON);
	srat_cpu(&b, 7, 5, SRAT_ON);
	srat_cpu(&b, 7, 0xff, SRAT_ON);
	srat_memory(&b, 6, 0, MIB, SRAT_ON);
	parse(false);
	assert_int_equal(info.cpu_count, 1);
	assert_true(cpu->has_pxm);
	assert_int_equal(cpu->pxm, 6);
	assert_int_equal(info.srat.cpus_enabled, 3);
	assert_warned("2 enabled CPUs that the MADT does not list");
}

static void cpu_in_two_domains(void **state)
{
	(void)state;
	begin(3);
	srat_cpu(&b, 0, 0, SRAT_ON);
	srat_x2apic(&b, 1, 0, SRAT_ON);
	srat_x2apic(&b, 0, 0, SRAT_ON);
	srat_memory(&b, 0, 0, MIB, SRAT_ON);
	parse(true);
	assert_int_equal(info.cpu_count, 1);
	assert_int_equal(info.cpus[0].pxm, 0);
	assert_warned("1 CPUs in a second domain");
}

static void cpus_beyond_the_limit(void **state)
{
	(void)state;
	begin(3);
	for (uint32_t i = 0; i < ACPI_CPU_MAX + 10; i++)
		srat_x2apic(&b, i & 1, i, SRAT_ON);
	srat_memory(&b, 0, 0, MIB, SRAT_ON);
	parse(true);
	assert_int_equal(info.enabled, ACPI_CPU_MAX + 10);
	assert_int_equal(info.cpu_count, ACPI_CPU_MAX);
	assert_int_equal(info.warnings.count, 0);
}

static void merging(void **state)
{
	(void)state;
	begin(3);
	/* Even ones, then odd ones downwards: all join; the other domain's neighbour does not. */
	for (uint64_t i = 0; i < 100; i += 2)
		srat_memory(&b, 0, i * MIB, MIB, SRAT_ON);
	srat_memory(&b, 1, 100 * MIB, MIB, SRAT_ON);
	for (uint64_t i = 99; i < 100; i -= 2)
		srat_memory(&b, 0, i * MIB, MIB, SRAT_ON);
	srat_memory(&b, 1, 200 * MIB, MIB, SRAT_ON);
	srat_memory(&b, 1, 101 * MIB, MIB, SRAT_ON);
	parse(true);
	assert_int_equal(info.srat.range_count, 3);
	assert_range(0, 0, 100 * MIB, 0);
	assert_range(1, 100 * MIB, 102 * MIB, 1);
	assert_range(2, 200 * MIB, 201 * MIB, 1);
	assert_int_equal(info.srat.range_entries, 103);
}

static void overlaps(void **state)
{
	(void)state;
	begin(3);
	srat_memory(&b, 0, 10 * MIB, 10 * MIB, SRAT_ON);
	srat_memory(&b, 1, 15 * MIB, 10 * MIB, SRAT_ON);
	srat_memory(&b, 1, 5 * MIB, 100 * MIB, SRAT_ON);
	srat_memory(&b, 0, 12 * MIB, 20 * MIB, SRAT_ON);
	srat_memory(&b, 0, 11 * MIB, MIB, SRAT_ON);
	srat_memory(&b, 1, 32 * MIB, MIB, SRAT_ON);
	srat_memory(&b, 1, 0, 20 * MIB, SRAT_ON | SRAT_HOTPLUG);
	parse(true);
	assert_int_equal(info.srat.range_count, 2);
	assert_range(0, 10 * MIB, 32 * MIB, 0);
	assert_range(1, 32 * MIB, 33 * MIB, 1);
	assert_warned("0xf00000-0x1900000 of domain 1");
	assert_int_equal(info.warnings.count, 2);
}

static void odd_ranges(void **state)
{
	(void)state;
	begin(3);
	srat_memory(&b, 0, MIB, 0, SRAT_ON);
	srat_memory(&b, 0, ~0ull - 4095, 8192, SRAT_ON);
	srat_memory(&b, 0, 1, ~0ull, SRAT_ON);
	srat_memory(&b, 0, ~0ull - 4096, 4096, SRAT_ON);
	parse(true);
	assert_int_equal(info.srat.range_count, 1);
	assert_range(0, ~0ull - 4096, ~0ull, 0);
	assert_warned("leaves the address space");
}

static void two_thousand_ranges(void **state)
{
	(void)state;
	begin(3);
	for (uint64_t i = 0; i < 2000; i++)
		srat_memory(&b, 0, i * 65536, 65536, SRAT_ON);
	parse(true);
	assert_int_equal(info.srat.range_count, 1);
	assert_range(0, 0, 2000 * 65536, 0);

	begin(3);
	for (uint64_t i = 0; i < ACPI_RANGE_MAX + 7; i++)
		srat_memory(&b, 0, 2 * i * 65536, 65536, SRAT_ON);
	parse(true);
	assert_int_equal(info.srat.range_count, ACPI_RANGE_MAX);
	assert_warned("7 memory ranges beyond");
}

static void no_entries(void **state)
{
	(void)state;
	begin(1);
	parse(true);
	assert_rejected("no CPUs and no memory");
	begin(1);
	put16(&b, 0x0277);
	parse(true);
	assert_rejected("no CPUs and no memory");
	info_begin();
	build_begin(&b, "SRAT", 1);
	put32(&b, 1);
	parse(true);
	assert_rejected("no CPUs and no memory");
}

static void short_memory_entry(void **state)
{
	(void)state;
	begin(3);
	srat_cpu(&b, 0, 0, SRAT_ON);
	put8(&b, 1);
	put8(&b, 16);
	put_zeros(&b, 14);
	srat_memory(&b, 0, 0, MIB, SRAT_ON);
	parse(true);
	assert_rejected("memory entry of 16 bytes");
}

/* The Precision 5810: an all-zero entry amid disabled CPUs, with all memory before it. */
static void zero_length_after_all_memory(void **state)
{
	(void)state;
	begin(2);
	srat_cpu(&b, 0, 0, SRAT_ON);
	srat_memory(&b, 0, 0, MIB, SRAT_ON);
	put_zeros(&b, 16);
	srat_x2apic(&b, 0, 0xffffffff, 0);
	parse(true);
	assert_true(info.srat.present);
	assert_int_equal(info.srat.range_count, 1);
	assert_int_equal(info.srat.cpus_disabled, 0);
	assert_warned("what follows is ignored");
}

static void zero_length_before_memory(void **state)
{
	(void)state;
	begin(2);
	srat_cpu(&b, 0, 0, SRAT_ON);
	srat_memory(&b, 0, 0, MIB, SRAT_ON);
	put_zeros(&b, 16);
	srat_memory(&b, 1, MIB, MIB, SRAT_ON);
	parse(true);
	assert_rejected("memory may be missing");
}

static void memory_entry_past_the_end(void **state)
{
	(void)state;
	for (unsigned kept = 1; kept < 40; kept++) {
		begin(2);
		srat_cpu(&b, 0, 0, SRAT_ON);
		srat_memory(&b, 0, 0, MIB, SRAT_ON);
		srat_memory(&b, 1, MIB, MIB, SRAT_ON);
		b.length -= 40 - kept;
		parse(true);
		assert_rejected("memory may be missing");
	}
}

static void short_cpu_entry_costs_itself(void **state)
{
	(void)state;
	begin(2);
	put8(&b, 0);
	put8(&b, 4);
	put16(&b, 0);
	srat_cpu(&b, 0, 3, SRAT_ON);
	srat_memory(&b, 0, 0, MIB, SRAT_ON);
	parse(true);
	assert_true(info.srat.present);
	assert_int_equal(info.cpu_count, 1);
	assert_warned("type 0 has 4 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(domain_width),
		cmocka_unit_test(only_places_what_the_madt_lists),
		cmocka_unit_test(cpu_in_two_domains),
		cmocka_unit_test(cpus_beyond_the_limit),
		cmocka_unit_test(merging),
		cmocka_unit_test(overlaps),
		cmocka_unit_test(odd_ranges),
		cmocka_unit_test(two_thousand_ranges),
		cmocka_unit_test(no_entries),
		cmocka_unit_test(short_memory_entry),
		cmocka_unit_test(zero_length_after_all_memory),
		cmocka_unit_test(zero_length_before_memory),
		cmocka_unit_test(memory_entry_past_the_end),
		cmocka_unit_test(short_cpu_entry_costs_itself),
	};

	return cmocka_run_group_tests_name("srat", tests, NULL, NULL);
}
