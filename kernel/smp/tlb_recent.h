/*
 * What the last flushes of a space were about: one word per generation, packed so that it is read
 * and written as a whole.
 *
 *	 63         28 27    22 21                0
 *	+-------------+--------+-------------------+
 *	| page number |  pages | generation mod 2^22|      pages 0: everything
 *	+-------------+--------+-------------------+
 *
 * A reader that finds another generation's number in the word takes the flush for one of
 * everything, which is always right; so a word may be late or overwritten, never wrong. (A writer
 * stalls between its add and its store for less than 2^22 generations: it holds preemption off, and
 * each of those flushes would have needed its CPU's acknowledgement.) Pure.
 */
#pragma once

#include "fanga/tlb.h"
#include "lib/types.h"

#define TLB_RECENT_GENERATION_BITS 22
#define TLB_RECENT_PAGES_BITS	   6
#define TLB_PAGE_SHIFT		   12
#define TLB_ADDRESS_BITS	   48
_Static_assert(TLB_RANGE_PAGES_MAX < 1 << TLB_RECENT_PAGES_BITS, "the count must fit its field");

/* The word for @generation; @pages 0 or above TLB_RANGE_PAGES_MAX means everything. */
static inline uint64_t tlb_recent_pack(uint64_t generation, uint64_t start, uint64_t pages)
{
	uint64_t page = start >> TLB_PAGE_SHIFT & (BIT(TLB_ADDRESS_BITS - TLB_PAGE_SHIFT) - 1);

	if (pages > TLB_RANGE_PAGES_MAX)
		pages = 0;
	return page << (TLB_RECENT_GENERATION_BITS + TLB_RECENT_PAGES_BITS) |
	       pages << TLB_RECENT_GENERATION_BITS |
	       (generation & (BIT(TLB_RECENT_GENERATION_BITS) - 1));
}

/* Read a word. False when it is not @generation's or means everything. */
static inline bool tlb_recent_unpack(uint64_t word, uint64_t generation, struct tlb_range *range)
{
	uint64_t pages = word >> TLB_RECENT_GENERATION_BITS & (BIT(TLB_RECENT_PAGES_BITS) - 1);
	uint64_t page = word >> (TLB_RECENT_GENERATION_BITS + TLB_RECENT_PAGES_BITS);

	if ((word ^ generation) & (BIT(TLB_RECENT_GENERATION_BITS) - 1) || pages == 0)
		return false;
	/* Shift the sign bit of the address to the top and back: canonical again. */
	range->start = (uint64_t)((int64_t)(page << (64 - TLB_ADDRESS_BITS + TLB_PAGE_SHIFT)) >>
				  (64 - TLB_ADDRESS_BITS));
	range->end = range->start + (pages << TLB_PAGE_SHIFT);
	return true;
}

/* Remember what @generation of @space flushes. */
static inline void tlb_recent_put(struct tlb_space *space, uint64_t generation, uint64_t start,
				  uint64_t pages)
{
	/* Relaxed: the word vouches for itself; readers depend on the generation's ordering. */
	__atomic_store_n(&space->recent[generation % TLB_RECENT],
			 tlb_recent_pack(generation, start, pages), __ATOMIC_RELAXED);
}

/*
 * The ranges that bring a CPU from generation @seen to @now (> @seen). Returns their number, or -1
 * for everything: too many generations or pages, or a word that is not there (yet, any more).
 */
static inline int tlb_recent_collect(const struct tlb_space *space, uint64_t seen, uint64_t now,
				     struct tlb_range ranges[TLB_RECENT])
{
	uint64_t pages = 0;
	int count = 0;

	if (now - seen > TLB_RECENT)
		return -1;
	for (uint64_t generation = seen + 1; generation <= now; generation++) {
		uint64_t word =
			__atomic_load_n(&space->recent[generation % TLB_RECENT], __ATOMIC_RELAXED);

		if (!tlb_recent_unpack(word, generation, &ranges[count]))
			return -1;
		pages += (ranges[count].end - ranges[count].start) >> TLB_PAGE_SHIFT;
		if (pages > TLB_RANGE_PAGES_MAX)
			return -1;
		count++;
	}
	return count;
}
