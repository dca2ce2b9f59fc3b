/*
 * Free single frames by CPU, between page_alloc() and the nodes.
 *
 * A cache is guarded by its `lock`, taken with interrupts off: by its own CPU all the time, by
 * another one when a node is dry or the CPU goes offline, so it is free nearly always and its line
 * stays where it is. A leaf, never held together with a node's: batches move as chains that are
 * nobody else's.
 */
#pragma once

#include "kernel/mm/buddy.h"
#include <fanga/percpu.h>

#define PAGE_BATCH 64u

/* Frames chained by `next`. */
struct page_chain {
	struct page *first;
	uint32_t count;
};

struct page_cache {
	struct raw_spinlock lock;
	uint8_t home;  /* node of `hot` and `cold`; NODE_NONE while closed: all goes to the nodes */
	uint64_t word; /* of an allocated frame of the home node */
	uint64_t *hits;		/* this CPU's count of frames taken from the home node as wanted */
	struct page_chain hot;	/* freed and allocated here, at most a batch */
	struct page_chain cold; /* empty or the batch before it, next to go home */
	uint64_t away_nodes;	/* nodes whose list in `away` is not empty */
	uint64_t away_old;	/* those of them that were not at the last refill */
	struct page_chain away[NODE_MAX]; /* frames of other nodes freed here, less than a batch */
} __cacheline_aligned;

#define NODE_NONE 0xffu

DECLARE_PER_CPU(struct page_cache, page_cache);

/* Begin and end to use @cpu's cache, whose frames come from @home. Ending brings them home. */
void page_cache_open(unsigned cpu, unsigned home);
void page_cache_close(unsigned cpu);

/* One frame of @node from the running CPU's cache, refilled if it is the cache's own node; or NULL.
 */
struct page *page_cache_take(unsigned node, unsigned flags);

/* Bring home all frames of @node, or of all (NODE_ANY), that @cpu has. Returns their number. */
unsigned page_cache_drain(unsigned cpu, unsigned node);

/* Free frames of @node (NODE_ANY: all) on @cpu's lists; exact while they do not change. */
unsigned page_cache_count(unsigned cpu, unsigned node);

/* Give a chain of PAGE_CACHED frames of one node back to it, with its lock taken once. */
void page_chain_free(struct page_chain chain);

/*
 * What the fast paths leave to kernel/mm/page.c: everything but single frames near the running CPU.
 */
struct page *page_alloc_slow(unsigned node, unsigned order, unsigned flags);
int page_free_slow(struct page *page, unsigned order);

/* The lists of all nodes; NULL before page_init() and for nodes that do not exist. */
extern struct node_pages *node_pages[NODE_MAX];
