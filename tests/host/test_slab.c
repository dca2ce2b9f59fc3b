// sources: kernel/mm/slab.c kernel/mm/slab_node.c kernel/mm/slab_cache.c kernel/mm/slab_report.c
// sources: kernel/numa/topology.c kernel/numa/ranges.c kernel/numa/distance.c kernel/numa/order.c
// sources: kernel/acpi/note.c kernel/acpi/cpus.c kernel/sync/spinlock.c kernel/sync/lockstat.c
// sources: kernel/preempt/counter.c kernel/preempt/points.c lib/printf.c lib/json.c
// cflags: -include tests/host/page_memory.h
/*
 * The object allocator against a model that knows every object: bounds, contents, nodes and counts
 * over random operations of seven CPUs, which one thread plays in turn, and with memory run out.
 * Free frames are poisoned for the address sanitizer. SLAB_OPERATIONS sets the length.
 */
#include "tests/host/slab_machine.h"

#include <fanga/clock.h>

#include "lib/prng.h"

#ifndef MORE_TESTS /* test_slab_debug.c has some */
#define MORE_TESTS
#endif

#define OPERATIONS  200000
#define OBJECTS_MAX 40000

unsigned cpu_count(void)
{
	return MACHINE_CPUS;
}

uint64_t clock_ns(void)
{
	return 0;
}

struct object {
	uint8_t *start;
	size_t bytes;
	struct slab_cache *cache; /* NULL: of kmalloc() */
	uint8_t fill;
};

static struct object objects[OBJECTS_MAX];
static unsigned object_count;
static struct prng prng;
static unsigned frames_at_start;

static unsigned below(unsigned limit)
{
	return (unsigned)prng_below(&prng, limit);
}

/* Each byte is its object's, else two overlap. */
static void assert_intact(const struct object *object)
{
	for (size_t i = 0; i < object->bytes; i++)
		if (object->start[i] != object->fill)
			fail_msg("byte %zu of %zu is 0x%x, not 0x%x", i, object->bytes,
				 object->start[i], object->fill);
}

static size_t any_size(void)
{
	switch (below(20)) {
	case 0:
		return 1 + below(100000);
	case 1:
	case 2:
		return 1 + below(SLAB_OBJECT_MAX);
	default:
		return 1 + below(300);
	}
}

static bool is_full(unsigned node)
{
	for (unsigned i = 0; i < NODE_FRAMES; i++)
		if (!frame_used[node * NODE_FRAMES + i])
			return false;
	return true;
}

/* Allocate somehow; whether there was memory. */
static bool add_object(struct slab_cache *cache)
{
	struct object *object = &objects[object_count];
	unsigned node = numa_node_for_cpu(current_cpu_id());
	bool is_node = below(8) == 0;

	*object = (struct object){.bytes = any_size(), .cache = below(4) ? NULL : cache};
	if (is_node)
		node = below(MACHINE_NODES);
	if (object->cache) {
		object->bytes = 136;
		object->start = is_node ? slab_alloc_node(cache, node) : slab_alloc(cache);
		assert_int_equal((uintptr_t)object->start % 64, 0);
	} else if (is_node) {
		object->start = kmalloc_node(object->bytes, node);
	} else {
		object->start = below(2) ? kmalloc(object->bytes) : kzalloc(object->bytes);
	}
	if (!object->start)
		return false;
	assert_int_equal((uintptr_t)object->start % SLAB_ALIGN, 0);
	object->fill = (uint8_t)(1 + below(255));
	memset(object->start, object->fill, object->bytes);
	object_count++;
	return true;
}

static void remove_object(unsigned i)
{
	struct object object = objects[i];

	assert_intact(&object);
	objects[i] = objects[--object_count];
	if (object.cache)
		slab_free(object.cache, object.start);
	else
		kfree(object.start);
}

static void assert_counts(struct slab_cache *cache)
{
	unsigned typed = 0, large = 0;

	for (unsigned i = 0; i < object_count; i++) {
		typed += objects[i].cache != NULL;
		large += !objects[i].cache && objects[i].bytes > SLAB_OBJECT_MAX;
	}
	assert_int_equal(slab_stats_get(NULL, NODE_ANY).objects, object_count);
	assert_int_equal(slab_stats_get(cache, NODE_ANY).objects, typed);
	assert_int_equal(slab_stats_get(&slab_caches[SLAB_LARGE], NODE_ANY).slabs, large);
	assert_int_equal(slab_stats_get(NULL, 0).objects + slab_stats_get(NULL, 2).objects,
			 object_count);
	assert_int_equal(slab_stats_get(NULL, NODE_ANY).pages, frames_at_start - frames_free);
}

static void begin(void)
{
	machine_shrink();
	frames_at_start = frames_free;
	object_count = 0;
}

static void end(void)
{
	while (object_count)
		remove_object(object_count - 1);
	machine_shrink();
	assert_int_equal(slab_stats_get(NULL, NODE_ANY).slabs, 0);
	assert_int_equal(frames_free, frames_at_start);
}

static void random_operations(void **state)
{
	const char *setting = getenv("SLAB_OPERATIONS");
	unsigned long operations = setting ? strtoul(setting, NULL, 0) : OPERATIONS;
	struct slab_cache *cache = slab_cache_create("typed", 136, 64);
	unsigned goal = 500;

	(void)state;
	assert_non_null(cache);
	prng_seed(&prng, 6);
	begin();
	for (unsigned long i = 0; i < operations; i++) {
		machine_be_cpu(below(MACHINE_CPUS));
		/* The population wanders between few and many. */
		if (i % 5000 == 0)
			goal = below(4) ? below(3000) : below(10000);
		if (object_count && below(2 * goal + 1) < object_count)
			remove_object(below(object_count));
		else if (object_count < OBJECTS_MAX)
			(void)add_object(cache);
		if (below(2000) == 0)
			slab_shrink();
		if (i % 10000 == 0)
			assert_counts(cache);
	}
	end();
	assert_int_equal(slab_cache_destroy(cache), 0);
}

/* Whatever size: full means an error, all that is out stays sound, all comes back. */
static void exhaustion(void **state)
{
	static const size_t sizes[] = {8192, 3000, 700, 120000, 8192};

	(void)state;
	prng_seed(&prng, 7);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		begin();
		machine_be_cpu(i % MACHINE_CPUS);
		for (;;) {
			struct object *object = &objects[object_count];

			*object = (struct object){.bytes = sizes[i], .fill = (uint8_t)(i + 1)};
			object->start = i == 4 ? kmalloc_node(sizes[i], 2) : kmalloc(sizes[i]);
			if (!object->start)
				break;
			memset(object->start, object->fill, object->bytes);
			object_count++;
			assert_true(object_count < OBJECTS_MAX);
			/* Near while there is anything near. */
			unsigned home =
				i == 4 ? 2 : numa_memory_node(numa_node_for_cpu(current_cpu_id()));
			if (slab_object_node(object->start) != home && sizes[i] <= SLAB_OBJECT_MAX)
				assert_true(is_full(home) || sizes[i] > PAGE_BYTES / 8);
		}
		assert_true(object_count > 50);
		assert_true((uint64_t)object_count * sizes[i] > 8 * MIB);
		/* One given back is one to be had, from another CPU too. */
		machine_be_cpu((i + 3) % MACHINE_CPUS);
		remove_object(object_count / 2);
		objects[object_count] =
			(struct object){.start = kmalloc(sizes[i]), .bytes = sizes[i]};
		assert_non_null(objects[object_count].start);
		memset(objects[object_count].start, 0, sizes[i]);
		object_count++;
		end();
	}
}

/* A slab of node 2 that its CPU holds, emptied by others, is used again by it and given back. */
static void frees_from_afar(void **state)
{
	static void *mine[600];

	(void)state;
	begin();
	for (unsigned round = 0; round < 20; round++) {
		machine_be_cpu(2);
		for (unsigned i = 0; i < 600; i++) {
			mine[i] = kmalloc(64);
			assert_int_equal(slab_object_node(mine[i]), 2);
		}
		for (unsigned i = 0; i < 600; i++) {
			machine_be_cpu(i % 7);
			kfree(mine[i]);
		}
		assert_int_equal(slab_stats_get(NULL, NODE_ANY).objects, 0);
		/* No more than what each CPU holds and one spare. */
		assert_true(slab_stats_get(NULL, 2).slabs <= 8);
	}
	end();
}

/* Holding a slab for each CPU and node, no lock is needed. */
static void own_work_takes_no_lock(void **state)
{
	uint64_t before;

	(void)state;
	begin();
	machine_be_cpu(0);
	kfree(kmalloc(64));
	before = slab_stats_get(NULL, NODE_ANY).lock_takings;
	for (unsigned i = 0; i < 1000; i++)
		kfree(kmalloc(64));
	/* The readings themselves: once for each list of two nodes. */
	assert_true(slab_stats_get(NULL, NODE_ANY).lock_takings - before <= 2 * SLAB_CACHES);
	end();
}

static void refused(void **state)
{
	volatile size_t huge = ~0ul; /* or the compiler refuses it itself */

	(void)state;
	begin();
	machine_be_cpu(0);
	assert_null(kmalloc(0));
	assert_null(kmalloc(huge));
	assert_null(kmalloc((PAGE_BYTES << PAGE_ORDER_MAX) + 1));
	assert_null(kmalloc_node(8, MACHINE_NODES));
	assert_null(slab_cache_create("x", 0, 8));
	assert_null(slab_cache_create("x", 8, 3));
	kfree(NULL);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(refused),
					   cmocka_unit_test(frees_from_afar),
					   cmocka_unit_test(own_work_takes_no_lock),
					   cmocka_unit_test(exhaustion),
					   cmocka_unit_test(random_operations),
					   MORE_TESTS};

	return cmocka_run_group_tests_name("slab", tests, machine_start, NULL);
}
