/*
 * Caches: the size classes behind kmalloc(), typed ones, and how cells are laid out in their slabs.
 *
 * Invariant: an entry of slab_caches is constant while it has a name. Entries come and go under
 * `cache_lock`, a leaf in thread context; everybody else reads an entry only because he has it.
 */
#include "kernel/mm/slab.h"
#include <fanga/cpu.h>
#include <fanga/panic.h>
#include "lib/errno.h"
#include "lib/string.h"

#define ORDER_MAX    3u
#define CELLS_ENOUGH 8u
#define WASTE_SHIFT  3 /* of a slab, an eighth at most is left over where that can be had */

struct slab_cache slab_caches[SLAB_CACHES] = {[SLAB_LARGE] = {.name = "large", .cells = 1}};

static DEFINE_SPINLOCK(cache_lock);

static bool fits_well(unsigned order, size_t stride)
{
	size_t bytes = PAGE_BYTES << order;

	return bytes / stride >= CELLS_ENOUGH && bytes % stride <= bytes >> WASTE_SHIFT;
}

/* Fill in all but the name, which makes the entry valid. */
static void lay_out(struct slab_cache *cache, size_t bytes, size_t align)
{
	size_t stride = bytes;
	unsigned order = 0;

	cache->header = 0;
#ifdef CONFIG_DEBUG
	cache->header = (uint32_t)slab_debug_header(align);
	stride += cache->header + slab_debug_trailer();
#endif
	stride = ALIGN_UP(stride, align);
	while (order < ORDER_MAX && !fits_well(order, stride))
		order++;
	cache->bytes = (uint32_t)bytes;
	cache->stride = (uint32_t)stride;
	cache->order = (uint16_t)order;
	cache->cells = (uint16_t)((PAGE_BYTES << order) / stride);
	cache->index = (uint16_t)(cache - slab_caches);
}

static struct slab_cache *create_locked(const char *name, size_t bytes, size_t align)
{
	for (struct slab_cache *cache = slab_caches; cache < slab_caches + SLAB_CACHES; cache++) {
		if (cache->name)
			continue;
		lay_out(cache, bytes, align);
		cache->name = name;
		return cache;
	}
	return NULL;
}

struct slab_cache *slab_cache_create(const char *name, size_t bytes, size_t align)
{
	struct slab_cache *cache;

	if (!name || !bytes || bytes > SLAB_OBJECT_MAX || (align & (align - 1)) ||
	    align > PAGE_BYTES)
		return NULL;
	spin_lock(&cache_lock);
	cache = create_locked(name, bytes, MAX(align, (size_t)SLAB_ALIGN));
	spin_unlock(&cache_lock);
	return cache;
}

int slab_cache_destroy(struct slab_cache *cache)
{
	unsigned long flags = irq_save();

	for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
		slab_flush_irqoff(cpu, cache);
	irq_restore(flags);
	for (unsigned node = 0; node < numa_node_count(); node++)
		slab_release_free(cache, node);
	if (slab_stats_get(cache, NODE_ANY).slabs)
		return -EBUSY;
	spin_lock(&cache_lock);
	cache->name = NULL;
	spin_unlock(&cache_lock);
	return 0;
}

/* The lists of a node, on the node. */
static void init_node(unsigned node)
{
	size_t bytes = SLAB_CACHES * sizeof(struct slab_lists);
	struct page *page = page_alloc(node, page_order_for(bytes), PAGE_ZERO);
	struct slab_lists *lists;

	if (!page)
		panic("no memory for the object allocator of node %u", node);
	lists = page_virt(page);
	for (unsigned i = 0; i < SLAB_CACHES; i++)
		spin_lock_init(&lists[i].lock);
	slab_lists[node] = lists;
}

void slab_init(void)
{
	static const struct {
		uint16_t bytes;
		const char *name;
	} classes[] = {
		{16, "16"},	{32, "32"},	{48, "48"},	{64, "64"},	{96, "96"},
		{128, "128"},	{192, "192"},	{256, "256"},	{384, "384"},	{512, "512"},
		{768, "768"},	{1024, "1024"}, {1536, "1536"}, {2048, "2048"}, {3072, "3072"},
		{4096, "4096"}, {6144, "6144"}, {8192, "8192"},
	};
	unsigned units = 1;

	for (unsigned node = 0; node < numa_node_count(); node++)
		if (numa_get_node(node)->memory_bytes)
			init_node(node);
	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++) {
		struct slab_cache *cache =
			slab_cache_create(classes[i].name, classes[i].bytes, SLAB_ALIGN);

		for (; units * SLAB_ALIGN <= classes[i].bytes; units++)
			slab_set_class(units, cache->index);
	}
}
