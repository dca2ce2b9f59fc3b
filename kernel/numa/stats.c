/*
 * Statistics by node: counting of the unusual cases, and the sums; see numa_stats.h.
 *
 * Invariant: a CPU's events are written by that CPU alone, each by one instruction, so that its
 * interrupts may count too and others may read at any time. No locks.
 */
#include <fanga/cpu.h>
#include <fanga/numa_stats.h>

DEFINE_PER_CPU(uint64_t, numa_events[NUMA_EVENTS][NODE_MAX]);

void numa_stat_count_any(unsigned wanted_node, unsigned got_node, enum numa_why why, uint64_t pages)
{
	bool is_local = numa_node_for_cpu(current_cpu_id()) == got_node;

	if (got_node == numa_memory_node(wanted_node)) {
		if (is_local)
			this_cpu_add(numa_events[NUMA_HIT_LOCAL][got_node], pages);
		else
			this_cpu_add(numa_events[NUMA_HIT_OTHER][got_node], pages);
		if (why == NUMA_WHY_INTERLEAVE)
			this_cpu_add(numa_events[NUMA_INTERLEAVE_HIT][got_node], pages);
		return;
	}
	if (is_local)
		this_cpu_add(numa_events[NUMA_MISS_LOCAL][got_node], pages);
	else
		this_cpu_add(numa_events[NUMA_MISS_OTHER][got_node], pages);
	this_cpu_add(numa_events[NUMA_FOREIGN][numa_memory_node(wanted_node)], pages);
}

/* Relaxed: one writer; a reader wants each value whole, not all as of one moment. */
static uint64_t sum_event(enum numa_event event, unsigned node)
{
	uint64_t sum = 0;

	for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
		sum += __atomic_load_n(&per_cpu(numa_events, cpu)[event][node], __ATOMIC_RELAXED);
	return sum;
}

struct numa_stat numa_stat_get(unsigned node)
{
	uint64_t sums[NUMA_EVENTS] = {0};

	for (unsigned event = 0; node < numa_node_count() && event < NUMA_EVENTS; event++)
		sums[event] = sum_event(event, node);
	return (struct numa_stat){
		.hit = sums[NUMA_HIT_LOCAL] + sums[NUMA_HIT_OTHER],
		.miss = sums[NUMA_MISS_LOCAL] + sums[NUMA_MISS_OTHER],
		.foreign = sums[NUMA_FOREIGN],
		.interleave_hit = sums[NUMA_INTERLEAVE_HIT],
		.local = sums[NUMA_HIT_LOCAL] + sums[NUMA_MISS_LOCAL],
		.other = sums[NUMA_HIT_OTHER] + sums[NUMA_MISS_OTHER],
		.migrated_in = sums[NUMA_MIGRATED_IN],
	};
}
