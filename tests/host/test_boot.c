// sources: boot/protocol.c boot/pvh.c boot/multiboot2.c
/*
 * The boot protocols' structures in a small physical memory: good ones, each limit, and every
 * truncation and one-byte change. The parsers see the memory through a function that copies what it
 * was asked for to a block of just that size, so that a look beyond it is the sanitizer's to find.
 */
#include "tests/host/check.h"

#include <stdlib.h>
#include <string.h>

#include "boot/protocol.h"
#include "lib/errno.h"
#include "lib/types.h"

#define MEMORY_BASE  0x10000ull
#define MEMORY_BYTES 0x8000ull
#define START	     MEMORY_BASE
#define MAP_AT	     (MEMORY_BASE + 0x1000)
#define COMMAND_AT   (MEMORY_BASE + 0x4000)
#define MODULE_AT    (MEMORY_BASE + 0x6000)
#define VIEWS_MAX    1024

static uint8_t memory[MEMORY_BYTES];
static uint64_t memory_end = MEMORY_BASE + MEMORY_BYTES; /* out of reach from here on */
static void *views[VIEWS_MAX];
static unsigned view_count;
static struct boot_info info;

static const void *map(uint64_t phys, uint64_t bytes)
{
	void *view;

	if (phys < MEMORY_BASE || phys > memory_end || bytes > memory_end - phys ||
	    view_count == VIEWS_MAX)
		return NULL;
	view = malloc(bytes);
	assert_non_null(view);
	memcpy(view, memory + (phys - MEMORY_BASE), bytes);
	views[view_count++] = view;
	return view;
}

static int parse(enum boot_protocol protocol)
{
	int result = boot_parse(&info, protocol, START, map);

	while (view_count)
		free(views[--view_count]);
	return result;
}

static void put(uint64_t phys, const void *bytes, size_t count)
{
	memcpy(memory + (phys - MEMORY_BASE), bytes, count);
}

static void put32(uint64_t phys, uint32_t value)
{
	put(phys, &value, sizeof(value));
}

static void put64(uint64_t phys, uint64_t value)
{
	put(phys, &value, sizeof(value));
}

/* Whatever was parsed: what the rest of the kernel relies on. */
static void check_bounds(void)
{
	assert_in_range(info.memory_count, 0, BOOT_MEMORY_MAX);
	for (unsigned i = 0; i < info.memory_count; i++) {
		const struct boot_memory *range = &info.memory[i];

		assert_true(range->length && range->base + range->length > range->base);
		assert_in_range(range->type, BOOT_MEMORY_USABLE, BOOT_MEMORY_BAD);
	}
	assert_true(memchr(info.command_line, 0, sizeof(info.command_line)) != NULL);
	assert_in_range(info.rsdp_bytes, 0, BOOT_RSDP_BYTES);
}

/* ---- PVH ---- */

static void put_pvh_memory(unsigned index, uint64_t base, uint64_t bytes, uint32_t type)
{
	uint64_t at = MAP_AT + index * 24ull;

	put64(at, base);
	put64(at + 8, bytes);
	put32(at + 16, type);
	put32(at + 20, 0);
}

static void make_pvh(void)
{
	memset(memory, 0, sizeof(memory));
	memory_end = MEMORY_BASE + MEMORY_BYTES;
	put32(START, 0x336ec578);
	put32(START + 4, 1);	      /* version */
	put32(START + 12, 1);	      /* modules */
	put64(START + 16, MODULE_AT);
	put64(START + 24, COMMAND_AT);
	put64(START + 32, 0xf5a40);   /* RSDP */
	put64(START + 40, MAP_AT);
	put32(START + 48, 4);
	put_pvh_memory(0, 0, 0x9fc00, 1);
	put_pvh_memory(1, 0x100000, 0x3fee0000, 1);
	put_pvh_memory(2, 0xfd00000000, 0x300000000, 2);
	put_pvh_memory(3, 0x40000000, 0x1000, 3);
	put(COMMAND_AT, "test=all seed=7", 16);
	put64(MODULE_AT, 0x3000000);
	put64(MODULE_AT + 8, 12345);
}

static void pvh_says_all(void **state)
{
	(void)state;
	make_pvh();
	assert_int_equal(parse(BOOT_PVH), 0);
	check_bounds();
	assert_string_equal(info.protocol, "PVH");
	assert_int_equal(info.memory_count, 4);
	assert_int_equal(info.memory[1].base, 0x100000);
	assert_int_equal(info.memory[1].length, 0x3fee0000);
	assert_int_equal(info.memory[2].type, BOOT_MEMORY_RESERVED);
	assert_int_equal(info.memory[3].type, BOOT_MEMORY_ACPI_RECLAIM);
	assert_int_equal(info.memory_dropped, 0);
	assert_string_equal(info.command_line, "test=all seed=7");
	assert_false(info.command_line_cut);
	assert_int_equal(info.module_phys, 0x3000000);
	assert_int_equal(info.module_bytes, 12345);
	assert_int_equal(info.modules_ignored, 0);
	assert_int_equal(info.rsdp_phys, 0xf5a40);
	assert_int_equal(info.rsdp_bytes, 0);
}

static void pvh_may_say_little(void **state)
{
	(void)state;
	make_pvh();
	put32(START + 12, 0);
	put64(START + 24, 0);
	put64(START + 32, 0);
	assert_int_equal(parse(BOOT_PVH), 0);
	assert_string_equal(info.command_line, "");
	assert_int_equal(info.module_bytes, 0);
	assert_int_equal(info.rsdp_phys, 0);
}

static void pvh_refuses(uint64_t at, uint32_t value)
{
	make_pvh();
	put32(at, value);
	assert_int_equal(parse(BOOT_PVH), -EINVAL);
}

static void pvh_of_the_wrong_kind_is_refused(void **state)
{
	(void)state;
	pvh_refuses(START, 0x336ec579);	    /* magic */
	pvh_refuses(START + 4, 0);	    /* version 0 has no memory map */
	pvh_refuses(START + 48, 0);	    /* no memory at all */
	pvh_refuses(START + 40, 0x4000000); /* pointers out of reach */
	pvh_refuses(START + 24, 0x4000000);
	pvh_refuses(START + 16, 0x4000000);
	pvh_refuses(START + 48, 100000); /* more entries than there is memory */
	make_pvh();
	assert_int_equal(boot_parse(&info, (enum boot_protocol)0, START, map), -EINVAL);
	assert_int_equal(boot_parse(&info, (enum boot_protocol)3, START, map), -EINVAL);
}

static void odd_memory_ranges(void **state)
{
	(void)state;
	make_pvh();
	put_pvh_memory(0, 0x1000, 0, 1);	       /* empty */
	put_pvh_memory(1, ~0ull - 0xfff, 0x2000, 1);   /* wraps */
	put_pvh_memory(2, 0x200000, 0x1000, 0);	       /* types that nobody defined */
	put_pvh_memory(3, 0x300000, 0x1000, 0x1234567);
	assert_int_equal(parse(BOOT_PVH), 0);
	check_bounds();
	assert_int_equal(info.memory_count, 2);
	assert_int_equal(info.memory[0].type, BOOT_MEMORY_RESERVED);
	assert_int_equal(info.memory[1].type, BOOT_MEMORY_RESERVED);
	assert_int_equal(info.memory_dropped, 1);
}

static void more_memory_ranges_than_there_is_room(void **state)
{
	(void)state;
	make_pvh();
	put32(START + 48, BOOT_MEMORY_MAX);
	for (unsigned i = 0; i < BOOT_MEMORY_MAX + 3; i++)
		put_pvh_memory(i, (i + 1) * 0x10000ull, 0x1000, 1);
	assert_int_equal(parse(BOOT_PVH), 0);
	assert_int_equal(info.memory_count, BOOT_MEMORY_MAX);
	assert_int_equal(info.memory_dropped, 0);
	put32(START + 48, BOOT_MEMORY_MAX + 3);
	assert_int_equal(parse(BOOT_PVH), 0);
	assert_int_equal(info.memory_count, BOOT_MEMORY_MAX);
	assert_int_equal(info.memory_dropped, 3);
	check_bounds();
}

static void long_command_lines(void **state)
{
	(void)state;
	make_pvh();
	memset(memory + (COMMAND_AT - MEMORY_BASE), 'a', BOOT_COMMAND_BYTES);
	assert_int_equal(parse(BOOT_PVH), 0);
	assert_true(info.command_line_cut);
	assert_int_equal(strlen(info.command_line), BOOT_COMMAND_BYTES - 1);
	memory[COMMAND_AT - MEMORY_BASE + BOOT_COMMAND_BYTES - 1] = 0;
	assert_int_equal(parse(BOOT_PVH), 0);
	assert_false(info.command_line_cut);
	assert_int_equal(strlen(info.command_line), BOOT_COMMAND_BYTES - 1);
}

/* ---- Multiboot2 ---- */

static uint64_t mb2_end;

static uint64_t put_tag(uint32_t type, const void *body, uint32_t bytes)
{
	uint64_t at = mb2_end;

	put32(at, type);
	put32(at + 4, bytes + 8);
	if (bytes)
		put(at + 8, body, bytes);
	mb2_end = ALIGN_UP(at + 8 + bytes, 8);
	put32(START, (uint32_t)(mb2_end - START));
	return at;
}

static void mb2_begin(void)
{
	memset(memory, 0, sizeof(memory));
	memory_end = MEMORY_BASE + MEMORY_BYTES;
	mb2_end = START + 8;
	put32(START, 8);
}

static uint64_t put_mb2_memory(unsigned entries, uint32_t entry_bytes)
{
	static uint8_t body[16384];

	memset(body, 0, sizeof(body));
	memcpy(body, &entry_bytes, 4);
	for (unsigned i = 0; i < entries; i++) {
		uint64_t fields[3] = {(i + 1) * 0x100000ull, 0x80000, 1};

		memcpy(body + 8 + (size_t)i * entry_bytes, fields, sizeof(fields));
	}
	return put_tag(6, body, 8 + entries * entry_bytes);
}

static void make_mb2(void)
{
	static const char rsdp[36] = "RSD PTR new";
	struct {
		uint32_t start, end;
		char line[8];
	} module = {0x400000, 0x401234, "cpio"};

	mb2_begin();
	put_tag(1, "log=debug", 10);
	put_tag(3, &module, sizeof(module));
	put_tag(77, "nobody knows", 13);
	put_mb2_memory(3, 24);
	put_tag(14, "RSD PTR old too short", 20);
	put_tag(15, rsdp, sizeof(rsdp));
	put_tag(0, NULL, 0);
}

static void multiboot2_says_all(void **state)
{
	(void)state;
	make_mb2();
	assert_int_equal(parse(BOOT_MULTIBOOT2), 0);
	check_bounds();
	assert_string_equal(info.protocol, "Multiboot2");
	assert_string_equal(info.command_line, "log=debug");
	assert_int_equal(info.module_phys, 0x400000);
	assert_int_equal(info.module_bytes, 0x1234);
	assert_int_equal(info.memory_count, 3);
	assert_int_equal(info.memory[2].base, 0x300000);
	assert_int_equal(info.memory[2].length, 0x80000);
	assert_int_equal(info.rsdp_bytes, 36);
	assert_memory_equal(info.rsdp, "RSD PTR new", 11);
}

static void the_new_rsdp_wins_in_either_order(void **state)
{
	char old[20] = "RSD PTR old", new[36] = "RSD PTR new", longer[60] = "RSD PTR longer";

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		mb2_begin();
		put_mb2_memory(1, 24);
		put_tag(i ? 15 : 14, i ? new : old, i ? 36 : 20);
		put_tag(i ? 14 : 15, i ? old : new, i ? 20 : 36);
		assert_int_equal(parse(BOOT_MULTIBOOT2), 0);
		assert_int_equal(info.rsdp_bytes, 36);
		assert_string_equal((char *)info.rsdp, "RSD PTR new");
	}
	mb2_begin();
	put_mb2_memory(1, 24);
	put_tag(14, old, 20);
	assert_int_equal(parse(BOOT_MULTIBOOT2), 0);
	assert_int_equal(info.rsdp_bytes, 20);
	/* Longer than any RSDP: cut. */
	put_tag(15, longer, sizeof(longer));
	assert_int_equal(parse(BOOT_MULTIBOOT2), 0);
	assert_int_equal(info.rsdp_bytes, BOOT_RSDP_BYTES);
}

static void multiboot2_needs_a_memory_map(void **state)
{
	(void)state;
	mb2_begin();
	assert_int_equal(parse(BOOT_MULTIBOOT2), -EINVAL);
	put_tag(1, "x", 2);
	assert_int_equal(parse(BOOT_MULTIBOOT2), -EINVAL);
	/* What is behind the end tag is not read. */
	put_tag(0, NULL, 0);
	put_mb2_memory(1, 24);
	assert_int_equal(parse(BOOT_MULTIBOOT2), -EINVAL);
	mb2_begin();
	put_mb2_memory(1, 24); /* without an end tag, but with an end */
	assert_int_equal(parse(BOOT_MULTIBOOT2), 0);
}

static void multiboot2_entries_may_grow(void **state)
{
	(void)state;
	mb2_begin();
	put_mb2_memory(5, 40);
	assert_int_equal(parse(BOOT_MULTIBOOT2), 0);
	assert_int_equal(info.memory_count, 5);
	assert_int_equal(info.memory[4].base, 0x500000);
	mb2_begin();
	put_mb2_memory(3, 16); /* but not shrink */
	assert_int_equal(parse(BOOT_MULTIBOOT2), -EINVAL);
	mb2_begin();
	put_mb2_memory(300, 24);
	assert_int_equal(parse(BOOT_MULTIBOOT2), 0);
	assert_int_equal(info.memory_count, BOOT_MEMORY_MAX);
	assert_int_equal(info.memory_dropped, 300 - BOOT_MEMORY_MAX);
}

static void mb2_refuses_tag_bytes(uint32_t type, uint32_t bytes)
{
	uint64_t at;

	mb2_begin();
	put_mb2_memory(1, 24);
	at = put_tag(type, "0123456789abcdef", 16);
	put32(at + 4, bytes);
	assert_int_equal(parse(BOOT_MULTIBOOT2), -EINVAL);
}

static void wrong_lengths_are_refused(void **state)
{
	uint64_t at;

	(void)state;
	mb2_refuses_tag_bytes(1, 0);
	mb2_refuses_tag_bytes(77, 7);
	mb2_refuses_tag_bytes(1, 25);
	mb2_refuses_tag_bytes(77, 0xffffffff);
	mb2_refuses_tag_bytes(3, 15); /* a module without its end */
	mb2_refuses_tag_bytes(6, 15);
	mb2_begin();
	at = put_mb2_memory(1, 24);
	put32(at + 8, 0); /* entries of no bytes */
	assert_int_equal(parse(BOOT_MULTIBOOT2), -EINVAL);
	make_mb2();
	put32(START, 4);
	assert_int_equal(parse(BOOT_MULTIBOOT2), -EINVAL);
	put32(START, 0x8000000);
	assert_int_equal(parse(BOOT_MULTIBOOT2), -EINVAL);
	/* A module that ends before it begins. */
	mb2_begin();
	put_mb2_memory(1, 24);
	put_tag(3, (uint32_t[]){0x2000, 0x1fff}, 8);
	assert_int_equal(parse(BOOT_MULTIBOOT2), -EINVAL);
}

static void the_first_module_counts(void **state)
{
	(void)state;
	mb2_begin();
	put_mb2_memory(1, 24);
	put_tag(3, (uint32_t[]){0x2000, 0x3000}, 8);
	put_tag(3, (uint32_t[]){0x5000, 0x9000}, 8);
	assert_int_equal(parse(BOOT_MULTIBOOT2), 0);
	assert_int_equal(info.module_phys, 0x2000);
	assert_int_equal(info.module_bytes, 0x1000);
	assert_int_equal(info.modules_ignored, 1);

	make_pvh();
	put32(START + 12, 3);
	assert_int_equal(parse(BOOT_PVH), 0);
	assert_int_equal(info.module_phys, 0x3000000);
	assert_int_equal(info.modules_ignored, 2);
}

/* ---- both, damaged ---- */

static void truncated_and_changed(enum boot_protocol protocol, void (*make)(void), uint64_t end)
{
	static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};

	for (memory_end = START; memory_end < end; memory_end++) {
		uint64_t cut = memory_end;

		make();
		memory_end = cut;
		(void)parse(protocol);
		check_bounds();
	}
	for (uint64_t at = START; at < end; at++) {
		if (at == START + 0x60 && end > MAP_AT)
			at = MAP_AT; /* nothing lies between */
		for (unsigned v = 0; v < ARRAY_SIZE(values); v++) {
			make();
			memory[at - START] = values[v];
			(void)parse(protocol);
			check_bounds();
		}
	}
}

static void damaged_pvh_is_survived(void **state)
{
	(void)state;
	truncated_and_changed(BOOT_PVH, make_pvh, MAP_AT + 4 * 24);
}

static void damaged_multiboot2_is_survived(void **state)
{
	(void)state;
	make_mb2();
	truncated_and_changed(BOOT_MULTIBOOT2, make_mb2, mb2_end);
}

static void types_have_names(void **state)
{
	(void)state;
	assert_string_equal(boot_memory_type_name(BOOT_MEMORY_USABLE), "usable");
	for (int type = -1; type < 8; type++)
		assert_non_null(boot_memory_type_name((enum boot_memory_type)type));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pvh_says_all),
		cmocka_unit_test(pvh_may_say_little),
		cmocka_unit_test(pvh_of_the_wrong_kind_is_refused),
		cmocka_unit_test(odd_memory_ranges),
		cmocka_unit_test(more_memory_ranges_than_there_is_room),
		cmocka_unit_test(long_command_lines),
		cmocka_unit_test(multiboot2_says_all),
		cmocka_unit_test(the_new_rsdp_wins_in_either_order),
		cmocka_unit_test(multiboot2_needs_a_memory_map),
		cmocka_unit_test(multiboot2_entries_may_grow),
		cmocka_unit_test(wrong_lengths_are_refused),
		cmocka_unit_test(the_first_module_counts),
		cmocka_unit_test(damaged_pvh_is_survived),
		cmocka_unit_test(damaged_multiboot2_is_survived),
		cmocka_unit_test(types_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
