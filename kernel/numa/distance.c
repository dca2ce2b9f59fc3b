/*
 * Distances between nodes: a validated SLIT, indexed by the firmware's domain numbers, or 10 and 20
 * where it says nothing. Pure: no state of its own.
 */
#include "kernel/numa/topology.h"

static uint8_t distance(const struct acpi_slit *slit, const struct numa_node *from,
			const struct numa_node *to)
{
	if (slit->present && from->pxm < slit->n && to->pxm < slit->n)
		return slit->matrix[(size_t)from->pxm * slit->n + to->pxm];
	return from == to ? NUMA_DISTANCE_LOCAL : NUMA_DISTANCE_REMOTE;
}

void numa_build_distances(struct numa_topology *t, const struct acpi_info *info)
{
	unsigned missing = 0;

	for (unsigned from = 0; from < t->node_count; from++) {
		struct numa_node *node = &t->nodes[from];

		if (info->slit.present && node->pxm >= info->slit.n)
			missing++;
		for (unsigned to = 0; to < t->node_count; to++)
			node->distances[to] = distance(&info->slit, node, &t->nodes[to]);
	}
	if (missing)
		acpi_note(&t->warnings, "SLIT: has %u domains, so %u nodes get distances 10 and 20",
			  info->slit.n, missing);
}
