/*
 * Memory policies: from which nodes memory comes, and in which order they are asked.
 *
 *	struct numa_policy policy;
 *	struct numa_policy_iter iter = { 0 };
 *
 *	if (numa_policy_bind(&policy, nodes))		-EINVAL: no such nodes
 *	while ((node = numa_policy_next_node(&policy, &iter)) >= 0)
 *		...					try to allocate on node, best first
 *
 * A policy is a plain value, copied by assignment; the constructors check it, so that whatever is
 * stored is valid. kernel/numa/policy.c begins with the table of what each kind means. Any context,
 * no locks. Pages are numa_alloc_policy()'s business (<fanga/policy_alloc.h>), not the policy's.
 */
#pragma once

#include "lib/nodemask.h"
#include "lib/types.h"

#define NUMA_WEIGHT_MAX 255

enum numa_policy_kind {
	NUMA_POLICY_DEFAULT,
	NUMA_POLICY_BIND,
	NUMA_POLICY_INTERLEAVE,
	NUMA_POLICY_WEIGHTED_INTERLEAVE,
	NUMA_POLICY_PREFERRED,
	NUMA_POLICY_PREFERRED_MANY,
	NUMA_POLICY_KINDS,
};

struct numa_policy {
	uint8_t kind;		   /* enum numa_policy_kind */
	uint8_t node;		   /* of PREFERRED */
	uint32_t turn;		   /* of the interleaving kinds: whose turn it is; atomic */
	struct nodemask nodes;	   /* with memory, never empty; all for DEFAULT and PREFERRED */
	uint8_t weights[NODE_MAX]; /* of WEIGHTED_INTERLEAVE: above 0 for each of `nodes` */
};

/* Note which nodes have memory. Boot CPU, once, after numa_order_init(). */
void numa_policy_init(void);

/* Near the running CPU, anywhere when it is full there. Cannot fail; no error. */
void numa_policy_default(struct numa_policy *policy);

/*
 * Make *@policy of the kind. 0, or -EINVAL, *@policy unchanged: @nodes has a node that does not
 * exist, or none that has memory. Nodes without memory are left out of the set.
 */
int numa_policy_bind(struct numa_policy *policy, struct nodemask nodes) __must_check;
int numa_policy_interleave(struct numa_policy *policy, struct nodemask nodes) __must_check;
int numa_policy_preferred(struct numa_policy *policy, unsigned node) __must_check;
int numa_policy_preferred_many(struct numa_policy *policy, struct nodemask nodes) __must_check;

/*
 * As interleave, each node for as many allocations in a row as its weight of @weights, which has
 * NODE_MAX elements, 0..NUMA_WEIGHT_MAX; nodes with weight 0 are left out. -EINVAL also when the
 * weights leave no node.
 */
int numa_policy_weighted_interleave(struct numa_policy *policy, struct nodemask nodes,
				    const uint8_t *weights) __must_check;

/* Whether memory under @policy may be on @node: just the nodes that the iterator yields. */
bool numa_policy_is_node_allowed(const struct numa_policy *policy, unsigned node);

/* Whether the policy, not nearness, says which node comes first. */
static inline bool numa_policy_is_interleave(const struct numa_policy *policy)
{
	return policy->kind == NUMA_POLICY_INTERLEAVE ||
	       policy->kind == NUMA_POLICY_WEIGHTED_INTERLEAVE;
}

/* Where one allocation has got to in the nodes of its policy. Begins zeroed. */
struct numa_policy_iter {
	struct nodemask now;   /* still to come in this round */
	struct nodemask later; /* in the round after it */
	uint8_t near;	       /* whose fallback order is followed */
	uint8_t index;	       /* in that order */
	bool has_begun;
};

/*
 * The next node to try, each allowed one just once, or -ENOENT after the last. The first call takes
 * the policy's turn if it interleaves: contexts that share a policy share its turns, exactly.
 */
int numa_policy_next_node(struct numa_policy *policy, struct numa_policy_iter *iter);

/* "default", "bind", "interleave", "weighted-interleave", "preferred", "preferred-many". */
const char *numa_policy_kind_name(enum numa_policy_kind kind);

/*
 * The running context's policy, which NUMA_ANY follows; the default one until it is set, and always
 * in interrupts. Today a context is what runs on a CPU outside of interrupts. The caller stays on
 * its CPU as long as it uses the address.
 */
struct numa_policy *numa_policy_current(void);

/* Set it (NULL: the default one); returns the one before. @policy must outlive its time as such. */
struct numa_policy *numa_policy_set_current(struct numa_policy *policy);
