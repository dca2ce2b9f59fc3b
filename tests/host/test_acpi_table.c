// sources: kernel/acpi/table.c kernel/acpi/note.c lib/printf.c kernel/acpi/cpus.c
/* The bounds-checked reader itself: headers, lengths, checksums, walks, and the notes it leaves. */
#include "tests/host/acpi_build.h"

static struct build b;

static int open_built(const char **why)
{
	struct acpi_table table;

	return acpi_table_open(&table, b.bytes, b.length, why);
}

static void header_faults(void **state)
{
	struct acpi_table table;
	const char *why = NULL;

	(void)state;
	build_begin(&b, "TEST", 1);
	build_end(&b);
	assert_int_equal(open_built(&why), 0);
	for (uint32_t bytes = 0; bytes < b.length; bytes++)
		assert_int_equal(acpi_table_open(&table, b.bytes, bytes, &why), -EINVAL);

	b.bytes[2] = 0x1f;
	build_checksum(&b);
	assert_int_equal(open_built(&why), -EINVAL);
	assert_string_equal(why, "no table header");
}

static void length_faults(void **state)
{
	static const uint32_t lengths[] = {0, 1, 35, 45, 0x10000, 0x7fffffff, 0xffffffff};
	const char *why;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
		build_begin(&b, "TEST", 1);
		put64(&b, 0);
		set32(&b, 4, lengths[i]);
		build_checksum(&b);
		assert_int_equal(open_built(&why), -EINVAL);
		assert_non_null(strstr(why, "length"));
	}
}

static void every_bit_breaks_the_checksum(void **state)
{
	const char *why;

	(void)state;
	build_begin(&b, "TEST", 1);
	put64(&b, 0x0123456789abcdef);
	build_end(&b);
	for (uint32_t bit = 8 * 8; bit < b.length * 8; bit++) {
		b.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(open_built(&why), -EINVAL);
		b.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(open_built(&why), 0);
}

/* A table is as long as it says, whatever comes after it. */
static void length_rules(void **state)
{
	struct acpi_table table;
	const char *why;

	(void)state;
	build_begin(&b, "TEST", 1);
	build_end(&b);
	put8(&b, 0x77);
	assert_int_equal(acpi_table_open(&table, b.bytes, b.length, &why), 0);
	assert_int_equal(table.bytes, 36);
	assert_true(acpi_table_is(&table, "TEST"));
	assert_int_equal(acpi_table_revision(&table), 1);
}

/* Walk entries of the given lengths; returns how many came out. */
static unsigned walk_lengths(const uint8_t *lengths, unsigned count, struct acpi_walk *walk)
{
	struct acpi_subtable entry;
	struct acpi_table table;
	unsigned seen = 0;

	build_begin(&b, "TEST", 1);
	for (unsigned i = 0; i < count; i++) {
		put8(&b, (uint8_t)i);
		if (i + 1 < count || lengths[i] != 1)
			put8(&b, lengths[i]);
		put_zeros(&b, lengths[i] > 2 && lengths[i] < 100 ? lengths[i] - 2u : 0);
	}
	build_end(&b);
	table = build_open(&b);
	acpi_walk_begin(walk, &table, 36, ACPI_WALK_U8);
	while (acpi_walk_next(walk, &entry)) {
		assert_int_equal(entry.type, seen);
		assert_int_equal(entry.bytes, lengths[seen]);
		assert_true(entry.data >= table.data + 36);
		assert_true(entry.data + entry.bytes <= table.data + table.bytes);
		seen++;
	}
	/* It stays ended. */
	assert_false(acpi_walk_next(walk, &entry));
	return seen;
}

static void walks(void **state)
{
	struct acpi_walk walk;

	(void)state;
	assert_int_equal(walk_lengths((uint8_t[]){2, 8, 3}, 3, &walk), 3);
	assert_int_equal(walk.end, ACPI_WALK_COMPLETE);
	assert_null(acpi_walk_fault(&walk));
	assert_int_equal(walk_lengths(NULL, 0, &walk), 0);
	assert_int_equal(walk.end, ACPI_WALK_COMPLETE);
	assert_int_equal(walk_lengths((uint8_t[]){8, 0, 8}, 3, &walk), 1);
	assert_int_equal(walk.end, ACPI_WALK_SHORT);
	assert_int_equal(walk.offset, 36 + 8);
	assert_int_equal(walk_lengths((uint8_t[]){8, 200}, 2, &walk), 1);
	assert_int_equal(walk.end, ACPI_WALK_LONG);
	/* One byte is left: a type without a length. */
	assert_int_equal(walk_lengths((uint8_t[]){8, 1}, 2, &walk), 1);
	assert_int_equal(walk.end, ACPI_WALK_LONG);
	assert_non_null(acpi_walk_fault(&walk));
}

static void wide_walks(void **state)
{
	static const struct {
		uint32_t length;
		unsigned seen;
		enum acpi_walk_end end;
	} cases[] = {
		{8, 2, ACPI_WALK_COMPLETE},	 {16, 1, ACPI_WALK_COMPLETE},
		{0, 0, ACPI_WALK_SHORT},	 {7, 0, ACPI_WALK_SHORT},
		{17, 0, ACPI_WALK_LONG},	 {0x7fffffff, 0, ACPI_WALK_LONG},
		{0xffffffff, 0, ACPI_WALK_LONG}, {12, 1, ACPI_WALK_LONG},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct acpi_subtable entry;
		struct acpi_table table;
		struct acpi_walk walk;
		unsigned seen = 0;

		build_begin(&b, "TEST", 1);
		put16(&b, 0x1234);
		put16(&b, 0);
		put32(&b, cases[i].length);
		put16(&b, 0x1234);
		put16(&b, 0);
		put32(&b, 8);
		build_end(&b);
		table = build_open(&b);
		acpi_walk_begin(&walk, &table, 36, ACPI_WALK_U32);
		while (acpi_walk_next(&walk, &entry)) {
			assert_int_equal(entry.type, 0x1234);
			seen++;
		}
		assert_int_equal(seen, cases[i].seen);
		assert_int_equal(walk.end, cases[i].end);
	}
}

static void walk_from_past_the_end(void **state)
{
	struct acpi_subtable entry;
	struct acpi_table table;
	struct acpi_walk walk;

	(void)state;
	build_begin(&b, "TEST", 1);
	build_end(&b);
	table = build_open(&b);
	acpi_walk_begin(&walk, &table, 1000, ACPI_WALK_U8);
	assert_false(acpi_walk_next(&walk, &entry));
	assert_int_equal(walk.end, ACPI_WALK_COMPLETE);
}

static void notes(void **state)
{
	(void)state;
	info_begin();
	acpi_note(&info.warnings, "line one\nand \x7f%s", "\t");
	assert_string_equal(info.warnings.text[0], "line one?and ??");
	acpi_note(&info.warnings, "%0200d", 1);
	assert_int_equal(strlen(info.warnings.text[1]), ACPI_NOTE_BYTES - 1);
	for (unsigned i = 2; i < ACPI_NOTE_MAX + 5; i++)
		acpi_note(&info.warnings, "n%u", i);
	assert_int_equal(info.warnings.count, ACPI_NOTE_MAX);
	assert_int_equal(info.warnings.dropped, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_faults),
		cmocka_unit_test(length_faults),
		cmocka_unit_test(every_bit_breaks_the_checksum),
		cmocka_unit_test(length_rules),
		cmocka_unit_test(walks),
		cmocka_unit_test(wide_walks),
		cmocka_unit_test(walk_from_past_the_end),
		cmocka_unit_test(notes),
	};

	return cmocka_run_group_tests_name("acpi_table", tests, NULL, NULL);
}
