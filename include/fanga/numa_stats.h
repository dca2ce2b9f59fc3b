/*
 * Statistics of page placement by node, as Linux's numastat means them, in pages of 4 KiB:
 *
 *	hit		taken from this node, and this node was wanted
 *	miss		taken from this node, though another was wanted
 *	foreign		wanted from this node, but taken from another (its miss)
 *	interleave_hit	as hit, where an interleaving policy wanted the node
 *	local		taken from this node by a CPU of this node
 *	other		taken from this node by a CPU of another
 *
 * Hence hit + miss = local + other for each node, and over all nodes miss = foreign. A node without
 * memory is never wanted: the nearest with memory is meant instead.
 *
 * Each CPU counts in its own copy, one instruction in the usual case, no locks, any context; sums
 * are exact once the CPUs that allocate have come to rest.
 */
#pragma once

#include <fanga/numa.h>
#include <fanga/percpu.h>

/* What is counted: disjoint but for the last three, so that the usual case is one addition. */
enum numa_event {
	NUMA_HIT_LOCAL,
	NUMA_HIT_OTHER,
	NUMA_MISS_LOCAL,
	NUMA_MISS_OTHER,
	NUMA_FOREIGN,
	NUMA_INTERLEAVE_HIT,
	NUMA_MIGRATED_IN, /* pages that migration brought here */
	NUMA_EVENTS,
};

DECLARE_PER_CPU(uint64_t, numa_events[NUMA_EVENTS][NODE_MAX]);

/* Behind numa_stat_count(): every case. */
void numa_stat_count_any(unsigned wanted_node, unsigned got_node, enum numa_why why,
			 uint64_t pages);

/*
 * @pages were taken from @got_node while @wanted_node was asked for. @why NUMA_WHY_LOCAL says that
 * the running CPU's own node was wanted; NUMA_WHY_INTERLEAVE that an interleaving policy did.
 */
static inline void numa_stat_count(unsigned wanted_node, unsigned got_node, enum numa_why why,
				   uint64_t pages)
{
	if (likely(wanted_node == got_node && why == NUMA_WHY_LOCAL))
		this_cpu_add(numa_events[NUMA_HIT_LOCAL][got_node], pages);
	else
		numa_stat_count_any(wanted_node, got_node, why, pages);
}

/* @pages were migrated to @node. Not an allocation by itself: that one is counted as well. */
static inline void numa_stat_count_migrated(unsigned node, uint64_t pages)
{
	this_cpu_add(numa_events[NUMA_MIGRATED_IN][node], pages);
}

/* A node's sums over all CPUs, in pages. */
struct numa_stat {
	uint64_t hit, miss, foreign, interleave_hit, local, other, migrated_in;
};

/* Sum up @node, all zero for a node that does not exist. Any context. */
struct numa_stat numa_stat_get(unsigned node);
