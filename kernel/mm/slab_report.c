/*
 * What the object allocator holds, and what its callers have not given back. Exact while nobody
 * allocates or frees; otherwise a sound snapshot slab by slab.
 */
#include "kernel/mm/slab.h"
#include <fanga/cpu.h>
#include <fanga/panic.h>

#define SITES_MAX  64
#define NAME_BYTES 64

static void add_slab(struct slab *slab, void *context)
{
	struct slab_stats *stats = context;

	stats->slabs++;
	stats->pages += 1ul << slab->order;
	stats->objects += slab->carved - WORD_COUNT(__atomic_load_n(&slab->word, __ATOMIC_RELAXED));
}

/* Free cells on @cpu's list of cache @index that lie on @node. */
static uint64_t count_free(unsigned cpu, unsigned index, unsigned node)
{
	const struct slab_cpu *held = per_cpu_ptr(slab_cpus[index], cpu);
	uint64_t count = 0;

	if (!held->slab || (node != NODE_ANY && slab_node(held->slab) != node))
		return 0;
	for (const struct slab_cell *cell = held->free; cell; cell = cell->next)
		count++;
	return count;
}

static void add_cache(struct slab_stats *stats, const struct slab_cache *cache, unsigned node)
{
	for (unsigned n = 0; n < numa_node_count(); n++) {
		if ((node != NODE_ANY && node != n) || !slab_lists[n])
			continue;
		slab_for_each(cache, n, add_slab, stats);
		stats->lock_takings += slab_lists[n][cache->index].lock_takings;
	}
	/* A CPU that has never run has the template's copy, which holds nothing. */
	for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
		stats->objects -= count_free(cpu, cache->index, node);
}

struct slab_stats slab_stats_get(const struct slab_cache *cache, unsigned node)
{
	struct slab_stats stats = {0};

	for (unsigned index = 0; index < SLAB_CACHES; index++)
		if (slab_caches[index].name && (!cache || cache == &slab_caches[index]))
			add_cache(&stats, &slab_caches[index], node);
	return stats;
}

#ifdef CONFIG_DEBUG

/* Places that have not freed what they allocated; the last one stands for all others. */
struct leaks {
	unsigned count;
	struct leak {
		uint64_t site, objects, bytes;
	} sites[SITES_MAX];
};

static struct leak *find_site(struct leaks *leaks, uint64_t site)
{
	for (unsigned i = 0; i < leaks->count; i++)
		if (leaks->sites[i].site == site)
			return &leaks->sites[i];
	if (leaks->count == SITES_MAX)
		return &leaks->sites[SITES_MAX - 1];
	leaks->sites[leaks->count] = (struct leak){.site = site};
	return &leaks->sites[leaks->count++];
}

static void add_leaks(struct slab *slab, void *context)
{
	for (unsigned number = 0; number < slab->carved; number++) {
		struct leak *leak;
		uint64_t site;
		size_t bytes;

		if (!slab_debug_out(slab, number, &site, &bytes))
			continue;
		leak = find_site(context, site);
		leak->objects++;
		leak->bytes += bytes;
	}
}

static void print_sites(struct leaks *leaks, void (*print)(const char *fmt, ...) __printf(1, 2))
{
	for (; leaks->count; leaks->count--) {
		struct leak *most = &leaks->sites[0];
		char name[NAME_BYTES];

		for (unsigned i = 1; i < leaks->count; i++)
			if (leaks->sites[i].bytes > most->bytes)
				most = &leaks->sites[i];
		backtrace_format(most->site, true, name, sizeof(name));
		print("  %lu objects, %lu bytes by %s\n", most->objects, most->bytes, name);
		*most = leaks->sites[leaks->count - 1];
	}
}

static void report_sites(void (*print)(const char *fmt, ...) __printf(1, 2))
{
	static struct leaks leaks; /* of the one who reports */

	leaks.count = 0;
	for (unsigned index = 0; index < SLAB_CACHES; index++)
		for (unsigned node = 0; slab_caches[index].name && node < numa_node_count(); node++)
			slab_for_each(&slab_caches[index], node, add_leaks, &leaks);
	print_sites(&leaks, print);
}

#else

static void report_sites(void (*print)(const char *fmt, ...) __printf(1, 2))
{
	for (unsigned index = 0; index < SLAB_CACHES; index++) {
		const struct slab_cache *cache = &slab_caches[index];
		uint64_t objects = cache->name ? slab_stats_get(cache, NODE_ANY).objects : 0;

		if (objects)
			print("  %lu objects of cache %s\n", objects, cache->name);
	}
}

#endif

uint64_t slab_leak_report(void (*print)(const char *fmt, ...) __printf(1, 2))
{
	uint64_t objects = slab_stats_get(NULL, NODE_ANY).objects;

	print("%lu objects are still allocated\n", objects);
	if (objects)
		report_sites(print);
	return objects;
}
