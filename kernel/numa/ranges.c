/*
 * Which node each byte of RAM belongs to: the SRAT's ranges laid over the memory map.
 *
 * Pieces come out in address order: a covered piece belongs to its range's node, an uncovered one
 * to the node of the nearest range. Every piece inside a span of RAM that has any range touches
 * one, so pieces that remain after joining number at most ranges + spans. Pure: no state of its
 * own.
 */
#include "kernel/numa/topology.h"

#include "lib/errno.h"

/* Walk over RAM and ranges together, both sorted. */
struct cut {
	const struct numa_topology *topology;
	const struct acpi_srat *srat;
	const struct numa_span *ram;
	unsigned ram_count;
	unsigned span;	/* current one */
	unsigned range; /* first that ends above `at` */
	uint64_t at;	/* RAM of the span below this has been handed out */
	int before;	/* node of the last kept range below `at`, or -1 */
	uint64_t before_end;
};

struct piece {
	uint64_t base;
	uint64_t end;
	unsigned node;
	bool is_covered;
};

static int node_of(const struct cut *cut, const struct acpi_range *range)
{
	return numa_find_pxm(cut->topology, range->pxm);
}

/* Step over ranges that end at or below `at` and those of domains that did not become nodes. */
static const struct acpi_range *current_range(struct cut *cut)
{
	for (; cut->range < cut->srat->range_count; cut->range++) {
		const struct acpi_range *range = &cut->srat->ranges[cut->range];
		int node = node_of(cut, range);

		if (node < 0)
			continue;
		if (range->end > cut->at)
			return range;
		cut->before = node;
		cut->before_end = range->end;
	}
	return NULL;
}

/*
 * The node nearest to the hole [base, end) between the range before it and `after`; the lower one
 * of equals.
 */
static unsigned nearest(const struct cut *cut, uint64_t base, uint64_t end,
			const struct acpi_range *after)
{
	if (!after)
		return cut->before < 0 ? 0 : (unsigned)cut->before;
	if (cut->before < 0 || after->base - end < base - cut->before_end)
		return (unsigned)node_of(cut, after);
	return (unsigned)cut->before;
}

/* The next piece of RAM, or false at the end. */
static bool cut_next(struct cut *cut, struct piece *piece)
{
	const struct acpi_range *range;
	uint64_t end;

	if (cut->span == cut->ram_count)
		return false;
	end = cut->ram[cut->span].base + cut->ram[cut->span].length;
	cut->at = MAX(cut->at, cut->ram[cut->span].base);
	range = current_range(cut);
	piece->base = cut->at;
	piece->is_covered = range && range->base <= cut->at;
	if (piece->is_covered) {
		piece->end = MIN(end, range->end);
		piece->node = (unsigned)node_of(cut, range);
	} else {
		piece->end = range ? MIN(end, range->base) : end;
		piece->node = nearest(cut, piece->base, piece->end, range);
	}
	cut->at = piece->end;
	if (cut->at == end)
		cut->span++;
	return true;
}

static void add_range(struct numa_topology *t, struct numa_node *node, uint64_t base, uint64_t end)
{
	struct numa_range *last = node->range_count ? &t->ranges[t->range_count - 1] : NULL;

	node->memory_bytes += end - base;
	if (last && last->end == base) {
		last->end = end;
		return;
	}
	t->ranges[t->range_count++] =
		(struct numa_range){.base = base, .end = end, .node = node->node};
	node->range_count++;
}

static void cut_begin(struct cut *cut, const struct numa_topology *t, const struct acpi_info *info,
		      const struct numa_span *ram, unsigned ram_count)
{
	*cut = (struct cut){
		.topology = t,
		.srat = &info->srat,
		.ram = ram,
		.ram_count = ram_count,
		.before = -1,
	};
}

static void note_uncovered(struct numa_topology *t, const struct acpi_info *info,
			   const struct numa_span *ram, unsigned ram_count)
{
	uint64_t bytes = 0, first = 0;
	struct piece piece;
	struct cut cut;

	cut_begin(&cut, t, info, ram, ram_count);
	while (cut_next(&cut, &piece)) {
		if (piece.is_covered)
			continue;
		if (bytes == 0)
			first = piece.base;
		bytes += piece.end - piece.base;
	}
	if (bytes)
		acpi_note(&t->warnings,
			  "SRAT: %llu KiB of RAM from 0x%llx on are in no domain: given to the "
			  "nearest node",
			  (unsigned long long)(bytes + 1023) / 1024, (unsigned long long)first);
}

void numa_build_ranges(struct numa_topology *t, const struct acpi_info *info,
		       const struct numa_span *ram, unsigned ram_count)
{
	for (unsigned node = 0; node < t->node_count; node++) {
		struct numa_node *to = &t->nodes[node];
		struct piece piece;
		struct cut cut;

		to->range_first = t->range_count;
		if (!ram) {
			for (unsigned i = 0; i < info->srat.range_count; i++)
				if (info->srat.ranges[i].pxm == to->pxm)
					add_range(t, to, info->srat.ranges[i].base,
						  info->srat.ranges[i].end);
			continue;
		}
		cut_begin(&cut, t, info, ram, ram_count);
		while (cut_next(&cut, &piece))
			if (piece.node == node)
				add_range(t, to, piece.base, piece.end);
	}
	if (ram && !t->flat_reason)
		note_uncovered(t, info, ram, ram_count);
}
