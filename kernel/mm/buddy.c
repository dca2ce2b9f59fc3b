/*
 * The buddy allocator of one node.
 *
 * Invariant: no two free buddies of one order below the largest; every frame of RAM is in one
 * block, whose head carries state and order while the others are tails. The descriptors of a 2 MiB
 * block are written when it is first split or handed out, so that boot touches one of them for each
 * 2 MiB. Two buddies are of one node or are not joined. All under the node's lock, see buddy.h; a
 * word of a neighbour that is not free may change under another lock or none, which its state
 * tells.
 */
#include "kernel/mm/buddy.h"

uint8_t *block_states;
uint64_t block_count;
uint32_t page_check;

static unsigned range_of(const struct page *page)
{
	return page_phys(page) < PAGE_DMA32_END ? RANGE_DMA32 : RANGE_NORMAL;
}

void buddy_init(struct node_pages *np, unsigned node)
{
	*np = (struct node_pages){.node = node};
	spin_lock_init(&np->lock);
}

void buddy_set_watermarks_locked(struct node_pages *np)
{
	uint64_t min = MIN(np->total_pages / 256, 4096ul);

	/* A node of a few MiB keeps a sixteenth, if even that is less than a batch. */
	min = MAX(min, MIN(np->total_pages / 16, 32ul));
	np->min_pages = min;
	np->low_pages = min + min / 4;
	np->high_pages = min + min / 2;
}

uint64_t buddy_available_locked(const struct node_pages *np, unsigned flags)
{
	uint64_t kept = flags & PAGE_ATOMIC ? 0 : np->min_pages;
	uint64_t available = np->free_pages > kept ? np->free_pages - kept : 0;

	return flags & PAGE_DMA32 ? MIN(available, np->range_pages[RANGE_DMA32]) : available;
}

static void list_add(struct node_pages *np, struct page *page, unsigned order)
{
	unsigned range = range_of(page);
	struct page *first = np->free[range][order];

	page->next = first;
	page->previous = NULL;
	if (first)
		first->previous = page;
	np->free[range][order] = page;
	np->nonempty[range] |= 1u << order;
	np->blocks[range][order]++;
	np->range_pages[range] += 1u << order;
	np->free_pages += 1u << order;
	page_set_word(page, page_word(PAGE_FREE, order, np->node, 0));
}

static void list_remove(struct node_pages *np, struct page *page, unsigned order)
{
	unsigned range = range_of(page);

	if (page->next)
		page->next->previous = page->previous;
	if (page->previous)
		page->previous->next = page->next;
	else
		np->free[range][order] = page->next;
	if (!np->free[range][order])
		np->nonempty[range] &= ~(1u << order);
	np->blocks[range][order]--;
	np->range_pages[range] -= 1u << order;
	np->free_pages -= 1u << order;
}

void block_make_ready_locked(struct page *page, unsigned node, enum page_state state)
{
	uint64_t index = block_index(page);
	struct page *first = PAGE_ARRAY + index * BLOCK_FRAMES;
	uint64_t word = page_word(state, 0, node, 0);

	if (block_states[index] != BLOCK_LAZY)
		return;
	for (unsigned i = 1; i < BLOCK_FRAMES; i++)
		page_set_word(&first[i], word);
	/* Release: pairs with block_state_of(): who finds READY finds the words. */
	__atomic_store_n(&block_states[index], BLOCK_READY, __ATOMIC_RELEASE);
}

static void make_ready(struct node_pages *np, struct page *page, unsigned order)
{
	for (unsigned i = 0; i < 1u << order; i += BLOCK_FRAMES)
		block_make_ready_locked(page + i, np->node, PAGE_TAIL);
}

/* Halve the block @page of order @from, which is in no list, until it is of order @to. */
static void split(struct node_pages *np, struct page *page, unsigned from, unsigned to)
{
	make_ready(np, page, MIN(from, MAX(to, PAGE_ORDER_LARGE)));
	while (from > to) {
		from--;
		list_add(np, page + (1u << from), from);
	}
}

/* The first block in the smallest order of at least @order that has one; NULL if there is none. */
static struct page *take_first(struct node_pages *np, unsigned range, unsigned order,
			       unsigned *found)
{
	uint32_t candidates = np->nonempty[range] >> order << order;
	struct page *page;

	if (!candidates)
		return NULL;
	*found = (unsigned)__builtin_ctz(candidates);
	page = np->free[range][*found];
	list_remove(np, page, *found);
	return page;
}

static struct page *take_any(struct node_pages *np, unsigned order, unsigned flags, unsigned *found)
{
	struct page *page = NULL;

	if (!(flags & PAGE_DMA32))
		page = take_first(np, RANGE_NORMAL, order, found);
	return page ? page : take_first(np, RANGE_DMA32, order, found);
}

struct page *buddy_alloc_locked(struct node_pages *np, unsigned order, unsigned flags)
{
	struct page *page;
	unsigned found;

	if (buddy_available_locked(np, flags) < 1u << order)
		return NULL;
	page = take_any(np, order, flags, &found);
	if (!page)
		return NULL;
	split(np, page, found, order);
	/* Before the lock goes: a buddy that is freed next must not be joined with it. */
	page_set_word(page, page_word(PAGE_CACHED, order, np->node, 0));
	return page;
}

unsigned buddy_take_batch_locked(struct node_pages *np, unsigned want, unsigned flags,
				 struct page **chain)
{
	uint64_t available = buddy_available_locked(np, flags);
	uint64_t word = page_word(PAGE_CACHED, 0, np->node, 0);
	unsigned taken = 0, order;
	struct page *page;

	want = (unsigned)MIN((uint64_t)want, available);
	*chain = NULL;
	while (taken < want && (page = take_any(np, 0, flags, &order))) {
		unsigned fits = 31 - (unsigned)__builtin_clz(want - taken);

		split(np, page, order, MIN(order, fits));
		order = MIN(order, fits);
		/* From the end, so that the chain begins at the lowest. */
		for (unsigned i = 1u << order; i-- > 0;) {
			page[i].next = *chain;
			page_set_word(&page[i], word);
			*chain = &page[i];
		}
		taken += 1u << order;
	}
	return taken;
}

/* The free buddy of @page's block of @order that it can be joined with, or NULL. */
static struct page *find_free_buddy(const struct node_pages *np, const struct page *page,
				    unsigned order)
{
	struct page *buddy = PAGE_ARRAY + ((uint64_t)(page - PAGE_ARRAY) ^ 1u << order);

	/* Inside one block both are alive; across blocks the other one may not exist. */
	if (order >= PAGE_ORDER_LARGE && block_state_of(block_index(buddy)) == BLOCK_NONE)
		return NULL;
	/* Free blocks of this node change under our lock only: the whole word tells. */
	return page_get_word(buddy) == page_word(PAGE_FREE, order, np->node, 0) ? buddy : NULL;
}

void buddy_free_locked(struct node_pages *np, struct page *page, unsigned order)
{
	uint64_t tail = page_word(PAGE_TAIL, 0, np->node, 0);
	struct page *buddy;

	while (order < PAGE_ORDER_MAX && (buddy = find_free_buddy(np, page, order))) {
		list_remove(np, buddy, order);
		page_set_word(MAX(page, buddy), tail);
		page = MIN(page, buddy);
		order++;
	}
	list_add(np, page, order);
}
