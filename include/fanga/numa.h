/*
 * Memory nodes: which CPUs and which RAM belong together, and how far apart they are.
 *
 * Nodes are numbered densely from 0, ascending by the firmware's proximity domain (pxm), which each
 * node keeps. There is always at least one node on a running machine: without a usable SRAT all
 * CPUs and all RAM are node 0. Built once by numa_init() on the boot CPU before any other runs;
 * read-only afterwards except for numa_assign_cpu(), so that every query may be made from any
 * context without a lock.
 */
#ifndef FANGA_NUMA_H
#define FANGA_NUMA_H

#include "lib/types.h"
#include "lib/cpumask.h"
#include "lib/nodemask.h"
#include <fanga/acpi.h>

/* Distances where the firmware gives none, and the SLIT's "unreachable" (ACPI 6.5, 5.2.17). */
#define NUMA_DISTANCE_LOCAL	  10
#define NUMA_DISTANCE_REMOTE	  20
#define NUMA_DISTANCE_UNREACHABLE 255

/* Ranges after cutting by the memory map, whose every piece adds one at most (see ranges.c). */
#define NUMA_SPAN_MAX  512
#define NUMA_RANGE_MAX (ACPI_RANGE_MAX + NUMA_SPAN_MAX)

/* A piece of usable RAM as the memory map has it: physical base and length in bytes. */
struct numa_span {
	uint64_t base;
	uint64_t length;
};

/* Memory of one node: physical, half open [base, end). */
struct numa_range {
	uint64_t base;
	uint64_t end;
	unsigned node;
};

struct numa_node {
	unsigned node; /* own dense number */
	uint32_t pxm;  /* the firmware's number */
	unsigned cpu_count;
	unsigned range_first; /* its memory: range_count ranges from numa_get_range(range_first) */
	unsigned range_count;
	uint64_t memory_bytes;	     /* 0: a node without memory */
	struct cpumask cpus;	     /* dense CPU numbers; empty: a node without CPUs */
	uint8_t distances[NODE_MAX]; /* to each node, in dense order */
};

/*
 * Build the topology.
 *
 * `info` is what acpi_parse() made; its CPUs are in dense order. `ram` is the usable RAM of the
 * memory map, sorted by base and disjoint: SRAT ranges are cut by it, RAM that no range covers goes
 * to the node whose range is nearest, with a warning, and each byte of it ends up in one node.
 * `ram` NULL (host tool): the SRAT's ranges as they are.
 *
 * Returns 0, or -EINVAL if `ram` is not sorted and disjoint, -E2BIG if it has more than
 * NUMA_SPAN_MAX pieces; then there is one node with all CPUs and no memory.
 */
int numa_init(const struct acpi_info *info, const struct numa_span *ram,
	      unsigned ram_count) __must_check;

/* Number of nodes, 1..NODE_MAX (0 only in the host tool, for tables that describe none). */
unsigned numa_node_count(void);

/* True if there is more than one node, so that placing things matters. */
bool numa_is_enabled(void);

/* The node, or NULL if `node` >= numa_node_count(). */
const struct numa_node *numa_get_node(unsigned node);

/* The node whose pxm is `pxm`, or -ENOENT. */
int numa_node_for_pxm(uint32_t pxm);

/* Node of dense CPU number `cpu`; node 0 for a CPU that no table places. */
unsigned numa_node_for_cpu(unsigned cpu);

/* Node whose memory holds physical address `phys`, or -ENOENT. */
int numa_node_for_address(uint64_t phys);

/* Memory range `index`, sorted by node and then base, or NULL if `index` is past the last. */
const struct numa_range *numa_get_range(unsigned index);

/*
 * Distance as the firmware gives it (10 local, more is farther, 255 unreachable); unknown nodes are
 * unreachable.
 */
unsigned numa_distance(unsigned from, unsigned to);

/* The nearest other node that can be reached (the lowest of equals), or -ENOENT. */
int numa_closest_node(unsigned from);

/*
 * Build the lists of numa_fallback_order() from the topology. Boot CPU, once, after numa_init() and
 * before the first allocation by node.
 */
void numa_order_init(void);

/*
 * The order in which nodes are asked when memory is wanted near @node (< numa_node_count()): all
 * numa_node_count() of them, @node first, then by distance, unreachable ones last. Nodes equally
 * far stand in a different order in different nodes' lists, so that what overflows spreads.
 */
const uint8_t *numa_fallback_order(unsigned node);

/*
 * The first node with memory in the fallback order of @from (< numa_node_count()): @from itself if
 * it has some. @from where no node has memory.
 */
unsigned numa_memory_node(unsigned from);

/*
 * Put a CPU that was added later on `node`. The caller serialises (the CPU is not online yet).
 * Returns 0, or -EINVAL if either number is out of range.
 */
int numa_assign_cpu(unsigned cpu, unsigned node) __must_check;

/* Why there is one flat node although a table promised more, or NULL. */
const char *numa_flat_reason(void);

/* What was tolerated while building. */
const struct acpi_notes *numa_warnings(void);

/* Why a page is where it is: the placement map's and the statistics' word for it. */
enum numa_why {
	NUMA_WHY_LOCAL,	     /* on the node of the CPU that asked */
	NUMA_WHY_POLICY,     /* a hint or a policy named the node */
	NUMA_WHY_INTERLEAVE, /* an interleaving policy did */
	NUMA_WHY_FALLBACK,   /* the node that was wanted was full */
	NUMA_WHY_COUNT,
};

/* Where numa_alloc() shall take memory. */
enum numa_hint_kind {
	NUMA_HINT_ANY,	  /* where the current policy says, else near the running CPU */
	NUMA_HINT_PREFER, /* this node, the next by distance when it is full */
	NUMA_HINT_STRICT, /* this node or -ENOMEM */
	NUMA_HINT_LOCAL,  /* the running CPU's node, the next when it is full */
};

struct numa_hint {
	enum numa_hint_kind kind;
	unsigned node; /* of PREFER and STRICT */
};

#define NUMA_ANY	  ((struct numa_hint){ NUMA_HINT_ANY, 0 })
#define NUMA_PREFER(node) ((struct numa_hint){ NUMA_HINT_PREFER, (node) })
#define NUMA_STRICT(node) ((struct numa_hint){ NUMA_HINT_STRICT, (node) })
#define NUMA_LOCAL	  ((struct numa_hint){ NUMA_HINT_LOCAL, 0 })

/*
 * Allocate @bytes of zeroed kernel memory by @hint, aligned to a page, into *@address. Up to 4 MiB
 * it is physically contiguous, above that contiguous in virtual addresses only. 0; -EINVAL: @bytes
 * is 0, @hint names no node or no hint; -ENOMEM, then nothing is taken. Any context but NMI and
 * interrupt handlers above 4 MiB, preemption on or off; never sleeps. Defined in the mm room.
 */
int numa_alloc(size_t bytes, struct numa_hint hint, void **address) __must_check;

/*
 * Free what numa_alloc() returned; @bytes as it was asked for. 0, or -EINVAL when @address is no
 * such memory (any more) or @bytes not its size: that is reported, and nothing changes. Context as
 * numa_alloc(), with interrupts on above 4 MiB.
 */
int numa_free(void *address, size_t bytes);

#endif
