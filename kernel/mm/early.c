/*
 * The early allocator: physical memory by node until the page allocator takes over; from then on
 * early_alloc() and early_free() are the page allocator under another name.
 *
 * `free_ranges` is guarded by `early_lock`, a leaf lock taken with interrupts off. `ram` is built
 * by early_init() and constant afterwards, as is all once it is handed over.
 */
#include "kernel/mm/early.h"
#include "fanga/log.h"
#include "fanga/page.h"
#include "fanga/panic.h"
#include "fanga/spinlock.h"
#include "kernel/mm/page_init.h"
#include "kernel/mm/ranges.h"
#include "lib/errno.h"
#include "lib/string.h"

#define LOW_MEMORY_END	 0x100000ul /* the firmware's, and the start page of processors */
#define CONVENTIONAL_END 0xa0000ul
#define LOW_PAGE_FIRST	 0x1000ul

static DEFINE_SPINLOCK(early_lock);
static struct ranges free_ranges;
static struct numa_span ram[NUMA_SPAN_MAX];
static unsigned ram_count;
static uint64_t low_page;
static bool handed_over; /* set while only the boot CPU runs */

/* Sort by insertion: maps are short and nearly sorted. Overlaps are merged. */
static void add_ram(uint64_t base, uint64_t end)
{
	unsigned at = ram_count;

	if (base >= end || ram_count == NUMA_SPAN_MAX)
		return;
	for (; at > 0 && ram[at - 1].base > base; at--)
		ram[at] = ram[at - 1];
	ram[at] = (struct numa_span){base, end - base};
	ram_count++;
}

static void merge_ram(void)
{
	unsigned kept = 0;

	for (unsigned i = 1; i < ram_count; i++) {
		struct numa_span *last = &ram[kept];

		if (ram[i].base <= last->base + last->length)
			last->length = MAX(last->base + last->length, ram[i].base + ram[i].length) -
				       last->base;
		else
			ram[++kept] = ram[i];
	}
	ram_count = ram_count ? kept + 1 : 0;
}

/*
 * The lowest entry of another type that reaches into [@base, @end), or NULL. What it covers is not
 * RAM, even where a usable one covers it too.
 */
static const struct boot_memory *find_clash(const struct boot_info *info, uint64_t base,
					    uint64_t end)
{
	const struct boot_memory *lowest = NULL;

	for (unsigned i = 0; i < info->memory_count; i++) {
		const struct boot_memory *m = &info->memory[i];

		if (m->type != BOOT_MEMORY_USABLE && m->base < end && base < m->base + m->length &&
		    (!lowest || m->base < lowest->base))
			lowest = m;
	}
	return lowest;
}

/* Add the parts of [@base, @end) that no reserved entry covers, in whole pages. */
static void add_usable(const struct boot_info *info, uint64_t base, uint64_t end)
{
	const struct boot_memory *clash;

	while (base < end && (clash = find_clash(info, base, end))) {
		add_ram(ALIGN_UP(base, PAGE_BYTES), ALIGN_DOWN(clash->base, PAGE_BYTES));
		base = clash->base + clash->length;
	}
	add_ram(ALIGN_UP(base, PAGE_BYTES), ALIGN_DOWN(end, PAGE_BYTES));
}

static void reserve(uint64_t base, uint64_t end)
{
	if (ranges_remove(&free_ranges, ALIGN_DOWN(base, PAGE_BYTES), ALIGN_UP(end, PAGE_BYTES)))
		panic("early memory: too many ranges");
}

void early_init(const struct boot_info *info)
{
	for (unsigned i = 0; i < info->memory_count; i++) {
		const struct boot_memory *m = &info->memory[i];

		if (m->type == BOOT_MEMORY_USABLE)
			add_usable(info, m->base, MIN(m->base + m->length, DIRECT_MAP_BYTES));
	}
	merge_ram();
	for (unsigned i = 0; i < ram_count; i++) {
		uint64_t base = MAX(ram[i].base, LOW_MEMORY_END), end = ram[i].base + ram[i].length;

		if (ram[i].base < CONVENTIONAL_END && !low_page) {
			uint64_t page = MAX(ram[i].base, LOW_PAGE_FIRST);

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
	*count = ram_count;
	return ram;
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
