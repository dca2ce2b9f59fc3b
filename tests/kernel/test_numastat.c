/*
 * numastat's counters under real allocations: by hint, by CPU, and the sums that must agree.
 */
#include <fanga/numa_stats.h>
#include <fanga/page.h>
#include <fanga/smp.h>
#include "tests/kernel/ktest.h"

#define FRAMES 100u

static void check_sums(void)
{
	uint64_t miss = 0, foreign = 0;

	for (unsigned node = 0; node < numa_node_count(); node++) {
		struct numa_stat stat = numa_stat_get(node);

		KT_EQ(stat.hit + stat.miss, stat.local + stat.other);
		KT_CHECK(stat.interleave_hit <= stat.hit);
		if (!numa_get_node(node)->memory_bytes)
			KT_EQ(stat.hit + stat.miss + stat.foreign, 0);
		miss += stat.miss;
		foreign += stat.foreign;
	}
	KT_EQ(miss, foreign);
}

KTEST(numastat, sums_agree)
{
	check_sums();
}

KTEST(numastat, blocks_count_as_their_frames)
{
	unsigned self = numa_node_for_cpu(current_cpu_id());

	for (unsigned node = 0; node < numa_node_count(); node++) {
		struct numa_stat before = numa_stat_get(node), after;
		struct page *page = page_alloc(node, 3, PAGE_STRICT);

		if (!page)
			continue;
		after = numa_stat_get(node);
		KT_EQ(page_free(page, 3), 0);
		KT_EQ(after.hit - before.hit, 8);
		KT_EQ(after.local - before.local, node == self ? 8 : 0);
		KT_EQ(after.other - before.other, node == self ? 0 : 8);
		KT_EQ(after.miss - before.miss, 0);
	}
}

static void take_near(void *unused)
{
	struct page *pages[FRAMES];

	(void)unused;
	for (unsigned i = 0; i < FRAMES; i++) {
		pages[i] = page_alloc(NODE_ANY, 0, 0);
		KT_CHECK(pages[i]);
	}
	for (unsigned i = 0; i < FRAMES; i++)
		KT_EQ(page_free(pages[i], 0), 0);
}

KTEST(numastat, near_memory_is_hit_and_local)
{
	struct numa_stat before[NODE_MAX];
	uint64_t wanted[NODE_MAX] = {0};
	unsigned cpu;

	for (unsigned node = 0; node < numa_node_count(); node++)
		before[node] = numa_stat_get(node);
	KT_EQ(smp_run_on(cpu_online_mask(), take_near, NULL), cpu_online_count());
	for_each_cpu (cpu, cpu_online_mask())
		wanted[numa_memory_node(numa_node_for_cpu(cpu))] += FRAMES;
	for (unsigned node = 0; node < numa_node_count(); node++) {
		struct numa_stat after = numa_stat_get(node);
		uint64_t local = FRAMES * cpumask_weight(&numa_get_node(node)->cpus);

		KT_EQ(after.hit - before[node].hit, wanted[node]);
		KT_EQ(after.miss - before[node].miss, 0);
		KT_EQ(after.foreign - before[node].foreign, 0);
		/* CPUs of nodes without memory are others to the node that serves them. */
		if (numa_get_node(node)->memory_bytes)
			KT_EQ(after.local - before[node].local, local);
		KT_EQ(after.other - before[node].other,
		      wanted[node] - (after.local - before[node].local));
	}
	check_sums();
}
