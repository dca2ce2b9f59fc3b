/*
 * An allocation that fails, at each place in turn: errors come back and nothing is lost.
 */
#include <fanga/mm.h>
#include <fanga/numa.h>
#include <fanga/page.h>
#include "kernel/mm/fail_nth.h"
#include "lib/errno.h"
#include "tests/kernel/ktest.h"

#ifdef CONFIG_DEBUG

#define MIB (1ul << 20)

/* Everything that allocates here, undone again as far as it came. Returns the first error. */
static int scenario(void)
{
	struct page *page = page_alloc(NODE_ANY, 0, 0), *block = page_alloc(NODE_ANY, 3, 0);
	uint64_t phys = early_alloc(NODE_ANY, 3 * PAGE_BYTES, PAGE_BYTES);
	void *small = NULL, *large = NULL;
	int error = numa_alloc(10000, NUMA_LOCAL, &small);

	if (!error)
		error = numa_alloc(5 * MIB, NUMA_ANY, &large);
	if (!error && (!page || !block || !phys))
		error = -ENOMEM;
	if (page)
		(void)page_free(page, 0);
	if (block)
		(void)page_free(block, 3);
	if (phys)
		early_free(phys, 3 * PAGE_BYTES);
	if (small)
		(void)numa_free(small, 10000);
	if (large)
		(void)numa_free(large, 5 * MIB);
	return error;
}

static unsigned failed;

/* Each allocation of the scenario fails once; none is lost, unless it became a page table. */
static void sweep(bool tables_are_there)
{
	uint64_t before = page_free_count(NODE_ANY), left = 0;

	failed = 0;
	for (uint64_t n = 1; !left; n++) {
		int error;

		(void)fail_nth_arm(n);
		error = scenario();
		left = fail_nth_arm(0);
		KT_CHECK(error == 0 || error == -ENOMEM);
		KT_CHECK(!left || !error);
		if (tables_are_there)
			KT_EQ(page_free_count(NODE_ANY), before);
		KT_CHECK(n < 1000);
		failed += error != 0;
	}
}

KTEST(fail_nth, errors_come_back_and_nothing_is_lost)
{
	/* A large range gets by with smaller blocks, and makes page tables for them, which stay. */
	sweep(false);
	sweep(true);
	KT_CHECK(failed >= 4);
	ktest_note("%u failures became errors", failed);
}

KTEST(fail_nth, stacks_are_not_lost)
{
	uint64_t before = page_free_count(NODE_ANY);

	/* Addresses are used up, frames are not. */
	(void)fail_nth_arm(1);
	KT_EQ(kstack_alloc(NODE_ANY, 4 * PAGE_BYTES), 0);
	KT_EQ(fail_nth_arm(0), 0);
	KT_EQ(page_free_count(NODE_ANY), before);
}

#endif
