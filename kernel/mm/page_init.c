/*
 * Building the descriptors and taking over from the early allocator, in O(RAM / 2 MiB).
 *
 * The array of descriptors is virtual: each node's part lies on the node's own memory, mapped with
 * 2 MiB pages where they fit, by pieces of 32 KiB, which describe one 2 MiB block. Of a block that
 * is all of one node only the first descriptor is written here; blocks at the edges of ranges are
 * written as a whole, for there nodes and holes meet. Boot CPU, alone, but for page_adopt().
 */
#include "kernel/mm/page_init.h"
#include "kernel/mm/early.h"
#include "kernel/mm/kmap.h"
#include "kernel/mm/percpu_pages.h"
#include <fanga/cpu.h>
#include <fanga/log.h>
#include <fanga/options.h>
#include <fanga/panic.h>
#include "lib/string.h"

#define PIECE_BYTES (BLOCK_FRAMES * sizeof(struct page)) /* descriptors of a block */

/* ---- the array ---- */

static void alloc_block_states(void)
{
	const struct numa_range *range;
	uint64_t phys, end = 0;

	for (unsigned i = 0; (range = numa_get_range(i)); i++)
		end = MAX(end, range->end);
	block_count = DIV_ROUND_UP(end, BLOCK_BYTES);
	phys = early_alloc(NODE_ANY, block_count, PAGE_BYTES);
	if (!phys)
		panic("no memory for the states of %lu blocks", block_count);
	block_states = phys_to_virt(phys);
	/* Memory may still hold the descriptors of the boot before. */
	page_check = (uint32_t)(rdtsc() * 0x9e3779b97f4a7c15ul >> 32) | 1;
}

/* Memory of @node, or any, for @bytes of the array at @va. Whether it was found and mapped. */
static bool back_piece(unsigned node, uint64_t va, size_t bytes)
{
	size_t align = bytes == LARGE_PAGE_BYTES ? LARGE_PAGE_BYTES : PAGE_BYTES;
	uint64_t phys = early_take(node, bytes, align);

	if (!phys && bytes == PIECE_BYTES)
		phys = early_take(NODE_ANY, bytes, align);
	if (!phys)
		return false;
	if (!kmap_page_array(va, phys, bytes))
		return true;
	early_free(phys, bytes);
	return false;
}

/* Back the descriptors of blocks [@first, @end) of @node. Returns the first that has none. */
static uint64_t back_blocks(unsigned node, uint64_t first, uint64_t end)
{
	while (first < end) {
		uint64_t va = (uint64_t)(PAGE_ARRAY + first * BLOCK_FRAMES);
		uint64_t piece_end = MIN(ALIGN_DOWN(va, LARGE_PAGE_BYTES) + LARGE_PAGE_BYTES,
					 va + (end - first) * PIECE_BYTES);
		size_t bytes = piece_end - va;

		/* In small pieces where the node has no large one. */
		if (!back_piece(node, va, bytes)) {
			bytes = PIECE_BYTES;
			if (!back_piece(node, va, bytes))
				return first;
		}
		first += bytes / PIECE_BYTES;
	}
	return first;
}

/* ---- descriptors ---- */

/* A block that a range begins or ends in: all of it becomes a hole, but for other ranges' frames.
 */
static void init_edge_block(uint64_t index)
{
	struct page *first = PAGE_ARRAY + index * BLOCK_FRAMES;

	if (block_states[index] == BLOCK_READY)
		return;
	for (unsigned i = 0; i < BLOCK_FRAMES; i++)
		page_set_word(&first[i], page_word(PAGE_HOLE, 0, NODE_NONE, 0));
	block_states[index] = BLOCK_READY;
}

/* Frames [@base, @end) of one block are RAM of @node. */
static void init_frames(uint64_t base, uint64_t end, unsigned node)
{
	uint64_t word = page_word(PAGE_RESERVED, 0, node, 0);

	if (end - base == BLOCK_BYTES) {
		page_set_word(page_of(base), word);
		block_states[base / BLOCK_BYTES] = BLOCK_LAZY;
		return;
	}
	init_edge_block(base / BLOCK_BYTES);
	for (; base < end; base += PAGE_BYTES)
		page_set_word(page_of(base), word);
}

static void init_range(const struct numa_range *range)
{
	uint64_t first = range->base / BLOCK_BYTES, end = DIV_ROUND_UP(range->end, BLOCK_BYTES);
	uint64_t backed;

	/* Edges that another range has a share in may be there. */
	while (first < end && block_states[first] != BLOCK_NONE)
		first++;
	while (end > first && block_states[end - 1] != BLOCK_NONE)
		end--;
	backed = back_blocks(range->node, first, end);
	if (backed < end)
		log_err("memory: 0x%lx-0x%lx left out, no room for its descriptors",
			backed * BLOCK_BYTES, end * BLOCK_BYTES);
	for (uint64_t base = range->base; base < range->end;) {
		uint64_t next = MIN(ALIGN_DOWN(base, BLOCK_BYTES) + BLOCK_BYTES, range->end);
		uint64_t block = base / BLOCK_BYTES;

		if (block < backed || block >= end)
			init_frames(base, next, range->node);
		base = next;
	}
}

/* ---- what is free ---- */

/* Frames [@base, @end) of one block, all of @np's node and PAGE_RESERVED, become free. */
static void give_frames_locked(struct node_pages *np, uint64_t base, uint64_t end)
{
	uint64_t block = base / BLOCK_BYTES;

	if (block_states[block] == BLOCK_NONE)
		return;
	/* Read without the lock, see take_from_node(). */
	__atomic_store_n(&np->total_pages, np->total_pages + ((end - base) >> PAGE_SHIFT),
			 __ATOMIC_RELAXED);
	if (end - base == BLOCK_BYTES) {
		buddy_free_locked(np, page_of(base), PAGE_ORDER_LARGE);
		return;
	}
	block_make_ready_locked(page_of(base), np->node, PAGE_RESERVED);
	while (base < end) {
		uint64_t frame = base >> PAGE_SHIFT, count = (end - base) >> PAGE_SHIFT;
		unsigned order = MIN((unsigned)__builtin_ctzl(frame | BLOCK_FRAMES),
				     63 - (unsigned)__builtin_clzl(count));

		for (unsigned i = 1; i < 1u << order; i++)
			page_set_word(page_of(base) + i, page_word(PAGE_TAIL, 0, np->node, 0));
		buddy_free_locked(np, page_of(base), order);
		base += PAGE_BYTES << order;
	}
}

static void give_range(const struct range *range)
{
	struct node_pages *np = node_pages[range->node];

	for (uint64_t base = range->base; base < range->end;) {
		uint64_t end = MIN(ALIGN_DOWN(base, BLOCK_BYTES) + BLOCK_BYTES, range->end);
		unsigned long irq = node_lock(np);

		give_frames_locked(np, base, end);
		node_unlock(np, irq);
		base = end;
	}
}

bool page_adopt(uint64_t phys)
{
	struct page *page = page_of(phys);
	enum block_state block = block_state_of(phys / BLOCK_BYTES);
	struct node_pages *np;
	unsigned long irq;
	bool is_reserved;

	/* A reserved lazy block is reserved as a whole: its first frame speaks for all. */
	if (block == BLOCK_LAZY)
		page = page_of(ALIGN_DOWN(phys, BLOCK_BYTES));
	if (block == BLOCK_NONE || page_state(page) != PAGE_RESERVED)
		return false;
	np = node_pages[page->node];
	irq = node_lock(np);
	block_make_ready_locked(page, np->node, PAGE_RESERVED);
	is_reserved = page_state(page_of(phys)) == PAGE_RESERVED;
	if (is_reserved) {
		phys = ALIGN_DOWN(phys, PAGE_BYTES);
		np->reserved_pages--;
		give_frames_locked(np, phys, phys + PAGE_BYTES);
	}
	node_unlock(np, irq);
	return is_reserved;
}

/* ---- gigapages ---- */

static struct ranges giga_ranges;

static bool reserve_gigapage(unsigned node)
{
	uint64_t phys = early_take(node, GIGAPAGE_BYTES, GIGAPAGE_BYTES);

	return phys && !ranges_add(&giga_ranges, phys, phys + GIGAPAGE_BYTES, node);
}

/*
 * As the command line asks, before anything breaks up the memory. On one node after the other as
 * long as any has room, if it names none.
 */
static void reserve_gigapages(void)
{
	uint64_t wanted = kernel_options()->gigapages, only = kernel_options()->gigapage_node;
	bool progress = true;

	while (wanted && progress) {
		progress = false;
		for (unsigned node = 0; wanted && node < numa_node_count(); node++) {
			if ((only != OPTIONS_ANY_NODE && only != node) || !reserve_gigapage(node))
				continue;
			progress = true;
			wanted--;
		}
	}
	if (wanted)
		log_warn("memory: no room for %lu of the gigapages asked for", wanted);
}

static void init_gigapage(uint64_t phys, unsigned node)
{
	struct node_pages *np = node_pages[node];
	struct page *page = page_of(phys);

	/* The heads of its blocks would say that boot has them. */
	for (uint64_t at = 0; at < GIGAPAGE_BYTES; at += BLOCK_BYTES) {
		if (block_states[(phys + at) / BLOCK_BYTES] == BLOCK_NONE)
			return;
		page_set_word(page_of(phys + at), page_word(PAGE_TAIL, 0, node, 0));
	}
	page_set_word(page, page_word(PAGE_GIGA, GIGAPAGE_ORDER, node, 0));
	page->next = np->giga;
	np->giga = page;
	np->giga_free++;
	np->giga_total++;
}

static void init_gigapages(void)
{
	for (unsigned i = 0; i < giga_ranges.count; i++) {
		const struct range *range = &giga_ranges.range[i];

		for (uint64_t at = range->base; at < range->end; at += GIGAPAGE_BYTES)
			init_gigapage(at, range->node);
	}
}

/* ---- nodes and CPUs ---- */

static void alloc_node(unsigned node)
{
	uint64_t phys = early_alloc(node, sizeof(struct node_pages), PAGE_BYTES);

	if (!phys)
		panic("no memory for the lists of node %u", node);
	node_pages[node] = phys_to_virt(phys);
	buddy_init(node_pages[node], node);
}

static void finish_node(unsigned node)
{
	struct node_pages *np = node_pages[node];
	unsigned long irq = node_lock(np);

	buddy_set_watermarks_locked(np);
	np->reserved_pages = (numa_get_node(node)->memory_bytes >> PAGE_SHIFT) - np->total_pages -
			     (np->giga_total << GIGAPAGE_ORDER);
	node_unlock(np, irq);
}

static int cpu_online(unsigned cpu)
{
	page_cache_open(cpu, numa_memory_node(numa_node_for_cpu(cpu)));
	return 0;
}

void page_init(void)
{
	static struct cpu_callbacks callbacks = {
		.name = "pages",
		.online = cpu_online,
		.offline = page_cache_close,
	};
	const struct numa_range *range;
	const struct ranges *left;

	reserve_gigapages();
	alloc_block_states();
	for (unsigned i = 0; (range = numa_get_range(i)); i++)
		init_range(range);
	for (unsigned node = 0; node < numa_node_count(); node++)
		alloc_node(node);
	init_gigapages();
	left = early_hand_over();
	for (unsigned i = 0; i < left->count; i++)
		give_range(&left->range[i]);
	for (unsigned node = 0; node < numa_node_count(); node++)
		finish_node(node);
	(void)cpu_online(0);
	cpu_register_callbacks(&callbacks);
}
