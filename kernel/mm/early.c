/*
 * The early allocator: physical memory by node until the page allocator takes over; from then on
 * early_alloc() and early_free() are the page allocator under another name.
 *
 * `free_ranges` is guarded by `early_lock`, a leaf lock taken with interrupts off. `ram` is built
 * by early_init() and constant afterwards, as is all once it is handed over.
 */
#include "kernel/mm/early.h"
#include "arch/x86_64/features.h"
#include "fanga/log.h"
#include "fanga/page.h"
#include "fanga/panic.h"
#include "fanga/spinlock.h"
#include "kernel/mm/memory_map.h"
#include "kernel/mm/page_init.h"
#include "kernel/mm/ranges.h"
#include "lib/errno.h"
#include "lib/string.h"

#define LOW_MEMORY_END	 0x100000ul /* the firmware's, and the start page of processors */
#define CONVENTIONAL_END 0xa0000ul
#define LOW_PAGE_FIRST	 0x1000ul

static DEFINE_SPINLOCK(early_lock);
static struct ranges free_ranges;
static struct memory_map_ram ram;
static uint64_t low_page;
static bool handed_over; /* set while only the boot CPU runs */

static void reserve(uint64_t base, uint64_t end)
{
	if (ranges_remove(&free_ranges, ALIGN_DOWN(base, PAGE_BYTES), ALIGN_UP(end, PAGE_BYTES)))
		panic("early memory: too many ranges");
}

void early_init(const struct boot_info *info)
{
	uint64_t limit = MIN(1ul << features()->physical_bits, DIRECT_MAP_BYTES);

	memory_map_find_ram(&ram, info, limit);
	if (ram.beyond_bytes)
		log_warn(
			"memory: %lu KiB beyond 0x%lx, out of the processor's or our reach, unused",
			ram.beyond_bytes >> 10, limit);
	if (ram.dropped)
		log_warn("memory: %u pieces more than the %u kept, unused", ram.dropped,
			 NUMA_SPAN_MAX);
	for (unsigned i = 0; i < ram.count; i++) {
		const struct numa_span *span = &ram.span[i];
		uint64_t base = MAX(span->base, LOW_MEMORY_END), end = span->base + span->length;

		if (span->base < CONVENTIONAL_END && !low_page) {
			uint64_t page = MAX(span->base, LOW_PAGE_FIRST);

			if (page + PAGE_BYTES <= MIN(end, CONVENTIONAL_END))
				low_page = page;
		}
		if (base < end && ranges_add(&free_ranges, base, end, 0))
			log_warn("memory: too many ranges, %lu KiB unused", (end - base) >> 10);
	}
	reserve(virt_to_phys(image_start), virt_to_phys(image_end));
	if (info->module_bytes)
		reserve(info->module_phys, info->module_phys + info->module_bytes);
	if (!free_ranges.count)
		panic("no usable memory in the boot loader's map");
}

const struct numa_span *early_ram(unsigned *count)
{
	*count = ram.count;
	return ram.span;
}

bool early_is_ram(uint64_t phys, uint64_t bytes)
{
	for (unsigned i = 0; i < ram.count; i++)
		if (phys < ram.span[i].base + ram.span[i].length && ram.span[i].base < phys + bytes)
			return true;
	return false;
}

uint64_t early_low_page(void)
{
	return low_page;
}

void early_assign_nodes(void)
{
	static struct ranges old; /* too large for the stack */

	SPIN_IRQ_GUARD(&early_lock);
	old = free_ranges;
	free_ranges.count = 0;
	for (unsigned i = 0; i < old.count; i++) {
		struct range left = old.range[i];

		for (unsigned index = 0; left.base < left.end; index++) {
			const struct numa_range *part = numa_get_range(index);

			/* RAM is covered by nodes as a whole: numa_init() saw to it. */
			if (!part)
				break;
			if (part->base > left.base || part->end <= left.base)
				continue;

			uint64_t end = MIN(part->end, left.end);

			if (ranges_add(&free_ranges, left.base, end, part->node))
				panic("early memory: too many ranges");
			left.base = end;
			index = ~0u; /* from the first again */
		}
		if (left.base < left.end)
			panic("memory at 0x%lx has no node", left.base);
	}
}

const struct ranges *early_hand_over(void)
{
	handed_over = true;
	return &free_ranges;
}

uint64_t early_take(unsigned node, size_t bytes, size_t align)
{
	SPIN_IRQ_GUARD(&early_lock);
	return ranges_take(&free_ranges, node, ALIGN_UP(bytes, PAGE_BYTES), MAX(align, PAGE_BYTES));
}

/* From the page allocator, in single frames, so that any part of them can be given back. */
static uint64_t take_frames(unsigned node, size_t bytes, size_t align, unsigned flags)
{
	size_t frames = DIV_ROUND_UP(bytes, PAGE_BYTES);
	unsigned order = MAX(page_order_for(bytes), page_order_for(align));
	struct page *page = page_alloc(node, order, flags | PAGE_ATOMIC);

	if (!page)
		return 0;
	page_split(page, order);
	for (size_t i = frames; i < 1ul << order; i++)
		(void)page_free(&page[i], 0);
	memset(page_virt(page), 0, frames * PAGE_BYTES);
	return page_phys(page);
}

static uint64_t take_range(unsigned node, size_t bytes, size_t align)
{
	uint64_t phys = early_take(node, bytes, align);

	if (phys)
		memset(phys_to_virt(phys), 0, ALIGN_UP(bytes, PAGE_BYTES));
	return phys;
}

uint64_t early_alloc_strict(unsigned node, size_t bytes, size_t align)
{
	align = MAX(align, PAGE_BYTES);
	if (!bytes || node == NODE_ANY)
		return 0;
	return handed_over ? take_frames(node, bytes, align, PAGE_STRICT)
			   : take_range(node, bytes, align);
}

uint64_t early_alloc(unsigned node, size_t bytes, size_t align)
{
	align = MAX(align, PAGE_BYTES);
	if (!bytes)
		return 0;
	if (handed_over)
		return take_frames(node, bytes, align, 0);
	if (node == NODE_ANY)
		return take_range(RANGES_ANY, bytes, align);
	for (unsigned i = 0; node < numa_node_count() && i < numa_node_count(); i++) {
		uint64_t phys = take_range(numa_fallback_order(node)[i], bytes, align);

		if (phys)
			return phys;
	}
	return 0;
}

/* Each by itself: some may come from before the page allocator, which takes them in now. */
static void free_frames(uint64_t phys, uint64_t end)
{
	for (; phys < end; phys += PAGE_BYTES)
		if (!page_adopt(phys))
			(void)page_free(page_of(phys), 0);
}

static void free_range(uint64_t phys, uint64_t end)
{
	while (phys < end) {
		/* The range may span nodes if it came from before they were known. */
		int node = numa_node_for_address(phys);
		uint64_t part = phys;

		while (part < end && numa_node_for_address(part) == node)
			part += PAGE_BYTES;

		SPIN_IRQ_GUARD(&early_lock);
		if (ranges_add(&free_ranges, phys, part, node < 0 ? 0 : (unsigned)node) == -EEXIST)
			panic("early memory: 0x%lx freed twice", phys);
		phys = part;
	}
}

void early_free(uint64_t phys, size_t bytes)
{
	uint64_t end = phys + ALIGN_UP(bytes, PAGE_BYTES);

	if (handed_over)
		free_frames(phys, end);
	else
		free_range(phys, end);
}

uint64_t early_free_bytes(unsigned node)
{
	if (handed_over)
		return page_free_count(node) * PAGE_BYTES;

	SPIN_IRQ_GUARD(&early_lock);
	return ranges_bytes(&free_ranges, node == NODE_ANY ? RANGES_ANY : node);
}
