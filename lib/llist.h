/*
 * Lock-free list: many producers push, one consumer takes everything at once. Because the consumer
 * never removes a single node there is no ABA case, and a node may be freed or reused as soon as
 * the consumer has read its `next`. Any context, NMI included; push is one locked instruction
 * without contention.
 */
#pragma once

#include "lib/types.h"

struct llist_node {
	struct llist_node *next;
};

struct llist {
	struct llist_node *first; /* newest; written by compare-and-swap only */
};

static inline void llist_init(struct llist *list)
{
	list->first = NULL;
}

/*
 * A hint: true says that nothing was there at some moment. Sequentially consistent, so that
 * "publish that I sleep, then look" on the consumer's side and "push, then look for a sleeper" on
 * the producer's cannot both miss (on x86 the load is a plain mov; the consumer's publication must
 * be a locked instruction or xchg).
 */
static inline bool llist_empty(const struct llist *list)
{
	return __atomic_load_n(&list->first, __ATOMIC_SEQ_CST) == NULL;
}

/*
 * Add the chain `first` ... `last`, linked through `next` by the caller. Returns whether the list
 * was empty before: exactly one of the pushes between two takes gets true, and that one wakes the
 * consumer. The success ordering is seq_cst: release for the nodes' contents (pairs with the
 * acquire in llist_take_all), and before a later look at the consumer's state (see llist_empty). On
 * x86 it is the same lock cmpxchg as release would be.
 */
static inline bool llist_push_chain(struct llist *list, struct llist_node *first,
				    struct llist_node *last)
{
	struct llist_node *head = __atomic_load_n(&list->first, __ATOMIC_RELAXED);

	do {
		/* Plain store: the node is ours until the exchange publishes it. */
		last->next = head;
	} while (!__atomic_compare_exchange_n(&list->first, &head, first, true, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	return head == NULL;
}

static inline bool llist_push(struct llist *list, struct llist_node *node)
{
	return llist_push_chain(list, node, node);
}

/*
 * Take the whole list, newest first; NULL when it is empty. One consumer at a time (two would each
 * get whole disjoint chains, which is sound too). The acquire pairs with the push: the nodes'
 * contents are visible.
 */
static inline struct llist_node *llist_take_all(struct llist *list)
{
	return __atomic_exchange_n(&list->first, NULL, __ATOMIC_ACQ_REL);
}

/* Turn a taken chain round, to oldest first. The chain is private to the caller. */
static inline struct llist_node *llist_reverse(struct llist_node *chain)
{
	struct llist_node *reversed = NULL;

	while (chain) {
		struct llist_node *next = chain->next;

		chain->next = reversed;
		reversed = chain;
		chain = next;
	}
	return reversed;
}

/*
 * Walk a taken chain. `node` and `following` are struct llist_node pointers; the body may free or
 * reuse `node`, for `following` was read before it ran.
 */
#define llist_for_each_safe(node, following, chain) \
	for ((node) = (chain); (node) && ((following) = (node)->next, true); (node) = (following))
