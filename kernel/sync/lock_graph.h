/*
 * What the lock-order checker knows: classes of locks, which was waited for while which was held,
 * and how each was used with regard to interrupts. Pure data; the caller excludes other users, but
 * for lock_graph_knows() and lock_graph_usage(), which may be asked at any time.
 */
#pragma once

#include "lib/bitmap.h"
#include "lib/types.h"

#define LOCK_CLASS_MAX 256
#define LOCK_PAIR_MAX  2048

struct lock_site;

/* How a class was used; each bit with the first place that did. */
enum lock_usage {
	LOCK_WAITED_IN_IRQ,	   /* an interrupt handler waited for it exclusively */
	LOCK_WAITED_SHARED_IN_IRQ, /* or for a share */
	LOCK_HELD_IRQS_ON,	   /* held exclusively with interrupts on */
	LOCK_HELD_SHARED_IRQS_ON,  /* a share held with interrupts on */
	LOCK_USAGES,
};

struct lock_class {
	const void *key;  /* identity */
	const char *name; /* for reports */
	uint32_t usage;	  /* bits of enum lock_usage */
	uint16_t pairs;	  /* first pair with this class held, 0: none */
	bool irq_reported;
	const struct lock_site *usage_site[LOCK_USAGES];
};

/* @to was waited for at @to_site while @from, taken at @from_site, was held. */
struct lock_pair {
	const struct lock_site *from_site;
	const struct lock_site *to_site;
	uint16_t from, to;
	uint16_t next; /* with the same @from */
};

struct lock_graph {
	unsigned classes, pairs; /* used; number 0 of both means none */
	struct lock_class class[LOCK_CLASS_MAX];
	struct lock_pair pair[LOCK_PAIR_MAX];
	uint64_t known[LOCK_CLASS_MAX][BITMAP_WORDS(LOCK_CLASS_MAX)];
	/* Scratch of searches: the pair over which a class was reached, and those left to look at.
	 */
	uint16_t reached_by[LOCK_CLASS_MAX];
	uint16_t queue[LOCK_CLASS_MAX];
};

/* A way through the graph: pairs from the first class to the last. */
struct lock_path {
	unsigned length;
	const struct lock_pair *pair[8]; /* the first ones, if it is longer */
};

/* The number of the class with identity @key, made when it is new; 0 when the table is full. */
unsigned lock_graph_class(struct lock_graph *graph, const void *key, const char *name);

/* Whether the pair was dealt with before. Any context, no lock: false may be out of date. */
bool lock_graph_knows(const struct lock_graph *graph, unsigned from, unsigned to);

/* The usage bits of class @number. Any context, no lock: bits may be missing for a moment. */
uint32_t lock_graph_usage(const struct lock_graph *graph, unsigned number);

/*
 * Learn that @to was waited for while @from was held. 0, or -EEXIST (known), or -EDEADLK: @path
 * leads from @to to @from, the opposite order; the pair is then known but not part of the graph,
 * which stays without cycles. -ENOSPC: no room, known from now on.
 */
int lock_graph_add(struct lock_graph *graph, unsigned from, const struct lock_site *from_site,
		   unsigned to, const struct lock_site *to_site,
		   struct lock_path *path) __must_check;

/* Note a usage of class @number. Returns whether it is new. */
bool lock_graph_use(struct lock_graph *graph, unsigned number, enum lock_usage usage,
		    const struct lock_site *site);

/* A class that a handler waits for, and one that can be held by what the handler interrupted. */
struct lock_irq_conflict {
	unsigned waited, held; /* the same, or @path leads from the first to the second */
	enum lock_usage waited_usage, held_usage;
	struct lock_path path;
};

/*
 * Find a class not yet reported that can deadlock by an interrupt: it is waited for in a handler,
 * and it, or one that comes after it in order, is held with interrupts on. Shares do not conflict
 * with shares of the same class. Marks it as reported.
 */
bool lock_graph_irq_conflict(struct lock_graph *graph, struct lock_irq_conflict *conflict);
