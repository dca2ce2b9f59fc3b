/*
 * The topology as numa/ itself sees it. Written only by numa_init() (and numa_assign_cpu()); see
 * numa.h.
 */
#ifndef KERNEL_NUMA_TOPOLOGY_H
#define KERNEL_NUMA_TOPOLOGY_H

#include <fanga/numa.h>

struct numa_topology {
	unsigned node_count;
	unsigned range_count;
	const char *flat_reason; /* NULL unless there is one node for want of better knowledge */
	struct numa_node nodes[NODE_MAX];
	struct numa_range ranges[NUMA_RANGE_MAX]; /* sorted by node, then base */
	uint8_t cpu_node[CPU_MAX];
	struct acpi_notes warnings;
};

/* The dense number of domain `pxm`, or -ENOENT. */
int numa_find_pxm(const struct numa_topology *topology, uint32_t pxm);

/* Give the nodes their memory: the SRAT's ranges, cut by `ram` if that is not NULL. */
void numa_build_ranges(struct numa_topology *topology, const struct acpi_info *info,
		       const struct numa_span *ram, unsigned ram_count);

/* Fill in the distances of all nodes. */
void numa_build_distances(struct numa_topology *topology, const struct acpi_info *info);

#endif
