/*
 * A sorted set of disjoint physical ranges, each of one node: the early allocator's book of what is
 * free. Pure; the caller serialises.
 */
#pragma once

#include "lib/types.h"

#define RANGES_MAX 1024
#define RANGES_ANY (~0u)

struct range {
	uint64_t base, end; /* [base, end) */
	unsigned node;
};

struct ranges {
	unsigned count;
	uint64_t lost_bytes; /* given back, but the table was full */
	struct range range[RANGES_MAX];
};

/* Add [@base, @end) of @node, merging neighbours; what overlaps a range that is there is refused.
 */
int ranges_add(struct ranges *ranges, uint64_t base, uint64_t end, unsigned node) __must_check;

/* Take [@base, @end) out, whatever of it is there. -ENOSPC when a split finds no room. */
int ranges_remove(struct ranges *ranges, uint64_t base, uint64_t end) __must_check;

/*
 * Cut the lowest @bytes aligned to @align (a power of two) out of @node's ranges. Returns the base,
 * or 0 when none is large enough. Address 0 is never in the set.
 */
uint64_t ranges_take(struct ranges *ranges, unsigned node, uint64_t bytes, uint64_t align);

/* Bytes in the set of @node, or of all (RANGES_ANY). */
uint64_t ranges_bytes(const struct ranges *ranges, unsigned node);
