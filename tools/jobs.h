/*
 * Programs that run side by side, as many as there are CPUs; each with a time limit and its output
 * in a file.
 */
#pragma once

#include "tools/arguments.h"
#include "tools/process.h"

struct job {
	struct arguments command;
	char *log; /* path of the file that gets its output, both streams */
	double limit_s;
	/* Called when it has ended, with `status` and `seconds` filled in. */
	void (*ended)(struct job *job);
	void *context;

	int status;   /* exit status; 128 + N after signal N; 127: it could not be started */
	bool is_late; /* it was killed at its limit */
	double seconds;
	struct process process;
	double start_s;
};

/*
 * Run all jobs in order, at most `slots` at a time. Returns 0, or EXIT_INTERRUPTED when a signal
 * asked this program to end; no job is left running then.
 */
int jobs_run(struct job *jobs, size_t count, unsigned slots) __must_check;
