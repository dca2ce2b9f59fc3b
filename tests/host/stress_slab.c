// sources: kernel/mm/slab.c kernel/mm/slab_node.c kernel/mm/slab_cache.c kernel/mm/slab_report.c
// sources: kernel/numa/topology.c kernel/numa/ranges.c kernel/numa/distance.c kernel/numa/order.c
// sources: kernel/acpi/note.c kernel/acpi/cpus.c kernel/sync/spinlock.c kernel/sync/lockstat.c
// sources: kernel/preempt/counter.c kernel/preempt/points.c lib/printf.c lib/json.c
// cflags: -include tests/host/page_memory.h
/*
 * Objects that change hands between threads, under ThreadSanitizer: contents are plain memory, so
 * that an ordering missing on an object's way from who frees it to who gets it is a reported race.
 * Slabs are few and small, so that they fill, empty and go home all the time.
 */
#include "tests/host/slab_machine.h"

#include "tests/host/stress_cpus.h"

#include "lib/prng.h"

#define SLOTS	   64u
#define OPERATIONS 40000u

static uint64_t *slots[SLOTS];

static void check_and_free(uint64_t *object)
{
	if (!object)
		return;
	for (unsigned i = 1; i < 16; i++)
		if (object[i] != object[0] + i)
			abort();
	kfree(object);
}

static void exchange(unsigned cpu)
{
	struct prng prng;

	prng_seed(&prng, cpu);
	for (unsigned i = 0; i < OPERATIONS; i++) {
		/* Eight in a slab. */
		size_t bytes = prng_below(&prng, 8) ? 512 : 128;
		uint64_t *object = prng_below(&prng, 8)
					   ? kmalloc(bytes)
					   : kmalloc_node(bytes, (unsigned)prng_below(&prng, 3));
		unsigned slot = (unsigned)prng_below(&prng, SLOTS);

		if (!object)
			abort();
		object[0] = prng_u64(&prng);
		for (unsigned w = 1; w < 16; w++)
			object[w] = object[0] + w;
		/* Hands the object over with what is in it. */
		check_and_free(__atomic_exchange_n(&slots[slot], object, __ATOMIC_ACQ_REL));
		if (i % 1000 == 0)
			slab_shrink();
	}
}

static void objects_change_hands(void **state)
{
	unsigned frames;

	(void)state;
	stress_prepare();
	machine_shrink();
	frames = frames_free;
	machine_be_cpu(0);
	stress_run(exchange);
	for (unsigned i = 0; i < SLOTS; i++)
		check_and_free(slots[i]);
	assert_int_equal(slab_stats_get(NULL, NODE_ANY).objects, 0);
	machine_shrink();
	assert_int_equal(slab_stats_get(NULL, NODE_ANY).slabs, 0);
	assert_int_equal(frames_free, frames);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_change_hands),
	};

	return cmocka_run_group_tests_name("slab", tests, machine_start, NULL);
}
