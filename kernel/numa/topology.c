/*
 * Nodes: found in the SRAT's domains, numbered densely, each with its CPUs.
 *
 * Invariant after numa_init(): every CPU is in just one node, and on the machine so is every byte
 * of usable RAM. Any table that cannot be believed leads to one flat node, never to a missing CPU
 * or page. Locks: none, see numa.h. Pure: compiles for the host.
 */
#include "kernel/numa/topology.h"

#include "lib/errno.h"
#include "lib/string.h"

_Static_assert(NODE_MAX <= UINT8_MAX, "cpu_node holds a node in a byte");

static struct numa_topology topology;

int numa_find_pxm(const struct numa_topology *t, uint32_t pxm)
{
	for (unsigned node = 0; node < t->node_count; node++)
		if (t->nodes[node].pxm == pxm)
			return (int)node;
	return -ENOENT;
}

/*
 * The smallest domain of an enabled CPU or memory range that is at least `from`; false if there is
 * none.
 */
static bool next_domain(const struct acpi_info *info, uint64_t from, uint32_t *pxm)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < info->cpu_count; i++)
		if (info->cpus[i].has_pxm && info->cpus[i].pxm >= from)
			best = MIN(best, (uint64_t)info->cpus[i].pxm);
	for (unsigned i = 0; i < info->srat.range_count; i++)
		if (info->srat.ranges[i].pxm >= from)
			best = MIN(best, (uint64_t)info->srat.ranges[i].pxm);
	*pxm = (uint32_t)best;
	return best != UINT64_MAX;
}

static void add_node(struct numa_topology *t, uint32_t pxm)
{
	struct numa_node *node = &t->nodes[t->node_count];

	memset(node, 0, sizeof(*node));
	node->node = t->node_count++;
	node->pxm = pxm;
}

/* One node for each domain, ascending; a SLIT that stands alone speaks for its N domains. */
static void find_nodes(struct numa_topology *t, const struct acpi_info *info)
{
	unsigned domains = 0;
	uint64_t from = 0;
	uint32_t pxm;

	if (info->srat.present) {
		for (; next_domain(info, from, &pxm); from = (uint64_t)pxm + 1)
			if (domains++ < NODE_MAX)
				add_node(t, pxm);
	} else if (info->slit.present && !info->madt.present && info->cpu_count == 0) {
		for (; domains < info->slit.n; domains++)
			if (domains < NODE_MAX)
				add_node(t, domains);
	}
	if (domains > NODE_MAX)
		acpi_note(&t->warnings, "%u proximity domains, only the first %u become nodes",
			  domains, NODE_MAX);
}

/* Why there is no domain to make a node of. */
static const char *why_flat(const struct acpi_info *info)
{
	if (info->srat.rejected)
		return "the SRAT cannot be used";
	if (info->srat.present)
		return "the SRAT places no CPU and no memory";
	return "there is no SRAT";
}

/*
 * A running machine always has a node; tables on the host have one if they speak of CPUs or nodes
 * at all.
 */
static bool wants_node(const struct acpi_info *info, const struct numa_span *ram)
{
	return ram || info->cpu_count || info->madt.present || info->srat.rejected ||
	       info->slit.rejected || info->hmat.rejected;
}

static void place_cpus(struct numa_topology *t, const struct acpi_info *info)
{
	unsigned strays = 0;

	for (unsigned cpu = 0; cpu < info->cpu_count; cpu++) {
		int node = -ENOENT;

		if (info->cpus[cpu].has_pxm)
			node = numa_find_pxm(t, info->cpus[cpu].pxm);
		if (node < 0) {
			strays++;
			node = 0;
		}
		t->cpu_node[cpu] = (uint8_t)node;
		cpumask_set(&t->nodes[node].cpus, cpu);
		t->nodes[node].cpu_count++;
	}
	if (strays && !t->flat_reason)
		acpi_note(&t->warnings, "%u CPUs are in no node that is kept: put into node 0",
			  strays);
}

static int check_spans(const struct numa_span *ram, unsigned count)
{
	uint64_t end = 0;

	if (count > NUMA_SPAN_MAX)
		return -E2BIG;
	for (unsigned i = 0; i < count; i++) {
		if (ram[i].base < end || ram[i].length == 0 ||
		    __builtin_add_overflow(ram[i].base, ram[i].length, &end))
			return -EINVAL;
	}
	return 0;
}

int numa_init(const struct acpi_info *info, const struct numa_span *ram, unsigned ram_count)
{
	struct numa_topology *t = &topology;
	int error = ram ? check_spans(ram, ram_count) : 0;

	t->node_count = t->range_count = 0;
	t->flat_reason = NULL;
	t->warnings.count = t->warnings.dropped = 0;
	memset(t->cpu_node, 0, sizeof(t->cpu_node));
	if (error == 0)
		find_nodes(t, info);
	if (t->node_count == 0 && wants_node(info, ram)) {
		t->flat_reason = error ? "the memory map is not sorted" : why_flat(info);
		add_node(t, 0);
	}
	if (t->node_count == 0)
		return 0;
	place_cpus(t, info);
	if (error == 0)
		numa_build_ranges(t, info, ram, ram_count);
	numa_build_distances(t, info);
	return error;
}

unsigned numa_node_count(void)
{
	return topology.node_count;
}

bool numa_is_enabled(void)
{
	return topology.node_count > 1;
}

const struct numa_node *numa_get_node(unsigned node)
{
	return node < topology.node_count ? &topology.nodes[node] : NULL;
}

int numa_node_for_pxm(uint32_t pxm)
{
	return numa_find_pxm(&topology, pxm);
}

unsigned numa_node_for_cpu(unsigned cpu)
{
	return cpu < CPU_MAX ? topology.cpu_node[cpu] : 0;
}

const struct numa_range *numa_get_range(unsigned index)
{
	return index < topology.range_count ? &topology.ranges[index] : NULL;
}

int numa_node_for_address(uint64_t phys)
{
	for (unsigned i = 0; i < topology.range_count; i++)
		if (phys >= topology.ranges[i].base && phys < topology.ranges[i].end)
			return (int)topology.ranges[i].node;
	return -ENOENT;
}

int numa_assign_cpu(unsigned cpu, unsigned node)
{
	struct numa_node *old;

	if (cpu >= CPU_MAX || node >= topology.node_count)
		return -EINVAL;
	old = &topology.nodes[topology.cpu_node[cpu]];
	if (cpumask_test(&old->cpus, cpu)) {
		cpumask_clear(&old->cpus, cpu);
		old->cpu_count--;
	}
	topology.cpu_node[cpu] = (uint8_t)node;
	cpumask_set(&topology.nodes[node].cpus, cpu);
	topology.nodes[node].cpu_count++;
	return 0;
}

const char *numa_flat_reason(void)
{
	return topology.flat_reason;
}

const struct acpi_notes *numa_warnings(void)
{
	return &topology.warnings;
}

unsigned numa_distance(unsigned from, unsigned to)
{
	if (from >= topology.node_count || to >= topology.node_count)
		return NUMA_DISTANCE_UNREACHABLE;
	return topology.nodes[from].distances[to];
}

int numa_closest_node(unsigned from)
{
	unsigned best = NUMA_DISTANCE_UNREACHABLE;
	int closest = -ENOENT;

	for (unsigned to = 0; to < topology.node_count; to++) {
		if (to != from && numa_distance(from, to) < best) {
			best = numa_distance(from, to);
			closest = (int)to;
		}
	}
	return closest;
}
