/*
 * The graph behind the lock-order checker: nodes are lock classes, edges "held while waiting for".
 *
 * Invariant: the edges never form a cycle; a pair that would close one is refused and named. Class
 * and pair numbers start at 1 and are never reused. See the header for who may call what.
 */
#include "kernel/sync/lock_graph.h"

#ifdef CONFIG_DEBUG

#include "lib/errno.h"
#include "lib/string.h"

#define USAGE(usage) (1u << (usage))

unsigned lock_graph_class(struct lock_graph *graph, const void *key, const char *name)
{
	for (unsigned number = 1; number <= graph->classes; number++)
		if (graph->class[number].key == key)
			return number;
	if (graph->classes == LOCK_CLASS_MAX - 1)
		return 0;
	graph->classes++;
	graph->class[graph->classes].key = key;
	graph->class[graph->classes].name = name;
	return graph->classes;
}

bool lock_graph_knows(const struct lock_graph *graph, unsigned from, unsigned to)
{
	return __atomic_load_n(&graph->known[from][to / 64], __ATOMIC_RELAXED) >> (to % 64) & 1;
}

uint32_t lock_graph_usage(const struct lock_graph *graph, unsigned number)
{
	return __atomic_load_n(&graph->class[number].usage, __ATOMIC_RELAXED);
}

/*
 * Walk from @from along the pairs, nearest first, until @stop says so of a class (never of @from
 * itself) or all are seen. Returns that class, 0 when there is none; reached_by[] leads back.
 */
static unsigned search(struct lock_graph *graph, unsigned from,
		       bool (*stop)(const struct lock_graph *graph, unsigned number, unsigned arg),
		       unsigned arg)
{
	unsigned head = 0, tail = 0;

	memset(graph->reached_by, 0, sizeof(graph->reached_by));
	graph->queue[tail++] = (uint16_t)from;
	while (head < tail) {
		unsigned at = graph->queue[head++];

		for (unsigned p = graph->class[at].pairs; p; p = graph->pair[p].next) {
			unsigned to = graph->pair[p].to;

			if (graph->reached_by[to])
				continue;
			graph->reached_by[to] = (uint16_t)p;
			if (stop(graph, to, arg))
				return to;
			graph->queue[tail++] = (uint16_t)to;
		}
	}
	return 0;
}

/* The way by which the last search went from @from to @to. */
static void path_collect(const struct lock_graph *graph, unsigned from, unsigned to,
			 struct lock_path *path)
{
	unsigned length = 0;

	for (unsigned at = to; at != from; at = graph->pair[graph->reached_by[at]].from)
		length++;
	path->length = length;
	for (unsigned at = to; at != from; at = graph->pair[graph->reached_by[at]].from)
		if (--length < ARRAY_SIZE(path->pair))
			path->pair[length] = &graph->pair[graph->reached_by[at]];
}

static bool is_class(const struct lock_graph *graph, unsigned number, unsigned wanted)
{
	(void)graph;
	return number == wanted;
}

int lock_graph_add(struct lock_graph *graph, unsigned from, const struct lock_site *from_site,
		   unsigned to, const struct lock_site *to_site, struct lock_path *path)
{
	struct lock_pair *pair;

	if (lock_graph_knows(graph, from, to))
		return -EEXIST;
	/* Relaxed: who sees the bit only skips asking. */
	__atomic_fetch_or(&graph->known[from][to / 64], BIT(to % 64), __ATOMIC_RELAXED);

	if (search(graph, to, is_class, from)) {
		path_collect(graph, to, from, path);
		return -EDEADLK;
	}
	if (graph->pairs == LOCK_PAIR_MAX - 1)
		return -ENOSPC;
	graph->pairs++;
	pair = &graph->pair[graph->pairs];
	*pair = (struct lock_pair){
		.from_site = from_site,
		.to_site = to_site,
		.from = (uint16_t)from,
		.to = (uint16_t)to,
		.next = graph->class[from].pairs,
	};
	graph->class[from].pairs = (uint16_t)graph->pairs;
	return 0;
}

bool lock_graph_use(struct lock_graph *graph, unsigned number, enum lock_usage usage,
		    const struct lock_site *site)
{
	struct lock_class *class = &graph->class[number];

	if (class->usage & USAGE(usage))
		return false;
	class->usage_site[usage] = site;
	__atomic_fetch_or(&class->usage, USAGE(usage), __ATOMIC_RELAXED);
	return true;
}

static bool is_held_irqs_on(const struct lock_graph *graph, unsigned number, unsigned unused)
{
	(void)unused;
	return graph->class[number].usage &
	       (USAGE(LOCK_HELD_IRQS_ON) | USAGE(LOCK_HELD_SHARED_IRQS_ON));
}

static enum lock_usage held_usage(const struct lock_class *class)
{
	return class->usage & USAGE(LOCK_HELD_IRQS_ON) ? LOCK_HELD_IRQS_ON
						       : LOCK_HELD_SHARED_IRQS_ON;
}

bool lock_graph_irq_conflict(struct lock_graph *graph, struct lock_irq_conflict *conflict)
{
	for (unsigned number = 1; number <= graph->classes; number++) {
		struct lock_class *class = &graph->class[number];
		uint32_t waited = class->usage &
				  (USAGE(LOCK_WAITED_IN_IRQ) | USAGE(LOCK_WAITED_SHARED_IN_IRQ));
		bool exclusive = class->usage & USAGE(LOCK_WAITED_IN_IRQ);
		unsigned held = 0;

		if (!waited || class->irq_reported)
			continue;
		*conflict = (struct lock_irq_conflict){
			.waited = number,
			.waited_usage = exclusive ? LOCK_WAITED_IN_IRQ : LOCK_WAITED_SHARED_IN_IRQ,
		};
		if (class->usage & USAGE(LOCK_HELD_IRQS_ON) ||
		    (exclusive && class->usage & USAGE(LOCK_HELD_SHARED_IRQS_ON)))
			held = number;
		else if (exclusive)
			held = search(graph, number, is_held_irqs_on, 0);
		if (!held)
			continue;
		path_collect(graph, number, held, &conflict->path);
		conflict->held = held;
		conflict->held_usage = held_usage(&graph->class[held]);
		class->irq_reported = true;
		return true;
	}
	return false;
}

#endif
