/*
 * The shape of a machine: which CPU and how much memory each node has, and how CPUs share sockets
 * and cores.
 */
#pragma once

#include "tools/options.h"

/* The highest APIC id that a CPU without x2APIC can have: 255 addresses all of them. */
#define SHAPE_APIC_ID_MAX 254u

/* What Debian's Bochs and its BIOS bring up. */
#define SHAPE_BOCHS_CPUS_MAX  8u
#define SHAPE_BOCHS_BYTES_MAX (2ull << 30)

#define SHAPE_ERROR_BYTES 200

struct shape_node {
	uint64_t memory_bytes;	       /* 0: memoryless */
	unsigned first_cpu, cpu_count; /* cpu_count 0: no CPUs */
};

struct shape {
	unsigned cpus, nodes;
	unsigned sockets, cores, threads; /* sockets * cores * threads == cpus */
	uint64_t memory_bytes;
	struct shape_node node[OPTION_NODES_MAX];
	bool has_distances;
	unsigned distance[OPTION_NODES_MAX][OPTION_NODES_MAX]; /* [from][to], where has_distances */
};

/*
 * Work out the machine that `options` ask for. Returns 0; or -EINVAL with one line in `error`
 * that says what is wrong and what is allowed.
 */
int shape_make(struct shape *shape, const struct options *options,
	       char error[SHAPE_ERROR_BYTES]) __must_check;
