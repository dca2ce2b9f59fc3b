/*
 * Objects: memory in sizes from 16 bytes on, and in caches of one type each.
 *
 *	struct thing *thing = kmalloc(sizeof(*thing));		near the running CPU
 *	kfree(thing);						from any CPU
 *
 * An object is cut from a slab, a block of frames of one node. Each CPU allocates from a slab of
 *its own and frees into it without a lock; who frees an object of another slab pushes it onto that
 * slab's list by compare-and-swap. docs/slab.md has the whole picture.
 *
 * Unless stated otherwise: any context but NMI, interrupts and preemption on or off, never sleeps.
 * The debug build surrounds objects with red zones, fills free ones with poison, and reports an
 * object overrun, used after it was freed, freed twice or never allocated, with who did so.
 */
#pragma once

#include "lib/types.h"

#define SLAB_OBJECT_MAX 8192 /* larger ones are blocks of frames, up to 4 MiB */
#define SLAB_ALIGN	16
#define SLAB_CACHES	64

/*
 * At least @bytes, aligned to 16, or to @bytes (at most a page) in the release build if that is a
 * power of two. NULL: no memory, @bytes is 0 or above 4 MiB. Contents undefined (k) or zero (kz).
 */
void *kmalloc(size_t bytes) __must_check __attribute__((malloc, alloc_size(1)));
void *kzalloc(size_t bytes) __must_check __attribute__((malloc, alloc_size(1)));

/* As kmalloc(), from @node or the next by distance; NULL also when there is no such node. */
void *kmalloc_node(size_t bytes, unsigned node) __must_check __attribute__((malloc, alloc_size(1)));

/* Free what one of the three returned; NULL: nothing. */
void kfree(void *object);

struct slab_cache;

/*
 * A cache of objects of @bytes (1..SLAB_OBJECT_MAX), aligned to @align (a power of two, at most a
 * page; 0: SLAB_ALIGN). @name is kept. NULL: wrong arguments, or SLAB_CACHES exist. Thread context.
 */
struct slab_cache *slab_cache_create(const char *name, size_t bytes, size_t align) __must_check;

/*
 * End a cache that nobody allocates from or frees to any more. 0, or -EBUSY when objects of it are
 * still out: it stays. Thread context.
 */
int slab_cache_destroy(struct slab_cache *cache) __must_check;

/* An object of @cache near the running CPU (from @node or the next by distance), or NULL. */
void *slab_alloc(struct slab_cache *cache) __must_check;
void *slab_alloc_node(struct slab_cache *cache, unsigned node) __must_check;

/* Free an object of @cache; NULL: nothing. */
void slab_free(struct slab_cache *cache, void *object);

/* The node that @object, one of this allocator's, lies on. */
unsigned slab_object_node(const void *object);

struct slab_stats {
	uint64_t slabs;	       /* blocks held */
	uint64_t pages;	       /* frames in them */
	uint64_t objects;      /* out at callers, exact while nobody allocates or frees */
	uint64_t lock_takings; /* of the locks of all nodes */
};

/* Of @cache, NULL: of all, on @node (NODE_ANY: all). Large objects count as slabs of one. */
struct slab_stats slab_stats_get(const struct slab_cache *cache, unsigned node);

/*
 * Print what is still allocated through @print, in the debug build by the place that allocated it,
 * the most first. Returns the number of objects; exact while nobody allocates or frees.
 */
uint64_t slab_leak_report(void (*print)(const char *fmt, ...) __printf(1, 2));

/* Give the running CPU's slabs to their nodes, and what is all free back to the page allocator. */
void slab_shrink(void);

/* The running CPU goes offline and allocates no more. Interrupts off. */
void slab_cpu_offline_irqoff(void);

/* Boot CPU, once, after page_init() and before other CPUs run. */
void slab_init(void);
