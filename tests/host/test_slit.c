// sources: kernel/acpi/slit.c kernel/acpi/table.c kernel/acpi/note.c kernel/acpi/cpus.c
// sources: lib/printf.c
/* SLIT: N from outside against the table's size, and matrices that cannot be true. */
#include "tests/host/acpi_build.h"

static struct build b;

static void parse(void)
{
	struct acpi_table table = build_open(&b);

	info_begin();
	acpi_slit_parse(&info, &table);
}

static void assert_rejected(const char *why)
{
	assert_false(info.slit.present);
	assert_true(info.slit.rejected);
	assert_warned(why);
}

static void legal(void **state)
{
	(void)state;
	slit_build(&b, 3);
	slit_set(&b, 3, 0, 1, 35);
	slit_set(&b, 3, 1, 0, 11);
	slit_set(&b, 3, 2, 0, 255);
	parse();
	assert_true(info.slit.present);
	assert_int_equal(info.slit.n, 3);
	assert_int_equal(info.slit.matrix[0 * 3 + 1], 35);
	assert_int_equal(info.slit.matrix[2 * 3 + 0], 255);
	assert_int_equal(info.warnings.count, 0);

	slit_build(&b, 300);
	parse();
	assert_true(info.slit.present);
	assert_int_equal(info.slit.n, 300);
}

static void impossible_n(void **state)
{
	static const uint64_t counts[] = {
		0,	    3,		1ull << 31, 1ull << 32, (1ull << 32) + 1, (1ull << 32) + 2,
		1ull << 33, 1ull << 63, ~0ull,
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(counts); i++) {
		slit_build(&b, 2);
		set64(&b, 36, counts[i]);
		build_checksum(&b);
		parse();
		assert_rejected("do not fit");
	}
}

static void cut(void **state)
{
	(void)state;
	for (uint32_t bytes = 36; bytes < 48; bytes++) {
		slit_build(&b, 2);
		b.length = bytes;
		build_end(&b);
		parse();
		assert_rejected("SLIT: ");
	}
}

static void impossible_distances(void **state)
{
	static const struct {
		uint32_t from, to;
		uint8_t value;
	} cases[] = {{0, 0, 0}, {1, 1, 20}, {1, 1, 255}, {0, 1, 0}, {0, 1, 9}, {1, 0, 10}};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		slit_build(&b, 2);
		slit_set(&b, 2, cases[i].from, cases[i].to, cases[i].value);
		parse();
		assert_rejected("is impossible");
	}
}

static void body_longer_than_n_squared(void **state)
{
	(void)state;
	slit_build(&b, 2);
	put32(&b, 0x15151515);
	build_end(&b);
	parse();
	assert_true(info.slit.present);
	assert_warned("4 bytes after the matrix");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(legal),
		cmocka_unit_test(impossible_n),
		cmocka_unit_test(cut),
		cmocka_unit_test(impossible_distances),
		cmocka_unit_test(body_longer_than_n_squared),
	};

	return cmocka_run_group_tests_name("slit", tests, NULL, NULL);
}
