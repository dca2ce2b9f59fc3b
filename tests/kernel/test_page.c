/*
 * The page allocator: descriptors, blocks, the CPUs' lists and the way home, exhaustion, wrong
 * frees. Whatever a test takes it gives back; each ends by comparing the nodes' free frames with
 * those at its start.
 */
#include <fanga/call.h>
#include <fanga/check.h>
#include <fanga/clock.h>
#include <fanga/numa_stats.h>
#include <fanga/options.h>
#include <fanga/page.h>
#include <fanga/smp.h>
#include "arch/x86_64/cpu.h"
#include "kernel/mm/buddy.h"
#include "kernel/mm/early.h"
#include "kernel/mm/fail_nth.h"
#include "kernel/mm/percpu_pages.h"
#include "lib/errno.h"
#include "lib/prng.h"
#include "lib/string.h"
#include "tests/kernel/ktest.h"
#include "tests/kernel/smp_test.h"

static uint64_t free_at_start[NODE_MAX];

static void note_free(void)
{
	for (unsigned node = 0; node < numa_node_count(); node++)
		free_at_start[node] = page_free_count(node);
}

static void check_free(void)
{
	for (unsigned node = 0; node < numa_node_count(); node++)
		KT_EQ(page_free_count(node), free_at_start[node]);
}

static unsigned home_node(void)
{
	return numa_memory_node(numa_node_for_cpu(current_cpu_id()));
}

/* ---- blocks ---- */

KTEST(page, each_order_on_each_node)
{
	note_free();
	for (unsigned node = 0; node < numa_node_count(); node++) {
		for (unsigned order = 0; order <= PAGE_ORDER_MAX; order++) {
			struct page *page = page_alloc(node, order, PAGE_STRICT);
			uint64_t last;

			if (!numa_get_node(node)->memory_bytes)
				KT_CHECK(!page);
			if (!page)
				continue;
			last = page_phys(page) + (PAGE_BYTES << order) - 1;
			KT_EQ(page_phys(page) & ((PAGE_BYTES << order) - 1), 0);
			KT_EQ(numa_node_for_address(page_phys(page)), node);
			KT_EQ(numa_node_for_address(last), node);
			KT_EQ(page->node, node);
			KT_EQ(page_state(page), PAGE_ALLOCATED);
			KT_CHECK(page_find(page_phys(page)) == page);
			KT_CHECK(page_head(page_of(last)) == page);
			KT_EQ(page_free_count(node), free_at_start[node] - (1u << order));
			KT_EQ(page_free(page, order), 0);
		}
	}
	check_free();
}

KTEST(page, wrong_requests_are_refused)
{
	note_free();
	KT_CHECK(!page_alloc(0, PAGE_ORDER_MAX + 1, 0));
	KT_CHECK(!page_alloc(0, ~0u, 0));
	KT_CHECK(!page_alloc(numa_node_count(), 0, 0));
	KT_CHECK(!page_alloc(NODE_MAX, 0, 0));
	KT_CHECK(!page_alloc(NODE_MAX + 100, 0, PAGE_STRICT));
	KT_CHECK(!gigapage_alloc(NODE_MAX, 0));
	check_free();
}

KTEST(page, descriptors_are_on_their_own_node)
{
	for (unsigned node = 0; node < numa_node_count(); node++) {
		struct page *page = page_alloc(node, PAGE_ORDER_LARGE, PAGE_STRICT);
		uint64_t phys;
		unsigned flags;

		if (!page)
			continue;
		KT_EQ(kmap_lookup((uint64_t)page, &phys, &flags), 0);
		KT_EQ(numa_node_for_address(phys), node);
		KT_EQ(page_free(page, PAGE_ORDER_LARGE), 0);
	}
}

KTEST(page, memory_below_4_gib_on_request_and_otherwise_last)
{
	struct page *low = page_alloc(NODE_ANY, 3, PAGE_DMA32 | PAGE_ZERO), *any;
	struct page_counts counts;

	KT_CHECK(low && page_phys(low) + (PAGE_BYTES << 3) <= PAGE_DMA32_END);
	for (unsigned i = 0; i < 8 * PAGE_BYTES / 8; i++)
		KT_EQ(((uint64_t *)page_virt(low))[i], 0);
	KT_EQ(page_free(low, 3), 0);
	for (unsigned node = 0; node < numa_node_count(); node++) {
		KT_EQ(page_counts_get(node, &counts), 0);
		if (counts.free_pages - counts.dma32_free_pages <= counts.min_pages + 8)
			continue;
		any = page_alloc(node, 1, PAGE_STRICT);
		KT_CHECK(any && page_phys(any) >= PAGE_DMA32_END);
		KT_EQ(page_free(any, 1), 0);
	}
}

KTEST(page, what_boot_took_can_be_given_back)
{
	/* Boot's own memory is reserved until it is adopted; the first frame of RAM never is. */
	KT_CHECK(!early_low_page() || page_state(page_find(early_low_page())) == PAGE_RESERVED);
	KT_CHECK(!page_find(0xfee00000));
	KT_CHECK(!page_find(~0ul));
	KT_CHECK(!page_find(1ul << 46));
}

/* ---- lists of CPUs ---- */

#define PAIRS 64

/* Instructions of PAIRS allocations and frees, by the clock that counts them. */
static __noinline uint64_t time_pairs(bool empty)
{
	uint64_t start = rdtsc();

	for (unsigned i = 0; i < PAIRS; i++) {
		if (!empty)
			page_free(page_alloc(NODE_ANY, 0, 0), 0);
		__asm__ volatile("" ::: "memory");
	}
	return rdtsc() - start;
}

KTEST(page, the_fast_path_is_short)
{
	uint64_t loop, pairs;
	struct page *page = page_alloc(NODE_ANY, 0, 0);

	KT_CHECK(page);
	KT_EQ(page_free(page, 0), 0);
	irq_disable();
	(void)time_pairs(false);
	loop = time_pairs(true);
	pairs = time_pairs(false);
	irq_enable();
	ktest_note("%lu instructions to allocate and free a frame", (pairs - loop) / PAIRS);
#ifndef CONFIG_DEBUG
	if (clock_is_virtual() && cpu_online_count() == 1)
		KT_CHECK((pairs - loop) / PAIRS <= 60);
#endif
}

static struct page *taken[4 * PAGE_BATCH];

static struct page_counts counts_of(unsigned node)
{
	struct page_counts counts = {0};

	if (page_counts_get(node, &counts))
		ktest_fail(__FILE__, __LINE__, "node %u has no counts", node);
	return counts;
}

KTEST(page, a_batch_takes_the_lock_once)
{
	unsigned node = home_node();
	struct page_counts before, after;

	note_free();
	page_drain_cpu(current_cpu_id());
	before = counts_of(node);
	for (unsigned i = 0; i < PAGE_BATCH; i++)
		taken[i] = page_alloc(NODE_ANY, 0, 0);
	after = counts_of(node);
	KT_EQ(after.refills - before.refills, 1);
	KT_EQ(after.free_pages, before.free_pages - PAGE_BATCH);
	for (unsigned i = 0; i < PAGE_BATCH; i++) {
		KT_CHECK(taken[i] && taken[i]->node == node);
		KT_EQ(taken[i]->why, NUMA_WHY_LOCAL);
	}
	KT_EQ(after.lock_takings - before.lock_takings, 1);
	/* 128 stay here, the batch beyond goes home with one taking of the lock. */
	for (unsigned i = PAGE_BATCH; i < 3 * PAGE_BATCH; i++)
		taken[i] = page_alloc(NODE_ANY, 0, 0);
	before = counts_of(node);
	for (unsigned i = 0; i < 2 * PAGE_BATCH; i++)
		KT_EQ(page_free(taken[i], 0), 0);
	after = counts_of(node);
	KT_EQ(after.lock_takings, before.lock_takings);
	KT_EQ(page_free(taken[2 * PAGE_BATCH], 0), 0);
	after = counts_of(node);
	KT_EQ(after.drains - before.drains, 1);
	KT_EQ(after.lock_takings - before.lock_takings, 1);
	for (unsigned i = 2 * PAGE_BATCH + 1; i < 3 * PAGE_BATCH; i++)
		KT_EQ(page_free(taken[i], 0), 0);
	check_free();
}

KTEST(page, frames_from_afar_go_home)
{
	unsigned home = home_node(), far = numa_node_count();
	struct page_counts before, after;

	for (unsigned node = 0; node < numa_node_count(); node++)
		if (node != home && counts_of(node).free_pages > 8 * PAGE_BATCH)
			far = node;
	if (far == numa_node_count())
		KT_SKIP("one node has all memory");
	note_free();
	page_drain_cpu(current_cpu_id());
	for (unsigned i = 0; i < PAGE_BATCH; i++) {
		taken[i] = page_alloc(far, 0, PAGE_STRICT);
		KT_CHECK(taken[i] && taken[i]->node == far);
		KT_EQ(taken[i]->why, NUMA_WHY_POLICY);
	}
	before = counts_of(far);
	for (unsigned i = 0; i < PAGE_BATCH - 1; i++)
		KT_EQ(page_free(taken[i], 0), 0);
	after = counts_of(far);
	KT_EQ(after.free_pages, before.free_pages);
	KT_EQ(after.cached_pages, before.cached_pages + PAGE_BATCH - 1);
	KT_EQ(page_free(taken[PAGE_BATCH - 1], 0), 0);
	after = counts_of(far);
	KT_EQ(after.free_pages, before.free_pages + PAGE_BATCH);
	KT_EQ(after.lock_takings - before.lock_takings, 1);

	/* Fewer of them: gone by the second refill at the latest. */
	taken[0] = page_alloc(far, 0, PAGE_STRICT);
	KT_EQ(page_free(taken[0], 0), 0);
	KT_EQ(page_cache_count(current_cpu_id(), far), 1);
	page_drain_cpu(current_cpu_id());
	taken[0] = page_alloc(far, 0, PAGE_STRICT);
	KT_EQ(page_free(taken[0], 0), 0);
	for (unsigned i = 0; i < 3 * PAGE_BATCH; i++)
		taken[i] = page_alloc(NODE_ANY, 0, 0);
	KT_EQ(page_cache_count(current_cpu_id(), far), 0);
	for (unsigned i = 0; i < 3 * PAGE_BATCH; i++)
		KT_EQ(page_free(taken[i], 0), 0);
	check_free();
}

static void use_cache(void *unused)
{
	(void)unused;
	(void)time_pairs(false);
}

KTEST(page, a_busy_list_is_not_waited_for)
{
	struct page_counts before, between, after;
	struct page_cache *cache;
	struct page *page, *block;
	int error;

	page = page_alloc(NODE_ANY, 0, 0);
	KT_CHECK(page);
	KT_EQ(page_free(page, 0), 0);
	note_free();
	irq_disable();
	cache = raw_cpu_ptr(page_cache);
	/* As an interrupt handler finds it that came in the middle of an allocation. */
	before = counts_of(home_node());
	__atomic_store_n(&cache->busy, ~0u, __ATOMIC_RELAXED);
	page = page_alloc(NODE_ANY, 0, 0);
	block = page_alloc(NODE_ANY, 2, 0);
	between = counts_of(home_node());
	error = page_free(block, 2) | page_free(page, 0);
	__atomic_store_n(&cache->busy, 0, __ATOMIC_RELAXED);
	after = counts_of(home_node());
	irq_enable();
	KT_CHECK(page && block);
	KT_EQ(error, 0);
	KT_EQ(page->node, home_node());
	KT_EQ(between.free_pages, before.free_pages - 5);
	KT_EQ(after.free_pages, before.free_pages);
	KT_EQ(after.cached_pages, before.cached_pages);
	check_free();
}

static bool calls_done;
static uint64_t served_inside, refused;

/* In the interrupt of a cross call, which may have come in the middle of page_alloc(). */
static void allocate_in_interrupt(void *unused)
{
	struct page *page = page_alloc(NODE_ANY, 0, 0);

	(void)unused;
	if (!page || page_free(page, 0))
		__atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED);
	if (raw_cpu_ptr(page_cache)->busy)
		__atomic_add_fetch(&served_inside, 1, __ATOMIC_RELAXED);
}

static void be_interrupted(void *unused)
{
	struct page *page;

	(void)unused;
	if (current_cpu_id() == 0) {
		for (unsigned i = 0; i < 300; i++)
			if (call_on_mask(cpu_online_mask(), allocate_in_interrupt, NULL, true))
				__atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED);
		__atomic_store_n(&calls_done, true, __ATOMIC_RELEASE);
	}
	while (!__atomic_load_n(&calls_done, __ATOMIC_ACQUIRE)) {
		page = page_alloc(NODE_ANY, 0, 0);
		if (!page || page_free(page, 0))
			__atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED);
		/* No pause: it would be where turns end and interrupts come. */
	}
}

KTEST(page, interrupts_allocate_too)
{
	if (cpu_online_count() < 2 || cpu_online_count() > 16)
		KT_SKIP("for 2 to 16 CPUs");
	note_free();
	calls_done = false;
	served_inside = refused = 0;
	smp_run_on(cpu_online_mask(), be_interrupted, NULL);
	KT_EQ(refused, 0);
	ktest_note("%lu of the interrupts came while the list was busy", served_inside);
	KT_CHECK(served_inside || !clock_is_virtual());
	check_free();
}

KTEST(page, a_cpu_that_goes_offline_leaves_nothing)
{
	unsigned cpu = last_cpu();
	struct cpumask only = {0};

	if (!cpu)
		KT_SKIP("needs two CPUs");
	cpumask_set(&only, cpu);
	note_free();
	smp_run_on(&only, use_cache, NULL);
	KT_CHECK(page_cache_count(cpu, NODE_ANY));
	KT_EQ(cpu_take_offline(cpu), 0);
	KT_EQ(page_cache_count(cpu, NODE_ANY), 0);
	check_free();
	KT_EQ(cpu_bring_online(cpu), 0);
	smp_run_on(&only, use_cache, NULL);
	KT_CHECK(page_cache_count(cpu, NODE_ANY));
	check_free();
}

/* ---- wrong frees ---- */

#ifdef CONFIG_DEBUG

static unsigned reports;
static char report[256];

static bool take_report(enum check_kind kind, const char *text)
{
	if (kind != CHECK_PAGE_FREE)
		return false;
	reports++;
	memcpy(report, text, MIN(strlen(text) + 1, sizeof(report)));
	report[sizeof(report) - 1] = 0;
	return true;
}

/* Free what may not be freed: an error, one report that says @why, and nothing else. */
static void check_refused(struct page *page, unsigned order, const char *why)
{
	uint64_t bad = page_bad_frees(), word = 0;

	if (page_find(page_phys(page)))
		word = page_get_word(page);
	reports = 0;
	check_set_hook(take_report);
	KT_EQ(page_free(page, order), -EINVAL);
	check_set_hook(NULL);
	KT_EQ(reports, 1);
	KT_EQ(page_bad_frees(), bad + 1);
	if (!strstr(report, why))
		KT_FAIL("'%s' does not say '%s'", report, why);
	if (page_find(page_phys(page)))
		KT_EQ(page_get_word(page), word);
}

KTEST(page, wrong_frees_are_named_and_change_nothing)
{
	struct page *single = page_alloc(NODE_ANY, 0, 0), *block = page_alloc(NODE_ANY, 3, 0);

	KT_CHECK(single && block);
	note_free();
	check_refused(single, 1, "another order");
	check_refused(single, PAGE_ORDER_MAX + 1, "no such order");
	check_refused(block, 0, "another order");
	check_refused(block, 2, "another order");
	check_refused(block + 1, 0, "inside a block");
	check_refused(block + 4, 2, "inside a block");
	check_refused(page_of(0xfee00000), 1, "no RAM");
	check_refused(page_of(virt_to_phys(image_start)), 1, "");
	page_set_state(block, PAGE_SLAB);
	check_refused(block, 3, "object allocator");
	page_set_state(block, PAGE_ALLOCATED);
	check_free();
	KT_EQ(page_free(single, 0), 0);
	KT_EQ(page_free(block, 3), 0);
	note_free();
	check_refused(single, 0, "freed just now");
	check_refused(block, 3, "");
	check_free();
}

#endif

/* ---- exhaustion ---- */

static bool is_memory_elsewhere(unsigned node)
{
	for (unsigned other = 0; other < numa_node_count(); other++)
		if (other != node && numa_get_node(other)->memory_bytes)
			return true;
	return false;
}

static struct page *chain_up(struct page *chain, struct page *page, unsigned order)
{
	page->next = chain;
	page->owner_flags = order;
	return page;
}

static void free_all(struct page *chain)
{
	while (chain) {
		struct page *next = chain->next;

		if (page_free(chain, chain->owner_flags))
			return;
		chain = next;
	}
}

KTEST(page, a_strict_node_ends_in_an_error_and_keeps_its_reserve)
{
	unsigned node = numa_node_count() - 1;
	struct page *chain = NULL, *page, *other, *atomic;
	struct page_counts counts;
	bool others_same = true;

	note_free();
	/* Large blocks first, or it takes too long. */
	for (unsigned order = PAGE_ORDERS; order-- > 0;)
		while ((page = page_alloc(node, order, PAGE_STRICT)))
			chain = chain_up(chain, page, order);
	KT_EQ(page_counts_get(node, &counts), 0);
	for (unsigned i = 0; i < numa_node_count(); i++)
		others_same &= i == node || page_free_count(i) == free_at_start[i];
	other = page_alloc(node, 0, 0);
	atomic = page_alloc(node, 0, PAGE_STRICT | PAGE_ATOMIC);
	if (other)
		chain = chain_up(chain, other, 0);
	if (atomic)
		chain = chain_up(chain, atomic, 0);
	/* Everything is given back before the first verdict. */
	if (is_memory_elsewhere(node))
		others_same &= other && other->node != node && other->why == NUMA_WHY_FALLBACK;
	free_all(chain);
	KT_CHECK(others_same);
	KT_EQ(counts.cached_pages, 0);
	KT_CHECK(counts.free_pages <= counts.min_pages);
	KT_CHECK(!counts.total_pages || (atomic && atomic->node == node));
	check_free();
}

/* ---- all together ---- */

#define SLOTS 1024

static struct page *slots[SLOTS]; /* frames handed from CPU to CPU */
static unsigned stress_rounds;
static uint64_t stress_done, stress_broken, stress_failed;

/* A pattern of the frame's own in a few places, not all: the frame changes hands often. */
static void stamp(struct page *page, uint64_t value)
{
	uint64_t *words = page_virt(page);

	page->owner[0] = value;
	for (unsigned i = 0; i < 512; i += 73)
		words[i] = value + i;
}

static bool is_stamped(const struct page *page)
{
	const uint64_t *words = page_virt(page);

	for (unsigned i = 0; i < 512; i += 73)
		if (words[i] != page->owner[0] + i)
			return false;
	return true;
}

static void stress(void *unused)
{
	struct prng prng;

	(void)unused;
	prng_seed(&prng, kernel_options()->seed + current_cpu_id());
	for (unsigned i = 0; i < stress_rounds; i++) {
		uint64_t random = prng_u64(&prng);
		struct page **slot = &slots[random % SLOTS], *mine, *theirs;

		mine = page_alloc(
			random & 1ul << 40 ? NODE_ANY : (random >> 41) % numa_node_count(), 0, 0);
		if (mine)
			stamp(mine, prng_u64(&prng));
		else
			__atomic_add_fetch(&stress_failed, 1, __ATOMIC_RELAXED);
		/* Acquire and release: what is in the frame goes with it. */
		theirs = __atomic_exchange_n(slot, mine, __ATOMIC_ACQ_REL);
		if (!theirs)
			continue;
		if (!is_stamped(theirs) || page_free(theirs, 0))
			__atomic_add_fetch(&stress_broken, 1, __ATOMIC_RELAXED);
		__atomic_add_fetch(&stress_done, 1, __ATOMIC_RELAXED);
	}
}

#ifdef CONFIG_DEBUG
static uint64_t stress_operations = 0;

static void set_stress_operations(uint64_t value)
{
	stress_operations = value;
}

TEST_HOOK(page_stress, set_stress_operations);
#else
#define stress_operations 0ul
#endif

KTEST(page, frames_handed_between_cpus_stay_whole)
{
	note_free();
	stress_rounds =
		(unsigned)((stress_operations ? stress_operations : 20000) / cpu_online_count());
	stress_done = stress_broken = stress_failed = 0;
	KT_EQ(smp_run_on(cpu_online_mask(), stress, NULL), cpu_online_count());
	for (unsigned i = 0; i < SLOTS; i++) {
		if (slots[i] && (!is_stamped(slots[i]) || page_free(slots[i], 0)))
			stress_broken++;
		slots[i] = NULL;
	}
	KT_EQ(stress_broken, 0);
	KT_EQ(stress_failed, 0);
	KT_CHECK(stress_done);
	ktest_note("%u rounds on each of %u CPUs", stress_rounds, cpu_online_count());
	check_free();
}
