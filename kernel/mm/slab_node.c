/*
 * Slabs between CPUs and nodes: the word of each, the lists of each node; slab.h draws the states.
 *
 * Invariant: a slab is on `listed` of its node just while it is LISTED or EMPTY, and on `all` from
 * its creation to its end. Both change under the lock of the cache's lists on that node, a leaf,
 * taken with interrupts off: blocks of frames come and go without it.
 */
#include "kernel/mm/slab.h"

struct slab_lists *slab_lists[NODE_MAX] __cacheline_aligned;

static struct page *page_of_slab(struct slab *slab)
{
	return (struct page *)(void *)slab;
}

static struct slab_lists *lists_of(const struct slab_cache *cache, unsigned node)
{
	return slab_lists[node] ? &slab_lists[node][cache->index] : NULL;
}

static unsigned long lists_lock(struct slab_lists *lists) lock_acquires(&lists->lock)
{
	unsigned long flags = spin_lock_irqsave(&lists->lock);

	lists->lock_takings++;
	return flags;
}

/* Atomic for those who look without the lock. */
static void set_first_locked(struct slab_lists *lists, struct slab *slab)
{
	__atomic_store_n(&lists->listed, slab, __ATOMIC_RELAXED);
}

static void list_locked(struct slab_lists *lists, struct slab *slab)
{
	slab->previous = NULL;
	slab->next = lists->listed;
	if (slab->next)
		slab->next->previous = slab;
	set_first_locked(lists, slab);
	lists->listed_count++;
}

static void unlist_locked(struct slab_lists *lists, struct slab *slab)
{
	if (slab->next)
		slab->next->previous = slab->previous;
	if (slab->previous)
		slab->previous->next = slab->next;
	else
		set_first_locked(lists, slab->next);
	lists->listed_count--;
}

/* ---- the word ---- */

/*
 * Release: a pushed cell's link, and what its last user did with it. Acquire, in whoever reads the
 * word to follow links or to take cells: all of that is seen. Each pairs with the other.
 */
static uint64_t word_read(const struct slab *slab)
{
	return __atomic_load_n(&slab->word, __ATOMIC_ACQUIRE);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the builtin stores what it found there */
static bool word_change(struct slab *slab, uint64_t *old, uint64_t new)
{
	return __atomic_compare_exchange_n(&slab->word, old, new, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}

struct slab_cell *slab_take_pushed(struct slab *slab)
{
	/* Other CPUs' line stays theirs while there is nothing. */
	if (!WORD_COUNT(word_read(slab)))
		return NULL;
	/* Acquire: see word_read(). */
	return word_cell(slab,
			 __atomic_exchange_n(&slab->word, WORD(0, 0, SLAB_HELD), __ATOMIC_ACQUIRE));
}

bool slab_let_go(struct slab *slab)
{
	uint64_t nothing = WORD(0, 0, SLAB_HELD);

	return word_change(slab, &nothing, WORD(0, 0, SLAB_FULL));
}

/* The running CPU has made @slab UNLISTED: link it, or give it back if it is all free by now. */
static void link_unlisted(struct slab *slab)
{
	const struct slab_cache *cache = &slab_caches[slab->cache];
	struct slab_lists *lists = lists_of(cache, slab_node(slab));
	unsigned long flags = lists_lock(lists);
	uint64_t word = word_read(slab);
	bool is_spare;

	/* One spare slab a node is kept, so that a single object's coming and going costs little.
	 */
	do {
		is_spare = WORD_COUNT(word) == cache->cells && lists->listed;
	} while (!word_change(
		slab, &word,
		WORD(WORD_FIRST(word), WORD_COUNT(word), is_spare ? SLAB_EMPTY : SLAB_LISTED)));
	if (!is_spare)
		list_locked(lists, slab);
	spin_unlock_irqrestore(&lists->lock, flags);
	if (is_spare)
		slab_destroy(slab);
}

/* The running CPU has made @slab EMPTY, so nobody else touches it: unlink it, or keep it. */
static void settle_empty(struct slab *slab)
{
	struct slab_lists *lists = lists_of(&slab_caches[slab->cache], slab_node(slab));
	unsigned long flags = lists_lock(lists);
	uint64_t word = word_read(slab);
	bool is_spare = lists->listed_count > 1;

	if (is_spare)
		unlist_locked(lists, slab);
	else
		(void)word_change(slab, &word,
				  WORD(WORD_FIRST(word), WORD_COUNT(word), SLAB_LISTED));
	spin_unlock_irqrestore(&lists->lock, flags);
	if (is_spare)
		slab_destroy(slab);
}

void slab_push(struct slab *slab, struct slab_cell *first, struct slab_cell *last, unsigned count)
{
	unsigned cells = slab_caches[slab->cache].cells;
	unsigned number = cell_number(slab, first);
	uint64_t word = word_read(slab);
	enum slab_state state;

	do {
		state = WORD_STATE(word);
		if (state == SLAB_FULL)
			state = SLAB_UNLISTED;
		else if (state == SLAB_LISTED && WORD_COUNT(word) + count == cells)
			state = SLAB_EMPTY;
		last->next = word_cell(slab, word);
	} while (!word_change(slab, &word, WORD(number, WORD_COUNT(word) + count, state)));
	if (state == SLAB_UNLISTED && WORD_STATE(word) == SLAB_FULL)
		link_unlisted(slab);
	else if (state == SLAB_EMPTY)
		settle_empty(slab);
}

void slab_put_held(struct slab *slab)
{
	uint64_t word = word_read(slab);
	enum slab_state state;

	do {
		state = WORD_COUNT(word) ? SLAB_UNLISTED : SLAB_FULL;
	} while (!word_change(slab, &word, WORD(WORD_FIRST(word), WORD_COUNT(word), state)));
	if (state == SLAB_UNLISTED)
		link_unlisted(slab);
}

/* ---- making and taking ---- */

struct slab_cell *slab_carve(struct slab *slab, const struct slab_cache *cache, unsigned limit)
{
	unsigned count = MIN(limit, (unsigned)cache->cells - slab->carved);
	char *cell = slab_base(slab) + (size_t)slab->carved * cache->stride;
	struct slab_cell *first = NULL, **link = &first;

	for (unsigned i = 0; i < count; i++, cell += cache->stride) {
		*link = (struct slab_cell *)(void *)cell;
		link = &(*link)->next;
#ifdef CONFIG_DEBUG
		slab_debug_carved(cache, (struct slab_cell *)(void *)cell);
#endif
	}
	*link = NULL;
	slab->carved = (uint16_t)(slab->carved + count);
	return first;
}

struct slab *slab_create(const struct slab_cache *cache, unsigned wanted, unsigned node,
			 unsigned order)
{
	struct page *page = node == NODE_ANY ? page_alloc(wanted, order, 0)
					     : page_alloc_instead(wanted, node, order, 0);
	struct slab *slab = (struct slab *)(void *)page;
	struct slab_lists *lists;
	unsigned long flags;

	if (!page)
		return NULL;
	slab->cache = cache->index;
	slab->carved = cache->index == SLAB_LARGE;
	slab->order = order;
	slab->word = WORD(0, 0, SLAB_HELD);
	/* A large object is asked for by its start only. */
	for (unsigned i = 0; i < (cache->index == SLAB_LARGE ? 1u : 1u << order); i++)
		slab[i].head = slab;
	page_set_state(page, PAGE_SLAB);
	lists = lists_of(cache, slab_node(slab));
	flags = lists_lock(lists);
	slab->all_previous = NULL;
	slab->all_next = lists->all;
	if (slab->all_next)
		slab->all_next->all_previous = slab;
	lists->all = slab;
	lists->slab_count++;
	spin_unlock_irqrestore(&lists->lock, flags);
	return slab;
}

void slab_destroy(struct slab *slab)
{
	struct slab_lists *lists = lists_of(&slab_caches[slab->cache], slab_node(slab));
	unsigned long flags = lists_lock(lists);

	if (slab->all_next)
		slab->all_next->all_previous = slab->all_previous;
	if (slab->all_previous)
		slab->all_previous->all_next = slab->all_next;
	else
		lists->all = slab->all_next;
	lists->slab_count--;
	spin_unlock_irqrestore(&lists->lock, flags);
	page_set_state(page_of_slab(slab), PAGE_ALLOCATED);
	(void)page_free(page_of_slab(slab), slab->order);
}

/* The first listed slab that nobody is about to unlink. */
static struct slab *first_listed_locked(const struct slab_lists *lists)
{
	struct slab *slab = lists->listed;

	while (slab && WORD_STATE(word_read(slab)) == SLAB_EMPTY)
		slab = slab->next;
	return slab;
}

struct slab *slab_take_listed(const struct slab_cache *cache, unsigned node,
			      struct slab_cell **cells)
{
	struct slab_lists *lists = lists_of(cache, node);
	struct slab *slab;
	unsigned long flags;

	/* A look without the lock: who lists one meanwhile is as one who does so afterwards. */
	if (!lists || !__atomic_load_n(&lists->listed, __ATOMIC_RELAXED))
		return NULL;
	flags = lists_lock(lists);
	while ((slab = first_listed_locked(lists))) {
		uint64_t word = word_read(slab);

		/* It may grow meanwhile, and become EMPTY, which is another's then. */
		while (WORD_STATE(word) == SLAB_LISTED &&
		       !word_change(slab, &word, WORD(0, 0, SLAB_HELD)))
			;
		if (WORD_STATE(word) != SLAB_LISTED)
			continue;
		unlist_locked(lists, slab);
		*cells = word_cell(slab, word);
		break;
	}
	spin_unlock_irqrestore(&lists->lock, flags);
	return slab;
}

/* Pop one cell: only holders of the lock take from listed slabs, so the first stays the first. */
static struct slab_cell *pop_locked(struct slab_lists *lists, struct slab *slab)
{
	uint64_t word = word_read(slab);
	struct slab_cell *cell;
	unsigned left;

	do {
		if (WORD_STATE(word) != SLAB_LISTED)
			return NULL;
		cell = word_cell(slab, word);
		left = WORD_COUNT(word) - 1;
	} while (!word_change(
		slab, &word,
		WORD(cell_number(slab, cell->next), left, left ? SLAB_LISTED : SLAB_FULL)));
	if (!left)
		unlist_locked(lists, slab);
	return cell;
}

struct slab_cell *slab_take_cell(const struct slab_cache *cache, unsigned node)
{
	struct slab_lists *lists = lists_of(cache, node);
	struct slab_cell *cell = NULL;
	struct slab *slab;
	unsigned long flags;

	if (!lists || !__atomic_load_n(&lists->listed, __ATOMIC_RELAXED))
		return NULL;
	flags = lists_lock(lists);
	while (!cell && (slab = first_listed_locked(lists)))
		cell = pop_locked(lists, slab);
	spin_unlock_irqrestore(&lists->lock, flags);
	return cell;
}

void slab_release_free(const struct slab_cache *cache, unsigned node)
{
	struct slab_lists *lists = lists_of(cache, node);
	struct slab *free = NULL, *next;
	unsigned long flags;

	if (!lists)
		return;
	flags = lists_lock(lists);
	for (struct slab *slab = lists->listed; slab; slab = next) {
		uint64_t word = word_read(slab);

		next = slab->next;
		/* A listed one that is all free can only be taken, which wants the lock. */
		if (WORD_STATE(word) != SLAB_LISTED || WORD_COUNT(word) != cache->cells)
			continue;
		(void)word_change(slab, &word, WORD(0, 0, SLAB_EMPTY));
		unlist_locked(lists, slab);
		slab->next = free;
		free = slab;
	}
	spin_unlock_irqrestore(&lists->lock, flags);
	for (; free; free = next) {
		next = free->next;
		slab_destroy(free);
	}
}

void slab_for_each(const struct slab_cache *cache, unsigned node,
		   void (*visit)(struct slab *slab, void *context), void *context)
{
	struct slab_lists *lists = lists_of(cache, node);
	unsigned long flags;

	if (!lists)
		return;
	flags = lists_lock(lists);
	for (struct slab *slab = lists->all; slab; slab = slab->all_next)
		visit(slab, context);
	spin_unlock_irqrestore(&lists->lock, flags);
}
