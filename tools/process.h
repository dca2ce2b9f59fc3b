/*
 * Programs that `fanga` starts, and signals that end it. A child never outlives its parent: it is
 * killed by the kernel when the parent dies, whatever way.
 */
#pragma once

#include "lib/types.h"

struct process {
	int pid;	/* 0: not started, or reaped */
	bool has_ended; /* then `status` is valid */
	int status;	/* as waitpid's */
};

/* File descriptors of the child; -1 is /dev/null. */
struct process_streams {
	int in, out, error;
};

/* Where `program` is on PATH, for free(); NULL if it is not. */
char *process_find(const char *program);

/*
 * Start argv[0], searched on PATH. With `own_group` the terminal's signals do not reach it.
 * Returns 0 or a negative errno, also when it cannot be executed.
 */
int process_start(struct process *process, char *const argv[],
		  const struct process_streams *streams, bool own_group) __must_check;

/* Whether it has ended; never waits. */
bool process_has_ended(struct process *process);

/* SIGKILL to it (and its group, if it has its own) and reap it. Safe on one that has ended. */
void process_kill(struct process *process);

/* What a program prints on standard output, for free(); NULL if it cannot run or fails. */
char *process_read_output(char *const argv[]);

/* Catch SIGINT, SIGTERM and SIGHUP: process_stop_signal() tells. SIGPIPE becomes an error code. */
void process_catch_signals(void);

/* The number of the signal that asks this program to end, 0: none. */
int process_stop_signal(void);

/* Seconds on a clock that never goes back. */
double process_now_s(void);
