// sources: kernel/mm/memory_map.c
/*
 * Memory maps as firmware writes them, and as it should not: what of them is RAM, and where tables
 * may be read.
 */
#include "tests/host/check.h"

#include <string.h>

#include "kernel/mm/memory_map.h"

#define KIB   1024ull
#define MIB   (KIB << 10)
#define GIB   (MIB << 10)
#define LIMIT (1ull << 40)

static struct boot_info info;
static struct memory_map_ram ram;

static void add(uint64_t base, uint64_t end, enum boot_memory_type type)
{
	info.memory[info.memory_count++] = (struct boot_memory){base, end - base, type};
}

/* A PC of 4 GiB with its hole below 4 GiB. */
static int make_pc(void **state)
{
	(void)state;
	memset(&info, 0, sizeof(info));
	add(0, 0x9fc00, BOOT_MEMORY_USABLE);
	add(0x9fc00, 0xa0000, BOOT_MEMORY_RESERVED);
	add(0xf0000, 0x100000, BOOT_MEMORY_RESERVED);
	add(1 * MIB, 0x7ff00000, BOOT_MEMORY_USABLE);
	add(0x7ff00000, 0x7ff20400, BOOT_MEMORY_ACPI_RECLAIM);
	/* a gap that no entry covers */
	add(0x7ff40000, 0x80000000, BOOT_MEMORY_ACPI_NVS);
	add(0xb0000000, 0xc0000000, BOOT_MEMORY_RESERVED);
	add(0xfec00000, 0xfec01000, BOOT_MEMORY_RESERVED);
	add(0xfed1c000, 0xfed20000, BOOT_MEMORY_RESERVED);
	add(4 * GIB, 6 * GIB, BOOT_MEMORY_USABLE);
	return 0;
}

static bool may_hold(uint64_t phys, uint64_t bytes)
{
	return memory_map_may_hold_tables(&info, phys, bytes);
}

static void tables_may_lie_in_what_the_map_lists(void **state)
{
	(void)state;
	assert_true(may_hold(0x40e, 2));
	assert_true(may_hold(0x9fc00, 1024));
	assert_true(may_hold(0xe0000, 0x20000));
	assert_true(may_hold(0x7ff00000, 0x20400));
	assert_true(may_hold(0x7ffff000, 4096));
	assert_true(may_hold(0x7fe00000, 2 * MIB)); /* several entries, and the gap */
	assert_true(may_hold(0xb0000000, 4096));
	assert_true(may_hold(5 * GIB, 4096));
	assert_true(may_hold(6 * GIB - 1, 1));
}

static void tables_may_lie_in_gaps_between_memory(void **state)
{
	(void)state;
	assert_true(may_hold(0x7ff30000, 4096));
	assert_true(may_hold(0x7ff20400, 0x7ff40000 - 0x7ff20400));
	/* The last memory below 4 GiB ends here: beyond it are devices. */
	assert_false(may_hold(0x80000000, 1));
	assert_false(may_hold(0x7ffff000, 4097));
	assert_false(may_hold(0xa0000000, 4096));
	assert_false(may_hold(0xf0000000, 4096));
	assert_false(may_hold(6 * GIB, 1));
	assert_false(may_hold(6 * GIB - 1, 2));
}

static void tables_are_never_in_devices(void **state)
{
	(void)state;
	assert_false(may_hold(0xa0000, 4096));
	assert_false(may_hold(0x9f000, 0x1001));
	assert_false(may_hold(0xbffff, 1));
	assert_false(may_hold(0xc8000, 64)); /* nobody says what is there */
	assert_false(may_hold(0xfec00000, 64));
	assert_false(may_hold(0xfed00000, 64));
	assert_false(may_hold(0xfed1c000, 64));
	assert_false(may_hold(0xfee00000, 64));
	/* Not even if all is called RAM, nor by the page around a table. */
	info.memory_count = 0;
	add(0, 8 * GIB, BOOT_MEMORY_USABLE);
	assert_true(may_hold(0xc8000, 64));
	assert_false(may_hold(0xb8000, 64));
	assert_false(may_hold(0xfee00020, 4));
	assert_false(may_hold(0xfebfffff, 2));
	assert_true(may_hold(0xfebfffff, 1));
	assert_true(may_hold(0xff000000, 1));
}

static void tables_are_not_in_bad_memory_nor_out_of_reach(void **state)
{
	(void)state;
	add(0x10000800, 0x10000900, BOOT_MEMORY_BAD);
	assert_false(may_hold(0x10000000, 16)); /* its page */
	assert_true(may_hold(0x0ffff000, 4096));
	assert_true(may_hold(0x10001000, 4096));
	assert_false(may_hold(1 * MIB, 0));
	assert_false(may_hold(~0ull - 8, 64));
	add(1ull << 45, 1ull << 47, BOOT_MEMORY_RESERVED);
	assert_true(may_hold((1ull << 46) - 16, 16));
	assert_false(may_hold((1ull << 46) - 16, 17));
}

static void check_span(unsigned i, uint64_t base, uint64_t end)
{
	assert_true(i < ram.count);
	assert_int_equal(ram.span[i].base, base);
	assert_int_equal(ram.span[i].base + ram.span[i].length, end);
}

static void ram_is_what_is_usable_and_nothing_else(void **state)
{
	(void)state;
	add(2 * MIB + 5, 2 * MIB + 6, BOOT_MEMORY_RESERVED);
	add(5 * GIB, 7 * GIB, BOOT_MEMORY_USABLE);
	memory_map_find_ram(&ram, &info, LIMIT);
	assert_int_equal(ram.count, 4);
	check_span(0, 0, 0x9f000);
	check_span(1, 1 * MIB, 2 * MIB);
	check_span(2, 2 * MIB + 4096, 0x7ff00000);
	check_span(3, 4 * GIB, 7 * GIB);
	assert_int_equal(ram.dropped, 0);
	assert_int_equal(ram.beyond_bytes, 0);
}

static void ram_is_cut_at_the_limit(void **state)
{
	(void)state;
	add(8 * GIB, 9 * GIB, BOOT_MEMORY_USABLE);
	memory_map_find_ram(&ram, &info, 5 * GIB);
	assert_int_equal(ram.count, 3);
	check_span(2, 4 * GIB, 5 * GIB);
	assert_int_equal(ram.beyond_bytes, 2 * GIB);
	memory_map_find_ram(&ram, &info, 4 * GIB);
	assert_int_equal(ram.count, 2);
	assert_int_equal(ram.beyond_bytes, 3 * GIB);
}

static void ram_in_too_many_pieces_is_dropped_and_counted(void **state)
{
	(void)state;
	info.memory_count = 0;
	/* 127 holes in each of five usable entries one after the other: 128 pieces each. */
	for (unsigned i = 0; i < 5; i++)
		add(i * GIB, (i + 1) * GIB, BOOT_MEMORY_USABLE);
	for (unsigned i = 0; i < BOOT_MEMORY_MAX - 5; i++)
		add((2 * i + 1) * 8 * MIB, (2 * i + 2) * 8 * MIB, BOOT_MEMORY_RESERVED);
	memory_map_find_ram(&ram, &info, LIMIT);
	assert_int_equal(ram.dropped, 0);
	/* Each once more, and again: the same pieces, until the table is full. */
	for (unsigned i = 0; i < 10; i++)
		info.memory[10 + i] = (struct boot_memory){0, 5 * GIB, BOOT_MEMORY_USABLE};
	memory_map_find_ram(&ram, &info, LIMIT);
	assert_true(ram.dropped > 0);
	assert_true(ram.count > 0 && ram.count <= NUMA_SPAN_MAX);
	for (unsigned i = 1; i < ram.count; i++)
		assert_true(ram.span[i - 1].base + ram.span[i - 1].length < ram.span[i].base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(tables_may_lie_in_what_the_map_lists, make_pc),
		cmocka_unit_test_setup(tables_may_lie_in_gaps_between_memory, make_pc),
		cmocka_unit_test_setup(tables_are_never_in_devices, make_pc),
		cmocka_unit_test_setup(tables_are_not_in_bad_memory_nor_out_of_reach, make_pc),
		cmocka_unit_test_setup(ram_is_what_is_usable_and_nothing_else, make_pc),
		cmocka_unit_test_setup(ram_is_cut_at_the_limit, make_pc),
		cmocka_unit_test_setup(ram_in_too_many_pieces_is_dropped_and_counted, make_pc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
