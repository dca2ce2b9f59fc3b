/*
 * A set of memory nodes by dense number, 0 to NODE_MAX - 1: one word, passed by value. Any context;
 * callers that share one across CPUs bring their own lock or atomics.
 */
#pragma once

#include "lib/bitmap.h"

#define NODE_MAX 64

struct nodemask {
	uint64_t bits;
};

#define NODEMASK_NONE ((struct nodemask){0})

static inline void nodemask_set(struct nodemask *mask, unsigned node)
{
	mask->bits |= BIT(node);
}

static inline void nodemask_clear(struct nodemask *mask, unsigned node)
{
	mask->bits &= ~BIT(node);
}

static inline bool nodemask_test(struct nodemask mask, unsigned node)
{
	return mask.bits >> node & 1;
}

/* The set {0, ..., count - 1}; count at most NODE_MAX. */
static inline struct nodemask nodemask_first_n(unsigned count)
{
	return (struct nodemask){count >= NODE_MAX ? ~0ull : BIT(count) - 1};
}

static inline struct nodemask nodemask_and(struct nodemask a, struct nodemask b)
{
	return (struct nodemask){a.bits & b.bits};
}

static inline struct nodemask nodemask_or(struct nodemask a, struct nodemask b)
{
	return (struct nodemask){a.bits | b.bits};
}

static inline struct nodemask nodemask_andnot(struct nodemask a, struct nodemask b)
{
	return (struct nodemask){a.bits & ~b.bits};
}

static inline bool nodemask_empty(struct nodemask mask)
{
	return mask.bits == 0;
}

static inline bool nodemask_equal(struct nodemask a, struct nodemask b)
{
	return a.bits == b.bits;
}

static inline unsigned nodemask_weight(struct nodemask mask)
{
	return bits_weight(mask.bits);
}

/* The lowest node at or above `node`; NODE_MAX when there is none. */
static inline unsigned nodemask_from(struct nodemask mask, unsigned node)
{
	return bitmap_next(&mask.bits, NODE_MAX, node);
}

static inline unsigned nodemask_first(struct nodemask mask)
{
	return nodemask_from(mask, 0);
}

/* The lowest node above `node`; NODE_MAX when there is none. */
static inline unsigned nodemask_next(struct nodemask mask, unsigned node)
{
	return nodemask_from(mask, node + 1);
}

#define for_each_node(node, mask)                              \
	for ((node) = nodemask_first(mask); (node) < NODE_MAX; \
	     (node) = nodemask_next((mask), (node)))
