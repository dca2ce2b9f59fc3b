/*
 * The queue of cross-calls of one CPU, without the interrupts: push a request, run what is there.
 *
 * Invariant: between two takes exactly one push finds the queue empty, and that one's sender sends
 * the IPI; so whenever a request is queued, an IPI is on its way or a take is. A request is not
 * touched after its ticket has become 0: it may lie on the stack of a waiter. No locks. Pure
 * (tests/models/call_queue.pml, tests/host/stress_call.c).
 */
#pragma once

#include "fanga/call.h"

/* Push @call, whose ticket is set, onto @queue. True: the queue was empty, send the IPI. */
static inline bool call_queue_push(struct llist *queue, struct call *call, call_fn fn, void *arg)
{
	call->fn = fn;
	call->arg = arg;
	/* llist_push() releases the fields to the target and is ordered before the IPI. */
	return llist_push(queue, &call->node);
}

/* Run one request and hand it back. */
static inline void call_run(struct call *call)
{
	call->fn(call->arg);
	/* Release: what fn wrote is seen by who sees the request idle. Last access to *call. */
	__atomic_store_n(&call->ticket, 0, __ATOMIC_RELEASE);
}

/* Run all requests that are queued now, oldest first. Returns whether there were any. */
static inline bool call_queue_serve(struct llist *queue)
{
	struct llist_node *node, *following;

	if (llist_empty(queue))
		return false; /* spares the queue's line an exchange in waiting loops */
	node = llist_reverse(llist_take_all(queue));
	llist_for_each_safe(node, following, node)
	{
		call_run(container_of(node, struct call, node));
	}
	return true;
}

/* Whether use @ticket of @call is still in flight: a later use by somebody else is not ours. */
static inline bool call_in_flight(const struct call *call, uint32_t ticket)
{
	/* Acquire: pairs with the release in call_run(). */
	return __atomic_load_n(&call->ticket, __ATOMIC_ACQUIRE) == ticket;
}

/* Claim @call for use @ticket (not 0). False while an earlier use is in flight. */
static inline bool call_claim(struct call *call, uint32_t ticket)
{
	uint32_t idle = 0;

	/* Acquire: the last use's reads of *call are over. Pairs with the release in call_run(). */
	return __atomic_compare_exchange_n(&call->ticket, &idle, ticket, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}
