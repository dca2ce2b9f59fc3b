/*
 * Single frames from and to the running CPU: the fast paths of page_alloc() and page_free().
 *
 * Frames of the CPU's own node go through two stacks of at most 64: `hot` is pushed and popped,
 * `cold` is full or empty, so that refills and drains are 64 apart at least. Frames of other nodes
 * are collected by node and go home at 64, or when a refill finds them there for the second time.
 * For the lock see percpu_pages.h; preemption is off while it is held.
 */
#include "kernel/mm/percpu_pages.h"
#include "kernel/mm/fail_nth.h"
#include <fanga/numa_stats.h>
#include <fanga/preempt.h>

DEFINE_PER_CPU(struct page_cache, page_cache) = {.home = NODE_NONE};

#define COUNT_TRIES 100 /* of a report, which an interrupt handler may ask for */

#define NUMA_EVENTS_FLAT (*(uint64_t(*)[NUMA_EVENTS * NODE_MAX]) & numa_events)

#define BUSY_BIT                                                                        \
	2u /* not the lowest, which compilers take for a bool and miss that instruction \
	    */

static inline bool try_lock(struct page_cache *cache)
{
	/* Acquire: pairs with the release in unlock(). One bit, so that one instruction does it. */
	return !(__atomic_fetch_or(&cache->busy, BUSY_BIT, __ATOMIC_ACQUIRE) & BUSY_BIT);
}

/* Only where the holder cannot be what this context has interrupted. */
static void lock_waiting(struct page_cache *cache)
{
	while (!try_lock(cache))
		cpu_relax();
}

static inline void unlock(struct page_cache *cache)
{
	__atomic_store_n(&cache->busy, 0, __ATOMIC_RELEASE);
}

/*
 * What opening and closing changes may be read without the lock, as a hint that the lock confirms:
 * a closed cache has no frames and no room.
 */
static inline unsigned home_of(const struct page_cache *cache)
{
	return __atomic_load_n(&cache->home, __ATOMIC_RELAXED);
}

static void push(struct page_chain *chain, struct page *page)
{
	page->next = chain->first;
	chain->first = page;
	chain->count++;
}

static struct page_chain detach(struct page_chain *chain)
{
	struct page_chain all = *chain;

	*chain = (struct page_chain){0};
	return all;
}

static struct page_chain detach_hot(struct page_cache *cache)
{
	struct page_chain all = {cache->hot, PAGE_BATCH - cache->room};

	cache->hot = NULL;
	cache->room = PAGE_BATCH;
	return all;
}

static struct page_chain detach_away(struct page_cache *cache, unsigned node)
{
	cache->away_nodes &= ~BIT(node);
	return detach(&cache->away[node]);
}

/* Bring @chain home: the node's lock is taken once. */
static void free_chain(struct page_chain chain)
{
	struct page *page = chain.first;

	if (!page)
		return;

	struct node_pages *np = node_pages[page->node];
	unsigned long flags = node_lock(np);

	while (page) {
		struct page *next = page->next;

		buddy_free_locked(np, page, 0);
		page = next;
	}
	np->drains++;
	node_unlock(np, flags);
}

/* ---- allocation ---- */

/* Takes and returns @page, so that the fast path need not save it. */
static __noinline struct page *check_preemption(struct page *page)
{
	(void)preempt_check();
	return page;
}

struct page *page_alloc(unsigned node, unsigned order, unsigned flags)
{
	struct page_cache *cache;
	struct page *page;

	if (fail_nth_hit())
		return NULL;
	if (unlikely(order | flags))
		return page_alloc_slow(node, order, flags);
	preempt_disable();
	cache = raw_cpu_ptr(page_cache);
	if (unlikely(node != NODE_ANY && node != home_of(cache)))
		goto slow;
	if (unlikely(!try_lock(cache)))
		goto slow;
	page = cache->hot;
	if (unlikely(!page)) {
		unlock(cache);
		goto slow;
	}
	cache->hot = page->next;
	cache->room++;
	page_set_word(page, cache->allocated);
	this_cpu_inc(NUMA_EVENTS_FLAT[cache->hit_event]);
	unlock(cache);
	return preempt_enable_is_due() ? check_preemption(page) : page;
slow:
	/* A switch that is due happens when the slow path gives back its locks. */
	preempt_enable_no_resched();
	return page_alloc_slow(node, order, flags);
}

/* Take the top of the stacks of frames of the own node, maybe nothing. False: the cache is busy. */
static bool pop_home(struct page_cache *cache, struct page **page)
{
	if (!try_lock(cache))
		return false;
	if (!cache->hot && cache->cold.first) {
		cache->hot = detach(&cache->cold).first;
		cache->room = 0;
	}
	*page = cache->hot;
	if (*page) {
		cache->hot = (*page)->next;
		cache->room++;
	}
	unlock(cache);
	return true;
}

/* Send home what was away at the last refill already. */
static void flush_old(struct page_cache *cache)
{
	uint64_t old;

	if (!try_lock(cache))
		return;
	old = cache->away_nodes & cache->away_old;
	cache->away_old = cache->away_nodes & ~old;
	unlock(cache);
	for (; old; old &= old - 1) {
		struct page_chain chain;

		if (!try_lock(cache))
			return;
		chain = detach_away(cache, (unsigned)__builtin_ctzl(old));
		unlock(cache);
		free_chain(chain);
	}
}

/* The stacks are empty: a batch from the node, one frame for the caller, the others for later. */
static struct page *refill(struct page_cache *cache, unsigned home, unsigned flags)
{
	struct node_pages *np = node_pages[home];
	unsigned long irq = node_lock(np);
	struct page_chain chain;
	struct page *page;

	chain.count = buddy_take_batch_locked(np, PAGE_BATCH, flags, &page);
	np->refills += chain.count != 0;
	node_unlock(np, irq);
	if (!page)
		return NULL;
	chain.first = page->next;
	chain.count--;
	if (chain.count && try_lock(cache)) {
		/* An interrupt may have filled it, the CPU may have been told to go meanwhile. */
		if (!cache->hot && cache->home == home) {
			cache->room = PAGE_BATCH - chain.count;
			cache->hot = detach(&chain).first;
		}
		unlock(cache);
	}
	free_chain(chain);
	flush_old(cache);
	return page;
}

static struct page *pop_away(struct page_cache *cache, unsigned node)
{
	struct page_chain *away = &cache->away[node];
	struct page *page;

	if (!try_lock(cache))
		return NULL;
	page = away->first;
	if (page) {
		away->first = page->next;
		away->count--;
	}
	if (!away->first)
		cache->away_nodes &= ~BIT(node);
	unlock(cache);
	return page;
}

struct page *page_cache_take(unsigned node, unsigned flags)
{
	struct page_cache *cache;
	struct page *page;
	unsigned home;

	PREEMPT_GUARD();
	cache = raw_cpu_ptr(page_cache);
	home = home_of(cache);
	if (home == NODE_NONE)
		return NULL;
	if (node != home)
		return pop_away(cache, node);
	if (!pop_home(cache, &page))
		return NULL;
	return page ? page : refill(cache, home, flags);
}

/* ---- freeing ---- */

int page_free(struct page *page, unsigned order)
{
	struct page_cache *cache;

	if (unlikely(order))
		return page_free_slow(page, order);
	preempt_disable();
	cache = raw_cpu_ptr(page_cache);
	if (unlikely(!page_change_word(page, __atomic_load_n(&cache->allocated, __ATOMIC_RELAXED),
				       __atomic_load_n(&cache->cached, __ATOMIC_RELAXED)))) {
		preempt_enable_no_resched(); /* as in page_alloc() */
		return page_free_slow(page, 0);
	}
	if (unlikely(!try_lock(cache)))
		goto uncommon;
	if (unlikely(!cache->room)) {
		unlock(cache);
		goto uncommon;
	}
	page->next = cache->hot;
	cache->hot = page;
	cache->room--;
	unlock(cache);
	preempt_enable();
	return 0;
uncommon:
	page_cache_put(page);
	preempt_enable();
	return 0;
}

/* Push @page on its list. Returns what is to go home instead, maybe nothing. */
static struct page_chain put_locked(struct page_cache *cache, struct page *page)
{
	struct page_chain full = {0};

	if (page->node == cache->home) {
		if (!cache->room) {
			full = cache->cold;
			cache->cold = detach_hot(cache);
		}
		page->next = cache->hot;
		cache->hot = page;
		cache->room--;
	} else if (cache->home != NODE_NONE) {
		push(&cache->away[page->node], page);
		cache->away_nodes |= BIT(page->node);
		if (cache->away[page->node].count == PAGE_BATCH)
			full = detach_away(cache, page->node);
	} else {
		push(&full, page);
	}
	return full;
}

void page_cache_put(struct page *page)
{
	struct page_chain full = {0};
	struct page_cache *cache;

	PREEMPT_GUARD();
	cache = raw_cpu_ptr(page_cache);
	if (try_lock(cache)) {
		full = put_locked(cache, page);
		unlock(cache);
	} else {
		push(&full, page);
	}
	free_chain(full);
}

/* ---- from outside ---- */

void page_cache_open(unsigned cpu, unsigned home)
{
	struct page_cache *cache = per_cpu_ptr(page_cache, cpu);
	enum numa_event event = numa_node_for_cpu(cpu) == home ? NUMA_HIT_LOCAL : NUMA_HIT_OTHER;

	PREEMPT_GUARD();
	lock_waiting(cache);
	__atomic_store_n(&cache->cached, page_word(PAGE_CACHED, 0, home, 0), __ATOMIC_RELAXED);
	__atomic_store_n(&cache->allocated, page_word(PAGE_ALLOCATED, 0, home, NUMA_WHY_LOCAL),
			 __ATOMIC_RELAXED);
	__atomic_store_n(&cache->home, home, __ATOMIC_RELAXED);
	cache->hit_event = event * NODE_MAX + home;
	cache->room = PAGE_BATCH;
	unlock(cache);
}

void page_cache_close(unsigned cpu)
{
	struct page_cache *cache = per_cpu_ptr(page_cache, cpu);
	struct page_chain hot, cold;

	PREEMPT_GUARD();
	lock_waiting(cache);
	__atomic_store_n(&cache->home, NODE_NONE, __ATOMIC_RELAXED);
	hot = detach_hot(cache);
	cold = detach(&cache->cold);
	cache->room = 0;
	unlock(cache);
	free_chain(hot);
	free_chain(cold);
	for (unsigned node = 0; node < NODE_MAX; node++) {
		struct page_chain chain;

		lock_waiting(cache);
		chain = detach_away(cache, node);
		unlock(cache);
		free_chain(chain);
	}
}

static unsigned drain_away(struct page_cache *cache, unsigned node)
{
	struct page_chain chain;

	if (!try_lock(cache))
		return 0;
	chain = detach_away(cache, node);
	unlock(cache);
	free_chain(chain);
	return chain.count;
}

static bool is_home_of(const struct page_cache *cache, unsigned node)
{
	return cache->home != NODE_NONE && (node == NODE_ANY || node == cache->home);
}

static uint64_t away_mask(const struct page_cache *cache, unsigned node)
{
	return node == NODE_ANY ? cache->away_nodes : cache->away_nodes & BIT(node);
}

unsigned page_cache_drain(unsigned cpu, unsigned node)
{
	struct page_cache *cache = per_cpu_ptr(page_cache, cpu);
	struct page_chain hot = {0}, cold = {0};
	unsigned drained;
	uint64_t away;

	PREEMPT_GUARD();
	if (!try_lock(cache))
		return 0;
	if (is_home_of(cache, node)) {
		hot = detach_hot(cache);
		cold = detach(&cache->cold);
	}
	away = away_mask(cache, node);
	unlock(cache);
	free_chain(hot);
	free_chain(cold);
	drained = hot.count + cold.count;
	for (; away; away &= away - 1)
		drained += drain_away(cache, (unsigned)__builtin_ctzl(away));
	return drained;
}

unsigned page_cache_count(unsigned cpu, unsigned node)
{
	struct page_cache *cache = per_cpu_ptr(page_cache, cpu);
	unsigned count = 0, tries = COUNT_TRIES;

	PREEMPT_GUARD();
	while (!try_lock(cache)) {
		if (!tries--)
			return 0;
		cpu_relax();
	}
	if (is_home_of(cache, node))
		count = PAGE_BATCH - cache->room + cache->cold.count;
	for (uint64_t away = away_mask(cache, node); away; away &= away - 1)
		count += cache->away[__builtin_ctzl(away)].count;
	unlock(cache);
	return count;
}
