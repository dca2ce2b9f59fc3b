// sources: kernel/acpi/root.c kernel/acpi/rsdp.c kernel/acpi/table.c kernel/acpi/note.c
// sources: kernel/acpi/cpus.c kernel/acpi/parse.c kernel/acpi/madt.c kernel/acpi/fadt.c
// sources: kernel/acpi/hpet.c kernel/acpi/srat.c kernel/acpi/slit.c kernel/acpi/hmat.c
// sources: kernel/acpi/s5.c lib/printf.c
/* From the RSDP to the result: root tables, files in place of tables, the boot CPU. */
#include "tests/host/acpi_memory.h"

#include "kernel/acpi/root.h"

#define RSDT 0x7ffe1000
#define XSDT 0x7ffe2000

static struct build b;
static struct memory memory;
static uint8_t rsdp[36];

static struct acpi_source source_of_memory(void)
{
	return (struct acpi_source){
		.map = memory_map,
		.context = &memory,
		.rsdp = rsdp,
		.rsdp_bytes = sizeof(rsdp),
	};
}

/* Root table at `phys` with entries of 4 or 8 bytes; returns its bytes. */
static uint8_t *add_root(uint64_t phys, unsigned width, const uint64_t *entries, unsigned count)
{
	build_begin(&b, width == 8 ? "XSDT" : "RSDT", 1);
	for (unsigned i = 0; i < count; i++) {
		if (width == 8)
			put64(&b, entries[i]);
		else
			put32(&b, (uint32_t)entries[i]);
	}
	return memory_add_table(&memory, phys, &b);
}

static uint8_t *add_madt(uint64_t phys, unsigned cpus)
{
	madt_begin(&b);
	for (unsigned i = 0; i < cpus; i++)
		madt_lapic(&b, (uint8_t)i, (uint8_t)i, 1);
	madt_ioapic(&b, 0, 0xfec00000, 0);
	return memory_add_table(&memory, phys, &b);
}

static void add_hpet(uint64_t phys, uint64_t address)
{
	build_begin(&b, "HPET", 1);
	put32(&b, 0x8086a201);
	put32(&b, 0);
	put64(&b, address);
	put32(&b, 0);
	memory_add_table(&memory, phys, &b);
}

static int reset(void **state)
{
	(void)state;
	memory_clear(&memory);
	rsdp_put(rsdp, RSDT, XSDT);
	memset(&info, 0xa5, sizeof(info));
	return 0;
}

static void xsdt_before_rsdt(void **state)
{
	struct acpi_source source = source_of_memory();

	(void)state;
	add_root(XSDT, 8, (uint64_t[]){0x100002000, 0x3000}, 2);
	add_root(RSDT, 4, (uint64_t[]){0x4000}, 1);
	add_madt(0x100002000, 3);
	add_hpet(0x3000, 0xfed00000);
	add_madt(0x4000, 7);
	assert_int_equal(acpi_parse(&info, &source), 0);
	assert_int_equal(info.enabled, 3);
	assert_true(info.hpet.present);
	assert_int_equal(info.warnings.count, 0);
}

static void falls_back_to_rsdt(void **state)
{
	struct acpi_source source = source_of_memory();
	uint8_t *xsdt;

	(void)state;
	add_root(RSDT, 4, (uint64_t[]){0x4000}, 1);
	add_madt(0x4000, 7);
	assert_int_equal(acpi_parse(&info, &source), 0);
	assert_int_equal(info.enabled, 7);
	assert_warned("XSDT at 0x7ffe2000: is not where the RSDP says");

	xsdt = add_root(XSDT, 8, (uint64_t[]){0x3000}, 1);
	xsdt[36] ^= 1;
	assert_int_equal(acpi_parse(&info, &source), 0);
	assert_int_equal(info.enabled, 7);
	assert_warned("wrong checksum");

	xsdt[36] ^= 1;
	for (unsigned i = 0; i < 4; i++) {
		static const uint32_t lengths[] = {0, 35, 4096, 0xffffffff};

		memcpy(xsdt + 4, &lengths[i], 4);
		assert_int_equal(acpi_parse(&info, &source), 0);
		assert_int_equal(info.enabled, 7);
	}
}

static void rsdp_of_revision_0(void **state)
{
	struct acpi_source source = source_of_memory();

	(void)state;
	rsdp_put(rsdp, RSDT, 0);
	source.rsdp_bytes = 20;
	add_root(RSDT, 4, (uint64_t[]){0x4000}, 1);
	add_madt(0x4000, 2);
	assert_int_equal(acpi_parse(&info, &source), 0);
	assert_int_equal(info.enabled, 2);
	assert_int_equal(info.warnings.count, 0);
}

/* A broken RSDP: another is searched for in the EBDA and the BIOS, else its RSDT serves. */
static void searches_for_another(void **state)
{
	struct acpi_source source = source_of_memory();
	uint8_t area[4096] = {0};
	uint8_t *bios;

	(void)state;
	rsdp[33] ^= 1;
	add_root(RSDT, 4, (uint64_t[]){0x4000}, 1);
	add_madt(0x4000, 7);
	assert_int_equal(acpi_parse(&info, &source), 0);
	assert_int_equal(info.enabled, 7);
	assert_warned("wrong extended checksum; searching");
	assert_warned("using the RSDT");

	bios = memory_add(&memory, 0xe0000, (uint8_t[0x20000]){0}, 0x20000);
	rsdp_put(bios + 0x1fff0 - 32, 0, 0x5000);
	add_root(0x5000, 8, (uint64_t[]){0x6000}, 1);
	add_madt(0x6000, 5);
	assert_int_equal(acpi_parse(&info, &source), 0);
	assert_int_equal(info.enabled, 5);

	/* The EBDA comes first. */
	memory_add(&memory, 0x40e, (uint8_t[]){0xc0, 0x9f}, 2);
	rsdp_put(area + 512, 0, 0x7000);
	memory_add(&memory, 0x9fc00, area, 1024);
	add_root(0x7000, 8, (uint64_t[]){0x8000}, 1);
	add_madt(0x8000, 4);
	source.rsdp = NULL;
	assert_int_equal(acpi_parse(&info, &source), 0);
	assert_int_equal(info.enabled, 4);
	assert_int_equal(info.warnings.count, 0);
}

static void nothing_there(void **state)
{
	struct acpi_source source = {.map = memory_map, .context = &memory};

	(void)state;
	source.bsp_known = true;
	source.bsp_apic_id = 6;
	assert_int_equal(acpi_parse(&info, &source), 0);
	assert_warned("no usable RSDP");
	assert_warned("there is only the boot CPU");
	assert_int_equal(info.cpu_count, 1);
	assert_int_equal(info.cpus[0].apic_id, 6);
	assert_int_equal(info.enabled, 1);

	source.rsdp = rsdp;
	source.rsdp_bytes = sizeof(rsdp);
	assert_int_equal(acpi_parse(&info, &source), 0);
	assert_warned("no usable root table");
}

static void bad_entries(void **state)
{
	struct acpi_source source = source_of_memory();
	uint8_t *table;

	(void)state;
	add_root(XSDT, 8, (uint64_t[]){0, ~0ull, 0x1000, 0x2000, 0x3000, 0x4000, 0x5000}, 7);
	memory_add(&memory, 0x1000, "not a table, certainly none, is it, well", 40);
	table = add_madt(0x2000, 1);
	memcpy(table + 4, (uint32_t[]){0xffffffff}, 4);
	table = add_madt(0x3000, 2);
	memcpy(table + 4, (uint32_t[]){65536}, 4);
	add_madt(0x4000, 3);
	add_madt(0x5000, 4);
	assert_int_equal(acpi_parse(&info, &source), -EINVAL);
	assert_int_equal(info.errors.count, 2);
	assert_true(has_note(&info.errors, "0x2000: APIC: impossible length"));
	assert_true(has_note(&info.errors, "0x3000: APIC: reaches into memory that is not there"));
	/* Even so, what is sound is there. */
	assert_int_equal(info.enabled, 3);
	assert_warned("0x5000: a second APIC");
	assert_warned("no table at 0xffffffffffffffff");
}

static void too_many_entries(void **state)
{
	static uint64_t entries[ACPI_ROOT_ENTRY_MAX + 8];
	struct acpi_source source = source_of_memory();

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(entries); i++)
		entries[i] = 0x3000;
	entries[ACPI_ROOT_ENTRY_MAX] = 0x4000;
	add_root(XSDT, 8, entries, ARRAY_SIZE(entries));
	add_hpet(0x3000, 0xfed00000);
	add_madt(0x4000, 7);
	assert_int_equal(acpi_parse(&info, &source), 0);
	assert_int_equal(info.enabled, 0);
	assert_warned("1032 entries, only 1024");
	assert_int_equal(info.warnings.count, ACPI_NOTE_MAX);
}

static void dsdt_through_the_fadt(void **state)
{
	static const uint8_t s5[] = {8, '_', 'S', '5', '_', 0x12, 8, 4, 0x0a, 5, 0x0a, 5, 0, 0};
	struct acpi_source source = source_of_memory();
	uint8_t *dsdt;

	(void)state;
	add_root(XSDT, 8, (uint64_t[]){0x3000}, 1);
	build_begin(&b, "FACP", 3);
	put_zeros(&b, 208);
	set64(&b, 140, 0x9000);
	memory_add_table(&memory, 0x3000, &b);
	build_begin(&b, "DSDT", 2);
	for (unsigned i = 0; i < sizeof(s5); i++)
		put8(&b, s5[i]);
	dsdt = memory_add_table(&memory, 0x9000, &b);
	assert_int_equal(acpi_parse(&info, &source), 0);
	assert_true(info.s5.present);
	assert_int_equal(info.s5.slp_typ_a, 5);
	dsdt[40] ^= 1;
	assert_int_equal(acpi_parse(&info, &source), 0);
	assert_false(info.s5.present);
	assert_warned("DSDT: wrong checksum");
	memcpy(dsdt + 4, (uint32_t[]){1 << 20}, 4);
	assert_int_equal(acpi_parse(&info, &source), 0);
	assert_warned("DSDT: reaches into memory");
}

/*
 * Files in place of all four tables; what is not among them is absent, the rest stays the
 * firmware's.
 */
static void files_replace(void **state)
{
	struct acpi_source source = source_of_memory();
	struct acpi_file files[2];
	static struct build madt, slit;
	uint8_t *broken;

	(void)state;
	add_root(XSDT, 8, (uint64_t[]){0x2000, 0x3000, 0x4000}, 3);
	broken = add_madt(0x2000, 3);
	broken[40] ^= 2; /* its checksum is wrong: nobody looks */
	add_hpet(0x3000, 0xfed00000);
	srat_begin(&b, 3);
	srat_cpu(&b, 0, 0, SRAT_ON);
	memory_add_table(&memory, 0x4000, &b);
	madt_begin(&madt);
	madt_lapic(&madt, 0, 8, 1);
	madt_lapic(&madt, 1, 9, 1);
	build_end(&madt);
	slit_build(&slit, 2);
	files[0] = (struct acpi_file){"apic.dat", madt.bytes, madt.length};
	files[1] = (struct acpi_file){"slit.dat", slit.bytes, slit.length};
	source.files = files;
	source.file_count = 2;
	source.files_replace = true;
	source.bsp_known = true;
	source.bsp_apic_id = 9;
	assert_int_equal(acpi_parse(&info, &source), 0);
	assert_int_equal(info.enabled, 2);
	assert_int_equal(info.cpus[0].apic_id, 9);
	assert_int_equal(info.cpus[0].uid, 1);
	assert_int_equal(info.cpus[1].apic_id, 8);
	assert_true(info.hpet.present);
	assert_false(info.srat.present);
	assert_true(info.slit.present);

	source.file_count = 0;
	assert_int_equal(acpi_parse(&info, &source), 0);
	assert_int_equal(info.cpu_count, 1);
	assert_false(info.madt.present);
}

static void boot_cpu_not_listed(void **state)
{
	struct acpi_source source = source_of_memory();

	(void)state;
	source.bsp_known = true;
	source.bsp_apic_id = 40;
	add_root(XSDT, 8, (uint64_t[]){0x2000}, 1);
	add_madt(0x2000, 4);
	assert_int_equal(acpi_parse(&info, &source), 0);
	assert_int_equal(info.enabled, 5);
	assert_int_equal(info.cpus[0].apic_id, 40);
	assert_int_equal(info.cpus[4].apic_id, 3);
	assert_warned("boot CPU (APIC id 40) is not among the enabled ones");
}

static void file_faults(void **state)
{
	static struct build madt, slit, srat;
	struct acpi_file files[6];
	struct acpi_source source = {.files = files};

	(void)state;
	files[0] = (struct acpi_file){"empty", "", 0};
	source.file_count = 1;
	assert_int_equal(acpi_parse(&info, &source), -EINVAL);
	assert_true(has_note(&info.errors, "empty: not an ACPI table (0 bytes"));
	files[0] = (struct acpi_file){"text", "Four score and seven years ago our fathers brought",
				      50};
	assert_int_equal(acpi_parse(&info, &source), -EINVAL);
	assert_true(has_note(&info.errors, "text: not an ACPI table (length field"));

	madt_begin(&madt);
	madt_lapic(&madt, 0, 0, 1);
	build_end(&madt);
	put8(&madt, 0);
	build_begin(&slit, "SLIT", 1);
	put64(&slit, 2);
	build_end(&slit);
	slit.bytes[40] = 9;
	srat_begin(&srat, 1);
	build_end(&srat);
	files[0] = (struct acpi_file){"a.dat", madt.bytes, madt.length};
	files[1] = (struct acpi_file){"b.dat", madt.bytes, madt.length};
	files[2] = (struct acpi_file){"c.dat", slit.bytes, slit.length};
	files[3] = (struct acpi_file){"d.dat", srat.bytes, srat.length};
	source.file_count = 4;
	assert_int_equal(acpi_parse(&info, &source), 0);
	assert_warned("a.dat: 1 bytes after the table's end");
	assert_warned("b.dat: a second APIC");
	assert_warned("c.dat: SLIT: wrong checksum");
	assert_true(info.slit.rejected);
	assert_true(info.srat.rejected);

	files[4] = (struct acpi_file){"rsdp.dat", rsdp, sizeof(rsdp)};
	source.file_count = 5;
	assert_int_equal(acpi_parse(&info, &source), 0);
	rsdp[35] ^= 1;
	assert_int_equal(acpi_parse(&info, &source), -EINVAL);
	assert_true(has_note(&info.errors, "rsdp.dat: RSDP has a wrong extended checksum"));
}

/* On the host an SRAT alone names the CPUs; beside a MADT, even a broken one, it does not. */
static void srat_alone(void **state)
{
	static struct build srat, madt;
	struct acpi_file files[2];
	struct acpi_source source = {.files = files, .file_count = 1};

	(void)state;
	srat_begin(&srat, 3);
	srat_cpu(&srat, 0, 3, SRAT_ON);
	srat_cpu(&srat, 0, 4, 0);
	build_end(&srat);
	files[0] = (struct acpi_file){"srat", srat.bytes, srat.length};
	assert_int_equal(acpi_parse(&info, &source), 0);
	assert_int_equal(info.enabled, 1);
	assert_int_equal(info.cpus[0].apic_id, 3);

	madt_begin(&madt);
	build_end(&madt);
	files[1] = (struct acpi_file){"madt", madt.bytes, madt.length};
	source.file_count = 2;
	assert_int_equal(acpi_parse(&info, &source), 0);
	assert_int_equal(info.enabled, 0);
	assert_warned("no enabled CPU");
	madt.bytes[40] ^= 1;
	assert_int_equal(acpi_parse(&info, &source), -EINVAL);
	assert_int_equal(info.enabled, 0);
	assert_int_equal(info.srat.cpus_enabled, 1);
}

/* Every byte of a whole machine's memory in turn, with and without its table's checksum righted. */
static void every_byte_of_memory(void **state)
{
	static const uint8_t changes[] = {0x01, 0x08, 0x80, 0xff};
	struct acpi_source source = source_of_memory();

	(void)state;
	source.bsp_known = true;
	add_root(XSDT, 8, (uint64_t[]){0x2000, 0x3000, 0x4000}, 3);
	add_root(RSDT, 4, (uint64_t[]){0x2000}, 1);
	add_madt(0x2000, 2);
	add_hpet(0x3000, 0xfed00000);
	build_begin(&b, "FACP", 3);
	put_zeros(&b, 208);
	set64(&b, 140, 0x9000);
	memory_add_table(&memory, 0x4000, &b);
	build_begin(&b, "DSDT", 2);
	for (unsigned i = 0; i < 12; i++)
		put8(&b, (const uint8_t[]){8, '_', 'S', '5', '_', 0x12, 6, 2, 10, 5, 10, 5}[i]);
	memory_add_table(&memory, 0x9000, &b);
	memory_add(&memory, 0x40e, (uint8_t[]){0xc0, 0x9f}, 2);
	source.rsdp = memory_add(&memory, 0x9fc00, rsdp, sizeof(rsdp));
	assert_int_equal(acpi_parse(&info, &source), 0);
	assert_int_equal(info.warnings.count, 0);
	assert_true(info.hpet.present && info.fadt.present && info.s5.present);

	for (unsigned i = 0; i < memory.count; i++) {
		uint8_t *bytes = memory.regions[i].bytes;
		size_t length = memory.regions[i].length;

		for (size_t at = 0; at < length * ARRAY_SIZE(changes); at++) {
			uint8_t *byte = &bytes[at / ARRAY_SIZE(changes)];
			uint8_t saved = bytes[length > 36 ? 9 : 0];

			*byte ^= changes[at % ARRAY_SIZE(changes)];
			for (unsigned righted = 0; righted < 2; righted++) {
				int error = acpi_parse(&info, &source);

				assert_int_equal(error != 0, info.errors.count != 0);
				assert_true(info.cpu_count >= 1 && info.cpus[0].apic_id == 0);
				if (length > 36)
					bytes[9] =
						(uint8_t)(bytes[9] - checksum_sum8(bytes, length));
			}
			if (length > 36)
				bytes[9] = saved;
			if (length <= 36 || byte != &bytes[9])
				*byte ^= changes[at % ARRAY_SIZE(changes)];
		}
	}
	assert_int_equal(acpi_parse(&info, &source), 0);
	assert_int_equal(info.warnings.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(xsdt_before_rsdt, reset),
		cmocka_unit_test_setup(falls_back_to_rsdt, reset),
		cmocka_unit_test_setup(rsdp_of_revision_0, reset),
		cmocka_unit_test_setup(searches_for_another, reset),
		cmocka_unit_test_setup(nothing_there, reset),
		cmocka_unit_test_setup(bad_entries, reset),
		cmocka_unit_test_setup(too_many_entries, reset),
		cmocka_unit_test_setup(dsdt_through_the_fadt, reset),
		cmocka_unit_test_setup(files_replace, reset),
		cmocka_unit_test_setup(boot_cpu_not_listed, reset),
		cmocka_unit_test_setup(file_faults, reset),
		cmocka_unit_test_setup(srat_alone, reset),
		cmocka_unit_test_setup(every_byte_of_memory, reset),
	};
	int failed = cmocka_run_group_tests_name("root", tests, NULL, NULL);

	memory_clear(&memory);
	return failed;
}
