/*
 * The object allocator: sizes, caches, nodes, frees from other CPUs, the debug build's reports.
 * Whatever a test takes it gives back; each ends with as many objects and free frames as it began.
 */
#include <fanga/call.h>
#include <fanga/check.h>
#include <fanga/clock.h>
#include <fanga/page.h>
#include <fanga/slab.h>
#include <fanga/smp.h>
#include "arch/x86_64/cpu.h"
#include "kernel/mm/slab.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/prng.h"
#include "lib/string.h"
#include "tests/kernel/ktest.h"
#include "tests/kernel/smp_test.h"

static uint64_t free_at_start, objects_at_start;

static void shrink(void *unused)
{
	(void)unused;
	slab_shrink();
}

static void settle(void)
{
	/* Twice: what the first round frees on another CPU's behalf, the second gives back. */
	(void)smp_run_on(cpu_online_mask(), shrink, NULL);
	(void)smp_run_on(cpu_online_mask(), shrink, NULL);
}

static void note_start(void)
{
	settle();
	free_at_start = page_free_count(NODE_ANY);
	objects_at_start = slab_stats_get(NULL, NODE_ANY).objects;
}

static void check_end(void)
{
	settle();
	KT_EQ(slab_stats_get(NULL, NODE_ANY).objects, objects_at_start);
	KT_EQ(page_free_count(NODE_ANY), free_at_start);
}

/* ---- one CPU ---- */

KTEST(slab, each_size)
{
	note_start();
	for (size_t bytes = 1; bytes <= 3 * SLAB_OBJECT_MAX; bytes += bytes < 300 ? 1 : 97) {
		uint8_t *a = kmalloc(bytes), *b = kzalloc(bytes);

		KT_CHECK(a && b && a != b);
		KT_CHECK(a + bytes <= b || b + bytes <= a);
		KT_EQ((uint64_t)a % SLAB_ALIGN, 0);
		memset(a, 0xff, bytes);
		for (size_t i = 0; i < bytes; i++)
			KT_EQ(b[i], 0);
		kfree(a);
		kfree(b);
	}
	check_end();
}

KTEST(slab, wrong_requests_are_refused)
{
	static const size_t wrong[] = {0, (PAGE_BYTES << PAGE_ORDER_MAX) + 1, ~0ul};

	note_start();
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		KT_CHECK(!kmalloc(wrong[i]));
		KT_CHECK(!kzalloc(wrong[i]));
		KT_CHECK(!kmalloc_node(wrong[i], 0));
	}
	KT_CHECK(!kmalloc_node(16, numa_node_count()));
	KT_CHECK(!kmalloc_node(16, ~0u));
	kfree(NULL);
	KT_CHECK(!slab_cache_create("none", 0, 0));
	KT_CHECK(!slab_cache_create("large", SLAB_OBJECT_MAX + 1, 0));
	KT_CHECK(!slab_cache_create("crooked", 64, 24));
	KT_CHECK(!slab_cache_create("wide", 64, 2 * PAGE_BYTES));
	KT_CHECK(!slab_cache_create(NULL, 64, 0));
	check_end();
}

#define MANY 3000

static void *many[MANY];

KTEST(slab, slabs_fill_empty_and_go_home)
{
	note_start();
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < MANY; i++) {
			many[i] = kmalloc(40 + i % 3 * 100);
			KT_CHECK(many[i]);
			memset(many[i], (int)i, 40 + i % 3 * 100);
		}
		for (unsigned i = 0; i < MANY; i++)
			KT_EQ(((uint8_t *)many[i])[39], i & 0xff);
		/* First in first out, last in first out, every other first. */
		for (unsigned i = 0; i < MANY; i++) {
			unsigned n = round == 0 ? i : round == 1 ? MANY - 1 - i : i * 7 % MANY;

			kfree(many[n]);
			many[n] = NULL;
		}
		for (unsigned i = 0; i < MANY; i++)
			kfree(many[i]);
	}
	check_end();
}

KTEST(slab, typed_caches_come_and_go)
{
	struct slab_cache *cache;
	void *objects[50];

	note_start();
	for (size_t align = 1; align <= PAGE_BYTES; align *= 8) {
		cache = slab_cache_create("test", 200, align);
		KT_CHECK(cache);
		for (unsigned i = 0; i < 50; i++) {
			objects[i] = slab_alloc(cache);
			KT_CHECK(objects[i]);
			KT_EQ((uint64_t)objects[i] % align, 0);
		}
		KT_EQ(slab_stats_get(cache, NODE_ANY).objects, 50);
		KT_EQ(slab_cache_destroy(cache), -EBUSY);
		for (unsigned i = 0; i < 50; i++)
			slab_free(cache, objects[i]);
		KT_EQ(slab_stats_get(cache, NODE_ANY).objects, 0);
		KT_EQ(slab_cache_destroy(cache), 0);
	}
	check_end();
}

KTEST(slab, caches_run_out)
{
	struct slab_cache *caches[SLAB_CACHES];
	unsigned count = 0;

	while (count < SLAB_CACHES && (caches[count] = slab_cache_create("test", 16, 0)))
		count++;
	KT_CHECK(count > 0 && count < SLAB_CACHES);
	while (count)
		KT_EQ(slab_cache_destroy(caches[--count]), 0);
}

/* ---- nodes ---- */

KTEST(slab, objects_are_where_they_are_wanted)
{
	note_start();
	for (unsigned node = 0; node < numa_node_count(); node++) {
		unsigned home = numa_memory_node(node);

		for (unsigned i = 0; i < 300; i++) {
			many[i] = kmalloc_node(i < 290 ? 100 : 10000, node);
			KT_CHECK(many[i]);
			KT_EQ(slab_object_node(many[i]), home);
			memset(many[i], 0x77, 100);
		}
		for (unsigned i = 0; i < 300; i++)
			kfree(many[i]);
	}
	check_end();
}

static unsigned strays; /* atomic */

static void alloc_near(void *unused)
{
	unsigned home = numa_memory_node(numa_node_for_cpu(current_cpu_id()));
	void *mine[100];

	(void)unused;
	for (unsigned i = 0; i < 100; i++) {
		mine[i] = kmalloc(64 + i);
		if (!mine[i] || slab_object_node(mine[i]) != home)
			__atomic_fetch_add(&strays, 1, __ATOMIC_RELAXED);
	}
	for (unsigned i = 0; i < 100; i++)
		kfree(mine[i]);
}

KTEST(slab, every_cpu_has_its_own_near)
{
	note_start();
	strays = 0;
	KT_EQ(smp_run_on(cpu_online_mask(), alloc_near, NULL), cpu_online_count());
	KT_EQ(strays, 0);
	check_end();
}

/* ---- other CPUs ---- */

#define SLOTS 256u

/* Objects in hand-over: whoever exchanges a slot's content for his own frees what he gets. */
static uint64_t *slots[SLOTS];
static unsigned broken; /* atomic */
static unsigned operations;

static bool has_pattern(const uint64_t *object)
{
	uint64_t words = object[0] & 0xff;

	for (uint64_t i = 1; i < words; i++)
		if (object[i] != object[0] + i)
			return false;
	return true;
}

/* Put a new object into a slot, check and free the one that was there. */
static void exchange_one(struct prng *prng)
{
	uint64_t words = 2 + prng_below(prng, prng_below(prng, 8) ? 20 : 200);
	unsigned node = (unsigned)prng_below(prng, numa_node_count());
	uint64_t *object =
		prng_below(prng, 16) ? kmalloc(words * 8) : kmalloc_node(words * 8, node);
	unsigned slot = (unsigned)prng_below(prng, SLOTS);

	if (object) {
		object[0] = prng_u64(prng) << 8 | words;
		for (uint64_t w = 1; w < words; w++)
			object[w] = object[0] + w;
	}
	object = __atomic_exchange_n(&slots[slot], object, __ATOMIC_ACQ_REL);
	if (object && !has_pattern(object))
		__atomic_fetch_add(&broken, 1, __ATOMIC_RELAXED);
	kfree(object);
}

static void exchange(void *unused)
{
	struct prng prng;

	(void)unused;
	prng_seed(&prng, current_cpu_id() + 1);
	for (unsigned i = 0; i < operations; i++) {
		exchange_one(&prng);
		if (i % 64 == 0)
			cpu_relax();
	}
}

static void empty_slots(void)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		KT_CHECK(!slots[i] || has_pattern(slots[i]));
		kfree(slots[i]);
		slots[i] = NULL;
	}
}

KTEST(slab, objects_change_hands_between_all_cpus)
{
	uint64_t start_ns = clock_ns();

	note_start();
	broken = 0;
	operations = 24000 / cpu_online_count();
	KT_EQ(smp_run_on(cpu_online_mask(), exchange, NULL), cpu_online_count());
	KT_EQ(broken, 0);
	empty_slots();
	ktest_note("%u exchanges on %u CPUs in %lu us", operations * cpu_online_count(),
		   cpu_online_count(), (clock_ns() - start_ns) / 1000);
	check_end();
}

static DEFINE_PER_CPU(struct prng, interrupt_prng);
static bool calls_done; /* atomic */
static uint64_t served; /* atomic */

static void exchange_in_interrupt(void *unused)
{
	(void)unused;
	exchange_one(raw_cpu_ptr(interrupt_prng));
	__atomic_add_fetch(&served, 1, __ATOMIC_RELAXED);
}

static void be_interrupted(void *unused)
{
	struct prng prng;

	(void)unused;
	prng_seed(&prng, current_cpu_id() + 1000);
	if (current_cpu_id() == 0) {
		for (unsigned i = 0; i < 300; i++)
			if (call_on_mask(cpu_online_mask(), exchange_in_interrupt, NULL, true))
				__atomic_fetch_add(&broken, 1, __ATOMIC_RELAXED);
		/* Release: pairs with the acquire below, the calls are over. */
		__atomic_store_n(&calls_done, true, __ATOMIC_RELEASE);
	}
	/* No pause: it would be where turns end and interrupts come. */
	while (!__atomic_load_n(&calls_done, __ATOMIC_ACQUIRE))
		exchange_one(&prng);
}

KTEST(slab, interrupts_allocate_and_free_too)
{
	unsigned cpu;

	if (cpu_online_count() < 2 || cpu_online_count() > 16)
		KT_SKIP("for 2 to 16 CPUs");
	note_start();
	broken = 0;
	served = 0;
	calls_done = false;
	for_each_cpu (cpu, cpu_online_mask())
		prng_seed(per_cpu_ptr(interrupt_prng, cpu), cpu);
	KT_EQ(smp_run_on(cpu_online_mask(), be_interrupted, NULL), cpu_online_count());
	KT_EQ(broken, 0);
	KT_EQ(served, 300ul * cpu_online_count());
	empty_slots();
	check_end();
}

static unsigned next_free; /* atomic */

static void free_next(void *unused)
{
	unsigned i;

	(void)unused;
	while ((i = __atomic_fetch_add(&next_free, 1, __ATOMIC_RELAXED)) < MANY)
		kfree(many[i]);
}

KTEST(slab, one_allocates_and_all_free)
{
	note_start();
	for (unsigned round = 0; round < 4; round++) {
		for (unsigned i = 0; i < MANY; i++) {
			many[i] = kmalloc(128);
			KT_CHECK(many[i]);
		}
		next_free = 0;
		KT_EQ(smp_run_on(cpu_online_mask(), free_next, NULL), cpu_online_count());
	}
	check_end();
}

KTEST(slab, an_offline_cpu_keeps_nothing)
{
	unsigned last = last_cpu();
	struct cpumask only = {0};
	uint64_t pages;

	if (!last)
		KT_SKIP("one CPU only");
	note_start();
	cpumask_set(&only, last);
	KT_EQ(smp_run_on(&only, alloc_near, NULL), 1);
	pages = slab_stats_get(NULL, NODE_ANY).pages;
	KT_EQ(cpu_take_offline(last), 0);
	/* All that it held was free: at most the node's spares are left. */
	KT_CHECK(slab_stats_get(NULL, NODE_ANY).pages <= pages);
	check_end();
	KT_EQ(cpu_bring_online(last), 0);
	KT_EQ(smp_run_on(&only, alloc_near, NULL), 1);
	check_end();
}

/* ---- figures ---- */

#define PAIRS 64

static __noinline uint64_t time_pairs(bool empty)
{
	uint64_t start = rdtsc();

	for (unsigned i = 0; i < PAIRS; i++) {
		if (!empty)
			kfree(kmalloc(64));
		__asm__ volatile("" ::: "memory");
	}
	return rdtsc() - start;
}

KTEST(slab, the_fast_path_is_short)
{
	uint64_t loop, pairs;

	/* With interrupts on, so that turning them on again is counted; the best of some runs. */
	(void)time_pairs(false);
	loop = time_pairs(true);
	pairs = time_pairs(false);
	for (unsigned i = 0; i < 8; i++)
		pairs = MIN(pairs, time_pairs(false));
	ktest_note("%lu instructions to allocate and free an object", (pairs - loop) / PAIRS);
#ifndef CONFIG_DEBUG
	if (clock_is_virtual() && cpu_online_count() == 1)
		KT_CHECK((pairs - loop) / PAIRS <= 50);
#endif
}

static void alloc_and_free_own(void *unused)
{
	void *mine[8];

	(void)unused;
	for (unsigned round = 0; round < 200; round++) {
		for (unsigned i = 0; i < 8; i++)
			mine[i] = kmalloc(192);
		for (unsigned i = 0; i < 8; i++)
			kfree(mine[i]);
	}
}

KTEST(slab, own_work_takes_no_lock)
{
	uint64_t before;

	/* Warm: every CPU holds a slab that has room for what it does. */
	(void)smp_run_on(cpu_online_mask(), alloc_and_free_own, NULL);
	before = slab_stats_get(NULL, NODE_ANY).lock_takings;
	(void)smp_run_on(cpu_online_mask(), alloc_and_free_own, NULL);
	/* The second reading takes each list's lock once for itself. */
	KT_CHECK(slab_stats_get(NULL, NODE_ANY).lock_takings - before <=
		 (uint64_t)SLAB_CACHES * numa_node_count() + cpu_online_count());
}

/* ---- the debug build's reports ---- */

#ifdef CONFIG_DEBUG

static enum check_kind last_kind;
static unsigned reports;
static char last_text[512];

static bool catch (enum check_kind kind, const char *text)
{
	last_kind = kind;
	reports++;
	(void)fmt_snprintf(last_text, sizeof(last_text), "%s", text);
	return true;
}

#define EXPECT(kind, part, action)                                       \
	do {                                                             \
		reports = 0;                                             \
		check_set_hook(catch);                                   \
		action;                                                  \
		check_set_hook(NULL);                                    \
		KT_EQ(reports, 1);                                       \
		KT_EQ(last_kind, kind);                                  \
		if (!strstr(last_text, part))                            \
			KT_FAIL("\"%s\" lacks \"%s\"", last_text, part); \
	} while (0)

/* Past what the compiler may know of the object's size. */
static void poke(uint8_t *object, long at)
{
	__asm__ volatile("" : "+r"(object));
	object[at] ^= 0xff;
}

KTEST(slab, reports_wrong_frees)
{
	struct slab_cache *cache = slab_cache_create("test", 64, 0);
	static uint64_t image_word;
	uint8_t *object = kmalloc(100), *typed = slab_alloc(cache), *large = kmalloc(20000);
	struct page *page = page_alloc(NODE_ANY, 0, 0);
	void *again = object;

	KT_CHECK(cache && object && typed && large && page);
	EXPECT(CHECK_SLAB_FREE, "inside of an object", kfree(object + 16));
	EXPECT(CHECK_SLAB_FREE, "no address of this", kfree(&image_word));
	EXPECT(CHECK_SLAB_FREE, "no address of this", kfree((void *)16));
	EXPECT(CHECK_SLAB_FREE, "in no slab", kfree(page_virt(page)));
	EXPECT(CHECK_SLAB_FREE, "another cache", slab_free(cache, object));
	EXPECT(CHECK_SLAB_FREE, "large object", kfree(large + PAGE_BYTES));
	kfree(object);
	__asm__ volatile("" : "+r"(again));
	EXPECT(CHECK_SLAB_FREE, "freed twice", kfree(again));
	kfree(large);
	slab_free(cache, typed);
	KT_EQ(page_free(page, 0), 0);
	KT_EQ(slab_cache_destroy(cache), 0);
}

KTEST(slab, reports_writes_outside)
{
	static const long places[] = {100, 101, 111, 115, -1, -8};

	note_start();
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		uint8_t *object = kmalloc(100);

		KT_CHECK(object);
		poke(object, places[i]);
		EXPECT(CHECK_SLAB_OVERRUN, "written outside", kfree(object));
		KT_CHECK(strstr(last_text, "test_slab") || strstr(last_text, "reports_writes"));
	}
	check_end();
}

KTEST(slab, reports_writes_after_free)
{
	uint8_t *object = kmalloc(100), *again = object;

	KT_CHECK(object);
	kfree(object);
	__asm__ volatile("" : "+r"(again));
	poke(again, 50);
	EXPECT(CHECK_SLAB_FREE_USED, "at +50", object = kmalloc(100));
	kfree(object);
}

static unsigned leak_lines;

static void count_line(const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	(void)fmt_vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (strstr(text, "reports_leaks"))
		leak_lines++;
}

KTEST(slab, reports_leaks_by_place)
{
	void *large = kmalloc(30000);
	uint64_t objects = slab_stats_get(NULL, NODE_ANY).objects;

	for (unsigned i = 0; i < 100; i++)
		many[i] = kmalloc(i + 1);
	leak_lines = 0;
	KT_EQ(slab_leak_report(count_line), objects + 100);
	KT_EQ(leak_lines, 2);
	for (unsigned i = 0; i < 100; i++)
		kfree(many[i]);
	kfree(large);
	KT_EQ(slab_leak_report(count_line), objects - 1);
}

#endif
