// sources: kernel/acpi/hmat.c kernel/acpi/table.c kernel/acpi/note.c kernel/acpi/cpus.c
// sources: lib/printf.c
/* HMAT: the three structures, sizes that come from outside, and rejection as a whole. */
#include "tests/host/acpi_build.h"

static struct build b;

static void begin(void)
{
	build_begin(&b, "HMAT", 2);
	put32(&b, 0);
}

static void attributes(uint32_t initiator, uint32_t memory, uint16_t flags)
{
	put32(&b, 0);
	put32(&b, 40);
	put32(&b, flags);
	put32(&b, initiator);
	put32(&b, memory);
	put_zeros(&b, 20);
}

/*
 * Latency of 2 initiators (5, 6) to 2 targets (7, 8), entries 1..4, in units of 100; offset of the
 * structure.
 */
static uint32_t locality(void)
{
	uint32_t at = b.length;

	put32(&b, 1);
	put32(&b, 32 + 8 + 8 + 8);
	put8(&b, 1);
	put8(&b, 3);
	put16(&b, 0);
	put32(&b, 2);
	put32(&b, 2);
	put32(&b, 0);
	put64(&b, 100);
	put32(&b, 5);
	put32(&b, 6);
	put32(&b, 7);
	put32(&b, 8);
	for (uint16_t i = 1; i <= 4; i++)
		put16(&b, i);
	return at;
}

static uint32_t cache(uint16_t handles)
{
	uint32_t at = b.length;

	put32(&b, 2);
	put32(&b, 32 + 2u * handles);
	put32(&b, 7);
	put32(&b, 0);
	put64(&b, 1 << 20);
	put32(&b, 0x81111);
	put16(&b, 0);
	put16(&b, handles);
	put_zeros(&b, 2u * handles);
	return at;
}

static void parse(void)
{
	struct acpi_table table;

	build_end(&b);
	table = build_open(&b);
	info_begin();
	acpi_hmat_parse(&info, &table);
}

static void assert_rejected(const char *why)
{
	assert_false(info.hmat.present);
	assert_true(info.hmat.rejected);
	assert_int_equal(
		info.hmat.attribute_count + info.hmat.locality_count + info.hmat.cache_count, 0);
	assert_warned(why);
}

static void plain(void **state)
{
	uint64_t value;

	(void)state;
	begin();
	attributes(5, 7, 1);
	attributes(0, 8, 0);
	locality();
	cache(2);
	put32(&b, 9); /* a type to come */
	put32(&b, 8);
	parse();
	assert_true(info.hmat.present);
	assert_int_equal(info.hmat.attribute_count, 2);
	assert_true(info.hmat.attributes[0].has_initiator);
	assert_int_equal(info.hmat.attributes[0].initiator_pxm, 5);
	assert_int_equal(info.hmat.attributes[1].memory_pxm, 8);
	assert_false(info.hmat.attributes[1].has_initiator);
	assert_int_equal(info.hmat.locality_count, 1);
	assert_int_equal(info.hmat.localities[0].data_type, 3);
	assert_int_equal(info.hmat.cache_count, 1);
	assert_int_equal(info.hmat.caches[0].size_bytes, 1 << 20);
	assert_int_equal(info.hmat.caches[0].attributes, 0x81111);

	assert_int_equal(acpi_hmat_value(&info.hmat.localities[0], 6, 7, &value), 0);
	assert_int_equal(value, 300);
	assert_int_equal(acpi_hmat_value(&info.hmat.localities[0], 7, 7, &value), -ENOENT);
	assert_int_equal(acpi_hmat_value(&info.hmat.localities[0], 5, 9, &value), -ENOENT);
}

static void unknown_values(void **state)
{
	uint64_t value;
	uint32_t at;

	(void)state;
	begin();
	at = locality();
	b.bytes[at + 48] = 0;	 /* entry 5 to 7: nothing there */
	b.bytes[at + 50] = 0xff; /* entry 5 to 8: unknown */
	b.bytes[at + 51] = 0xff;
	parse();
	assert_int_equal(acpi_hmat_value(&info.hmat.localities[0], 5, 7, &value), -ENOENT);
	assert_int_equal(acpi_hmat_value(&info.hmat.localities[0], 5, 8, &value), -ENOENT);
	set64(&b, at + 24, ~0ull);
	parse();
	assert_int_equal(acpi_hmat_value(&info.hmat.localities[0], 6, 7, &value), -ENOENT);
}

static void structure_lengths(void **state)
{
	static const uint32_t lengths[] = {0, 7, 39, 41, 0x7fffffff, 0xffffffff};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
		begin();
		attributes(5, 7, 1);
		set32(&b, 44, lengths[i]);
		parse();
		assert_rejected("HMAT: structure");
	}
}

static void locality_counts(void **state)
{
	static const uint32_t counts[][2] = {
		{3, 2},
		{2, 3},
		{0xffffffff, 2},
		{2, 0xffffffff},
		{0xffffffff, 0xffffffff},
		{0x80000000, 2},
		{0x40000000, 0x40000000},
		{56, 56},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(counts); i++) {
		uint32_t at;

		begin();
		at = locality();
		set32(&b, at + 12, counts[i][0]);
		set32(&b, at + 16, counts[i][1]);
		parse();
		assert_rejected("type 1 has 56 bytes");
	}
}

static void cache_handles(void **state)
{
	uint32_t at;

	(void)state;
	begin();
	at = cache(0);
	b.bytes[at + 30] = 1;
	parse();
	assert_rejected("type 2 has 32 bytes");
}

static void cut(void **state)
{
	(void)state;
	begin();
	attributes(5, 7, 1);
	locality();
	for (uint32_t bytes = b.length - 1; bytes > 36; bytes--) {
		if (bytes == 80 || bytes == 40)
			continue;
		b.length = bytes;
		parse();
		assert_rejected("HMAT: ");
	}
}

static void more_than_is_kept(void **state)
{
	(void)state;
	begin();
	for (unsigned i = 0; i < ACPI_HMAT_MAX + 5; i++) {
		attributes(0, i, 0);
		locality();
		cache(0);
	}
	parse();
	assert_int_equal(info.hmat.attribute_count, ACPI_HMAT_MAX + 5);
	assert_int_equal(info.hmat.locality_count, ACPI_HMAT_MAX + 5);
	assert_int_equal(info.hmat.cache_count, ACPI_HMAT_MAX + 5);
	assert_warned("more than 128");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(unknown_values),
		cmocka_unit_test(structure_lengths),
		cmocka_unit_test(locality_counts),
		cmocka_unit_test(cache_handles),
		cmocka_unit_test(cut),
		cmocka_unit_test(more_than_is_kept),
	};

	return cmocka_run_group_tests_name("hmat", tests, NULL, NULL);
}
