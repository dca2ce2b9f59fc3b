/*
 * Memory by policy, and where it has come to lie.
 */
#pragma once

#include <fanga/numa.h>
#include <fanga/policy.h>
#include "lib/json.h"

/*
 * As numa_alloc() with NUMA_ANY under @policy instead of the running context's. Above 4 MiB each
 * frame asks the policy anew; up to there the block is one allocation, on one node. 0; -EINVAL:
 * @bytes is 0; -ENOMEM: the nodes that the policy allows are full, nothing is taken. Thread
 * context, preemption on or off.
 */
int numa_alloc_policy(size_t bytes, struct numa_policy *policy, void **address) __must_check;

/* How many of a thing's frames lie on which node, and why. */
struct numa_placement {
	uint64_t pages[NODE_MAX];
	uint64_t why[NUMA_WHY_COUNT];
};

/*
 * The placement of [@address, +@bytes), memory of the kernel that is mapped; -EFAULT if some of it
 * is not, or lies in no RAM that was ever allocated. Any context; the caller keeps it allocated.
 */
int numa_placement_get(const void *address, size_t bytes,
		       struct numa_placement *placement) __must_check;

/*
 * Keep the placement that [@address, +@bytes) has now under the name @what (cut to 47 characters)
 * for the "placement" of run.json. 0, -EFAULT as above, -ENOSPC when 64 are kept. Thread context.
 */
int numa_placement_note(const char *what, const void *address, size_t bytes) __must_check;

/* Write "numa" and "placement" of run.json. Thread context. */
void numa_stats_json(struct json *json, void *unused);
void numa_placement_json(struct json *json, void *unused);
