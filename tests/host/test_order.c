// sources: kernel/numa/topology.c kernel/numa/ranges.c kernel/numa/distance.c kernel/numa/order.c
// sources: kernel/acpi/note.c kernel/acpi/cpus.c lib/printf.c
/* Fallback orders over uniform, nested, asymmetric and patchy machines. */
#include "tests/host/machine_build.h"

#include "lib/prng.h"

static void assert_sound(void)
{
	for (unsigned from = 0; from < numa_node_count(); from++) {
		const uint8_t *order = numa_fallback_order(from);
		struct nodemask seen = NODEMASK_NONE;

		assert_int_equal(order[0], from);
		for (unsigned i = 0; i < numa_node_count(); i++) {
			assert_true(order[i] < numa_node_count());
			assert_false(nodemask_test(seen, order[i]));
			nodemask_set(&seen, order[i]);
			if (i > 1)
				assert_true(numa_distance(from, order[i - 1]) <=
					    numa_distance(from, order[i]));
		}
	}
}

/* How often @node stands at @place of the lists of all nodes. */
static unsigned count_at(unsigned node, unsigned place)
{
	unsigned count = 0;

	for (unsigned from = 0; from < numa_node_count(); from++)
		count += numa_fallback_order(from)[place] == node;
	return count;
}

static void uniform(void **state)
{
	(void)state;
	for (unsigned count = 1; count <= NODE_MAX; count++) {
		machine_build(count, count, NULL);
		assert_sound();
		/* What overflows from each node first goes to a node of its own. */
		for (unsigned node = 0; count > 1 && node < count; node++)
			assert_int_equal(count_at(node, 1), 1);
	}
}

static void sockets(void **state)
{
	uint8_t matrix[64];

	(void)state;
	for (unsigned i = 0; i < 64; i++)
		matrix[i] = i / 8 == i % 8 ? 10 : i / 32 == i % 8 / 4 ? 12 : 32;
	machine_build(8, 8, matrix);
	assert_sound();
	for (unsigned node = 0; node < 8; node++)
		for (unsigned place = 1; place < 8; place++)
			assert_int_equal(count_at(node, place), 1);
}

static void unreachable_comes_last(void **state)
{
	static const uint8_t matrix[] = {10, 255, 20, 20, 10, 255, 30, 20, 10};

	(void)state;
	machine_build(3, 3, matrix);
	assert_sound();
	assert_int_equal(numa_fallback_order(0)[2], 1);
	assert_int_equal(numa_fallback_order(1)[2], 2);
	assert_int_equal(numa_fallback_order(2)[1], 1);
}

static void without_memory(void **state)
{
	(void)state;
	machine_nodes(6);
	for (unsigned node = 3; node < 6; node++)
		machine_memory(node, MIB);
	machine_finish(NULL);
	assert_sound();
	for (unsigned node = 0; node < 3; node++) {
		unsigned seconds = 0;

		/* Among equals those with memory come first, and each is nearest for one. */
		assert_int_equal(numa_memory_node(node), numa_fallback_order(node)[1]);
		assert_int_equal(numa_memory_node(node), 3 + node);
		assert_int_equal(numa_memory_node(3 + node), 3 + node);
		/* The second with memory spreads too, over the lists of both kinds. */
		for (unsigned from = 0; from < 6; from++)
			seconds += numa_fallback_order(from)[from < 3 ? 2 : 1] == 3 + node;
		assert_int_equal(seconds, 2);
	}
	machine_nodes(2);
	machine_finish(NULL);
	assert_int_equal(numa_memory_node(1), 1);
}

static void any_matrix(void **state)
{
	uint8_t matrix[NODE_MAX * NODE_MAX];
	struct prng prng;

	(void)state;
	prng_seed(&prng, 11);
	for (unsigned round = 0; round < 300; round++) {
		unsigned count = 1 + prng_below(&prng, round % 10 ? 12 : NODE_MAX);

		for (unsigned i = 0; i < count * count; i++)
			matrix[i] =
				i / count == i % count ? 10 : (uint8_t)(11 + prng_below(&prng, 4));
		machine_nodes(count);
		for (unsigned node = 0; node < count; node++)
			if (prng_below(&prng, 3))
				machine_memory(node, MIB);
		machine_finish(matrix);
		assert_sound();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uniform),
		cmocka_unit_test(sockets),
		cmocka_unit_test(unreachable_comes_last),
		cmocka_unit_test(without_memory),
		cmocka_unit_test(any_matrix),
	};

	return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
