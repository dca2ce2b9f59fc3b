/*
 * Sorted disjoint ranges in an array: insertion and removal move the tail. Pure.
 */
#include "kernel/mm/ranges.h"
#include "lib/errno.h"
#include "lib/string.h"

static int insert_at(struct ranges *ranges, unsigned at, struct range range)
{
	if (ranges->count == RANGES_MAX)
		return -ENOSPC;
	memmove(&ranges->range[at + 1], &ranges->range[at],
		(ranges->count - at) * sizeof(ranges->range[0]));
	ranges->range[at] = range;
	ranges->count++;
	return 0;
}

static void delete_at(struct ranges *ranges, unsigned at)
{
	ranges->count--;
	memmove(&ranges->range[at], &ranges->range[at + 1],
		(ranges->count - at) * sizeof(ranges->range[0]));
}

/* The first range that ends above @address. */
static unsigned find_above(const struct ranges *ranges, uint64_t address)
{
	unsigned at = 0;

	while (at < ranges->count && ranges->range[at].end <= address)
		at++;
	return at;
}

int ranges_add(struct ranges *ranges, uint64_t base, uint64_t end, unsigned node)
{
	if (base >= end || !base)
		return -EINVAL;

	unsigned at = find_above(ranges, base);
	struct range *next = at < ranges->count ? &ranges->range[at] : NULL;
	struct range *previous = at > 0 ? &ranges->range[at - 1] : NULL;

	if (next && next->base < end)
		return -EEXIST;

	bool joins_next = next && next->base == end && next->node == node;
	bool joins_previous = previous && previous->end == base && previous->node == node;

	if (joins_previous) {
		previous->end = joins_next ? next->end : end;
		if (joins_next)
			delete_at(ranges, at);
		return 0;
	}
	if (joins_next) {
		next->base = base;
		return 0;
	}

	int error = insert_at(ranges, at, (struct range){base, end, node});

	if (error)
		ranges->lost_bytes += end - base;
	return error;
}

int ranges_remove(struct ranges *ranges, uint64_t base, uint64_t end)
{
	unsigned at = find_above(ranges, base);

	if (base >= end)
		return 0;
	while (at < ranges->count && ranges->range[at].base < end) {
		struct range *range = &ranges->range[at];

		if (range->base < base && range->end > end) {
			struct range tail = {end, range->end, range->node};
			int error = insert_at(ranges, at + 1, tail);

			if (error)
				return error;
			ranges->range[at].end = base;
			return 0;
		}
		if (range->base < base) {
			range->end = base;
			at++;
		} else if (range->end > end) {
			range->base = end;
			return 0;
		} else {
			delete_at(ranges, at);
		}
	}
	return 0;
}

uint64_t ranges_take(struct ranges *ranges, unsigned node, uint64_t bytes, uint64_t align)
{
	for (unsigned at = 0; bytes && at < ranges->count; at++) {
		const struct range *range = &ranges->range[at];
		uint64_t base = ALIGN_UP(range->base, align);

		if (node != RANGES_ANY && range->node != node)
			continue;
		if (base < range->base || base > range->end || range->end - base < bytes)
			continue;
		if (ranges_remove(ranges, base, base + bytes) == 0)
			return base;
	}
	return 0;
}

uint64_t ranges_bytes(const struct ranges *ranges, unsigned node)
{
	uint64_t bytes = 0;

	for (unsigned at = 0; at < ranges->count; at++)
		if (node == RANGES_ANY || ranges->range[at].node == node)
			bytes += ranges->range[at].end - ranges->range[at].base;
	return bytes;
}
