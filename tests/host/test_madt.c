// sources: kernel/acpi/madt.c kernel/acpi/table.c kernel/acpi/note.c kernel/acpi/cpus.c
// sources: lib/printf.c
/* MADT: which entries are CPUs, what is tolerated, and what a broken entry costs. */
#include "tests/host/acpi_build.h"

static struct build b;

static void parse(void)
{
	struct acpi_table table;

	build_end(&b);
	table = build_open(&b);
	acpi_madt_parse(&info, &table);
}

static void begin(void)
{
	info_begin();
	madt_begin(&b);
}

static void plain(void **state)
{
	(void)state;
	begin();
	for (uint8_t i = 0; i < 4; i++)
		madt_lapic(&b, (uint8_t)(i + 1), (uint8_t)(2 * i), 1);
	madt_ioapic(&b, 4, 0xfec00000, 0);
	madt_override(&b, 0, 0, 2, 0);
	madt_override(&b, 0, 9, 9, 0xd);
	madt_lapic_nmi(&b, 0xff, 5, 1);
	put8(&b, 3); /* NMI source */
	put8(&b, 8);
	put16(&b, 0xf);
	put32(&b, 17);
	put8(&b, 10); /* x2APIC NMI */
	put8(&b, 12);
	put16(&b, 0);
	put32(&b, 0x300);
	put32(&b, 0);
	parse();

	assert_true(info.madt.present);
	assert_int_equal(info.enabled, 4);
	assert_int_equal(info.cpu_count, 4);
	assert_int_equal(info.max_apic_id, 6);
	assert_int_equal(info.cpus[3].apic_id, 6);
	assert_int_equal(info.cpus[3].uid, 4);
	assert_true(info.cpus[3].in_madt);
	assert_false(info.cpus[3].has_pxm);
	assert_int_equal(info.madt.lapic_address, 0xfee00000);
	assert_true(info.madt.pcat_compat);
	assert_int_equal(info.madt.ioapic_count, 1);
	assert_int_equal(info.madt.ioapics[0].ioapic_id, 4);
	assert_int_equal(info.madt.ioapics[0].address, 0xfec00000);
	assert_int_equal(info.madt.override_count, 2);
	assert_int_equal(info.madt.overrides[1].irq, 9);
	assert_int_equal(info.madt.overrides[1].gsi, 9);
	assert_int_equal(info.madt.overrides[1].flags, ACPI_INTI_LEVEL | ACPI_INTI_ACTIVE_HIGH);
	assert_int_equal(info.madt.nmis, 2);
	assert_int_equal(info.madt.lapic_nmi_count, 2);
	assert_int_equal(info.madt.lapic_nmis[0].uid, ACPI_UID_ALL);
	assert_int_equal(info.madt.lapic_nmis[0].lint, 1);
	assert_int_equal(info.madt.lapic_nmis[1].uid, 0x300);
	assert_int_equal(info.madt.nmi_source_count, 1);
	assert_int_equal(info.madt.nmi_sources[0].gsi, 17);
	assert_int_equal(info.warnings.count, 0);
}

static void disabled_and_placeholders(void **state)
{
	(void)state;
	begin();
	madt_lapic(&b, 0, 0, 1);
	madt_lapic(&b, 1, 1, 0);
	madt_lapic(&b, 2, 0xff, 0);
	madt_lapic(&b, 3, 0xff, 1);
	madt_x2apic(&b, 4, 0xffffffff, 1);
	madt_x2apic(&b, 5, 0xffffffff, 0);
	madt_x2apic(&b, 6, 0xff, 1);
	parse();
	assert_int_equal(info.enabled, 2);
	assert_int_equal(info.cpus[1].apic_id, 0xff);
	assert_int_equal(info.madt.disabled, 3);
	assert_int_equal(info.madt.x2apic, 3);
	assert_warned("2 enabled entries have a placeholder");
}

/* The bit is a promise only from FADT 6.3 on, and never makes a CPU. */
static void online_capable(void **state)
{
	static const struct {
		bool fadt;
		uint8_t major, minor;
		unsigned slots;
	} cases[] = {
		{false, 0, 0, 1}, {true, 6, 3, 1}, {true, 6, 5, 1}, {true, 7, 0, 1},
		{true, 6, 2, 0},  {true, 5, 9, 0}, {true, 1, 0, 0},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		begin();
		info.fadt.present = cases[i].fadt;
		info.fadt.major = cases[i].major;
		info.fadt.minor = cases[i].minor;
		madt_lapic(&b, 0, 0, 1);
		madt_lapic(&b, 1, 1, 3);
		madt_lapic(&b, 2, 2, 2);
		madt_lapic(&b, 3, 3, 0xfffffffd);
		parse();
		assert_int_equal(info.enabled, 3);
		assert_int_equal(info.madt.disabled, 1);
		assert_int_equal(info.madt.online_capable, cases[i].slots);
	}
}

static void both_forms_are_one_cpu(void **state)
{
	(void)state;
	begin();
	for (uint8_t i = 0; i < 4; i++)
		madt_lapic(&b, i, i, 1);
	for (uint32_t i = 0; i < 8; i++)
		madt_x2apic(&b, i, i, 1);
	parse();
	assert_int_equal(info.enabled, 8);
	assert_int_equal(info.cpu_count, 8);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(info.cpus[i].apic_id, i);
	assert_warned("4 entries repeat");
}

static void x2apic_only(void **state)
{
	(void)state;
	begin();
	madt_x2apic(&b, 7, 0x10000, 1);
	madt_x2apic(&b, 8, 0x10000, 1);
	madt_x2apic(&b, 9, 0x123, 1);
	parse();
	assert_int_equal(info.enabled, 2);
	assert_int_equal(info.max_apic_id, 0x10000);
	assert_int_equal(info.cpus[0].uid, 7);
}

/* CPUs beyond the limit are counted, each once, and not kept. */
static void five_thousand_cpus(void **state)
{
	(void)state;
	begin();
	for (uint32_t round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 3000; i++)
			madt_x2apic(&b, i, i + 1, 1);
	for (uint32_t i = 3000; i < 5000; i++)
		madt_x2apic(&b, i, i + 1, 1);
	parse();
	assert_int_equal(info.enabled, 5000);
	assert_int_equal(info.max_apic_id, 5000);
	assert_int_equal(info.cpu_count, ACPI_CPU_MAX);
	assert_int_equal(info.cpus[ACPI_CPU_MAX - 1].apic_id, ACPI_CPU_MAX);
	assert_warned("3000 entries repeat");
}

static void broken_entries(void **state)
{
	(void)state;
	begin();
	madt_lapic(&b, 0, 0, 1);
	put8(&b, 0x7f); /* OEM type */
	put8(&b, 6);
	put32(&b, 0);
	put8(&b, 0xff);
	put8(&b, 2);
	put8(&b, 0); /* LAPIC entry of 4 bytes */
	put8(&b, 4);
	put16(&b, 0x0101);
	madt_ioapic(&b, 1, 0, 0);
	put8(&b, 5); /* address override of 0 */
	put8(&b, 12);
	put16(&b, 0);
	put64(&b, 0);
	madt_lapic(&b, 1, 1, 1);
	put8(&b, 4); /* the last one claims 64 bytes */
	put8(&b, 64);
	put32(&b, 0);
	parse();
	assert_int_equal(info.enabled, 2);
	assert_int_equal(info.madt.ioapic_count, 0);
	assert_int_equal(info.madt.lapic_address, 0xfee00000);
	assert_int_equal(info.madt.nmis, 0);
	assert_warned("type 0 has 4 bytes");
	assert_warned("I/O APIC 1 has address 0");
	assert_warned("reaches past the end");
	assert_int_equal(info.errors.count, 0);
}

static void zero_length_ends_the_walk(void **state)
{
	(void)state;
	begin();
	madt_lapic(&b, 0, 0, 1);
	put16(&b, 0);
	madt_lapic(&b, 1, 1, 1);
	parse();
	assert_int_equal(info.enabled, 1);
	assert_warned("too small for any entry");
}

static void overrides(void **state)
{
	static const struct {
		uint8_t bus, irq;
		uint32_t gsi;
		uint16_t flags;
		bool is_valid;
	} cases[] = {
		{0, 0, 2, 0, true},    {0, 15, 23, 0xf, true}, {0, 16, 16, 0, false},
		{0, 255, 1, 0, false}, {7, 0, 2, 0, false},    {0, 1, 0xffffffff, 0, false},
		{0, 1, 1, 0x2, false}, {0, 1, 1, 0x8, false},  {0, 1, 1, 0xfff0, true},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		begin();
		madt_lapic(&b, 0, 0, 1);
		madt_override(&b, cases[i].bus, cases[i].irq, cases[i].gsi, cases[i].flags);
		parse();
		assert_int_equal(info.madt.override_count, cases[i].is_valid);
		assert_int_equal(info.warnings.count, !cases[i].is_valid);
	}
}

/* Arrays that are full cost the rest of their kind, counted in one line. */
static void full_arrays(void **state)
{
	(void)state;
	begin();
	for (unsigned i = 0; i < ACPI_IOAPIC_MAX + 2; i++)
		madt_ioapic(&b, (uint8_t)i, 0xfec00000 + i * 0x1000, i * 24);
	for (unsigned i = 0; i < ACPI_OVERRIDE_MAX + 3; i++)
		madt_override(&b, 0, 1, i, 0);
	for (unsigned i = 0; i < ACPI_LAPIC_NMI_MAX + 1; i++)
		madt_lapic_nmi(&b, 1, 0, 1);
	madt_lapic_nmi(&b, 1, 0, 2);
	for (unsigned i = 0; i < ACPI_NMI_SOURCE_MAX + 1; i++) {
		put8(&b, 3);
		put8(&b, 8);
		put16(&b, 0);
		put32(&b, i);
	}
	parse();
	assert_int_equal(info.madt.ioapic_count, ACPI_IOAPIC_MAX);
	assert_int_equal(info.madt.override_count, ACPI_OVERRIDE_MAX);
	assert_int_equal(info.madt.lapic_nmi_count, ACPI_LAPIC_NMI_MAX);
	assert_int_equal(info.madt.nmi_source_count, ACPI_NMI_SOURCE_MAX);
	assert_int_equal(info.madt.nmis, ACPI_LAPIC_NMI_MAX + 2);
	assert_warned("7 interrupt controller entries");
	assert_warned("LINT2");
}

static void lapic_address_override(void **state)
{
	(void)state;
	begin();
	put8(&b, 5);
	put8(&b, 12);
	put16(&b, 0);
	put64(&b, 0x1fee00000);
	parse();
	assert_int_equal(info.madt.lapic_address, 0x1fee00000);
}

static void too_short_for_its_fixed_part(void **state)
{
	(void)state;
	info_begin();
	build_begin(&b, "APIC", 1);
	put32(&b, 0xfee00000);
	parse();
	assert_false(info.madt.present);
	assert_int_equal(info.errors.count, 1);
}

static void future_revisions_and_longer_entries(void **state)
{
	(void)state;
	begin();
	b.bytes[8] = 255;
	put8(&b, 0);
	put8(&b, 12);
	put16(&b, 0x0302);
	put32(&b, 1);
	put32(&b, 0xdeadbeef);
	parse();
	assert_int_equal(info.enabled, 1);
	assert_int_equal(info.cpus[0].apic_id, 3);
	assert_int_equal(info.warnings.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(disabled_and_placeholders),
		cmocka_unit_test(online_capable),
		cmocka_unit_test(both_forms_are_one_cpu),
		cmocka_unit_test(x2apic_only),
		cmocka_unit_test(five_thousand_cpus),
		cmocka_unit_test(broken_entries),
		cmocka_unit_test(zero_length_ends_the_walk),
		cmocka_unit_test(overrides),
		cmocka_unit_test(full_arrays),
		cmocka_unit_test(lapic_address_override),
		cmocka_unit_test(too_short_for_its_fixed_part),
		cmocka_unit_test(future_revisions_and_longer_entries),
	};

	return cmocka_run_group_tests_name("madt", tests, NULL, NULL);
}
