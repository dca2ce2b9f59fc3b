/*
 * The "numa" section of run.json: numastat's counters and the page allocator's, by node, in pages
 * but for what is called bytes. Keys are added, never renamed. Thread context.
 */
#include <fanga/numa_stats.h>
#include <fanga/page.h>
#include <fanga/policy_alloc.h>

static void write_counts(struct json *json, const struct page_counts *counts)
{
	uint64_t free = counts->free_pages + counts->cached_pages;

	json_u64(json, "free_bytes", free * PAGE_BYTES);
	json_u64(json, "used_bytes", (counts->total_pages - free) * PAGE_BYTES);
	json_array_begin(json, "free_by_order");
	for (unsigned order = 0; order < PAGE_ORDERS; order++)
		json_u64(json, NULL, counts->free_blocks[order]);
	json_array_end(json);
	json_u64(json, "pcp_pages", counts->cached_pages);
	json_u64(json, "reserved_bytes", counts->reserved_pages * PAGE_BYTES);
	json_u64(json, "dma32_free_bytes", counts->dma32_free_pages * PAGE_BYTES);
	json_u64(json, "gigapages_free", counts->giga_free);
	json_u64(json, "gigapages_total", counts->giga_total);
	json_object_begin(json, "watermarks");
	json_u64(json, "min", counts->min_pages);
	json_u64(json, "low", counts->low_pages);
	json_u64(json, "high", counts->high_pages);
	json_object_end(json);
	json_u64(json, "refills", counts->refills);
	json_u64(json, "drains", counts->drains);
}

static void write_node(struct json *json, unsigned node)
{
	struct numa_stat stat = numa_stat_get(node);
	struct page_counts counts;

	json_object_begin(json, NULL);
	json_u64(json, "node", node);
	json_u64(json, "hit", stat.hit);
	json_u64(json, "miss", stat.miss);
	json_u64(json, "foreign", stat.foreign);
	json_u64(json, "interleave_hit", stat.interleave_hit);
	json_u64(json, "local", stat.local);
	json_u64(json, "other", stat.other);
	json_u64(json, "migrated_in", stat.migrated_in);
	if (!page_counts_get(node, &counts))
		write_counts(json, &counts);
	json_object_end(json);
}

void numa_stats_json(struct json *json, void *unused)
{
	(void)unused;
	json_array_begin(json, NULL);
	for (unsigned node = 0; node < numa_node_count(); node++)
		write_node(json, node);
	json_array_end(json);
}
