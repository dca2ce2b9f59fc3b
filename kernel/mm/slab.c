/*
 * Objects: the fast paths, on the slab that the running CPU holds, and what to do when it is used
 * up or the object is another slab's.
 *
 * Invariant: a CPU's slab_cpus are touched by that CPU alone, with interrupts off. No lock is taken
 * but a node's (slab_node.c), and that for a slab at a time.
 */
#include "kernel/mm/slab.h"
#include "arch/x86_64/cpu.h"
#include "kernel/mm/fail_nth.h"
#include "lib/string.h"

#define CARVE_BATCH 32u

DEFINE_PER_CPU(struct slab_cpu, slab_cpus[SLAB_CACHES]);

/*
 * Index of the cache for each size in units of 16 bytes, rounded up; 0 for size 0. Constant after
 * boot, on lines of its own: every kmalloc() reads it.
 */
static uint8_t class_of_units[ALIGN_UP(SLAB_OBJECT_MAX / SLAB_ALIGN + 1,
				       CACHELINE_BYTES)] __cacheline_aligned;

void slab_set_class(unsigned units, unsigned index)
{
	class_of_units[units] = (uint8_t)index;
}

/* ---- allocation ---- */

/* Give the running CPU cells of @slab, which it holds from now on, and take the first. */
static struct slab_cell *hold(struct slab_cpu *cpu, struct slab *slab, struct slab_cell *cells)
{
	cpu->slab = slab;
	cpu->free = cells->next;
	return cells;
}

/* More cells of the slab that is held; NULL: there are none, and it is let go. */
static struct slab_cell *refill_from_held(struct slab_cpu *cpu, const struct slab_cache *cache)
{
	struct slab *slab = cpu->slab;
	struct slab_cell *cells;

	if (!slab)
		return NULL;
	do {
		cells = slab_take_pushed(slab);
		if (!cells)
			cells = slab_carve(slab, cache, CARVE_BATCH);
	} while (!cells && !slab_let_go(slab));
	if (cells)
		return hold(cpu, slab, cells);
	cpu->slab = NULL;
	return NULL;
}

/* A slab with free cells: listed or new, near @home, which has memory. */
static struct slab_cell *refill_from_node(struct slab_cpu *cpu, const struct slab_cache *cache,
					  unsigned home)
{
	const uint8_t *order = numa_fallback_order(home);

	for (unsigned i = 0; i < numa_node_count(); i++) {
		struct slab_cell *cells = NULL;
		struct slab *slab = slab_take_listed(cache, order[i], &cells);

		if (!slab) {
			slab = slab_create(cache, home, order[i], cache->order);
			if (!slab)
				continue;
			cells = slab_carve(slab, cache, CARVE_BATCH);
		}
		return hold(cpu, slab, cells);
	}
	return NULL;
}

static struct slab_cell *refill_irqoff(unsigned index)
{
	struct slab_cpu *cpu = raw_cpu_ptr(slab_cpus[index]);
	const struct slab_cache *cache = &slab_caches[index];
	struct slab_cell *cell = cpu->free;

	if (cell) {
		/* An interrupt has been here since the fast path looked. */
		cpu->free = cell->next;
		return cell;
	}
	cell = refill_from_held(cpu, cache);
	if (!cell)
		cell = refill_from_node(cpu, cache,
					numa_memory_node(numa_node_for_cpu(current_cpu_id())));
	return cell;
}

static __noinline struct slab_cell *take_cell_slow(unsigned index)
{
	unsigned long flags;
	struct slab_cell *cell;

	if (index == SLAB_LARGE) /* size 0 */
		return NULL;
	flags = irq_save();
	cell = refill_irqoff(index);
	irq_restore(flags);
	return cell;
}

/* Nothing is kept across the call, so that the fast path saves no register. */
static __always_inline struct slab_cell *take_cell(unsigned index)
{
	unsigned long flags = irq_save();
	struct slab_cell *cell = this_cpu_read(slab_cpus[index].free);

	if (likely(cell)) {
		this_cpu_write(slab_cpus[index].free, cell->next);
		irq_restore(flags);
		return cell;
	}
	irq_restore(flags);
	return take_cell_slow(index);
}

/* One cell of a new slab of @node, which is listed with the rest. */
static struct slab_cell *take_cell_of_new(const struct slab_cache *cache, unsigned wanted,
					  unsigned node)
{
	struct slab *slab = slab_create(cache, wanted, node, cache->order);
	struct slab_cell *cell, *last;

	if (!slab)
		return NULL;
	cell = slab_carve(slab, cache, cache->cells);
	for (last = cell; last->next; last = last->next)
		;
	slab_push(slab, cell->next, last, cache->cells - 1u);
	slab_put_held(slab);
	return cell;
}

/* The slow way: one cell near @node. */
static struct slab_cell *take_cell_node(const struct slab_cache *cache, unsigned node)
{
	unsigned home = numa_memory_node(node);
	const uint8_t *order = numa_fallback_order(home);
	struct slab_cell *cell = NULL;

	for (unsigned i = 0; !cell && i < numa_node_count(); i++) {
		cell = slab_take_cell(cache, order[i]);
		if (!cell)
			cell = take_cell_of_new(cache, home, order[i]);
	}
	return cell;
}

static inline void *cell_to_object(struct slab_cell *cell, unsigned index, size_t bytes,
				   uint64_t site)
{
#ifdef CONFIG_DEBUG
	const struct slab_cache *cache = &slab_caches[index];

	if (!cell)
		return NULL;
	slab_debug_alloc(cache, cell, bytes, site);
	return (char *)cell + cache->header;
#else
	(void)index, (void)bytes, (void)site;
	return cell;
#endif
}

/* A block of frames. */
static __noinline void *alloc_large(size_t bytes, unsigned node, uint64_t site)
{
	struct slab *slab = NULL;

	if (bytes <= (PAGE_BYTES << PAGE_ORDER_MAX))
		slab = slab_create(&slab_caches[SLAB_LARGE], node, NODE_ANY, page_order_for(bytes));
	if (!slab)
		return NULL;
#ifdef CONFIG_DEBUG
	slab_debug_alloc_large(slab, bytes, site);
#else
	(void)site;
#endif
	return slab_base(slab);
}

static __always_inline void *alloc_bytes(size_t bytes, uint64_t site)
{
	unsigned index;

	if (fail_nth_hit())
		return NULL;
	if (unlikely(bytes > SLAB_OBJECT_MAX))
		return alloc_large(bytes, NODE_ANY, site);
	index = class_of_units[(bytes + SLAB_ALIGN - 1) / SLAB_ALIGN];
	return cell_to_object(take_cell(index), index, bytes, site);
}

#define CALLER ((uint64_t)__builtin_return_address(0))

void *kmalloc(size_t bytes)
{
	return alloc_bytes(bytes, CALLER);
}

void *kzalloc(size_t bytes)
{
	void *object = alloc_bytes(bytes, CALLER);

	if (object)
		memset(object, 0, bytes);
	return object;
}

void *kmalloc_node(size_t bytes, unsigned node)
{
	unsigned index;

	if (node >= numa_node_count() || fail_nth_hit() || !bytes)
		return NULL;
	if (bytes > SLAB_OBJECT_MAX)
		return alloc_large(bytes, node, CALLER);
	index = class_of_units[(bytes + SLAB_ALIGN - 1) / SLAB_ALIGN];
	return cell_to_object(take_cell_node(&slab_caches[index], node), index, bytes, CALLER);
}

void *slab_alloc(struct slab_cache *cache)
{
	unsigned index = (unsigned)(cache - slab_caches);

	if (fail_nth_hit())
		return NULL;
	return cell_to_object(take_cell(index), index, cache->bytes, CALLER);
}

void *slab_alloc_node(struct slab_cache *cache, unsigned node)
{
	if (node >= numa_node_count() || fail_nth_hit())
		return NULL;
	return cell_to_object(take_cell_node(cache, node), cache->index, cache->bytes, CALLER);
}

/* ---- freeing ---- */

static __noinline void give_cell_slow(struct slab *slab, struct slab_cell *cell)
{
	if (slab->cache == SLAB_LARGE)
		slab_destroy(slab);
	else
		slab_push(slab, cell, cell, 1);
}

static __always_inline void give_cell(struct slab *slab, struct slab_cell *cell)
{
	unsigned index = slab->cache;
	unsigned long flags = irq_save();

	if (likely(this_cpu_read(slab_cpus[index].slab) == slab)) {
		cell->next = this_cpu_read(slab_cpus[index].free);
		this_cpu_write(slab_cpus[index].free, cell);
		irq_restore(flags);
		return;
	}
	irq_restore(flags);
	give_cell_slow(slab, cell);
}

static __always_inline void free_object(const struct slab_cache *cache, void *object, uint64_t site)
{
	struct slab *slab;

	if (unlikely(!object))
		return;
#ifdef CONFIG_DEBUG
	slab = slab_debug_free(cache, object, site);
	if (slab)
		give_cell(slab, (void *)((char *)object - slab_caches[slab->cache].header));
#else
	(void)cache, (void)site;
	slab = slab_of(object);
	give_cell(slab, object);
#endif
}

void kfree(void *object)
{
	free_object(NULL, object, CALLER);
}

void slab_free(struct slab_cache *cache, void *object)
{
	free_object(cache, object, CALLER);
}

unsigned slab_object_node(const void *object)
{
	return slab_node(slab_of(object));
}

/* ---- giving up what a CPU holds ---- */

void slab_flush_irqoff(unsigned cpu, const struct slab_cache *cache)
{
	struct slab_cpu *held = per_cpu_ptr(slab_cpus[cache->index], cpu);
	struct slab *slab = held->slab;
	struct slab_cell *cells = held->free;

	if (!slab)
		return;
	*held = (struct slab_cpu){0};
	if (!cells)
		cells = slab_carve(slab, cache, cache->cells);
	for (; cells; cells = slab_carve(slab, cache, cache->cells)) {
		struct slab_cell *last = cells;
		unsigned count = 1;

		for (; last->next; last = last->next)
			count++;
		slab_push(slab, cells, last, count);
	}
	slab_put_held(slab);
}

void slab_cpu_offline_irqoff(void)
{
	for (unsigned index = SLAB_LARGE + 1; index < SLAB_CACHES; index++)
		slab_flush_irqoff(current_cpu_id(), &slab_caches[index]);
}

void slab_shrink(void)
{
	unsigned long flags = irq_save();

	slab_cpu_offline_irqoff();
	irq_restore(flags);
	for (unsigned index = SLAB_LARGE + 1; index < SLAB_CACHES; index++)
		for (unsigned node = 0; slab_caches[index].name && node < numa_node_count(); node++)
			slab_release_free(&slab_caches[index], node);
}
