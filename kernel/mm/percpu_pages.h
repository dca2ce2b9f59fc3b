/*
 * Free single frames by CPU, between page_alloc() and the nodes.
 *
 * A cache is guarded by `busy`. Nobody but page_cache_open() and _close() waits for it: its own CPU
 * takes it with preemption off and interrupts as they are, so that what interrupts it, or another
 * CPU that searches for memory meanwhile, finds it taken and goes to the node instead. Nearly
 * always it is free and its line stays where it is. No lock is taken while it is held: batches move
 * as chains that are nobody else's.
 */
#pragma once

#include "kernel/mm/buddy.h"
#include <fanga/percpu.h>

#define PAGE_BATCH 64u
#define NODE_NONE  0xffu

/* Frames of one node, all PAGE_CACHED, chained by `next`. */
struct page_chain {
	struct page *first;
	uint32_t count;
};

struct page_cache {
	uint32_t busy;	  /* bit 0 */
	uint32_t room;	  /* frames that `hot` can still take: 0..PAGE_BATCH */
	struct page *hot; /* freed and allocated here */
	uint64_t cached;  /* words of the home node's frames here and in use */
	uint64_t allocated;
	uint32_t hit_event; /* index of the counter of a frame taken from home as wanted */
	uint32_t home;	    /* node of `hot` and `cold`; NODE_NONE while closed: all are empty */
	struct page_chain cold; /* empty or a batch: the next to go home */
	/* Frames of other nodes freed here, less than a batch each. */
	uint64_t away_nodes; /* nodes whose list is not empty */
	uint64_t away_old;   /* those of them that were not at the last refill */
	struct page_chain away[NODE_MAX];
} __cacheline_aligned;

DECLARE_PER_CPU(struct page_cache, page_cache);

/* Begin to use @cpu's cache, with frames of @home. Thread context. */
void page_cache_open(unsigned cpu, unsigned home);

/* Bring home what @cpu's cache has, and leave it empty until it is opened again. Thread context. */
void page_cache_close(unsigned cpu);

/*
 * One frame of @node from the running CPU's cache, PAGE_CACHED; a cache whose home that is fills up
 * from the node first. NULL: there is none, or the cache is busy.
 */
struct page *page_cache_take(unsigned node, unsigned flags);

/* Put a PAGE_CACHED frame into the running CPU's cache, or bring it home if that is busy. */
void page_cache_put(struct page *page);

/* Bring home all frames of @node, or of all (NODE_ANY), that @cpu has. Returns their number. */
unsigned page_cache_drain(unsigned cpu, unsigned node);

/* Free frames of @node (NODE_ANY: all) on @cpu's lists; exact while they do not change. */
unsigned page_cache_count(unsigned cpu, unsigned node);

/* What the fast paths leave to kernel/mm/page.c: all but single frames of the running CPU's node.
 */
struct page *page_alloc_slow(unsigned node, unsigned order, unsigned flags);
int page_free_slow(struct page *page, unsigned order);

/* The lists of all nodes; NULL before page_init() and for nodes that do not exist. */
extern struct node_pages *node_pages[NODE_MAX];
