/*
 * llist under ThreadSanitizer: producers push from threads, one consumer takes. Node contents are
 * plain memory, so a missing ordering is a reported race; every node must arrive once, each
 * producer's in order, and the wake-ups must be just those of the empty-to-full edges.
 */
#include "tests/host/check.h"

#include <pthread.h>
#include <sched.h>

#include "lib/llist.h"

#define PRODUCERS 4
#define NODES	  40000

struct item {
	struct llist_node node;
	unsigned producer;
	unsigned number;
};

static struct llist list;
static unsigned finished;     /* producers; atomic */
static unsigned empty_pushes; /* pushes that were told to wake the consumer; atomic */

static void *produce(void *arg)
{
	unsigned producer = (unsigned)(uintptr_t)arg;
	struct item *previous = NULL;

	for (unsigned number = 0; number < NODES; number++) {
		struct item *item = malloc(sizeof(*item));
		bool was_empty;

		if (!item)
			abort();
		item->producer = producer;
		item->number = number;
		if (number % 8 == 7) {
			/* Two as one chain, newest first. */
			item->node.next = &previous->node;
			was_empty = llist_push_chain(&list, &item->node, &previous->node);
		} else if (number % 8 == 6) {
			previous = item;
			continue;
		} else {
			was_empty = llist_push(&list, &item->node);
		}
		if (was_empty)
			__atomic_fetch_add(&empty_pushes, 1, __ATOMIC_RELAXED);
		if (number % 1024 == 0)
			sched_yield();
	}
	__atomic_fetch_add(&finished, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void many_producers(void **state)
{
	pthread_t threads[PRODUCERS];
	unsigned next[PRODUCERS] = {0};
	unsigned takes = 0;
	bool is_over = false;

	(void)state;
	llist_init(&list);
	for (uintptr_t i = 0; i < PRODUCERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, produce, (void *)i), 0);
	while (!is_over) {
		struct llist_node *node, *following, *chain;

		/* Looked at before the take, so that nothing can come after the last one. */
		is_over = __atomic_load_n(&finished, __ATOMIC_ACQUIRE) == PRODUCERS;
		chain = llist_reverse(llist_take_all(&list));
		takes += chain != NULL;
		llist_for_each_safe(node, following, chain)
		{
			struct item *item = container_of(node, struct item, node);

			assert_int_equal(item->number, next[item->producer]);
			next[item->producer]++;
			free(item);
		}
		if (!chain)
			sched_yield();
	}
	for (unsigned i = 0; i < PRODUCERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(next[i], NODES);
	}
	assert_true(llist_empty(&list));
	/* One wake-up for each time that the list was found filled, no more and no fewer. */
	assert_int_equal(empty_pushes, takes);
}

static void alone(void **state)
{
	struct item items[3];

	(void)state;
	llist_init(&list);
	assert_true(llist_empty(&list));
	assert_null(llist_take_all(&list));
	assert_true(llist_push(&list, &items[0].node));
	assert_false(llist_push(&list, &items[1].node));
	assert_false(llist_push(&list, &items[2].node));
	assert_false(llist_empty(&list));
	assert_ptr_equal(llist_reverse(llist_take_all(&list)), &items[0].node);
	assert_ptr_equal(items[0].node.next, &items[1].node);
	assert_ptr_equal(items[1].node.next, &items[2].node);
	assert_null(items[2].node.next);
	assert_true(llist_push(&list, &items[1].node));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alone),
		cmocka_unit_test(many_producers),
	};

	return cmocka_run_group_tests_name("llist", tests, NULL, NULL);
}
