/*
 * Policies over real memory: where it comes from under each kind, with every node full but one, and
 * what the placement map and run.json's counters say of it.
 */
#include <fanga/numa_stats.h>
#include <fanga/page.h>
#include <fanga/policy_alloc.h>
#include <fanga/preempt.h>
#include <fanga/smp.h>
#include "lib/errno.h"
#include "lib/string.h"
#include "tests/kernel/ktest.h"

#define PIECES	60u
#define LARGEST (PAGE_BYTES << PAGE_ORDER_MAX)

static struct nodemask memory_nodes(void)
{
	struct nodemask nodes = NODEMASK_NONE;

	for (unsigned node = 0; node < numa_node_count(); node++)
		if (numa_get_node(node)->memory_bytes)
			nodemask_set(&nodes, node);
	return nodes;
}

static unsigned home_node(void)
{
	return numa_memory_node(numa_node_for_cpu(current_cpu_id()));
}

/* PIECES frames under @policy, freed again: how many lay on each node. */
static void spread(struct numa_policy *policy, struct numa_placement *sum)
{
	static void *pieces[PIECES];

	*sum = (struct numa_placement){0};
	for (unsigned i = 0; i < PIECES; i++) {
		struct numa_placement one;

		KT_EQ(numa_alloc_policy(PAGE_BYTES, policy, &pieces[i]), 0);
		KT_EQ(numa_placement_get(pieces[i], PAGE_BYTES, &one), 0);
		for (unsigned node = 0; node < NODE_MAX; node++)
			sum->pages[node] += one.pages[node];
		for (unsigned why = 0; why < NUMA_WHY_COUNT; why++)
			sum->why[why] += one.why[why];
	}
	for (unsigned i = 0; i < PIECES; i++)
		KT_EQ(numa_free(pieces[i], PAGE_BYTES), 0);
}

KTEST(policy, each_kind_chooses_its_nodes)
{
	struct nodemask nodes = memory_nodes(), one = NODEMASK_NONE;
	unsigned count = nodemask_weight(nodes), all_weights = 0, last = home_node(), node;
	uint8_t weights[NODE_MAX] = {0};
	struct numa_placement sum;
	struct numa_policy policy;

	for_each_node (node, nodes) {
		last = node;
		weights[node] = 1 + node % 2;
		all_weights += weights[node];
	}
	nodemask_set(&one, last);
	numa_policy_default(&policy);
	spread(&policy, &sum);
	KT_EQ(sum.pages[home_node()], PIECES);
	KT_EQ(sum.why[NUMA_WHY_LOCAL], PIECES);
	KT_EQ(numa_policy_bind(&policy, one), 0);
	spread(&policy, &sum);
	KT_EQ(sum.pages[last], PIECES);
	KT_EQ(sum.why[NUMA_WHY_POLICY], PIECES);
	KT_EQ(numa_policy_preferred(&policy, last), 0);
	spread(&policy, &sum);
	KT_EQ(sum.pages[last], PIECES);
	KT_EQ(numa_policy_preferred_many(&policy, one), 0);
	spread(&policy, &sum);
	KT_EQ(sum.pages[last], PIECES);
	KT_EQ(numa_policy_interleave(&policy, nodes), 0);
	spread(&policy, &sum);
	for_each_node (node, nodes)
		KT_CHECK(sum.pages[node] == PIECES / count ||
			 sum.pages[node] == PIECES / count + 1);
	KT_EQ(sum.why[NUMA_WHY_INTERLEAVE], PIECES);
	KT_EQ(numa_policy_weighted_interleave(&policy, nodes, weights), 0);
	spread(&policy, &sum);
	if (PIECES % all_weights == 0)
		for_each_node (node, nodes)
			KT_EQ(sum.pages[node], PIECES * weights[node] / all_weights);
}

KTEST(policy, the_current_one_is_what_any_means)
{
	struct nodemask nodes = memory_nodes();
	struct numa_placement placement;
	struct numa_policy policy;
	void *address;
	unsigned node;

	KT_EQ(numa_policy_interleave(&policy, nodes), 0);
	for_each_node (node, nodes) {
		PREEMPT_GUARD();
		KT_CHECK(numa_policy_set_current(&policy)->kind == NUMA_POLICY_DEFAULT);
		KT_EQ(numa_alloc(PAGE_BYTES, NUMA_ANY, &address), 0);
		KT_CHECK(numa_policy_set_current(NULL) == &policy);
		KT_EQ(numa_placement_get(address, PAGE_BYTES, &placement), 0);
		KT_EQ(placement.pages[node], 1);
		KT_EQ(numa_free(address, PAGE_BYTES), 0);
	}
}

KTEST(policy, a_large_range_is_dealt_out_frame_by_frame)
{
	size_t bytes = 5ul << 20, pages = bytes / PAGE_BYTES;
	struct nodemask nodes = memory_nodes();
	struct numa_placement placement;
	struct numa_policy policy;
	void *address;
	unsigned node;

	if (page_free_count(NODE_ANY) < 4 * pages)
		KT_SKIP("too little memory");
	KT_EQ(numa_policy_interleave(&policy, nodes), 0);
	KT_EQ(numa_alloc_policy(bytes, &policy, &address), 0);
	KT_EQ(numa_placement_get(address, bytes, &placement), 0);
	for_each_node (node, nodes)
		KT_CHECK(placement.pages[node] >= pages / nodemask_weight(nodes) &&
			 placement.pages[node] <= pages / nodemask_weight(nodes) + 1);
	KT_EQ(placement.why[NUMA_WHY_INTERLEAVE], pages);
	KT_EQ(numa_free(address, bytes), 0);
	KT_EQ(numa_placement_get(address, bytes, &placement), -EFAULT);
}

/* All of @node's frames, chained by `next`, so that it is full. */
static struct page *fill(unsigned node)
{
	struct page *chain = NULL;

	for (unsigned order = PAGE_ORDERS; order-- > 0;) {
		struct page *page;

		while ((page = page_alloc(node, order, PAGE_STRICT))) {
			page->owner_flags = order;
			page->next = chain;
			chain = page;
		}
	}
	return chain;
}

static void drain(struct page *chain)
{
	while (chain) {
		struct page *next = chain->next;

		KT_EQ(page_free(chain, chain->owner_flags), 0);
		chain = next;
	}
}

static unsigned next_with_memory(unsigned node)
{
	const uint8_t *next = numa_fallback_order(node) + 1;

	while (!numa_get_node(*next)->memory_bytes)
		next++;
	return *next;
}

/* One node full: who may go elsewhere does, by distance, and the counters tell. */
static void check_full(unsigned full)
{
	unsigned next = next_with_memory(full), node;
	struct numa_stat before[2] = {numa_stat_get(full), numa_stat_get(next)}, after;
	struct nodemask one = NODEMASK_NONE, nodes = memory_nodes();
	struct numa_placement placement;
	struct numa_policy policy;
	void *address;

	nodemask_set(&one, full);
	KT_EQ(numa_policy_bind(&policy, one), 0);
	KT_EQ(numa_alloc_policy(PAGE_BYTES, &policy, &address), -ENOMEM);
	KT_EQ(numa_alloc_policy(LARGEST, &policy, &address), -ENOMEM);
	KT_EQ(numa_policy_preferred(&policy, full), 0);
	KT_EQ(numa_alloc_policy(PAGE_BYTES, &policy, &address), 0);
	KT_EQ(numa_placement_get(address, PAGE_BYTES, &placement), 0);
	KT_EQ(placement.pages[next], 1);
	KT_EQ(placement.why[NUMA_WHY_FALLBACK], 1);
	KT_EQ(numa_free(address, PAGE_BYTES), 0);
	after = numa_stat_get(full);
	KT_EQ(after.foreign, before[0].foreign + 1);
	KT_EQ(after.hit, before[0].hit);
	after = numa_stat_get(next);
	KT_EQ(after.miss, before[1].miss + 1);
	/* Its turn goes to the nearest of the set. */
	KT_EQ(numa_policy_interleave(&policy, nodes), 0);
	for_each_node (node, nodes) {
		KT_EQ(numa_alloc_policy(PAGE_BYTES, &policy, &address), 0);
		KT_EQ(numa_placement_get(address, PAGE_BYTES, &placement), 0);
		KT_EQ(placement.pages[node == full ? next : node], 1);
		KT_EQ(numa_free(address, PAGE_BYTES), 0);
	}
}

KTEST(policy, a_full_node_is_an_error_or_a_fallback)
{
	struct nodemask nodes = memory_nodes();
	unsigned node;

	if (nodemask_weight(nodes) < 2)
		KT_SKIP("one node only");
	if (page_free_count(NODE_ANY) > 1ul << 20)
		KT_SKIP("filling so much memory takes long");
	for_each_node (node, nodes) {
		struct page *chain = fill(node);

		check_full(node);
		drain(chain);
	}
}

KTEST(policy, refused_ones_are_not_stored)
{
	struct numa_policy policy, before;
	struct nodemask none = NODEMASK_NONE, foreign = NODEMASK_NONE;
	void *address = &policy;

	memset(&policy, 0x5a, sizeof(policy));
	before = policy;
	if (numa_node_count() < NODE_MAX)
		nodemask_set(&foreign, NODE_MAX - 1);
	KT_EQ(numa_policy_bind(&policy, none), -EINVAL);
	KT_EQ(numa_policy_interleave(&policy, foreign), -EINVAL);
	KT_EQ(numa_policy_preferred_many(&policy, foreign), -EINVAL);
	KT_EQ(numa_policy_preferred(&policy, numa_node_count()), -EINVAL);
	KT_CHECK(memcmp(&policy, &before, sizeof(policy)) == 0);
	numa_policy_default(&policy);
	KT_EQ(numa_alloc_policy(0, &policy, &address), -EINVAL);
	KT_CHECK(address == &policy);
	KT_CHECK(!numa_policy_is_node_allowed(&policy, numa_node_count()));
}

KTEST(policy, placements_are_kept_for_the_report)
{
	struct nodemask nodes = memory_nodes();
	struct numa_policy policy;
	void *address;

	KT_EQ(numa_policy_bind(&policy, nodes), 0);
	KT_EQ(numa_alloc_policy(3 * PAGE_BYTES, &policy, &address), 0);
	KT_EQ(numa_placement_note("test: three frames", address, 3 * PAGE_BYTES), 0);
	KT_EQ(numa_free(address, 3 * PAGE_BYTES), 0);
	KT_EQ(numa_placement_note("test: nowhere", (void *)PAGE_BYTES, PAGE_BYTES), -EFAULT);
}
