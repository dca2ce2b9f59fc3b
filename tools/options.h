/*
 * Options of the commands that start a machine: run and debug.
 */
#pragma once

#include "lib/types.h"

#define OPTION_CPUS_MAX	      255
#define OPTION_NODES_MAX      64
#define OPTION_DISTANCES_MAX  (OPTION_NODES_MAX * OPTION_NODES_MAX)
#define OPTION_NODE_BYTES_MIN (4ull << 20)
#define OPTION_BYTES_MAX      (512ull << 30)

enum machine_kind { MACHINE_Q35, MACHINE_BOCHS };

/* --node: CPUs first_cpu to last_cpu when has_cpus. */
struct node_option {
	uint64_t memory_bytes;
	bool has_cpus;
	unsigned first_cpu, last_cpu;
};

struct distance_option {
	unsigned from, to, value;
};

/* As given on the command line; a count of 0 or a NULL is "not given". */
struct options {
	unsigned cpus, nodes, threads;
	uint64_t memory_bytes;
	unsigned node_count, distance_count;
	struct node_option node[OPTION_NODES_MAX];
	struct distance_option distance[OPTION_DISTANCES_MAX];
	const char *out;    /* the results folder */
	const char *acpi;   /* folder of tables */
	const char *append; /* "" without --append */
	enum machine_kind machine;
	bool is_icount;
	double timeout_s; /* 0: none */
	bool is_print;
	int verbosity; /* -1, 0, 1 */
};

/*
 * Parse argv[1] to argv[argc - 1] into `options`; argv[0] is the command's name. Returns 0, or
 * EXIT_USAGE after one line on standard error.
 */
int options_parse(struct options *options, int argc, char **argv) __must_check;

/* A positive number of seconds, with decimals. 0 or -EINVAL. */
int options_seconds(const char *text, double *seconds) __must_check;
