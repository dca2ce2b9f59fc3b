/*
 * run.json: what the machine says of itself, with what the host knows.
 */
#pragma once

#include "tools/memory.h"

#define RUN_JSON_SCHEMA 1

struct run_section {
	char *name, *json;
	size_t json_bytes;
};

/* Strings may be NULL: unknown. */
struct run_facts {
	struct run_section *sections; /* in the order in which they came */
	size_t section_count;
	char *commit, *command_line, *kernel_command_line;
	const char *simulator; /* program */
	char *simulator_version;
	unsigned long seed;
	int status;
	int signal;	    /* 0: none */
	const char *reason; /* exited, signal, timeout, panic, no-boot */
	double host_s;
	bool is_icount;
	unsigned host_cpus;
};

/* Take a section in, in place of an earlier one of its name. -EINVAL if `json` is no JSON value or
 * `name` no plain name. */
int run_facts_add_section(struct run_facts *facts, const char *name, size_t name_bytes,
			  const char *json, size_t json_bytes) __must_check;
void run_facts_free(struct run_facts *facts);

/* The whole file, ending in a newline. 0 or a negative errno. */
int run_json_write(const struct run_facts *facts, struct bytes *out) __must_check;
