// sources: arch/x86_64/paging.c
// cflags: -include tests/host/paging_memory.h
/*
 * Page tables in memory of the test's own: what is mapped, at which page size, what stands in the
 * way, what is left after an error, and random operations against a model of single pages. A walk of
 * all tables after each operation proves that nothing lies outside what the model knows.
 */
#include "tests/host/check.h"

#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/paging.h"
#include "lib/errno.h"
#include "lib/prng.h"

#define TABLE_BASE 0x7000000ull /* physical address of the first table */
#define TABLES	   4096
#define MIB	   (1ull << 20)
#define GIB	   (1ull << 30)
#define VA	   0xffffc00000000000ull
#define FLAGS	   (PTE_WRITE | PTE_NX | PTE_GLOBAL)

static uint8_t tables[TABLES][PAGE_BYTES] __attribute__((aligned(4096)));
static unsigned table_count, table_limit;
static uint64_t root;

void *host_phys_to_virt(uint64_t phys)
{
	assert_true(phys >= TABLE_BASE && phys < TABLE_BASE + table_count * PAGE_BYTES);
	return tables[0] + (phys - TABLE_BASE);
}

uint64_t paging_alloc_table(void)
{
	if (table_count == table_limit)
		return 0;
	memset(tables[table_count], 0, PAGE_BYTES);
	return TABLE_BASE + table_count++ * PAGE_BYTES;
}

static void begin(void)
{
	table_count = 0;
	table_limit = TABLES;
	root = paging_alloc_table();
}

static unsigned count_leaves(uint64_t table, unsigned level)
{
	const uint64_t *entries = host_phys_to_virt(table);
	unsigned leaves = 0;

	for (unsigned i = 0; i < 512; i++) {
		if (!(entries[i] & PTE_PRESENT))
			continue;
		if (level == 0 || entries[i] & PTE_LARGE)
			leaves++;
		else
			leaves += count_leaves(entries[i] & PTE_ADDRESS, level - 1);
	}
	return leaves;
}

static unsigned leaves(void)
{
	return count_leaves(root, 3);
}

/* @va is mapped to @phys in a page of @bytes. */
static void check_page(uint64_t va, uint64_t phys, size_t bytes, uint64_t flags)
{
	size_t page_bytes = 0;
	uint64_t entry = paging_lookup(root, va, &page_bytes);

	assert_true(entry & PTE_PRESENT);
	assert_int_equal(page_bytes, bytes);
	assert_int_equal((entry & PTE_ADDRESS & ~(bytes - 1)) | (va & (bytes - 1)), phys);
	assert_int_equal(entry & ~PTE_ADDRESS & ~(PTE_PRESENT | PTE_LARGE), flags);
	assert_int_equal(!!(entry & PTE_LARGE), bytes > PAGE_BYTES);
}

static void check_nothing(uint64_t va)
{
	size_t page_bytes;

	assert_int_equal(paging_lookup(root, va, &page_bytes), 0);
}

static void one_page(void **state)
{
	(void)state;
	begin();
	check_nothing(VA);
	assert_int_equal(paging_map(root, VA, 0x5000, PAGE_BYTES, FLAGS, PAGING_4K), 0);
	check_page(VA, 0x5000, PAGE_BYTES, FLAGS);
	check_page(VA + 0xabc, 0x5abc, PAGE_BYTES, FLAGS);
	check_nothing(VA - 1);
	check_nothing(VA + PAGE_BYTES);
	check_nothing(0);
	assert_int_equal(leaves(), 1);
	assert_int_equal(table_count, 4); /* one of each level */
	assert_int_equal(paging_unmap(root, VA, PAGE_BYTES), 1);
	assert_int_equal(paging_unmap(root, VA, PAGE_BYTES), 0);
	check_nothing(VA);
	assert_int_equal(leaves(), 0);
	/* The tables stay and are used again. */
	assert_int_equal(paging_map(root, VA, 0x6000, PAGE_BYTES, 0, PAGING_1G), 0);
	assert_int_equal(table_count, 4);
	check_page(VA, 0x6000, PAGE_BYTES, 0);
}

static void across_every_boundary(void **state)
{
	static const uint64_t boundaries[] = {2 * MIB, GIB, 512 * GIB};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(boundaries); i++) {
		uint64_t va = VA + boundaries[i] - 2 * PAGE_BYTES;

		begin();
		assert_int_equal(paging_map(root, va, 0x10000, 4 * PAGE_BYTES, 0, PAGING_4K), 0);
		for (unsigned page = 0; page < 4; page++)
			check_page(va + page * PAGE_BYTES, 0x10000 + page * PAGE_BYTES, PAGE_BYTES,
				   0);
		assert_int_equal(leaves(), 4);
		assert_int_equal(paging_unmap(root, va, 4 * PAGE_BYTES), 4);
		assert_int_equal(leaves(), 0);
	}
}

static void the_largest_page_that_fits(void **state)
{
	uint64_t phys = 4 * GIB;

	(void)state;
	begin();
	/* From 4 KiB below 1 GiB to 4 KiB above 2 GiB + 2 MiB. */
	assert_int_equal(paging_map(root, VA + GIB - PAGE_BYTES, phys - PAGE_BYTES,
				    GIB + 2 * MIB + 2 * PAGE_BYTES, FLAGS, PAGING_1G),
			 0);
	check_page(VA + GIB - 1, phys - 1, PAGE_BYTES, FLAGS);
	check_page(VA + GIB, phys, GIB, FLAGS);
	check_page(VA + 2 * GIB - 1, phys + GIB - 1, GIB, FLAGS);
	check_page(VA + 2 * GIB + MIB, phys + GIB + MIB, 2 * MIB, FLAGS);
	check_page(VA + 2 * GIB + 2 * MIB, phys + GIB + 2 * MIB, PAGE_BYTES, FLAGS);
	check_nothing(VA + 2 * GIB + 2 * MIB + PAGE_BYTES);
	assert_int_equal(leaves(), 4);

	begin(); /* no larger than asked for */
	assert_int_equal(paging_map(root, VA, GIB, GIB, FLAGS, PAGING_2M), 0);
	check_page(VA + 5 * MIB, GIB + 5 * MIB, 2 * MIB, FLAGS);
	assert_int_equal(leaves(), 512);

	begin(); /* both addresses have to be aligned */
	assert_int_equal(paging_map(root, VA, GIB + PAGE_BYTES, 4 * MIB, FLAGS, PAGING_1G), 0);
	check_page(VA + 2 * MIB, GIB + 2 * MIB + PAGE_BYTES, PAGE_BYTES, FLAGS);
	assert_int_equal(leaves(), 1024);
}

static void small_pages_where_a_table_is(void **state)
{
	(void)state;
	begin();
	assert_int_equal(paging_map(root, VA + 3 * PAGE_BYTES, 0x9000, PAGE_BYTES, 0, PAGING_4K),
			 0);
	assert_int_equal(paging_unmap(root, VA, 2 * MIB), 1);
	/* The table of small pages is empty but there: it is filled, not replaced. */
	assert_int_equal(paging_map(root, VA, 0, 4 * MIB, FLAGS, PAGING_2M), 0);
	check_page(VA, 0, PAGE_BYTES, FLAGS);
	check_page(VA + 2 * MIB, 2 * MIB, 2 * MIB, FLAGS);
	assert_int_equal(leaves(), 513);
}

static void what_is_in_the_way_stays(void **state)
{
	unsigned before;

	(void)state;
	begin();
	assert_int_equal(paging_map(root, VA + 6 * PAGE_BYTES, 0x9000, PAGE_BYTES, 0, PAGING_4K),
			 0);
	assert_int_equal(paging_map(root, VA, 0x100000, 16 * PAGE_BYTES, FLAGS, PAGING_4K),
			 -EEXIST);
	check_page(VA + 6 * PAGE_BYTES, 0x9000, PAGE_BYTES, 0);
	assert_int_equal(leaves(), 1);

	/* A large page in the way of a small one, of one of its size, and of a larger one. */
	assert_int_equal(paging_map(root, VA + GIB, 0, 2 * MIB, FLAGS, PAGING_2M), 0);
	before = leaves();
	assert_int_equal(paging_map(root, VA + GIB + MIB, 0, PAGE_BYTES, 0, PAGING_4K), -EEXIST);
	assert_int_equal(paging_map(root, VA + GIB, 0, 2 * MIB, 0, PAGING_2M), -EEXIST);
	assert_int_equal(paging_map(root, VA + GIB, 0, GIB, 0, PAGING_1G), -EEXIST);
	assert_int_equal(paging_map(root, VA + GIB - 4 * PAGE_BYTES, 0, MIB, 0, PAGING_4K),
			 -EEXIST);
	assert_int_equal(leaves(), before);
	check_page(VA + GIB, 0, 2 * MIB, FLAGS);
}

static void a_large_page_is_unmapped_whole_or_not(void **state)
{
	(void)state;
	begin();
	assert_int_equal(paging_map(root, VA, 0, 2 * MIB, FLAGS, PAGING_2M), 0);
	assert_int_equal(paging_map(root, VA + 2 * MIB, 2 * MIB, MIB, FLAGS, PAGING_2M), 0);
	assert_int_equal(paging_map(root, VA + GIB, GIB, GIB, FLAGS, PAGING_1G), 0);
	assert_int_equal(paging_unmap(root, VA, PAGE_BYTES), 0);
	assert_int_equal(paging_unmap(root, VA + MIB, PAGE_BYTES), 0);
	assert_int_equal(paging_unmap(root, VA, 2 * MIB - PAGE_BYTES), 0);
	assert_int_equal(paging_unmap(root, VA + GIB, 2 * MIB), 0);
	assert_int_equal(paging_unmap(root, VA + GIB + PAGE_BYTES, 2 * GIB), 0);
	check_page(VA, 0, 2 * MIB, FLAGS);
	check_page(VA + GIB, GIB, GIB, FLAGS);
	/* The small ones behind part of a large one go. */
	assert_int_equal(paging_unmap(root, VA + PAGE_BYTES, 4 * MIB), 256);
	assert_int_equal(leaves(), 2);
	assert_int_equal(paging_unmap(root, VA, 2 * GIB), 2);
	assert_int_equal(leaves(), 0);
}

static void out_of_memory_at_each_table(void **state)
{
	unsigned needed;

	(void)state;
	begin();
	assert_int_equal(paging_map(root, VA + GIB - MIB, 0, 4 * MIB, 0, PAGING_4K), 0);
	needed = table_count;
	assert_true(needed >= 6);
	for (unsigned limit = 1; limit < needed; limit++) {
		begin();
		table_limit = limit;
		assert_int_equal(paging_map(root, VA + GIB - MIB, 0, 4 * MIB, 0, PAGING_4K),
				 -ENOMEM);
		assert_int_equal(leaves(), 0);
		/* With memory again, the half-made tree is good to go on with. */
		table_limit = TABLES;
		assert_int_equal(paging_map(root, VA + GIB - MIB, 0, 4 * MIB, 0, PAGING_4K), 0);
		assert_int_equal(leaves(), 1024);
	}
}

static void empty_ranges_are_no_work(void **state)
{
	(void)state;
	begin();
	assert_int_equal(paging_map(root, VA, 0, 0, 0, PAGING_4K), 0);
	assert_int_equal(paging_unmap(root, VA, 0), 0);
	assert_int_equal(paging_unmap(root, VA, 64 * GIB), 0);
	assert_int_equal(table_count, 1);
}

static void a_prepared_slot_is_shared(void **state)
{
	uint64_t *entries, copy;

	(void)state;
	begin();
	assert_int_equal(paging_prepare_slot(root, VA), 0);
	assert_int_equal(paging_prepare_slot(root, VA), 0); /* there is one already */
	assert_int_equal(table_count, 2);
	copy = paging_alloc_table();
	entries = host_phys_to_virt(root);
	memcpy(host_phys_to_virt(copy), entries, PAGE_BYTES);
	assert_int_equal(paging_map(root, VA + 5 * GIB, 0x8000, PAGE_BYTES, 0, PAGING_4K), 0);
	root = copy;
	check_page(VA + 5 * GIB, 0x8000, PAGE_BYTES, 0);
	table_limit = table_count;
	assert_int_equal(paging_prepare_slot(root, VA + 512 * GIB), -ENOMEM);
}

/* ---- against a model ---- */

#define WINDOW_PAGES 2048 /* 8 MiB, on both sides of a GiB boundary */
#define WINDOW	     (VA + GIB - 4 * MIB)

static uint64_t model[WINDOW_PAGES]; /* 0, or phys | flags | present */
static struct prng prng;

static void check_model(void)
{
	for (unsigned page = 0; page < WINDOW_PAGES; page++) {
		uint64_t va = WINDOW + page * PAGE_BYTES, phys;
		size_t bytes = 0;
		uint64_t entry = paging_lookup(root, va, &bytes);

		if (!model[page]) {
			assert_int_equal(entry, 0);
			continue;
		}
		phys = (entry & PTE_ADDRESS & ~(bytes - 1)) | (va & (bytes - 1));
		assert_int_equal(phys | (entry & (PTE_NX | PTE_WRITE | PTE_PRESENT)), model[page]);
	}
	check_nothing(WINDOW - 1);
	check_nothing(WINDOW + WINDOW_PAGES * PAGE_BYTES);
}

static void random_map(unsigned first, unsigned pages)
{
	/* Often at the same offset in a large page as the address, so that those come up. */
	uint64_t phys = prng_below(&prng, 2)
				? 16 * GIB + first * PAGE_BYTES
				: prng_below(&prng, 1 << 20) * PAGE_BYTES;
	uint64_t flags = prng_below(&prng, 2) ? PTE_WRITE | PTE_NX : 0;
	int want = 0, got;

	for (unsigned page = first; page < first + pages; page++)
		if (model[page])
			want = -EEXIST;
	table_limit = prng_below(&prng, 8) ? TABLES : table_count + (unsigned)prng_below(&prng, 2);
	got = paging_map(root, WINDOW + first * PAGE_BYTES, phys, pages * PAGE_BYTES, flags,
			 (enum paging_size)prng_below(&prng, 3));
	assert_true(got == want || (got == -ENOMEM && table_limit != TABLES));
	for (unsigned page = 0; !got && page < pages; page++)
		model[first + page] = (phys + page * PAGE_BYTES) | flags | PTE_PRESENT;
}

/* A large page goes as a whole, or not at all. */
static void random_unmap(unsigned first, unsigned pages)
{
	for (unsigned page = first; page < first + pages; page++) {
		unsigned large = ALIGN_DOWN(page, 512u);
		size_t bytes = 0;

		(void)paging_lookup(root, WINDOW + page * PAGE_BYTES, &bytes);
		if (bytes <= PAGE_BYTES || (large >= first && large + 512 <= first + pages))
			model[page] = 0;
	}
	(void)paging_unmap(root, WINDOW + first * PAGE_BYTES, pages * PAGE_BYTES);
}

static void random_operations_match_the_model(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++) {
		begin();
		prng_seed(&prng, seed);
		memset(model, 0, sizeof(model));
		for (unsigned i = 0; i < 200; i++) {
			unsigned first = (unsigned)prng_below(&prng, WINDOW_PAGES);
			unsigned pages = 1 + (unsigned)prng_below(&prng, 700);

			if (prng_below(&prng, 3) == 0)
				first = ALIGN_DOWN(first, 512u);
			pages = MIN(pages, WINDOW_PAGES - first);
			if (prng_below(&prng, 3))
				random_map(first, prng_below(&prng, 2) ? pages : MIN(pages, 20u));
			else
				random_unmap(first, pages);
			check_model();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_page),
		cmocka_unit_test(across_every_boundary),
		cmocka_unit_test(the_largest_page_that_fits),
		cmocka_unit_test(small_pages_where_a_table_is),
		cmocka_unit_test(what_is_in_the_way_stays),
		cmocka_unit_test(a_large_page_is_unmapped_whole_or_not),
		cmocka_unit_test(out_of_memory_at_each_table),
		cmocka_unit_test(empty_ranges_are_no_work),
		cmocka_unit_test(a_prepared_slot_is_shared),
		cmocka_unit_test(random_operations_match_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
