/*
 * Simulated machines for tests of what stands on the topology: nodes with CPUs, memory and
 * distances, built through numa_init() as on the machine. The CPUs of node n are those whose number
 * modulo the number of nodes is n.
 */
#pragma once

#include "tests/host/acpi_build.h"

#include <fanga/numa.h>

#define MIB (1ull << 20)

static unsigned machine_node_count;

/* Begin a machine of @nodes nodes with @cpus CPUs and no memory yet. */
static inline void machine_cpus(unsigned nodes, unsigned cpus)
{
	info_begin();
	info.madt.present = info.srat.present = true;
	machine_node_count = nodes;
	for (unsigned i = 0; i < cpus; i++) {
		struct acpi_cpu *cpu = acpi_cpu_add(&info, i);

		assert_non_null(cpu);
		cpu->has_pxm = true;
		cpu->pxm = i % nodes;
	}
}

/* The same with one CPU a node. */
static inline void machine_nodes(unsigned nodes)
{
	machine_cpus(nodes, nodes);
}

/* Give @node, which has none, @bytes of memory (at most 1 TiB) at an address of its own. */
static inline void machine_memory(unsigned node, uint64_t bytes)
{
	uint64_t base = (uint64_t)node << 40;

	info.srat.ranges[info.srat.range_count++] =
		(struct acpi_range){.base = base, .end = base + bytes, .pxm = node};
}

/* End it. @matrix: distances row by row, NULL: 10 and 20. */
static inline void machine_finish(const uint8_t *matrix)
{
	if (matrix)
		info.slit = (struct acpi_slit){
			.present = true, .n = machine_node_count, .matrix = matrix};
	assert_int_equal(numa_init(&info, NULL, 0), 0);
	assert_int_equal(numa_node_count(), machine_node_count);
	numa_order_init();
}

/* A whole one, each node with 1 MiB. */
static inline void machine_build(unsigned nodes, unsigned cpus, const uint8_t *matrix)
{
	machine_cpus(nodes, cpus);
	for (unsigned node = 0; node < nodes; node++)
		machine_memory(node, MIB);
	machine_finish(matrix);
}
