/*
 * One node's free frames: blocks of 2^order in lists, and when their descriptors come to life.
 *
 * All of a node_pages is guarded by its lock, taken with interrupts off; the _locked functions want
 * it held. The lock is a leaf. Pure but for the lock: compiles for the host.
 */
#pragma once

#include <fanga/page.h>
#include <fanga/spinlock.h>
#include "lib/types.h"

#define BLOCK_FRAMES (1u << PAGE_ORDER_LARGE)
#define BLOCK_BYTES  LARGE_PAGE_BYTES

/*
 * What is known of each 2 MiB of physical addresses, one byte each. READY is stored with release
 * behind the descriptors and read with acquire by those who come from an address.
 */
enum block_state {
	BLOCK_NONE,  /* no RAM, no descriptors */
	BLOCK_LAZY,  /* all of one node; only the first frame's descriptor holds anything yet */
	BLOCK_READY, /* all 512 descriptors hold what they should */
};

extern uint8_t *block_states; /* by address >> 21; set by page_init(), then constant */
extern uint64_t block_count;

static inline enum block_state block_state_of(uint64_t index)
{
	/* Acquire: pairs with the release in block_set_ready(). */
	return index < block_count
		       ? (enum block_state)__atomic_load_n(&block_states[index], __ATOMIC_ACQUIRE)
		       : BLOCK_NONE;
}

/* The index of @page's block; of a pointer below the array, one that is too large. */
static inline uint64_t block_index(const struct page *page)
{
	return ((uint64_t)page - (uint64_t)PAGE_ARRAY) / (sizeof(struct page) * BLOCK_FRAMES);
}

/* Two kinds of RAM: what is below 4 GiB is given to those who do not ask for it only at the end. */
enum { RANGE_NORMAL, RANGE_DMA32, RANGES };

struct node_pages {
	struct spinlock lock;
	unsigned node;
	uint64_t free_pages;
	uint64_t total_pages;
	uint64_t min_pages, low_pages, high_pages;
	struct page *giga;
	uint64_t giga_free, giga_total;
	uint64_t reserved_pages;
	uint64_t refills, drains, lock_takings;
	uint32_t nonempty[RANGES];    /* bit per order: its list has a block */
	uint64_t range_pages[RANGES]; /* of free_pages */
	struct page *free[RANGES][PAGE_ORDERS];
	uint64_t blocks[RANGES][PAGE_ORDERS];
} __cacheline_aligned;

extern uint32_t page_check; /* struct page's `check`; set by page_init(), then constant */

/*
 * The first eight bytes of a descriptor, stored as one. What an uninitialised or overwritten one
 * holds differs in `check`.
 */
static inline uint64_t page_word(enum page_state state, unsigned order, unsigned node,
				 enum numa_why why)
{
	return (uint64_t)state | order << 8 | (uint64_t)node << 16 | (uint64_t)why << 24 |
	       (uint64_t)page_check << 32;
}

static inline void page_set_word(struct page *page, uint64_t word)
{
	__atomic_store_n((uint64_t *)(void *)page, word, __ATOMIC_RELAXED);
}

/*
 * Whether the word was @from and is @to now, in one locked step: of two who free a block at once
 * one is told. Relaxed: a frame reaches its next user through the lock of a cache or a node.
 */
static inline bool page_change_word(struct page *page, uint64_t from, uint64_t to)
{
	return __atomic_compare_exchange_n((uint64_t *)(void *)page, &from, to, false,
					   __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static inline uint64_t page_get_word(const struct page *page)
{
	return __atomic_load_n((const uint64_t *)(const void *)page, __ATOMIC_RELAXED);
}

/* Take @node's lock with interrupts off, counted; returns the word for node_unlock(). */
static inline unsigned long node_lock(struct node_pages *np)
{
	unsigned long flags = spin_lock_irqsave(&np->lock);

	np->lock_takings++;
	return flags;
}

static inline void node_unlock(struct node_pages *np, unsigned long flags)
{
	spin_unlock_irqrestore(&np->lock, flags);
}

/* An empty @node. */
void buddy_init(struct node_pages *np, unsigned node);

/* Set the watermarks from total_pages. */
void buddy_set_watermarks_locked(struct node_pages *np);

/* How many frames @flags may take: all but the reserve, or all. */
uint64_t buddy_available_locked(const struct node_pages *np, unsigned flags);

/*
 * Take a block of @order, its head PAGE_CACHED, or NULL. The smallest block that holds it is
 * split; memory below 4 GiB comes last, or alone with PAGE_DMA32.
 */
struct page *buddy_alloc_locked(struct node_pages *np, unsigned order, unsigned flags);

/*
 * Take up to @want single frames, chained by `next`, the last one's NULL, all PAGE_CACHED. Small
 * blocks go first. Returns their number.
 */
unsigned buddy_take_batch_locked(struct node_pages *np, unsigned want, unsigned flags,
				 struct page **chain);

/* Give a block back that is in no list and nobody's; joins it with its free buddies. */
void buddy_free_locked(struct node_pages *np, struct page *page, unsigned order);

/*
 * Make the descriptors of @page's block hold something: all frames but the first become @state
 * (PAGE_TAIL or PAGE_RESERVED). Does nothing when they do already.
 */
void block_make_ready_locked(struct page *page, unsigned node, enum page_state state);
