// sources: kernel/mm/slab.c kernel/mm/slab_node.c kernel/mm/slab_cache.c kernel/mm/slab_report.c
// sources: kernel/mm/slab_debug.c kernel/sync/spinlock.c kernel/sync/lockstat.c
// sources: kernel/numa/topology.c kernel/numa/ranges.c kernel/numa/distance.c kernel/numa/order.c
// sources: kernel/acpi/note.c kernel/acpi/cpus.c lib/printf.c lib/json.c
// cflags: -include tests/host/page_memory.h -DCONFIG_DEBUG
/*
 * test_slab.c again with the debug build's red zones, poison and checks, which may not report
 * anything there; and what they report when they should.
 */
#define MORE_TESTS                                                                     \
	cmocka_unit_test(wrong_frees_are_named), cmocka_unit_test(overruns_are_named), \
		cmocka_unit_test(writes_after_free_are_named), cmocka_unit_test(leaks_are_named),
static void wrong_frees_are_named(void **state);
static void overruns_are_named(void **state);
static void writes_after_free_are_named(void **state);
static void leaks_are_named(void **state);

#include "tests/host/test_slab.c"

#include <fanga/check.h>
#include <fanga/preempt.h>
#include "kernel/mm/fail_nth.h"

/* ---- the rest of the debug build, which is not what this is about ---- */

DEFINE_PER_CPU(uint32_t, preempt_word) = PREEMPT_NO_RESCHED;
uint64_t fail_nth_left;

bool fail_nth_count(void)
{
	return false;
}

bool preempt_check(void)
{
	return false;
}

void preempt_check_disable(void)
{
}

void preempt_check_enable(void)
{
}

void lockdep_wait(struct lock_debug *lock, const struct lock_site *site, enum lock_mode mode)
{
	(void)lock, (void)site, (void)mode;
}

void lockdep_acquired(struct lock_debug *lock, const struct lock_site *site, enum lock_mode mode)
{
	(void)lock, (void)site, (void)mode;
}

void lockdep_release(struct lock_debug *lock, enum lock_mode mode)
{
	(void)lock, (void)mode;
}

/* ---- reports ---- */

static enum check_kind last_kind;
static unsigned report_count;
static bool is_expecting;
static char last_text[1024];

void check_report(enum check_kind kind, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(last_text, sizeof(last_text), format, args);
	va_end(args);
	last_kind = kind;
	report_count++;
	if (!is_expecting)
		fail_msg("%s", last_text);
}

#define EXPECT(kind, part, action)                                        \
	do {                                                              \
		is_expecting = true;                                      \
		report_count = 0;                                         \
		action;                                                   \
		is_expecting = false;                                     \
		assert_int_equal(report_count, 1);                        \
		assert_int_equal(last_kind, kind);                        \
		if (!strstr(last_text, part))                             \
			fail_msg("\"%s\" lacks \"%s\"", last_text, part); \
	} while (0)

/* Hides from the compiler what it knows of an object. */
static uint8_t *hide(void *object)
{
	__asm__ volatile("" : "+r"(object));
	return object;
}

static void wrong_frees_are_named(void **state)
{
	struct slab_cache *cache = slab_cache_create("typed", 64, 0);
	uint8_t *object, *typed, *large, *small, *again;
	int on_the_stack = 0;

	(void)state;
	begin();
	machine_be_cpu(2);
	object = kmalloc(100);
	typed = slab_alloc(cache);
	large = kmalloc(20000);
	small = kmalloc(1);
	again = hide(object);
	EXPECT(CHECK_SLAB_FREE, "inside of an object", kfree(hide(object) + 16));
	EXPECT(CHECK_SLAB_FREE, "inside of an object", kfree(hide(object) - 16));
	EXPECT(CHECK_SLAB_FREE, "nobody has had",
	       kfree(hide(small) + 45 * slab_caches[slab_of(small)->cache].stride));
	EXPECT(CHECK_SLAB_FREE, "no address of this", kfree(hide(&on_the_stack)));
	EXPECT(CHECK_SLAB_FREE, "no address of this", kfree(hide((void *)16)));
	EXPECT(CHECK_SLAB_FREE, "another cache", slab_free(cache, hide(object)));
	EXPECT(CHECK_SLAB_FREE, "large object", kfree(hide(large) + PAGE_BYTES));
	kfree(object);
	EXPECT(CHECK_SLAB_FREE, "freed twice", kfree(again));
	machine_be_cpu(0);
	EXPECT(CHECK_SLAB_FREE, "freed twice", kfree(again));
	kfree(large);
	kfree(small);
	slab_free(cache, typed);
	machine_be_cpu(2);
	assert_int_equal(slab_cache_destroy(cache), 0);
	end();
}

static void overruns_are_named(void **state)
{
	static const int places[] = {100, 101, 107, 110, 115, -1, -8};
	struct object object = {.bytes = 100};

	(void)state;
	begin();
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		object.start = kmalloc(100);
		hide(object.start)[places[i]] ^= 1;
		EXPECT(CHECK_SLAB_OVERRUN, "100 bytes was written outside at", kfree(object.start));
	}
	/* Far in front: the header itself, whose object is lost. */
	object.start = kmalloc(100);
	memset(hide(object.start) - 40, 0, 8);
	EXPECT(CHECK_SLAB_OVERRUN, "header", kfree(object.start));
	((uint64_t *)(void *)hide(object.start))[-5] = 0x6f626a6563742121ull;
	kfree(object.start);
	end();
}

static void writes_after_free_are_named(void **state)
{
	uint8_t *object;

	(void)state;
	begin();
	object = kmalloc(100);
	kfree(object);
	hide(object)[99]++;
	EXPECT(CHECK_SLAB_FREE_USED, "at +99", object = kmalloc(120));
	kfree(object);
	end();
}

static unsigned lines, sites;

static void count(const char *format, ...)
{
	lines++;
	sites += strstr(format, " by ") != NULL;
}

static void leaks_are_named(void **state)
{
	(void)state;
	begin();
	for (object_count = 0; object_count < 30; object_count++) {
		objects[object_count] = (struct object){.bytes = 1 + object_count * 11};
		objects[object_count].start = kzalloc(objects[object_count].bytes);
	}
	objects[object_count++] = (struct object){.bytes = 9000, .start = kzalloc(9000)};
	lines = sites = 0;
	assert_int_equal(slab_leak_report(count), object_count);
	assert_int_equal(lines, 3);
	assert_int_equal(sites, 2);
	end();
	assert_int_equal(slab_leak_report(count), 0);
}
