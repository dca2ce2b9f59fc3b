/*
 * Memory policies as iterators over nodes.
 *
 *	kind			first node		then			last resort
 *	default			the CPU's		by distance from it	any node
 *	bind			of the set, nearest	the set by distance	none: -ENOMEM
 *	interleave		of the set, in turn	the set by distance	none: -ENOMEM
 *	weighted interleave	the same, by weight	from the one in turn	none: -ENOMEM
 *	preferred		the node		by distance from it	any node
 *	preferred many		of the set, nearest	the set, then others	any node
 *
 * Invariant: a policy that a constructor returned 0 for has a non-empty set of nodes with memory.
 */
#include <fanga/policy.h>
#include <fanga/numa.h>
#include <fanga/preempt.h>
#include "lib/errno.h"

/* `turn`: the node whose turn it is, and how many allocations it has had in a row. */
#define TURN_NODE(turn)	 ((turn)&0xff)
#define TURN_USED(turn)	 ((turn) >> 8)
#define TURN(node, used) ((uint32_t)(node) | (uint32_t)(used) << 8)

static DEFINE_PER_CPU(struct numa_policy *, current_policy);

/* Constant after boot. */
static struct nodemask memory_nodes;
static struct numa_policy default_policy;

void numa_policy_init(void)
{
	memory_nodes = NODEMASK_NONE;
	for (unsigned node = 0; node < numa_node_count(); node++)
		if (numa_get_node(node)->memory_bytes)
			nodemask_set(&memory_nodes, node);
	numa_policy_default(&default_policy);
}

void numa_policy_default(struct numa_policy *policy)
{
	*policy = (struct numa_policy){.kind = NUMA_POLICY_DEFAULT, .nodes = memory_nodes};
}

/* Make a policy over those of @nodes that have memory. */
static int make(struct numa_policy *policy, enum numa_policy_kind kind, struct nodemask nodes)
{
	struct nodemask usable = nodemask_and(nodes, memory_nodes);

	if (!nodemask_empty(nodemask_andnot(nodes, nodemask_first_n(numa_node_count()))) ||
	    nodemask_empty(usable))
		return -EINVAL;
	*policy = (struct numa_policy){
		.kind = (uint8_t)kind,
		.turn = TURN(nodemask_first(usable), 0),
		.nodes = usable,
	};
	return 0;
}

int numa_policy_bind(struct numa_policy *policy, struct nodemask nodes)
{
	return make(policy, NUMA_POLICY_BIND, nodes);
}

int numa_policy_interleave(struct numa_policy *policy, struct nodemask nodes)
{
	return make(policy, NUMA_POLICY_INTERLEAVE, nodes);
}

int numa_policy_preferred_many(struct numa_policy *policy, struct nodemask nodes)
{
	return make(policy, NUMA_POLICY_PREFERRED_MANY, nodes);
}

int numa_policy_preferred(struct numa_policy *policy, unsigned node)
{
	struct nodemask one = NODEMASK_NONE;
	int error;

	if (node >= NODE_MAX)
		return -EINVAL;
	nodemask_set(&one, node);
	error = make(policy, NUMA_POLICY_PREFERRED, one);
	if (error)
		return error;
	policy->node = (uint8_t)node;
	policy->nodes = memory_nodes;
	return 0;
}

int numa_policy_weighted_interleave(struct numa_policy *policy, struct nodemask nodes,
				    const uint8_t *weights)
{
	struct nodemask weighty = nodes;
	unsigned node;
	int error;

	/* Nodes that do not exist stay in for make() to refuse, whatever their weight. */
	for_each_node (node, nodes)
		if (!weights[node] && node < numa_node_count())
			nodemask_clear(&weighty, node);
	error = make(policy, NUMA_POLICY_WEIGHTED_INTERLEAVE, weighty);
	if (error)
		return error;
	for_each_node (node, policy->nodes)
		policy->weights[node] = weights[node];
	return 0;
}

bool numa_policy_is_node_allowed(const struct numa_policy *policy, unsigned node)
{
	/* Preferences keep nothing out. */
	if (policy->kind == NUMA_POLICY_PREFERRED_MANY)
		return node < NODE_MAX && nodemask_test(memory_nodes, node);
	return node < NODE_MAX && nodemask_test(policy->nodes, node);
}

static unsigned weight_of(const struct numa_policy *policy, unsigned node)
{
	return policy->kind == NUMA_POLICY_WEIGHTED_INTERLEAVE ? policy->weights[node] : 1;
}

/* The node in turn; the turn goes on. */
static unsigned take_turn(struct numa_policy *policy)
{
	uint32_t turn = __atomic_load_n(&policy->turn, __ATOMIC_RELAXED);
	uint32_t next;

	/* Relaxed: nothing else is handed over with the turn. */
	do {
		unsigned node = TURN_NODE(turn);

		next = TURN(node, TURN_USED(turn) + 1);
		if (TURN_USED(next) >= weight_of(policy, node)) {
			node = nodemask_next(policy->nodes, node);
			next = TURN(node < NODE_MAX ? node : nodemask_first(policy->nodes), 0);
		}
	} while (!__atomic_compare_exchange_n(&policy->turn, &turn, next, true, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return TURN_NODE(turn);
}

static void begin(struct numa_policy *policy, struct numa_policy_iter *iter)
{
	unsigned near = numa_node_for_cpu(current_cpu_id());

	if (numa_policy_is_interleave(policy))
		near = take_turn(policy);
	else if (policy->kind == NUMA_POLICY_PREFERRED)
		near = policy->node;
	*iter = (struct numa_policy_iter){
		.now = policy->nodes,
		.later = NODEMASK_NONE,
		.near = (uint8_t)near,
		.has_begun = true,
	};
	if (policy->kind == NUMA_POLICY_PREFERRED_MANY)
		iter->later = nodemask_andnot(memory_nodes, policy->nodes);
}

int numa_policy_next_node(struct numa_policy *policy, struct numa_policy_iter *iter)
{
	const uint8_t *order;

	if (!iter->has_begun)
		begin(policy, iter);
	if (nodemask_empty(iter->now)) {
		iter->now = iter->later;
		iter->later = NODEMASK_NONE;
		iter->index = 0;
		if (nodemask_empty(iter->now))
			return -ENOENT;
	}
	/* The order holds every node, so the set runs out before the order does. */
	order = numa_fallback_order(iter->near) + iter->index;
	for (; !nodemask_test(iter->now, *order); order++)
		iter->index++;
	iter->index++;
	nodemask_clear(&iter->now, *order);
	return *order;
}

const char *numa_policy_kind_name(enum numa_policy_kind kind)
{
	static const char *const names[NUMA_POLICY_KINDS] = {
		[NUMA_POLICY_DEFAULT] = "default",
		[NUMA_POLICY_BIND] = "bind",
		[NUMA_POLICY_INTERLEAVE] = "interleave",
		[NUMA_POLICY_WEIGHTED_INTERLEAVE] = "weighted-interleave",
		[NUMA_POLICY_PREFERRED] = "preferred",
		[NUMA_POLICY_PREFERRED_MANY] = "preferred-many",
	};

	return names[kind];
}

struct numa_policy *numa_policy_current(void)
{
	struct numa_policy *policy = in_interrupt() ? NULL : this_cpu_read(current_policy);

	return policy ? policy : &default_policy;
}

struct numa_policy *numa_policy_set_current(struct numa_policy *policy)
{
	struct numa_policy *before = numa_policy_current();

	this_cpu_write(current_policy, policy);
	return before;
}
