/*
 * What the parts of the object allocator share: the slab's descriptor and its word, caches, and the
 * lists of a node.
 *
 * A slab's free objects are in two places: on the free list of the CPU that holds it, which only
 * that CPU touches with interrupts off, and on the slab's own list, whose head, length and state
 * are one word that changes by compare-and-swap:
 *
 *	HELD --(holder finds nothing free)--> FULL --(first free)--> UNLISTED --(linked)--> LISTED
 *	LISTED --(taken by a CPU)--> HELD, --(last object taken one by one)--> FULL
 *	LISTED --(last one freed)--> EMPTY --(unlinked and given back, or kept)--> LISTED
 *
 * Who makes a slab UNLISTED or EMPTY, and nobody else, goes on to link or unlink it under the
 *node's lock, so that a slab cannot vanish under those who still have to do with it.
 */
#pragma once

#include <fanga/page.h>
#include <fanga/percpu.h>
#include <fanga/slab.h>
#include <fanga/spinlock.h>
#include "lib/types.h"

#define SLAB_LARGE 0u /* index of the cache of those that are blocks by themselves */

/* A free cell begins with this, in the debug build inside of its header. */
struct slab_cell {
	struct slab_cell *next;
};

enum slab_state { SLAB_HELD, SLAB_FULL, SLAB_UNLISTED, SLAB_LISTED, SLAB_EMPTY };

/* A block's descriptor, as this allocator uses struct page. */
struct slab {
	uint64_t page_word; /* the page allocator's: state, order, node */
	uint16_t cache;	    /* index; constant */
	uint16_t carved;    /* cells that have been on a list so far; the holder's */
	uint32_t order;	    /* of the block; constant */
	struct slab *next;  /* the three links: the node's lock */
	struct slab *previous;
	struct slab *head; /* in all of the block's descriptors: its first one; constant */
	uint64_t word;	   /* see below; atomic */
	struct slab *all_next, *all_previous;
};
_Static_assert(sizeof(struct slab) == sizeof(struct page), "a slab is a page descriptor");
_Static_assert(offsetof(struct slab, cache) == offsetof(struct page, refs) &&
		       offsetof(struct slab, next) == offsetof(struct page, next),
	       "only the owner's part of a page descriptor is used");

/* The word: offset of the first free cell / 16 + 1 or 0, number of free cells, state. */
#define WORD(first, count, state) \
	((uint64_t)(first) | (uint64_t)(count) << 16 | (uint64_t)(state) << 32)
#define WORD_FIRST(word) ((unsigned)(word)&0xffff)
#define WORD_COUNT(word) ((unsigned)((word) >> 16) & 0xffff)
#define WORD_STATE(word) ((enum slab_state)((word) >> 32))

struct slab_cache {
	const char *name; /* NULL: the entry is not in use */
	uint32_t bytes;	  /* of an object */
	uint32_t stride;  /* from cell to cell, a multiple of 16 */
	uint32_t header;  /* from the cell to the object: 0 in the release build */
	uint16_t order;
	uint16_t cells; /* in a slab */
	uint16_t index;
};

/* Of one cache on one node. */
struct slab_lists {
	struct spinlock lock;
	uint32_t listed_count;
	struct slab *listed; /* slabs with free cells that no CPU holds */
	struct slab *all;
	uint64_t slab_count, lock_takings;
} __cacheline_aligned;

/* Of one CPU for one cache; interrupts off. */
struct slab_cpu {
	struct slab_cell *free;
	struct slab *slab; /* held; NULL: `free` is empty */
};

DECLARE_PER_CPU(struct slab_cpu, slab_cpus[SLAB_CACHES]);

/* Let sizes of @units times 16 bytes come from cache @index. */
void slab_set_class(unsigned units, unsigned index);

/* Give up what @cpu holds of @cache: the running one, or one that leaves this cache alone. */
void slab_flush_irqoff(unsigned cpu, const struct slab_cache *cache);

extern struct slab_cache slab_caches[SLAB_CACHES];
extern struct slab_lists *slab_lists[NODE_MAX]; /* on the node; NULL: without memory */

static inline struct slab *slab_of(const void *object)
{
	uint64_t frame = ((uint64_t)object - DIRECT_MAP_BASE) >> PAGE_SHIFT;

	return ((struct slab *)(void *)PAGE_ARRAY)[frame].head;
}

static inline unsigned slab_node(const struct slab *slab)
{
	return ((const struct page *)(const void *)slab)->node;
}

static inline char *slab_base(const struct slab *slab)
{
	return page_virt((const struct page *)(const void *)slab);
}

static inline struct slab_cell *word_cell(const struct slab *slab, uint64_t word)
{
	unsigned first = WORD_FIRST(word);

	return first ? (void *)(slab_base(slab) + (first - 1) * (size_t)SLAB_ALIGN) : NULL;
}

static inline unsigned cell_number(const struct slab *slab, const struct slab_cell *cell)
{
	return cell ? (unsigned)(((const char *)cell - slab_base(slab)) / SLAB_ALIGN) + 1 : 0;
}

/* ---- slab_node.c ---- */

/*
 * Push the chain @first...@last of @count cells onto the slab's own list, and link or give it back
 * when it is due. Any context but NMI.
 */
void slab_push(struct slab *slab, struct slab_cell *first, struct slab_cell *last, unsigned count);

/* Take all that was pushed onto a held slab; NULL: nothing. */
struct slab_cell *slab_take_pushed(struct slab *slab);

/* Let go of a held slab that has nothing free. False: something has been pushed meanwhile. */
bool slab_let_go(struct slab *slab);

/* Let go of a held slab of which no cell is on a CPU's list: link it if any is free. */
void slab_put_held(struct slab *slab);

/* Make cells of the uncarved rest of a held slab, a few at a time; NULL: there is none. */
struct slab_cell *slab_carve(struct slab *slab, const struct slab_cache *cache, unsigned limit);

/* A listed slab of @node, held from now on with its free cells in *@cells; NULL: there is none. */
struct slab *slab_take_listed(const struct slab_cache *cache, unsigned node,
			      struct slab_cell **cells);

/*
 * A new slab, held, nothing carved, from @node, for one who wants @wanted; NULL: it is full. @node
 * NODE_ANY: near @wanted, which may be NODE_ANY too.
 */
struct slab *slab_create(const struct slab_cache *cache, unsigned wanted, unsigned node,
			 unsigned order);

/* Give back a slab that is on no list but that of all and has no cell out. */
void slab_destroy(struct slab *slab);

/* One cell from a listed slab of @node; NULL: there is none. */
struct slab_cell *slab_take_cell(const struct slab_cache *cache, unsigned node);

/* Give all of @node's slabs of @cache that are free altogether back to the page allocator. */
void slab_release_free(const struct slab_cache *cache, unsigned node);

/* Call @visit for each slab of @cache on @node, with the lock held. */
void slab_for_each(const struct slab_cache *cache, unsigned node,
		   void (*visit)(struct slab *slab, void *context), void *context);

/* ---- slab_debug.c ---- */

#ifdef CONFIG_DEBUG

/* Bytes from a cell to its object, and behind the object, for an object aligned to @align. */
size_t slab_debug_header(size_t align);
size_t slab_debug_trailer(void);

/* A cell was carved: it is free. */
void slab_debug_carved(const struct slab_cache *cache, struct slab_cell *cell);

/* A cell goes out to @site as an object of @bytes: check that nobody has written to it. */
void slab_debug_alloc(const struct slab_cache *cache, struct slab_cell *cell, size_t bytes,
		      uint64_t site);

/*
 * @object comes back from @site; @cache NULL: any. Its cell's slab, or NULL after a report when it
 * is none that could be freed.
 */
struct slab *slab_debug_free(const struct slab_cache *cache, void *object, uint64_t site);

/* As above for the large. */
void slab_debug_alloc_large(struct slab *slab, size_t bytes, uint64_t site);

/* Whether carved cell @number of @slab is out, and who took it for how many bytes. */
bool slab_debug_out(const struct slab *slab, unsigned number, uint64_t *site, size_t *bytes);

#endif
