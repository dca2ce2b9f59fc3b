/*
 * Blocks of frames: which node they come from, whether they may be freed, and what there is.
 *
 * The uncommon part of page_alloc() and page_free(): other nodes, other orders, dry nodes. A node
 * is dry when neither its buddy allocator nor any CPU's list has what is asked for; only then the
 * next one is tried. Locks: those of percpu_pages.h and buddy.h, one at a time.
 */
#include "kernel/mm/fail_nth.h"
#include "kernel/mm/percpu_pages.h"
#include <fanga/check.h>
#include <fanga/cpu.h>
#include <fanga/numa_stats.h>
#include <fanga/panic.h>
#include "lib/errno.h"
#include "lib/string.h"

struct node_pages *node_pages[NODE_MAX];
static uint64_t bad_frees;

static bool is_node(unsigned node)
{
	return node < NODE_MAX && node_pages[node];
}

/* A CPU may be known that has no memory for its area; the boot CPU always has one. */
static bool has_area(unsigned cpu)
{
	return cpu == 0 || (cpu < cpu_count() && percpu_offset[cpu]);
}

/* ---- allocation ---- */

static struct page *take_from_node(unsigned node, unsigned order, unsigned flags)
{
	struct node_pages *np = node_pages[node];
	struct page *page;
	unsigned long irq;

	/* Most nodes without memory are asked often, for their CPUs want it near. */
	if (!__atomic_load_n(&np->total_pages, __ATOMIC_RELAXED))
		return NULL;
	irq = node_lock(np);
	page = buddy_alloc_locked(np, order, flags);
	node_unlock(np, irq);
	return page;
}

static struct page *take(unsigned node, unsigned order, unsigned flags)
{
	struct page *page = NULL;

	if (order == 0 && !(flags & PAGE_DMA32))
		page = page_cache_take(node, flags);
	return page ? page : take_from_node(node, order, flags);
}

/*
 * Bring home what the CPUs hold of @node; whether that was anything. A look at each CPU's counts: a
 * dry node is slow anyway, and no frame is to come from afar while there is one here.
 */
static bool reclaim(unsigned node)
{
	unsigned drained = 0;

	if (!__atomic_load_n(&node_pages[node]->total_pages, __ATOMIC_RELAXED))
		return false;
	for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
		if (has_area(cpu))
			drained += page_cache_drain(cpu, node);
	return drained;
}

static struct page *take_or_reclaim(unsigned node, unsigned order, unsigned flags)
{
	struct page *page = take(node, order, flags);

	if (!page && reclaim(node))
		page = take(node, order, flags);
	return page;
}

/* From @wanted or the next by distance that has it. */
static struct page *take_nearest(unsigned wanted, unsigned order, unsigned flags)
{
	const uint8_t *nodes = numa_fallback_order(wanted);
	unsigned count = flags & PAGE_STRICT ? 1 : numa_node_count();

	for (unsigned i = 0; i < count; i++) {
		struct page *page = take_or_reclaim(nodes[i], order, flags);

		if (page)
			return page;
	}
	return NULL;
}

static enum numa_why why_of(const struct page *page, unsigned node, unsigned wanted, unsigned flags)
{
	/* A node without memory means its nearest: to get that is no fallback. */
	if (page->node != numa_memory_node(wanted))
		return NUMA_WHY_FALLBACK;
	if (flags & PAGE_BY_INTERLEAVE)
		return NUMA_WHY_INTERLEAVE;
	if (node == NODE_ANY ||
	    (wanted == numa_node_for_cpu(current_cpu_id()) && !(flags & PAGE_BY_POLICY)))
		return NUMA_WHY_LOCAL;
	return NUMA_WHY_POLICY;
}

/* @page, PAGE_CACHED, is the caller's, who named @node and meant @wanted. */
static struct page *give_out(struct page *page, unsigned node, unsigned wanted, unsigned order,
			     unsigned flags)
{
	enum numa_why why = why_of(page, node, wanted, flags);

	page_set_word(page, page_word(PAGE_ALLOCATED, order, page->node, why));
	numa_stat_count_any(wanted, page->node, why, 1ul << order);
	if (flags & PAGE_ZERO)
		memset(page_virt(page), 0, PAGE_BYTES << order);
	return page;
}

struct page *page_alloc_slow(unsigned node, unsigned order, unsigned flags)
{
	/* Stale once the caller migrates, which makes the choice no worse than a moment ago. */
	unsigned wanted = node == NODE_ANY ? numa_node_for_cpu(current_cpu_id()) : node;
	struct page *page;

	if (order > PAGE_ORDER_MAX || !is_node(wanted))
		return NULL;
	page = take_nearest(wanted, order, flags & ~PAGE_ATOMIC);
	if (!page && flags & PAGE_ATOMIC)
		page = take_nearest(wanted, order, flags);
	return page ? give_out(page, node, wanted, order, flags) : NULL;
}

struct page *page_alloc_instead(unsigned wanted, unsigned node, unsigned order, unsigned flags)
{
	struct page *page;

	if (order > PAGE_ORDER_MAX || !is_node(wanted) || !is_node(node) || fail_nth_hit())
		return NULL;
	page = take_or_reclaim(node, order, flags | PAGE_STRICT);
	return page ? give_out(page, wanted, wanted, order, flags) : NULL;
}

/* ---- freeing ---- */

/* Why the block @page of @order, whose descriptor's first word is @word, may not be freed. */
static const char *refusal(const struct page *page, unsigned order, uint64_t word)
{
	static const char *const reasons[] = {
		[PAGE_HOLE] = "there is no RAM",
		[PAGE_RESERVED] = "it was never allocated",
		[PAGE_TAIL] = "it lies inside a block",
		[PAGE_FREE] = "it is free",
		[PAGE_CACHED] = "it has been freed just now",
		[PAGE_GIGA] = "it is a free gigapage",
		[PAGE_ALLOCATED] = "it is allocated with another order",
		[PAGE_SLAB] = "the object allocator uses it",
		[PAGE_RANGE] = "a movable range uses it",
		[PAGE_TABLE] = "it is a page table",
		[PAGE_MEMORY] = "numa_alloc() gave it out",
	};
	enum block_state block = block_state_of(block_index(page));

	if (order > PAGE_ORDER_MAX && order != GIGAPAGE_ORDER)
		return "there is no such order";
	if (block == BLOCK_NONE)
		return reasons[PAGE_HOLE];
	if (block == BLOCK_LAZY && word >> 32 != page_check)
		return reasons[PAGE_FREE];
	if (word >> 32 != page_check || (uint8_t)word >= ARRAY_SIZE(reasons))
		return "its descriptor is overwritten";
	return reasons[(uint8_t)word];
}

static int refuse_free(struct page *page, unsigned order, uint64_t word)
{
	const char *reason = refusal(page, order, word);

	__atomic_add_fetch(&bad_frees, 1, __ATOMIC_RELAXED);
#ifdef CONFIG_DEBUG
	check_report(CHECK_PAGE_FREE, "pages: 0x%lx freed with order %u, but %s", page_phys(page),
		     order, reason);
#else
	WARN("pages: 0x%lx freed with order %u, but %s", page_phys(page), order, reason);
#endif
	return -EINVAL;
}

/*
 * Take the block out of its user's hands if it is allocated and of @order, and make it @state.
 * @word: what its descriptor said.
 */
static bool take_back(struct page *page, unsigned order, enum page_state state, uint64_t *word)
{
	*word = page_get_word(page);
	return *word == page_word(PAGE_ALLOCATED, order, page->node, page->why) &&
	       page_change_word(page, *word, page_word(state, order, page->node, 0));
}

int page_free_slow(struct page *page, unsigned order)
{
	struct node_pages *np;
	unsigned long irq;
	uint64_t word = 0;

	if (block_state_of(block_index(page)) != BLOCK_READY)
		return refuse_free(page, order, word);
	if (order > PAGE_ORDER_MAX || !take_back(page, order, PAGE_CACHED, &word))
		return refuse_free(page, order, word);
	if (order == 0) {
		page_cache_put(page);
		return 0;
	}
	np = node_pages[page->node];
	irq = node_lock(np);
	buddy_free_locked(np, page, order);
	node_unlock(np, irq);
	return 0;
}

uint64_t page_bad_frees(void)
{
	return __atomic_load_n(&bad_frees, __ATOMIC_RELAXED);
}

void page_split(struct page *page, unsigned order)
{
	uint64_t word = page_word(PAGE_ALLOCATED, 0, page->node, page->why);

	BUG_ON(page->state != PAGE_ALLOCATED || page->order != order);
	for (unsigned i = 0; i < 1u << order; i++)
		page_set_word(&page[i], word);
}

/* ---- finding ---- */

struct page *page_find(uint64_t phys)
{
	struct page *page = page_of(phys);
	enum block_state block = block_state_of(phys / BLOCK_BYTES);

	if (block == BLOCK_READY)
		return page_state(page) == PAGE_HOLE ? NULL : page;
	/* Of a gigapage the head alone is alive. */
	if (block == BLOCK_LAZY && IS_ALIGNED(phys, GIGAPAGE_BYTES) &&
	    page_state(page) >= PAGE_GIGA)
		return page;
	return NULL;
}

struct page *page_head(struct page *page)
{
	uint64_t index = (uint64_t)(page - PAGE_ARRAY);

	/* Blocks are aligned to their size: the head is the first that is no tail on the way up. */
	for (unsigned order = 0; order <= PAGE_ORDER_MAX; order++) {
		struct page *head = PAGE_ARRAY + ALIGN_DOWN(index, 1ul << order);

		if (page_state(head) != PAGE_TAIL)
			return head;
	}
	return page;
}

/* ---- gigapages ---- */

static struct page *take_gigapage(unsigned node)
{
	struct node_pages *np = node_pages[node];
	unsigned long irq = node_lock(np);
	struct page *page = np->giga;

	if (page) {
		np->giga = page->next;
		np->giga_free--;
		page_set_word(page,
			      page_word(PAGE_ALLOCATED, GIGAPAGE_ORDER, node, NUMA_WHY_POLICY));
	}
	node_unlock(np, irq);
	return page;
}

struct page *gigapage_alloc(unsigned node, unsigned flags)
{
	unsigned wanted = node == NODE_ANY ? numa_node_for_cpu(current_cpu_id()) : node;
	unsigned count = flags & PAGE_STRICT ? 1 : numa_node_count();
	struct page *page = NULL;

	if (!is_node(wanted))
		return NULL;
	for (unsigned i = 0; !page && i < count; i++)
		page = take_gigapage(numa_fallback_order(wanted)[i]);
	if (page && flags & PAGE_ZERO)
		memset(page_virt(page), 0, GIGAPAGE_BYTES);
	return page;
}

int gigapage_free(struct page *page)
{
	struct node_pages *np;
	unsigned long irq;
	uint64_t word = 0;

	if (!page || page_find(page_phys(page)) != page ||
	    !take_back(page, GIGAPAGE_ORDER, PAGE_GIGA, &word))
		return refuse_free(page, GIGAPAGE_ORDER, word);
	np = node_pages[page->node];
	irq = node_lock(np);
	page->next = np->giga;
	np->giga = page;
	np->giga_free++;
	node_unlock(np, irq);
	return 0;
}

/* ---- reports ---- */

static uint64_t cached_pages(unsigned node)
{
	uint64_t pages = 0;

	for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
		if (has_area(cpu))
			pages += page_cache_count(cpu, node);
	return pages;
}

int page_counts_get(unsigned node, struct page_counts *counts)
{
	struct node_pages *np;
	unsigned long irq;

	if (!is_node(node))
		return -EINVAL;
	np = node_pages[node];
	irq = node_lock(np);
	*counts = (struct page_counts){
		.total_pages = np->total_pages,
		.free_pages = np->free_pages,
		.giga_free = np->giga_free,
		.giga_total = np->giga_total,
		.reserved_pages = np->reserved_pages,
		.min_pages = np->min_pages,
		.low_pages = np->low_pages,
		.high_pages = np->high_pages,
		.dma32_free_pages = np->range_pages[RANGE_DMA32],
		.refills = np->refills,
		.drains = np->drains,
		.lock_takings = --np->lock_takings, /* not this one */
	};
	for (unsigned order = 0; order < PAGE_ORDERS; order++)
		counts->free_blocks[order] =
			np->blocks[RANGE_NORMAL][order] + np->blocks[RANGE_DMA32][order];
	node_unlock(np, irq);
	counts->cached_pages = cached_pages(node);
	return 0;
}

static uint64_t buddy_pages(struct node_pages *np)
{
	SPIN_IRQ_GUARD(&np->lock);
	return np->free_pages;
}

uint64_t page_free_count(unsigned node)
{
	uint64_t pages = 0;

	for (unsigned i = 0; i < numa_node_count(); i++)
		if (node_pages[i] && (node == NODE_ANY || node == i))
			pages += buddy_pages(node_pages[i]) + cached_pages(i);
	return pages;
}

void page_cached_get(unsigned cpu, unsigned *counts)
{
	for (unsigned node = 0; node < NODE_MAX; node++)
		counts[node] = has_area(cpu) ? page_cache_count(cpu, node) : 0;
}

void page_drain_cpu(unsigned cpu)
{
	if (has_area(cpu))
		(void)page_cache_drain(cpu, NODE_ANY);
}
