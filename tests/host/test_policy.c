// sources: kernel/numa/topology.c kernel/numa/ranges.c kernel/numa/distance.c kernel/numa/order.c
// sources: kernel/numa/policy.c kernel/acpi/note.c kernel/acpi/cpus.c lib/printf.c
/* Policies against what their table says, and any set of nodes against a model of it. */
#include "tests/host/machine_build.h"

#include <fanga/percpu.h>
#include <fanga/policy.h>
#include <fanga/preempt.h>

#include "lib/prng.h"

DEFINE_PER_CPU(uint32_t, preempt_word) = PREEMPT_NO_RESCHED;

bool preempt_check(void)
{
	return false;
}

/* Four nodes in a row; node 1 has no memory. */
static int begin(void **state)
{
	static uint8_t matrix[16];

	(void)state;
	for (unsigned i = 0; i < 16; i++)
		matrix[i] = (uint8_t)(10 + 10 * abs((int)(i / 4) - (int)(i % 4)));
	host_cpu_attach(0);
	machine_nodes(4);
	machine_memory(0, MIB);
	machine_memory(2, MIB);
	machine_memory(3, MIB);
	machine_finish(matrix);
	numa_policy_init();
	return 0;
}

static struct nodemask set(uint64_t bits)
{
	return (struct nodemask){bits};
}

/* The nodes of one allocation as decimal digits behind a 1, so that none at all is 1. */
static uint64_t walk(struct numa_policy *policy)
{
	struct numa_policy_iter iter = {0};
	uint64_t digits = 1;
	int node;

	while ((node = numa_policy_next_node(policy, &iter)) >= 0) {
		assert_true(numa_policy_is_node_allowed(policy, (unsigned)node));
		digits = digits * 10 + (unsigned)node;
	}
	assert_int_equal(node, -ENOENT);
	assert_int_equal(numa_policy_next_node(policy, &iter), -ENOENT);
	return digits;
}

static void each_kind(void **state)
{
	struct numa_policy policy;

	(void)state;
	numa_policy_default(&policy);
	assert_int_equal(walk(&policy), 1023);
	host_cpu_attach(3);
	assert_int_equal(walk(&policy), 1320);
	assert_int_equal(numa_policy_bind(&policy, set(0x5)), 0);
	assert_int_equal(walk(&policy), 120);
	assert_false(numa_policy_is_node_allowed(&policy, 3));
	assert_int_equal(numa_policy_preferred(&policy, 2), 0);
	assert_int_equal(walk(&policy) / 100, 12);
	assert_true(numa_policy_is_node_allowed(&policy, 0));
	assert_false(numa_policy_is_node_allowed(&policy, 1));
	host_cpu_attach(1);
	assert_int_equal(numa_policy_preferred_many(&policy, set(0xc)), 0);
	assert_int_equal(walk(&policy), 1230);
	assert_true(numa_policy_is_node_allowed(&policy, 0));
	assert_false(numa_policy_is_node_allowed(&policy, 1));
	assert_false(numa_policy_is_node_allowed(&policy, 4));
	assert_false(numa_policy_is_node_allowed(&policy, 64));
}

static void interleaves_in_turn(void **state)
{
	static const uint8_t weights[NODE_MAX] = {2, 9, 0, 3};
	struct numa_policy policy;
	unsigned counts[4] = {0};

	(void)state;
	assert_int_equal(numa_policy_interleave(&policy, set(0xd)), 0);
	assert_int_equal(walk(&policy), 1023);
	assert_int_equal(walk(&policy), 1230);
	assert_int_equal(walk(&policy), 1320);
	assert_int_equal(walk(&policy), 1023);
	assert_int_equal(numa_policy_weighted_interleave(&policy, set(0xf), weights), 0);
	for (unsigned i = 0; i < 1000; i++) {
		struct numa_policy_iter iter = {0};

		counts[numa_policy_next_node(&policy, &iter)]++;
	}
	assert_int_equal(counts[0], 400);
	assert_int_equal(counts[3], 600);
	assert_int_equal(walk(&policy), 103);
	assert_int_equal(walk(&policy), 103);
	assert_int_equal(walk(&policy), 130);
	assert_false(numa_policy_is_node_allowed(&policy, 2));
}

static void assert_unchanged(const struct numa_policy *policy)
{
	for (unsigned i = 0; i < sizeof(*policy); i++)
		assert_int_equal(((const uint8_t *)policy)[i], 0x5a);
}

static void refused(void **state)
{
	static const uint64_t wrong[] = {0, 0x2, 0x10, 0x11, 1ull << 63, ~0ull};
	static const uint8_t none[NODE_MAX] = {0, 1}, ones[NODE_MAX] = {1, 1, 1, 1};
	struct numa_policy policy;

	(void)state;
	memset(&policy, 0x5a, sizeof(policy));
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(numa_policy_bind(&policy, set(wrong[i])), -EINVAL);
		assert_int_equal(numa_policy_interleave(&policy, set(wrong[i])), -EINVAL);
		assert_int_equal(numa_policy_preferred_many(&policy, set(wrong[i])), -EINVAL);
		assert_int_equal(numa_policy_weighted_interleave(&policy, set(wrong[i]), ones),
				 -EINVAL);
	}
	assert_int_equal(numa_policy_weighted_interleave(&policy, set(0xf), none), -EINVAL);
	assert_int_equal(numa_policy_preferred(&policy, 1), -EINVAL);
	assert_int_equal(numa_policy_preferred(&policy, 4), -EINVAL);
	assert_int_equal(numa_policy_preferred(&policy, 64), -EINVAL);
	assert_int_equal(numa_policy_preferred(&policy, ~0u), -EINVAL);
	assert_unchanged(&policy);
}

static void current_one(void **state)
{
	struct numa_policy mine;

	(void)state;
	assert_int_equal(numa_policy_bind(&mine, set(0x8)), 0);
	struct numa_policy *before = numa_policy_set_current(&mine);

	assert_int_equal(before->kind, NUMA_POLICY_DEFAULT);
	assert_ptr_equal(numa_policy_current(), &mine);
	this_cpu_add(preempt_word, PREEMPT_HARDIRQ_ONE);
	assert_ptr_equal(numa_policy_current(), before);
	this_cpu_sub(preempt_word, PREEMPT_HARDIRQ_ONE);
	host_cpu_attach(2);
	assert_ptr_equal(numa_policy_current(), before);
	host_cpu_attach(0);
	assert_ptr_equal(numa_policy_set_current(&mine), before);
	assert_ptr_equal(numa_policy_set_current(NULL), &mine);
	assert_ptr_equal(numa_policy_current(), before);
	for (unsigned kind = 0; kind < NUMA_POLICY_KINDS; kind++)
		assert_non_null(numa_policy_kind_name(kind));
}

/* Each allowed node once, the first as the kind wants it, and in each round by distance. */
static void check_walk(struct numa_policy *policy, struct nodemask chosen)
{
	struct numa_policy_iter iter = {0};
	struct nodemask seen = NODEMASK_NONE;
	unsigned last = 0, last_round = 0;
	int node;

	while ((node = numa_policy_next_node(policy, &iter)) >= 0) {
		unsigned distance = numa_distance(iter.near, (unsigned)node);
		unsigned round = policy->kind == NUMA_POLICY_PREFERRED_MANY &&
				 !nodemask_test(chosen, (unsigned)node);

		assert_false(nodemask_test(seen, (unsigned)node));
		assert_true(round > last_round || (round == last_round && distance >= last));
		nodemask_set(&seen, (unsigned)node);
		last = distance;
		last_round = round;
	}
	for (unsigned i = 0; i < NODE_MAX; i++)
		assert_int_equal(nodemask_test(seen, i), numa_policy_is_node_allowed(policy, i));
}

static void any_machine(void **state)
{
	static uint8_t matrix[NODE_MAX * NODE_MAX];
	struct prng prng;

	(void)state;
	prng_seed(&prng, 4);
	for (unsigned round = 0; round < 2000; round++) {
		unsigned count = 1 + (unsigned)prng_below(&prng, round % 20 ? 9 : NODE_MAX);
		struct nodemask memory = NODEMASK_NONE, chosen, usable;
		struct numa_policy policy;
		uint8_t weights[NODE_MAX];

		for (unsigned i = 0; i < count * count; i++)
			matrix[i] =
				i / count == i % count ? 10 : (uint8_t)(11 + prng_below(&prng, 5));
		machine_nodes(count);
		for (unsigned node = 0; node < count; node++) {
			weights[node] = (uint8_t)(1 + prng_below(&prng, 4));
			if (prng_below(&prng, 4)) {
				machine_memory(node, MIB);
				nodemask_set(&memory, node);
			}
		}
		machine_finish(matrix);
		numa_policy_init();
		host_cpu_attach((unsigned)prng_below(&prng, count));
		chosen = set(prng_u64(&prng) & nodemask_first_n(count).bits);
		usable = nodemask_and(chosen, memory);
		int (*const make[])(struct numa_policy *, struct nodemask) = {
			numa_policy_bind, numa_policy_interleave, numa_policy_preferred_many};
		for (unsigned i = 0; i < ARRAY_SIZE(make); i++) {
			int error = make[i](&policy, chosen);

			assert_int_equal(error, nodemask_empty(usable) ? -EINVAL : 0);
			for (unsigned turns = 0; !error && turns < 3; turns++)
				check_walk(&policy, chosen);
		}
		if (nodemask_empty(usable))
			continue;
		/* A whole cycle gives each node just its weight, from wherever it starts. */
		assert_int_equal(numa_policy_weighted_interleave(&policy, chosen, weights), 0);
		unsigned counts[NODE_MAX] = {0}, cycle = 0, node;

		for_each_node (node, usable)
			cycle += weights[node];
		for (unsigned i = prng_below(&prng, 5); i; i--)
			check_walk(&policy, chosen);
		for (unsigned i = 0; i < 2 * cycle; i++) {
			struct numa_policy_iter iter = {0};

			counts[numa_policy_next_node(&policy, &iter)]++;
		}
		for_each_node (node, usable)
			assert_int_equal(counts[node], 2 * weights[node]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_kind, begin),
		cmocka_unit_test_setup(interleaves_in_turn, begin),
		cmocka_unit_test_setup(refused, begin),
		cmocka_unit_test_setup(current_one, begin),
		cmocka_unit_test_setup(any_machine, begin),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
