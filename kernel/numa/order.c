/*
 * Fallback order: for each node, in which order the nodes are asked when memory is wanted near it.
 *
 * Invariant after numa_order_init(): each list is a permutation of the nodes, itself first, the
 * others by ascending distance, so that unreachable ones come last. Nodes equally far are placed
 * such that those which overflow at the same time do not all fall on the same neighbour: the one
 * that stood least often at this place in the lists made before, then the next one round the
 * circle. Constant afterwards, so any context reads it without a lock. Pure: compiles for the host.
 */
#include <fanga/numa.h>

#include "lib/string.h"

static uint8_t orders[NODE_MAX][NODE_MAX];

/* How often a node stands at a place so far, places counted over nodes with memory only. */
static uint8_t places_taken[NODE_MAX][NODE_MAX];

/* Whether @a comes before @b, both open, at @place of @from's list. */
static bool comes_before(unsigned a, unsigned b, unsigned from, unsigned place)
{
	unsigned count = numa_node_count();
	bool a_has_memory = numa_get_node(a)->memory_bytes,
	     b_has_memory = numa_get_node(b)->memory_bytes;

	if (numa_distance(from, a) != numa_distance(from, b))
		return numa_distance(from, a) < numa_distance(from, b);
	if (a_has_memory != b_has_memory)
		return a_has_memory;
	if (places_taken[place][a] != places_taken[place][b])
		return places_taken[place][a] < places_taken[place][b];
	return (a + count - from) % count < (b + count - from) % count;
}

static unsigned pick_next(struct nodemask open, unsigned from, unsigned place)
{
	unsigned best = nodemask_first(open), node;

	for_each_node (node, open)
		if (node != best && comes_before(node, best, from, place))
			best = node;
	return best;
}

static void build_order(unsigned from)
{
	struct nodemask open = nodemask_first_n(numa_node_count());
	unsigned place = 0;

	orders[from][0] = (uint8_t)from;
	nodemask_clear(&open, from);
	if (numa_get_node(from)->memory_bytes)
		place++;
	for (unsigned i = 1; !nodemask_empty(open); i++) {
		unsigned node = pick_next(open, from, place);

		orders[from][i] = (uint8_t)node;
		nodemask_clear(&open, node);
		if (numa_get_node(node)->memory_bytes)
			places_taken[place++][node]++;
	}
}

void numa_order_init(void)
{
	memset(places_taken, 0, sizeof(places_taken));
	for (unsigned from = 0; from < numa_node_count(); from++)
		build_order(from);
}

const uint8_t *numa_fallback_order(unsigned node)
{
	return orders[node];
}

unsigned numa_memory_node(unsigned from)
{
	for (unsigned i = 0; i < numa_node_count(); i++)
		if (numa_get_node(orders[from][i])->memory_bytes)
			return orders[from][i];
	return from;
}
