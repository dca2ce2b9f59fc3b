// sources: kernel/sync/lock_graph.c
// cflags: -DCONFIG_DEBUG
/*
 * The graph behind the lock-order checker: cycles of any length, limits, interrupt conflicts.
 */
#include "tests/host/check.h"

#include <fanga/lockstat.h>
#include "kernel/sync/lock_graph.h"
#include "lib/errno.h"

static struct lock_graph graph;
static struct lock_site site[8];
static char key[LOCK_CLASS_MAX];
static struct lock_path path;

static int reset(void **state)
{
	(void)state;
	memset(&graph, 0, sizeof(graph));
	memset(&path, 0, sizeof(path));
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(lock_graph_class(&graph, &key[i], "lock"), i + 1);
	return 0;
}

static int add(unsigned from, unsigned to)
{
	return lock_graph_add(&graph, from, &site[from], to, &site[to], &path);
}

static void classes_are_found_again(void **state)
{
	(void)state;
	assert_int_equal(lock_graph_class(&graph, &key[3], "lock"), 4);
	assert_int_equal(graph.classes, 7);
	for (unsigned i = 7; i < LOCK_CLASS_MAX - 1; i++)
		assert_int_equal(lock_graph_class(&graph, &key[i], "lock"), i + 1);
	assert_int_equal(lock_graph_class(&graph, &key[LOCK_CLASS_MAX - 1], "one more"), 0);
	assert_int_equal(lock_graph_class(&graph, &key[0], "lock"), 1);
}

static void opposite_order_is_found_once(void **state)
{
	(void)state;
	assert_int_equal(add(1, 2), 0);
	assert_int_equal(add(1, 2), -EEXIST);
	assert_int_equal(add(2, 1), -EDEADLK);
	assert_int_equal(path.length, 1);
	assert_ptr_equal(path.pair[0]->from_site, &site[1]);
	assert_ptr_equal(path.pair[0]->to_site, &site[2]);
	assert_int_equal(add(2, 1), -EEXIST);
	assert_int_equal(graph.pairs, 1);
}

static void longer_cycles_are_found_by_the_shortest_way(void **state)
{
	(void)state;
	assert_int_equal(add(1, 2), 0);
	assert_int_equal(add(2, 3), 0);
	assert_int_equal(add(3, 4), 0);
	assert_int_equal(add(4, 5), 0);
	assert_int_equal(add(2, 5), 0);
	assert_int_equal(add(6, 1), 0);
	assert_int_equal(add(5, 1), -EDEADLK);
	assert_int_equal(path.length, 2);
	assert_int_equal(path.pair[0]->from, 1);
	assert_int_equal(path.pair[0]->to, 2);
	assert_int_equal(path.pair[1]->from, 2);
	assert_int_equal(path.pair[1]->to, 5);
	/* The pair that was refused is no order: this one closes no cycle. */
	assert_int_equal(add(5, 7), 0);
	assert_int_equal(add(7, 6), -EDEADLK);
}

static void unrelated_orders_are_fine(void **state)
{
	(void)state;
	for (unsigned from = 1; from <= 7; from++)
		for (unsigned to = from + 1; to <= 7; to++)
			assert_int_equal(add(from, to), 0);
	for (unsigned from = 1; from <= 7; from++)
		for (unsigned to = 1; to < from; to++)
			assert_int_equal(add(from, to), -EDEADLK);
}

static void long_path_is_cut(void **state)
{
	(void)state;
	for (unsigned i = 7; i < 20; i++)
		assert_int_equal(lock_graph_class(&graph, &key[i], "lock"), i + 1);
	for (unsigned i = 1; i < 20; i++)
		assert_int_equal(lock_graph_add(&graph, i, &site[0], i + 1, &site[0], &path), 0);
	assert_int_equal(lock_graph_add(&graph, 20, &site[0], 1, &site[0], &path), -EDEADLK);
	assert_int_equal(path.length, 19);
	assert_int_equal(path.pair[0]->from, 1);
	assert_int_equal(path.pair[ARRAY_SIZE(path.pair) - 1]->from, ARRAY_SIZE(path.pair));
}

static void room_for_pairs_ends(void **state)
{
	unsigned added = 0;

	(void)state;
	for (unsigned i = 7; i < 80; i++)
		(void)lock_graph_class(&graph, &key[i], "lock");
	for (unsigned from = 1; from <= 80; from++)
		for (unsigned to = from + 1; to <= 80; to++) {
			int err = lock_graph_add(&graph, from, &site[0], to, &site[0], &path);

			if (added++ < LOCK_PAIR_MAX - 1)
				assert_int_equal(err, 0);
			else
				assert_int_equal(err, -ENOSPC);
			assert_true(lock_graph_knows(&graph, from, to));
		}
	assert_true(added > LOCK_PAIR_MAX);
}

static bool conflict(unsigned waited, unsigned held)
{
	struct lock_irq_conflict found;

	if (!lock_graph_irq_conflict(&graph, &found))
		return false;
	assert_int_equal(found.waited, waited);
	assert_int_equal(found.held, held);
	return true;
}

static void handler_and_thread_share_a_lock(void **state)
{
	(void)state;
	assert_true(lock_graph_use(&graph, 2, LOCK_WAITED_IN_IRQ, &site[0]));
	assert_false(lock_graph_use(&graph, 2, LOCK_WAITED_IN_IRQ, &site[1]));
	assert_false(conflict(0, 0));
	(void)lock_graph_use(&graph, 2, LOCK_HELD_IRQS_ON, &site[1]);
	assert_true(conflict(2, 2));
	assert_false(conflict(0, 0));
	assert_int_equal(lock_graph_usage(&graph, 2),
			 1u << LOCK_WAITED_IN_IRQ | 1u << LOCK_HELD_IRQS_ON);
}

static void handler_waits_behind_a_lock_held_with_interrupts_on(void **state)
{
	(void)state;
	(void)lock_graph_use(&graph, 1, LOCK_WAITED_IN_IRQ, &site[0]);
	(void)lock_graph_use(&graph, 3, LOCK_HELD_IRQS_ON, &site[0]);
	assert_int_equal(add(1, 2), 0);
	assert_false(conflict(0, 0));
	assert_int_equal(add(2, 3), 0);
	assert_true(conflict(1, 3));
}

static void shares_do_not_conflict_with_shares(void **state)
{
	(void)state;
	(void)lock_graph_use(&graph, 1, LOCK_WAITED_SHARED_IN_IRQ, &site[0]);
	(void)lock_graph_use(&graph, 1, LOCK_HELD_SHARED_IRQS_ON, &site[0]);
	assert_false(conflict(0, 0));
	(void)lock_graph_use(&graph, 1, LOCK_HELD_IRQS_ON, &site[0]);
	assert_true(conflict(1, 1));
}

static void writer_in_handler_conflicts_with_shares(void **state)
{
	(void)state;
	(void)lock_graph_use(&graph, 1, LOCK_HELD_SHARED_IRQS_ON, &site[0]);
	(void)lock_graph_use(&graph, 1, LOCK_WAITED_IN_IRQ, &site[0]);
	assert_true(conflict(1, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(classes_are_found_again, reset),
		cmocka_unit_test_setup(opposite_order_is_found_once, reset),
		cmocka_unit_test_setup(longer_cycles_are_found_by_the_shortest_way, reset),
		cmocka_unit_test_setup(unrelated_orders_are_fine, reset),
		cmocka_unit_test_setup(long_path_is_cut, reset),
		cmocka_unit_test_setup(room_for_pairs_ends, reset),
		cmocka_unit_test_setup(handler_and_thread_share_a_lock, reset),
		cmocka_unit_test_setup(handler_waits_behind_a_lock_held_with_interrupts_on, reset),
		cmocka_unit_test_setup(shares_do_not_conflict_with_shares, reset),
		cmocka_unit_test_setup(writer_in_handler_conflicts_with_shares, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
