/*
 * From options to a machine's shape. Pure.
 */
#include "tools/shape.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FAIL(error, ...) (snprintf(error, SHAPE_ERROR_BYTES, __VA_ARGS__), -EINVAL)

enum { DEFAULT_CPUS = 4, DEFAULT_NODES = 2, DEFAULT_DISTANCE = 20, LOCAL_DISTANCE = 10 };
#define DEFAULT_BYTES (1ull << 30)
#define MIB	      (1ull << 20)

/* How many of `total` things the share number `index` of `shares` has: the first get the rest. */
static uint64_t even_share(uint64_t total, unsigned shares, unsigned index)
{
	return total / shares + (index < total % shares);
}

static int split_evenly(struct shape *shape, const struct options *options, char *error)
{
	unsigned next_cpu = 0;

	shape->cpus = options->cpus ? options->cpus : DEFAULT_CPUS;
	shape->nodes = options->nodes;
	if (!shape->nodes)
		shape->nodes =
			shape->cpus == 1 || options->machine == MACHINE_BOCHS ? 1 : DEFAULT_NODES;
	shape->memory_bytes = options->memory_bytes ? options->memory_bytes : DEFAULT_BYTES;
	if (shape->memory_bytes / shape->nodes < OPTION_NODE_BYTES_MIN)
		return FAIL(error,
			    "--mem %lluM is too little for %u nodes; allowed are %lluM or more",
			    (unsigned long long)(shape->memory_bytes / MIB), shape->nodes,
			    (unsigned long long)(shape->nodes * OPTION_NODE_BYTES_MIN / MIB));
	for (unsigned i = 0; i < shape->nodes; i++) {
		struct shape_node *node = &shape->node[i];

		node->memory_bytes = even_share(shape->memory_bytes / MIB, shape->nodes, i) * MIB;
		node->first_cpu = next_cpu;
		node->cpu_count = (unsigned)even_share(shape->cpus, shape->nodes, i);
		next_cpu += node->cpu_count;
	}
	return 0;
}

/* Each CPU from 0 to the highest one must be in exactly one node. */
static int check_cpus(const struct shape *shape, char *error)
{
	for (unsigned cpu = 0; cpu < shape->cpus; cpu++) {
		unsigned owners = 0;

		for (unsigned i = 0; i < shape->nodes; i++)
			owners += cpu - shape->node[i].first_cpu < shape->node[i].cpu_count;
		if (owners != 1)
			return FAIL(
				error,
				"--node: CPU %u is in %u nodes; each CPU from 0 to the highest one "
				"must be in exactly one",
				cpu, owners);
	}
	return 0;
}

static int take_nodes(struct shape *shape, const struct options *options, char *error)
{
	if (options->cpus || options->nodes || options->memory_bytes)
		return FAIL(error,
			    "%s cannot stand beside --node; CPUs, nodes and memory are its sums",
			    options->cpus    ? "--cpus"
			    : options->nodes ? "--nodes"
					     : "--mem");
	shape->nodes = options->node_count;
	for (unsigned i = 0; i < shape->nodes; i++) {
		const struct node_option *option = &options->node[i];
		struct shape_node *node = &shape->node[i];

		node->memory_bytes = option->memory_bytes;
		shape->memory_bytes += option->memory_bytes;
		if (!option->has_cpus)
			continue;
		node->first_cpu = option->first_cpu;
		node->cpu_count = option->last_cpu - option->first_cpu + 1;
		if (option->last_cpu + 1 > shape->cpus)
			shape->cpus = option->last_cpu + 1;
	}
	if (!shape->cpus)
		return FAIL(error,
			    "--node: no node has CPUs; at least one must, as in 512M,cpus=0-3");
	if (!shape->memory_bytes)
		return FAIL(error, "--node: no node has memory; at least one must, 4M or more");
	if (shape->memory_bytes > OPTION_BYTES_MAX)
		return FAIL(error,
			    "--node: more than 512G of memory in all; allowed are 4M to 512G");
	return check_cpus(shape, error);
}

static unsigned bits_for(unsigned count)
{
	return count < 2 ? 0 : 32 - (unsigned)__builtin_clz(count - 1);
}

/* APIC ids have a field of whole bits for the thread, one for the core and one for the socket. */
static unsigned max_apic_id(unsigned sockets, unsigned cores, unsigned threads)
{
	unsigned core_shift = bits_for(threads);
	unsigned socket_shift = core_shift + bits_for(cores);

	return ((sockets - 1) << socket_shift) + ((cores - 1) << core_shift) + threads - 1;
}

/* Whether all nodes that have CPUs have the same number, in the order of the CPUs. */
static bool is_even(const struct shape *shape, unsigned *sockets)
{
	unsigned count = 0;

	*sockets = 0;
	for (unsigned i = 0; i < shape->nodes; i++) {
		const struct shape_node *node = &shape->node[i];

		if (!node->cpu_count)
			continue;
		if (count && node->cpu_count != count)
			return false;
		count = node->cpu_count;
		++*sockets;
	}
	return *sockets > 0;
}

/* A socket per node where that is possible, else one per core: never one that spans nodes. */
static int choose_sockets(struct shape *shape, const struct options *options, char *error)
{
	unsigned sockets;

	shape->threads = options->threads ? options->threads : 1;
	if (shape->cpus % shape->threads)
		return FAIL(error,
			    "--threads %u does not divide %u CPUs; allowed is a divisor of them",
			    shape->threads, shape->cpus);
	if (is_even(shape, &sockets) && shape->cpus / sockets % shape->threads == 0) {
		shape->sockets = sockets;
		shape->cores = shape->cpus / sockets / shape->threads;
		if (max_apic_id(shape->sockets, shape->cores, shape->threads) <= SHAPE_APIC_ID_MAX)
			return 0;
	}
	shape->sockets = shape->cpus / shape->threads;
	shape->cores = 1;
	if (max_apic_id(shape->sockets, 1, shape->threads) > SHAPE_APIC_ID_MAX)
		return FAIL(error,
			    "--threads %u with %u CPUs needs APIC ids up to %u; allowed are ids up "
			    "to %u",
			    shape->threads, shape->cpus,
			    max_apic_id(shape->sockets, 1, shape->threads), SHAPE_APIC_ID_MAX);
	return 0;
}

static int fill_distances(struct shape *shape, const struct options *options, char *error)
{
	for (unsigned i = 0; i < options->distance_count; i++) {
		const struct distance_option *d = &options->distance[i];
		unsigned highest = d->from > d->to ? d->from : d->to;

		if (highest >= shape->nodes)
			return FAIL(error,
				    "--distance: there is no node %u; allowed are nodes 0 to %u",
				    highest, shape->nodes - 1);
		shape->distance[d->from][d->to] = d->value;
		shape->has_distances = true;
	}
	for (unsigned a = 0; a < shape->nodes; a++) {
		for (unsigned b = 0; b < a; b++) {
			unsigned *there = &shape->distance[a][b], *back = &shape->distance[b][a];

			if (!*there)
				*there = *back ? *back : DEFAULT_DISTANCE;
			if (!*back)
				*back = *there;
		}
		shape->distance[a][a] = LOCAL_DISTANCE;
	}
	return 0;
}

/* Bochs has sockets, cores and threads, but neither nodes nor an instruction clock to switch. */
static int check_bochs(const struct shape *shape, const struct options *options, char *error)
{
	if (shape->nodes > 1)
		return FAIL(error, "--machine bochs has no memory nodes; allowed is --nodes 1");
	if (!options->is_icount)
		return FAIL(error,
			    "--machine bochs always counts instructions; --no-icount is for q35");
	if (shape->cpus > SHAPE_BOCHS_CPUS_MAX)
		return FAIL(error, "--machine bochs has no %u CPUs; allowed are 1 to %u",
			    shape->cpus, SHAPE_BOCHS_CPUS_MAX);
	if (shape->memory_bytes > SHAPE_BOCHS_BYTES_MAX)
		return FAIL(error, "--machine bochs: too much memory; allowed are 4M to 2G");
	return 0;
}

/* The kernel's image and page descriptors, and each CPU's area and stacks, have to fit. */
static int check_memory(const struct shape *shape, char *error)
{
	uint64_t least_mib = 16 + shape->cpus / 4;

	if (shape->memory_bytes < least_mib * MIB)
		return FAIL(error,
			    "%lluM of memory are too few for %u CPU%s; allowed are %lluM or more",
			    (unsigned long long)(shape->memory_bytes / MIB), shape->cpus,
			    shape->cpus == 1 ? "" : "s", (unsigned long long)least_mib);
	return 0;
}

int shape_make(struct shape *shape, const struct options *options, char error[SHAPE_ERROR_BYTES])
{
	int result;

	memset(shape, 0, sizeof(*shape));
	error[0] = '\0';
	result = options->node_count ? take_nodes(shape, options, error)
				     : split_evenly(shape, options, error);
	if (!result)
		result = check_memory(shape, error);
	if (!result && options->machine == MACHINE_BOCHS)
		result = check_bochs(shape, options, error);
	if (!result)
		result = choose_sockets(shape, options, error);
	if (!result)
		result = fill_distances(shape, options, error);
	return result;
}
