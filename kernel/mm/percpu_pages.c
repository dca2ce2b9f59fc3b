/*
 * Single frames from and to the running CPU: the fast paths of page_alloc() and page_free().
 *
 * Frames of the CPU's own node go through two stacks of at most 64: `hot` is pushed and popped,
 * `cold` is full or empty, so that refills and drains are 64 apart at least. Frames of other nodes
 * are collected by node and go home at 64, or when a refill finds them older than the one before.
 * For locks see percpu_pages.h; interrupts are off while one is held, which also binds to the CPU.
 */
#include "kernel/mm/percpu_pages.h"
#include "kernel/mm/fail_nth.h"
#include <fanga/numa_stats.h>

DEFINE_PER_CPU(struct page_cache, page_cache) = {.home = NODE_NONE};

static void push(struct page_chain *chain, struct page *page)
{
	page->next = chain->first;
	chain->first = page;
	chain->count++;
}

static struct page *pop(struct page_chain *chain)
{
	struct page *page = chain->first;

	if (page) {
		chain->first = page->next;
		chain->count--;
	}
	return page;
}

static struct page_chain detach(struct page_chain *chain)
{
	struct page_chain all = *chain;

	*chain = (struct page_chain){0};
	return all;
}

void page_chain_free(struct page_chain chain)
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

static unsigned take_batch(unsigned node, unsigned flags, struct page **first)
{
	struct node_pages *np = node_pages[node];
	unsigned long irq = node_lock(np);
	unsigned count = buddy_take_batch_locked(np, PAGE_BATCH, flags, first);

	np->refills += count != 0;
	node_unlock(np, irq);
	return count;
}

/* Send home what has been away since before the last refill. */
static void flush_old_irqoff(struct page_cache *cache)
{
	uint64_t old = cache->away_nodes & cache->away_old;

	cache->away_old = cache->away_nodes & ~old;
	for (; old; old &= old - 1) {
		unsigned node = (unsigned)__builtin_ctzl(old);
		struct page_chain chain;

		raw_spin_lock(&cache->lock);
		chain = detach(&cache->away[node]);
		cache->away_nodes &= ~BIT(node);
		raw_spin_unlock(&cache->lock);
		page_chain_free(chain);
	}
}

/* The stacks are empty: one frame for the caller, 63 for later. */
static struct page *refill_irqoff(struct page_cache *cache, unsigned flags)
{
	struct page *page;
	unsigned count = take_batch(cache->home, flags, &page);

	if (count > 1) {
		struct page_chain rest = {page->next, count - 1};

		/* Only others' drains came between, which leave the stacks empty. */
		raw_spin_lock(&cache->lock);
		cache->hot = rest;
		raw_spin_unlock(&cache->lock);
	}
	flush_old_irqoff(cache);
	return page;
}

/* As page_cache_take() for the own node; refills unless the node is dry. */
static struct page *take_home_irqoff(struct page_cache *cache, unsigned flags)
{
	struct page *page;

	raw_spin_lock(&cache->lock);
	if (!cache->hot.first)
		cache->hot = detach(&cache->cold);
	page = pop(&cache->hot);
	raw_spin_unlock(&cache->lock);
	return page ? page : refill_irqoff(cache, flags);
}

static struct page *take_away_irqoff(struct page_cache *cache, unsigned node)
{
	struct page *page;

	raw_spin_lock(&cache->lock);
	page = pop(&cache->away[node]);
	if (!cache->away[node].first)
		cache->away_nodes &= ~BIT(node);
	raw_spin_unlock(&cache->lock);
	return page;
}

struct page *page_cache_take(unsigned node, unsigned flags)
{
	unsigned long irq = irq_save();
	struct page_cache *cache = raw_cpu_ptr(page_cache);
	struct page *page = NULL;

	if (node == cache->home)
		page = take_home_irqoff(cache, flags);
	else if (cache->away_nodes & BIT(node))
		page = take_away_irqoff(cache, node);
	irq_restore(irq);
	return page;
}

struct page *page_alloc(unsigned node, unsigned order, unsigned flags)
{
	struct page_cache *cache;
	struct page *page;
	unsigned long irq;

	if (fail_nth_hit())
		return NULL;
	if (unlikely(order | flags))
		return page_alloc_slow(node, order, flags);
	irq = irq_save();
	cache = raw_cpu_ptr(page_cache);
	raw_spin_lock(&cache->lock);
	page = cache->hot.first;
	if (unlikely(!page || (node != NODE_ANY && node != cache->home))) {
		raw_spin_unlock(&cache->lock);
		irq_restore(irq);
		return page_alloc_slow(node, order, flags);
	}
	cache->hot.first = page->next;
	cache->hot.count--;
	page_set_word(page, cache->word);
	(*cache->hits)++;
	raw_spin_unlock(&cache->lock);
	irq_restore(irq);
	return page;
}

/* Push a frame of another node; the full list, to be sent home, or an empty chain. */
static struct page_chain push_away(struct page_cache *cache, struct page *page)
{
	struct page_chain *away = &cache->away[page->node];

	push(away, page);
	cache->away_nodes |= BIT(page->node);
	if (away->count < PAGE_BATCH)
		return (struct page_chain){0};
	cache->away_nodes &= ~BIT(page->node);
	return detach(away);
}

/* Push a frame of the own node on full `hot`: that becomes `cold`, which goes home. */
static struct page_chain push_home(struct page_cache *cache, struct page *page)
{
	struct page_chain full = {0};

	if (cache->hot.count >= PAGE_BATCH) {
		full = cache->cold;
		cache->cold = detach(&cache->hot);
	}
	push(&cache->hot, page);
	return full;
}

static void free_uncommon(struct page_cache *cache, struct page *page)
{
	struct page_chain full = {0};

	if (cache->home == page->node)
		full = push_home(cache, page);
	else if (cache->home != NODE_NONE)
		full = push_away(cache, page);
	else
		push(&full, page); /* closed */
	raw_spin_unlock(&cache->lock);
	page_chain_free(full);
}

int page_free(struct page *page, unsigned order)
{
	uint16_t allocated = PAGE_ALLOCATED;
	struct page_cache *cache;
	unsigned long irq;

	/*
	 * One locked step, so that of two who free a frame at once one is told. Relaxed: the frame
	 * reaches its next user through the cache's or the node's lock.
	 */
	if (unlikely(order || block_state_of(block_index(page)) != BLOCK_READY ||
		     !__atomic_compare_exchange_n((uint16_t *)(void *)page, &allocated, PAGE_CACHED,
						  false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)))
		return page_free_slow(page, order);
	irq = irq_save();
	cache = raw_cpu_ptr(page_cache);
	raw_spin_lock(&cache->lock);
	if (unlikely(page->node != cache->home || cache->hot.count >= PAGE_BATCH)) {
		free_uncommon(cache, page);
	} else {
		push(&cache->hot, page);
		raw_spin_unlock(&cache->lock);
	}
	irq_restore(irq);
	return 0;
}

void page_cache_open(unsigned cpu, unsigned home)
{
	struct page_cache *cache = per_cpu_ptr(page_cache, cpu);
	unsigned long irq = irq_save();

	raw_spin_lock(&cache->lock);
	cache->home = (uint8_t)home;
	cache->word = page_word(PAGE_ALLOCATED, 0, home, NUMA_WHY_LOCAL, 1);
	cache->hits = numa_node_for_cpu(cpu) == home
			      ? per_cpu_ptr(numa_events[NUMA_HIT_LOCAL][home], cpu)
			      : per_cpu_ptr(numa_events[NUMA_HIT_OTHER][home], cpu);
	raw_spin_unlock(&cache->lock);
	irq_restore(irq);
}

void page_cache_close(unsigned cpu)
{
	struct page_cache *cache = per_cpu_ptr(page_cache, cpu);
	unsigned long irq = irq_save();
	struct page_chain hot, cold;

	raw_spin_lock(&cache->lock);
	cache->home = NODE_NONE;
	hot = detach(&cache->hot);
	cold = detach(&cache->cold);
	raw_spin_unlock(&cache->lock);
	irq_restore(irq);
	page_chain_free(hot);
	page_chain_free(cold);
	(void)page_cache_drain(cpu, NODE_ANY);
}

static unsigned drain_chain(struct page_cache *cache, struct page_chain *chain, unsigned node)
{
	unsigned long irq;
	struct page_chain all;

	/* A look without the lock: who frees meanwhile is as one who frees afterwards. */
	if (!__atomic_load_n(&chain->count, __ATOMIC_RELAXED))
		return 0;
	irq = irq_save();
	raw_spin_lock(&cache->lock);
	all = detach(chain);
	if (node != NODE_ANY)
		cache->away_nodes &= ~BIT(node);
	raw_spin_unlock(&cache->lock);
	irq_restore(irq);
	page_chain_free(all);
	return all.count;
}

unsigned page_cache_drain(unsigned cpu, unsigned node)
{
	struct page_cache *cache = per_cpu_ptr(page_cache, cpu);
	uint64_t away = __atomic_load_n(&cache->away_nodes, __ATOMIC_RELAXED);
	unsigned drained = 0;

	if (node == NODE_ANY || __atomic_load_n(&cache->home, __ATOMIC_RELAXED) == node) {
		drained += drain_chain(cache, &cache->hot, NODE_ANY);
		drained += drain_chain(cache, &cache->cold, NODE_ANY);
	}
	if (node != NODE_ANY)
		away &= BIT(node);
	for (; away; away &= away - 1)
		drained += drain_chain(cache, &cache->away[__builtin_ctzl(away)],
				       (unsigned)__builtin_ctzl(away));
	return drained;
}

unsigned page_cache_count(unsigned cpu, unsigned node)
{
	const struct page_cache *cache = per_cpu_ptr(page_cache, cpu);
	uint64_t away = __atomic_load_n(&cache->away_nodes, __ATOMIC_RELAXED);
	unsigned count = 0;

	if (node == NODE_ANY || __atomic_load_n(&cache->home, __ATOMIC_RELAXED) == node)
		count = __atomic_load_n(&cache->hot.count, __ATOMIC_RELAXED) +
			__atomic_load_n(&cache->cold.count, __ATOMIC_RELAXED);
	if (node != NODE_ANY)
		away &= BIT(node);
	for (; away; away &= away - 1)
		count +=
			__atomic_load_n(&cache->away[__builtin_ctzl(away)].count, __ATOMIC_RELAXED);
	return count;
}
