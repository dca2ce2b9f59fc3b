// sources: kernel/numa/topology.c kernel/numa/ranges.c kernel/numa/distance.c kernel/numa/order.c
// sources: kernel/numa/stats.c kernel/acpi/note.c kernel/acpi/cpus.c lib/printf.c
/* The six counters of numastat against their definitions, event by event and in sums. */
#include "tests/host/machine_build.h"

#include <fanga/cpu.h>
#include <fanga/numa_stats.h>

#include "lib/prng.h"

#define CPUS 6u

unsigned cpu_count(void)
{
	return CPUS;
}

/* Three nodes, two CPUs each; node 0 has no memory and node 2 is its nearest with some. */
static int begin(void **state)
{
	static const uint8_t matrix[] = {10, 30, 20, 30, 10, 20, 20, 20, 10};

	(void)state;
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		host_cpu_prepare(cpu);
	machine_cpus(3, CPUS);
	machine_memory(1, MIB);
	machine_memory(2, MIB);
	machine_finish(matrix);
	return 0;
}

static void assert_stat(unsigned node, uint64_t hit, uint64_t miss, uint64_t foreign,
			uint64_t interleave_hit, uint64_t local, uint64_t other)
{
	struct numa_stat stat = numa_stat_get(node);

	assert_int_equal(stat.hit, hit);
	assert_int_equal(stat.miss, miss);
	assert_int_equal(stat.foreign, foreign);
	assert_int_equal(stat.interleave_hit, interleave_hit);
	assert_int_equal(stat.local, local);
	assert_int_equal(stat.other, other);
}

static void as_defined(void **state)
{
	(void)state;
	host_cpu_attach(1);
	numa_stat_count(1, 1, NUMA_WHY_LOCAL, 1);
	assert_stat(1, 1, 0, 0, 0, 1, 0);
	numa_stat_count(2, 2, NUMA_WHY_POLICY, 2);
	assert_stat(2, 2, 0, 0, 0, 0, 2);
	numa_stat_count(2, 1, NUMA_WHY_FALLBACK, 4);
	assert_stat(1, 1, 4, 0, 0, 5, 0);
	assert_stat(2, 2, 0, 4, 0, 0, 2);
	numa_stat_count(2, 2, NUMA_WHY_INTERLEAVE, 8);
	assert_stat(2, 10, 0, 4, 8, 0, 10);
	/* Turned away from the node in turn: a miss, no interleave hit. */
	numa_stat_count(2, 1, NUMA_WHY_INTERLEAVE, 16);
	assert_stat(1, 1, 20, 0, 0, 21, 0);
	assert_stat(2, 10, 0, 20, 8, 0, 10);
	/* A CPU of a node without memory wants the nearest that has some, and is not local there.
	 */
	host_cpu_attach(3);
	numa_stat_count(0, 2, NUMA_WHY_LOCAL, 1);
	assert_stat(2, 11, 0, 20, 8, 0, 11);
	numa_stat_count(0, 1, NUMA_WHY_FALLBACK, 1);
	assert_stat(1, 1, 21, 0, 0, 21, 1);
	assert_stat(2, 11, 0, 21, 8, 0, 11);
	assert_stat(0, 0, 0, 0, 0, 0, 0);
	numa_stat_count_migrated(1, 3);
	assert_int_equal(numa_stat_get(1).migrated_in, 3);
	assert_stat(3, 0, 0, 0, 0, 0, 0);
	assert_stat(NODE_MAX, 0, 0, 0, 0, 0, 0);
}

static void sums_agree(void **state)
{
	uint64_t miss = 0, foreign = 0, pages = 0, counted = 0;
	struct prng prng;

	(void)state;
	prng_seed(&prng, 8);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned wanted = 1 + (unsigned)prng_below(&prng, 2);
		unsigned got = 1 + (unsigned)prng_below(&prng, 2);
		unsigned cpu = (unsigned)prng_below(&prng, CPUS);
		bool is_own = wanted == got && numa_node_for_cpu(cpu) == got;

		host_percpu_offset = percpu_offset[cpu];
		counted += i % 7 + 1;
		numa_stat_count(wanted, got, is_own ? NUMA_WHY_LOCAL : NUMA_WHY_POLICY, i % 7 + 1);
	}
	for (unsigned node = 0; node < 3; node++) {
		struct numa_stat stat = numa_stat_get(node);

		assert_int_equal(stat.hit + stat.miss, stat.local + stat.other);
		miss += stat.miss;
		foreign += stat.foreign;
		pages += stat.hit + stat.miss;
	}
	assert_int_equal(miss, foreign);
	assert_int_equal(pages, counted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(as_defined, begin),
		cmocka_unit_test_setup(sums_agree, begin),
	};

	return cmocka_run_group_tests_name("numa_stats", tests, NULL, NULL);
}
