/*
 * Memory by hint: numa_alloc() and numa_free().
 *
 * Up to 4 MiB it is one block in the direct map, whose head says PAGE_MEMORY and the size asked
 * for. Above, a range of the kernel's window is mapped to blocks as large as there are; its record
 * and its addresses are used again. `ranges_lock` guards the records, a leaf taken with interrupts
 * off; the blocks of a range in use belong to whoever allocates or frees it.
 */
#include <fanga/log.h>
#include <fanga/numa.h>
#include <fanga/page.h>
#include <fanga/policy.h>
#include <fanga/preempt.h>
#include <fanga/spinlock.h>
#include "kernel/mm/buddy.h"
#include "lib/errno.h"
#include "lib/string.h"

#define BLOCK_BYTES_MAX (PAGE_BYTES << PAGE_ORDER_MAX)
#define RANGES_MAX	512 /* large allocations at one time, and address ranges kept */

enum range_use { RANGE_UNKNOWN, RANGE_FREE, RANGE_BUSY, RANGE_USED };

struct large_range {
	uint64_t va;	     /* aligned to a large page */
	size_t window_bytes; /* addresses it has, constant once known */
	size_t bytes;	     /* as asked for */
	struct page *blocks; /* chained by `next`, their order in owner[0] */
	enum range_use use;
};

static DEFINE_SPINLOCK(ranges_lock);
static struct large_range ranges[RANGES_MAX];

static bool is_valid(struct numa_hint hint)
{
	if (hint.kind == NUMA_HINT_ANY || hint.kind == NUMA_HINT_LOCAL)
		return true;
	return (hint.kind == NUMA_HINT_PREFER || hint.kind == NUMA_HINT_STRICT) &&
	       hint.node < numa_node_count();
}

/* By the running context's policy. */
static struct page *alloc_by_policy(unsigned order)
{
	struct numa_policy_iter iter = {0};
	struct numa_policy *policy;
	int node, wanted = -1;
	unsigned flags;

	PREEMPT_GUARD();
	policy = numa_policy_current();
	if (policy->kind == NUMA_POLICY_DEFAULT)
		return page_alloc(NODE_ANY, order, 0);
	flags = numa_policy_is_interleave(policy) ? PAGE_BY_INTERLEAVE : PAGE_BY_POLICY;
	while ((node = numa_policy_next_node(policy, &iter)) >= 0) {
		struct page *page;

		if (wanted < 0)
			wanted = node;
		page = page_alloc_instead((unsigned)wanted, (unsigned)node, order, flags);
		if (page)
			return page;
	}
	return NULL;
}

static struct page *alloc_block(unsigned order, struct numa_hint hint, unsigned flags)
{
	switch (hint.kind) {
	case NUMA_HINT_LOCAL:
		return page_alloc(NODE_ANY, order, flags);
	case NUMA_HINT_PREFER:
		return page_alloc(hint.node, order, flags | PAGE_BY_POLICY);
	case NUMA_HINT_STRICT:
		return page_alloc(hint.node, order, flags | PAGE_BY_POLICY | PAGE_STRICT);
	default:
		return alloc_by_policy(order);
	}
}

/* ---- above 4 MiB ---- */

/* A record with addresses for @bytes, RANGE_BUSY; NULL: none left. */
static struct large_range *find_window(size_t bytes)
{
	struct large_range *best = NULL;

	SPIN_IRQ_GUARD(&ranges_lock);
	for (struct large_range *r = ranges; r < ranges + RANGES_MAX; r++) {
		if (r->use == RANGE_FREE && r->window_bytes >= bytes &&
		    (!best || best->use == RANGE_UNKNOWN || r->window_bytes < best->window_bytes))
			best = r;
		else if (r->use == RANGE_UNKNOWN && !best)
			best = r;
	}
	if (best && best->use == RANGE_UNKNOWN) {
		uint64_t va = kmap_reserve(bytes + LARGE_PAGE_BYTES);

		if (!va)
			return NULL;
		best->va = ALIGN_UP(va, LARGE_PAGE_BYTES);
		best->window_bytes = bytes;
	}
	if (best)
		best->use = RANGE_BUSY;
	return best;
}

static void set_use(struct large_range *range, enum range_use use)
{
	SPIN_IRQ_GUARD(&ranges_lock);
	range->use = use;
}

/* Unmap and free all blocks; the addresses may be used again. */
static void release_range(struct large_range *range)
{
	struct page *block = range->blocks;

	if (kmap_unmap(range->va, range->window_bytes))
		kmap_flush(range->va, range->va + range->window_bytes);
	while (block) {
		struct page *next = block->next;

		(void)page_free(block, (unsigned)block->owner[0]);
		block = next;
	}
	range->blocks = NULL;
	set_use(range, RANGE_FREE);
}

/* The largest block of at most @bytes that there is; small ones near rather than large ones far. */
static struct page *alloc_largest(size_t bytes, struct numa_hint hint)
{
	unsigned largest = MIN(63 - (unsigned)__builtin_clzl(bytes / PAGE_BYTES), PAGE_ORDER_LARGE);

	/* A policy that walks over nodes deals out frames. */
	if (hint.kind == NUMA_HINT_ANY)
		largest = 0;
	for (unsigned flags = PAGE_STRICT;; flags = 0) {
		for (unsigned order = largest + 1; order-- > 0;) {
			struct page *block = alloc_block(order, hint, flags);

			if (!block)
				continue;
			block->owner[0] = order;
			memset(page_virt(block), 0, PAGE_BYTES << order);
			return block;
		}
		if (!flags)
			return NULL;
	}
}

/* Map a block of at most @left bytes at @at. Returns its bytes, 0: no memory. */
static size_t add_block(struct large_range *range, size_t at, size_t left, struct numa_hint hint)
{
	struct page *block = alloc_largest(left, hint);
	size_t bytes;

	if (!block)
		return 0;
	bytes = PAGE_BYTES << block->owner[0];
	block->next = range->blocks;
	range->blocks = block;
	if (kmap_map(range->va + at, page_phys(block), bytes, MAP_WRITE | MAP_LARGE))
		return 0;
	return bytes;
}

/* What NUMA_ANY means just now, when no policy says anything. */
static struct numa_hint resolve(struct numa_hint hint)
{
	bool is_default;

	PREEMPT_GUARD();
	is_default = numa_policy_current()->kind == NUMA_POLICY_DEFAULT;
	return hint.kind == NUMA_HINT_ANY && is_default ? NUMA_LOCAL : hint;
}

static int alloc_large(size_t bytes, struct numa_hint hint, void **address)
{
	size_t window = ALIGN_UP(bytes, PAGE_BYTES), at = 0, added;
	struct large_range *range;

	if (window < bytes)
		return -ENOMEM;
	range = find_window(window);
	if (!range)
		return -ENOMEM;
	range->bytes = bytes;
	hint = resolve(hint);
	for (; at < window; at += added) {
		added = add_block(range, at, window - at, hint);
		if (!added) {
			release_range(range);
			return -ENOMEM;
		}
	}
	set_use(range, RANGE_USED);
	*address = (void *)range->va;
	return 0;
}

static int free_large(uint64_t va, size_t bytes)
{
	struct large_range *found = NULL;

	{
		SPIN_IRQ_GUARD(&ranges_lock);
		for (struct large_range *r = ranges; !found && r < ranges + RANGES_MAX; r++)
			if (r->use == RANGE_USED && r->va == va && r->bytes == bytes)
				found = r;
		if (found)
			found->use = RANGE_BUSY;
	}
	if (!found)
		return -EINVAL;
	release_range(found);
	return 0;
}

/* ---- */

int numa_alloc(size_t bytes, struct numa_hint hint, void **address)
{
	struct page *page;

	if (!bytes || !is_valid(hint))
		return -EINVAL;
	if (bytes > BLOCK_BYTES_MAX)
		return alloc_large(bytes, hint, address);
	page = alloc_block(page_order_for(bytes), hint, 0);
	if (!page)
		return -ENOMEM;
	memset(page_virt(page), 0, PAGE_BYTES << page->order);
	page->owner[0] = bytes;
	page_set_state(page, PAGE_MEMORY);
	*address = page_virt(page);
	return 0;
}

static int free_block(const void *address, size_t bytes)
{
	struct page *page = page_find(virt_to_phys(address));
	uint8_t memory = PAGE_MEMORY;

	if (!page || (uint64_t)address % PAGE_BYTES || page_state(page) != PAGE_MEMORY ||
	    page->owner[0] != bytes ||
	    /* In one step: of two who free it at once one is told. Relaxed: see page_free(). */
	    !__atomic_compare_exchange_n(&page->state, &memory, PAGE_ALLOCATED, false,
					 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return -EINVAL;
	return page_free(page, page->order);
}

int numa_free(void *address, size_t bytes)
{
	uint64_t va = (uint64_t)address;
	int error = -EINVAL;

	if (va >= DIRECT_MAP_BASE && va - DIRECT_MAP_BASE < DIRECT_MAP_BYTES)
		error = free_block(address, bytes);
	else if (bytes > BLOCK_BYTES_MAX)
		error = free_large(va, bytes);
	if (error)
		log_warn("numa_free: 0x%lx is not %lu bytes that numa_alloc() gave out", va, bytes);
	return error;
}
