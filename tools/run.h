/*
 * Running one machine from its start to its results.
 */
#pragma once

#include "tools/options.h"

/* What a run has beside its options. */
struct run_request {
	const char *root;	  /* the project's folder */
	const char *kernel;	  /* path of the kernel's ELF file */
	const char *command_line; /* what the person typed, for run.json */
	bool is_debug;		  /* stopped at its first instruction, with gdb attached */
	bool is_silent;		  /* the machine's report is not wanted on standard output */
};

/* Run it. Returns the exit status of `fanga`; whatever was wrong has been said. */
int run_machine(const struct options *options, const struct run_request *request);

/* fanga run, fanga debug: argv[0] is the command's name. */
int run_main(const char *root, int argc, char **argv);
int debug_main(const char *root, int argc, char **argv);
