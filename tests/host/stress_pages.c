// sources: kernel/mm/buddy.c kernel/mm/percpu_pages.c kernel/mm/page.c kernel/mm/page_init.c
// sources: kernel/mm/numa_alloc.c kernel/mm/ranges.c kernel/numa/order.c kernel/numa/stats.c
// sources: kernel/numa/policy.c kernel/numa/topology.c kernel/numa/ranges.c
// sources: kernel/numa/distance.c kernel/acpi/note.c kernel/acpi/cpus.c kernel/sync/spinlock.c
// sources: kernel/sync/lockstat.c kernel/preempt/counter.c kernel/preempt/points.c
// sources: kernel/log/log.c lib/printf.c lib/json.c lib/string.c
// cflags: -include tests/host/page_memory.h
/*
 * Threads as CPUs hand frames to each other and free them, while one of them empties the others'
 * lists: under the thread sanitizer, which sees whether a frame reaches its next user in order.
 */
#include "tests/host/page_machine.h"

#include <pthread.h>

#define ROUNDS 20000
#define SLOTS  64

static struct page *slots[SLOTS];
static pthread_barrier_t ready;

static void *run_cpu(void *arg)
{
	unsigned cpu = (unsigned)(uintptr_t)arg;
	struct prng prng;

	be_cpu(cpu);
	prng_seed(&prng, cpu);
	pthread_barrier_wait(&ready);
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned node =
			prng_below(&prng, 2) ? NODE_ANY : (unsigned)prng_below(&prng, NODES);
		struct page *mine = page_alloc(node, prng_below(&prng, 16) ? 0 : 2, 0), *theirs;

		if (!mine)
			abort();
		/* Plain accesses: the sanitizer's. */
		mine->owner[0] = (uint64_t)page_virt(mine);
		*(uint64_t *)page_virt(mine) = mine->owner[0];
		mine->owner_flags = mine->order;
		/* Acquire and release: the frame goes with all that is in it. */
		theirs = __atomic_exchange_n(&slots[prng_below(&prng, SLOTS)], mine,
					     __ATOMIC_ACQ_REL);
		if (theirs) {
			if (*(uint64_t *)page_virt(theirs) != theirs->owner[0] ||
			    page_free(theirs, theirs->owner_flags))
				abort();
		}
		if (cpu == 0 && i % 64 == 0)
			page_drain_cpu((unsigned)prng_below(&prng, CPUS));
		if (cpu == 1 && i % 1024 == 0) {
			callbacks->offline(5);
			callbacks->online(5);
		}
	}
	return NULL;
}

static void frames_change_hands(void **state)
{
	pthread_t threads[CPUS];
	uint64_t before;

	(void)state;
	machine_start();
	before = page_free_count(NODE_ANY);
	assert_int_equal(pthread_barrier_init(&ready, NULL, CPUS), 0);
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		assert_int_equal(
			pthread_create(&threads[cpu], NULL, run_cpu, (void *)(uintptr_t)cpu), 0);
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		assert_int_equal(pthread_join(threads[cpu], NULL), 0);
	be_cpu(0);
	for (unsigned i = 0; i < SLOTS; i++)
		if (slots[i])
			assert_int_equal(page_free(slots[i], slots[i]->owner_flags), 0);
	assert_int_equal(page_free_count(NODE_ANY), before);
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		page_drain_cpu(cpu);
	for (unsigned node = 0; node < NODES; node++)
		assert_int_equal(counts_of(node).free_pages, counts_of(node).total_pages);
	assert_int_equal(bad_frees_seen, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(frames_change_hands)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
