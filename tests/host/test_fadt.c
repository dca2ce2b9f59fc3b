// sources: kernel/acpi/fadt.c kernel/acpi/hpet.c kernel/acpi/s5.c kernel/acpi/table.c
// sources: kernel/acpi/note.c kernel/acpi/cpus.c lib/printf.c
/* FADT, HPET and the search for \_S5_: what power-off, reset and clocks need from the firmware. */
#include "tests/host/acpi_build.h"

static struct build b;

enum { ACPI_1_BYTES = 116, ACPI_6_BYTES = 276 };

/* A FADT of the given size: ports as QEMU's q35 has them. */
static void fadt_build(uint8_t major, uint8_t minor, uint32_t bytes)
{
	build_begin(&b, "FACP", major);
	put_zeros(&b, bytes - b.length);
	set32(&b, 40, 0x7ffe0040);
	b.bytes[46] = 9;
	set32(&b, 48, 0xb2);
	b.bytes[52] = 2;
	set32(&b, 64, 0x604);
	set32(&b, 76, 0x608);
	b.bytes[89] = 2;
	b.bytes[91] = 4;
	b.bytes[109] = 2;
	set32(&b, 112, 0x84a5);
	if (bytes > 131)
		b.bytes[131] = minor;
}

static void gas(uint32_t at, uint8_t space, uint8_t width, uint64_t address)
{
	b.bytes[at] = space;
	b.bytes[at + 1] = width;
	set64(&b, at + 4, address);
}

static void parse_fadt(void)
{
	struct acpi_table table;

	build_end(&b);
	table = build_open(&b);
	info_begin();
	acpi_fadt_parse(&info, &table);
}

static void acpi_1(void **state)
{
	(void)state;
	fadt_build(1, 0, ACPI_1_BYTES);
	set32(&b, 112, 0x4a5); /* with a reset register that the table is too short for */
	parse_fadt();
	assert_true(info.fadt.present);
	assert_int_equal(info.fadt.major, 1);
	assert_int_equal(info.fadt.minor, 0);
	assert_int_equal(info.fadt.sci_irq, 9);
	assert_int_equal(info.fadt.smi_command, 0xb2);
	assert_int_equal(info.fadt.acpi_enable, 2);
	assert_int_equal(info.fadt.boot_arch, 2);
	assert_int_equal(info.fadt.pm1a_control.space, ACPI_SPACE_IO);
	assert_int_equal(info.fadt.pm1a_control.address, 0x604);
	assert_int_equal(info.fadt.pm1a_control.width_bits, 16);
	assert_int_equal(info.fadt.pm1b_control.address, 0);
	assert_int_equal(info.fadt.pm_timer.address, 0x608);
	assert_int_equal(info.fadt.pm_timer.width_bits, 32);
	assert_int_equal(info.fadt.dsdt, 0x7ffe0040);
	assert_int_equal(info.fadt.reset.address, 0);
	assert_int_equal(info.warnings.count, 0);
}

static void acpi_6(void **state)
{
	(void)state;
	fadt_build(6, 0x13, ACPI_6_BYTES);
	set32(&b, 112, 0x4a5);
	gas(116, ACPI_SPACE_IO, 8, 0xcf9);
	b.bytes[128] = 0xf;
	set64(&b, 140, 0x123456789abcull);
	gas(172, ACPI_SPACE_IO, 16, 0x604);
	gas(184, ACPI_SPACE_IO, 16, 0x704);
	gas(208, ACPI_SPACE_MEMORY, 32, 0xfed80808);
	parse_fadt();
	assert_int_equal(info.fadt.major, 6);
	assert_int_equal(info.fadt.minor, 3);
	assert_int_equal(info.fadt.reset.address, 0xcf9);
	assert_int_equal(info.fadt.reset_value, 0xf);
	assert_int_equal(info.fadt.dsdt, 0x123456789abcull);
	assert_int_equal(info.fadt.pm1b_control.address, 0x704);
	assert_int_equal(info.fadt.pm_timer.space, ACPI_SPACE_MEMORY);
	assert_int_equal(info.fadt.pm_timer.address, 0xfed80808);
	assert_int_equal(info.warnings.count, 0);
}

static void unusable_registers(void **state)
{
	(void)state;
	fadt_build(6, 5, ACPI_6_BYTES);
	set32(&b, 48, 0x12345);
	set32(&b, 68, 0x10000);
	set32(&b, 112, 0x400);
	gas(116, 0x7f, 8, 0xcf9);
	gas(172, ACPI_SPACE_IO, 16, 0x12345);
	gas(208, ACPI_SPACE_IO, 32, 0x408);
	parse_fadt();
	assert_int_equal(info.fadt.smi_command, 0);
	assert_int_equal(info.fadt.reset.address, 0);
	assert_int_equal(info.fadt.pm1a_control.address, 0x604);
	assert_int_equal(info.fadt.pm1b_control.address, 0);
	assert_int_equal(info.fadt.pm_timer.address, 0x408);
	assert_warned("SMI command port");
	assert_warned("reset register");
	assert_warned("extended address of PM1a control");
	assert_warned("PM1b control is at 0x10000");
	assert_warned("PM timer is at 0x608 and at 0x408");
}

static void hardware_reduced(void **state)
{
	(void)state;
	fadt_build(6, 5, ACPI_6_BYTES);
	set32(&b, 112, ACPI_FADT_HW_REDUCED);
	parse_fadt();
	assert_true(info.fadt.present);
	assert_int_equal(info.fadt.pm1a_control.address, 0);
	assert_int_equal(info.fadt.pm_timer.address, 0);
}

/* Any length from nothing to all of it is read as far as it goes. */
static void every_length(void **state)
{
	(void)state;
	for (uint32_t bytes = 36; bytes <= ACPI_6_BYTES; bytes++) {
		fadt_build(6, 3, ACPI_6_BYTES);
		b.length = bytes;
		parse_fadt();
		assert_int_equal(info.fadt.present, bytes >= ACPI_1_BYTES);
		assert_int_equal(info.fadt.minor, bytes > 131 ? 3 : 0);
	}
}

static void hpet_build(uint8_t space, uint64_t address)
{
	struct acpi_table table;

	build_begin(&b, "HPET", 1);
	put32(&b, 0x8086a201);
	put8(&b, space);
	put8(&b, 64);
	put16(&b, 0);
	put64(&b, address);
	put8(&b, 3);
	put16(&b, 100);
	put8(&b, 0);
	build_end(&b);
	table = build_open(&b);
	info_begin();
	acpi_hpet_parse(&info, &table);
}

static void hpet(void **state)
{
	struct acpi_table table;

	(void)state;
	hpet_build(ACPI_SPACE_MEMORY, 0xfed00000);
	assert_true(info.hpet.present);
	assert_int_equal(info.hpet.address, 0xfed00000);
	assert_int_equal(info.hpet.number, 3);
	assert_int_equal(info.hpet.minimum_tick, 100);
	hpet_build(ACPI_SPACE_IO, 0xfed00000);
	assert_false(info.hpet.present);
	hpet_build(ACPI_SPACE_MEMORY, 0);
	assert_false(info.hpet.present);
	assert_warned("HPET");
	b.length = 55;
	build_end(&b);
	table = build_open(&b);
	acpi_hpet_parse(&info, &table);
	assert_false(info.hpet.present);
}

static int find_s5(struct acpi_s5 *s5, const uint8_t *aml, unsigned bytes)
{
	struct acpi_table table;

	build_begin(&b, "DSDT", 2);
	for (unsigned i = 0; i < bytes; i++)
		put8(&b, aml[i]);
	build_end(&b);
	table = build_open(&b);
	return acpi_find_s5(s5, table.data, table.bytes);
}

#define S5(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static void s5_forms(void **state)
{
	struct acpi_s5 s5;

	(void)state;
	/* QEMU: four ZeroOps. */
	assert_int_equal(find_s5(&s5, S5(8, '_', 'S', '5', '_', 0x12, 6, 4, 0, 0, 0, 0)), 0);
	assert_true(s5.present);
	assert_int_equal(s5.slp_typ_a, 0);
	/* Most boards: \_S5_, byte constants, two of them. */
	assert_int_equal(find_s5(&s5, S5(1, 2, 8, '\\', '_', 'S', '5', '_', 0x12, 8, 4, 0x0a, 5,
					 0x0a, 6, 0, 0)),
			 0);
	assert_int_equal(s5.slp_typ_a, 5);
	assert_int_equal(s5.slp_typ_b, 6);
	/* A long package length, words, and just one element. */
	assert_int_equal(find_s5(&s5, S5(8, '_', 'S', '5', '_', 0x12, 0x46, 0, 1, 0x0b, 7, 0)), 0);
	assert_int_equal(s5.slp_typ_a, 7);
	assert_int_equal(s5.slp_typ_b, 7);
	assert_int_equal(find_s5(&s5, S5(8, '_', 'S', '5', '_', 0x12, 0x0e, 2, 0x0c, 1, 2, 3, 4,
					 0x0e, 2, 0, 0, 0, 0, 0, 0, 0)),
			 0);
	assert_int_equal(s5.slp_typ_b, 2);
	assert_int_equal(find_s5(&s5, S5(8, '_', 'S', '5', '_', 0x12, 4, 2, 0xff, 1)), 0);
	assert_int_equal(s5.slp_typ_a, 7);
	assert_int_equal(s5.slp_typ_b, 1);
}

static void s5_absent(void **state)
{
	static const uint8_t good[] = {8, '_', 'S', '5', '_', 0x12, 8, 4, 0x0a, 5, 0x0b, 5, 0};
	struct acpi_s5 s5;

	(void)state;
	for (unsigned bytes = 0; bytes < sizeof(good); bytes++)
		assert_int_equal(find_s5(&s5, good, bytes), -ENOENT);
	assert_int_equal(find_s5(&s5, good, sizeof(good)), 0);
	/* Not a name: a reference, a method, an empty package, a package of something else. */
	assert_int_equal(find_s5(&s5, S5(0x70, '_', 'S', '5', '_', 0x12, 6, 4, 0, 0, 0, 0)),
			 -ENOENT);
	assert_int_equal(find_s5(&s5, S5(8, '_', 'S', '5', '_', 0x11, 6, 4, 0, 0, 0, 0)), -ENOENT);
	assert_int_equal(find_s5(&s5, S5(8, '_', 'S', '5', '_', 0x12, 2, 0, 0, 0)), -ENOENT);
	assert_int_equal(find_s5(&s5, S5(8, '_', 'S', '5', '_', 0x12, 6, 4, 0x0d, 'x', 0, 0)),
			 -ENOENT);
	/* The next place is tried. */
	assert_int_equal(find_s5(&s5, S5(8, '_', 'S', '5', '_', 0x12, 2, 0, 8, '_', 'S', '5', '_',
					 0x12, 4, 2, 1, 1)),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acpi_1),
		cmocka_unit_test(acpi_6),
		cmocka_unit_test(unusable_registers),
		cmocka_unit_test(hardware_reduced),
		cmocka_unit_test(every_length),
		cmocka_unit_test(hpet),
		cmocka_unit_test(s5_forms),
		cmocka_unit_test(s5_absent),
	};

	return cmocka_run_group_tests_name("fadt", tests, NULL, NULL);
}
