/*
 * numa_alloc() on the machine at hand: each hint on each node, sizes to beyond the largest block,
 * exhaustion, and what must be refused. All memory is given back.
 */
#include <fanga/mm.h>
#include <fanga/numa.h>
#include <fanga/page.h>
#include <fanga/preempt.h>
#include "arch/x86_64/cpu.h"
#include "lib/errno.h"
#include "tests/kernel/ktest.h"

#define MIB (1ul << 20)

static const size_t sizes[] = {1, 4096, 4097, 100000, 2 * MIB, 4 * MIB, 5 * MIB + 123};
static uint64_t free_at_start[NODE_MAX];

static void note_free(void)
{
	for (unsigned node = 0; node < numa_node_count(); node++)
		free_at_start[node] = page_free_count(node);
}

static void check_free(void)
{
	for (unsigned node = 0; node < numa_node_count(); node++)
		KT_EQ(page_free_count(node), free_at_start[node]);
}

static int node_of(const void *address)
{
	uint64_t phys;
	unsigned flags;

	return kmap_lookup((uint64_t)address, &phys, &flags) ? -ENOENT
							     : numa_node_for_address(phys);
}

/* Whether all of [@address, +@bytes) is zero and on @node; then it is not zero any more. */
static bool is_fresh(char *address, size_t bytes, unsigned node)
{
	for (size_t at = 0; at < bytes; at += 1024) {
		if (*(uint64_t *)(address + at) || node_of(address + at) != (int)node)
			return false;
		*(uint64_t *)(address + at) = at + 1;
	}
	return true;
}

static bool has_room(unsigned node, size_t bytes)
{
	struct page_counts counts;

	return !page_counts_get(node, &counts) &&
	       counts.free_blocks[PAGE_ORDER_MAX] * 4 * MIB >= bytes + 4 * MIB;
}

KTEST(numa_alloc, each_hint_and_size_on_each_node)
{
	for (unsigned node = 0; node < numa_node_count(); node++) {
		for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
			const struct numa_hint hints[] = {NUMA_STRICT(node), NUMA_PREFER(node)};

			if (!has_room(node, sizes[i]))
				continue;
			for (unsigned h = 0; h < ARRAY_SIZE(hints); h++) {
				void *address;

				KT_EQ(numa_alloc(sizes[i], hints[h], &address), 0);
				KT_EQ((uint64_t)address % PAGE_BYTES, 0);
				KT_CHECK(is_fresh(address, sizes[i], node));
				KT_EQ(numa_free(address, sizes[i]), 0);
			}
		}
	}
}

/* As the first example of the interface has it: with preemption off. */
static void check_near(size_t bytes)
{
	unsigned home = numa_memory_node(numa_node_for_cpu(current_cpu_id()));
	void *local, *any;

	if (!has_room(home, 2 * bytes))
		return;
	preempt_disable();
	KT_EQ(numa_alloc(bytes, NUMA_LOCAL, &local), 0);
	KT_EQ(numa_alloc(bytes, NUMA_ANY, &any), 0);
	preempt_enable();
	KT_CHECK(is_fresh(local, bytes, home) && is_fresh(any, bytes, home));
	KT_EQ(numa_free(any, bytes), 0);
	KT_EQ(numa_free(local, bytes), 0);
}

KTEST(numa_alloc, local_and_any_are_near)
{
	/* The first time page tables are made, which stay. */
	check_near(5 * MIB + 123);
	note_free();
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		check_near(sizes[i]);
	check_free();
}

KTEST(numa_alloc, wrong_requests_change_nothing)
{
	unsigned none = numa_node_count();
	void *address = &none;

	note_free();
	KT_EQ(numa_alloc(0, NUMA_ANY, &address), -EINVAL);
	KT_EQ(numa_alloc(0, NUMA_STRICT(0), &address), -EINVAL);
	KT_EQ(numa_alloc(4096, NUMA_STRICT(none), &address), -EINVAL);
	KT_EQ(numa_alloc(4096, NUMA_PREFER(NODE_MAX), &address), -EINVAL);
	KT_EQ(numa_alloc(4096, NUMA_PREFER(~0u), &address), -EINVAL);
	KT_EQ(numa_alloc(4096, ((struct numa_hint){77, 0}), &address), -EINVAL);
	KT_EQ(numa_alloc(~0ul, NUMA_ANY, &address), -ENOMEM);
	KT_EQ(numa_alloc(1ul << 45, NUMA_ANY, &address), -ENOMEM);
	KT_CHECK(address == &none);
	check_free();
}

KTEST(numa_alloc, wrong_frees_change_nothing)
{
	struct page *page = page_alloc(NODE_ANY, 0, 0);
	char *small, *large;
	uint64_t left;
	void *address;

	KT_CHECK(page);
	KT_EQ(numa_alloc(10000, NUMA_LOCAL, &address), 0);
	small = address;
	KT_EQ(numa_alloc(6 * MIB, NUMA_LOCAL, &address), 0);
	large = address;
	left = page_free_count(NODE_ANY);
	KT_EQ(numa_free(NULL, 4096), -EINVAL);
	KT_EQ(numa_free(small, 10001), -EINVAL);
	KT_EQ(numa_free(small, 0), -EINVAL);
	KT_EQ(numa_free(small, 16384), -EINVAL);
	KT_EQ(numa_free(small + 1, 10000), -EINVAL);
	KT_EQ(numa_free(small + 4096, 10000), -EINVAL);
	KT_EQ(numa_free(large, 6 * MIB + 1), -EINVAL);
	KT_EQ(numa_free(large + 4096, 6 * MIB), -EINVAL);
	KT_EQ(numa_free(page_virt(page), 4096), -EINVAL);
	KT_EQ(numa_free(&address, 4096), -EINVAL);
	KT_EQ(numa_free(phys_to_virt(0xfee00000), 4096), -EINVAL);
	KT_EQ(numa_free((void *)~0xffful, 4096), -EINVAL);
	KT_EQ(page_free_count(NODE_ANY), left);
	KT_EQ(numa_free(small, 10000), 0);
	KT_EQ(numa_free(large, 6 * MIB), 0);
	KT_EQ(numa_free(small, 10000), -EINVAL);
	KT_EQ(numa_free(large, 6 * MIB), -EINVAL);
	KT_EQ(page_free(page, 0), 0);
}

KTEST(numa_alloc, strict_ends_in_an_error_and_prefer_goes_on)
{
	unsigned node = numa_node_count() - 1;
	struct page_counts counts;
	void *chain = NULL, *address, *over = NULL;
	int strict = 0, prefer;
	bool others_same = true, elsewhere = false;

	note_free();
	for (unsigned i = 0; i < numa_node_count(); i++)
		elsewhere |= i != node && numa_get_node(i)->memory_bytes;
	if (page_counts_get(node, &counts) || counts.free_pages > 64 * MIB / PAGE_BYTES)
		KT_SKIP("the node is too large to be filled in a test's time");
	for (size_t bytes = 4 * MIB; bytes >= PAGE_BYTES; bytes /= 2) {
		while (!(strict = numa_alloc(bytes, NUMA_STRICT(node), &address))) {
			((void **)address)[0] = chain;
			((size_t *)address)[1] = bytes;
			chain = address;
		}
	}
	for (unsigned i = 0; i < numa_node_count(); i++)
		others_same &= i == node || page_free_count(i) == free_at_start[i];
	prefer = numa_alloc(PAGE_BYTES, NUMA_PREFER(node), &over);
	if (over)
		others_same &= node_of(over) != (int)node;
	while (chain) {
		void *next = ((void **)chain)[0];

		KT_EQ(numa_free(chain, ((size_t *)chain)[1]), 0);
		chain = next;
	}
	KT_EQ(strict, -ENOMEM);
	KT_EQ(prefer, elsewhere ? 0 : -ENOMEM);
	if (over)
		KT_EQ(numa_free(over, PAGE_BYTES), 0);
	KT_CHECK(others_same);
	check_free();
}
