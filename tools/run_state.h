/*
 * One run in its parts: what it holds, and the steps that run_machine() takes it through.
 */
#pragma once

#include "tools/machine.h"
#include "tools/process.h"
#include "tools/records.h"
#include "tools/run.h"

struct run {
	const struct options *options;
	const struct run_request *request;
	struct machine machine;
	char *workdir, *archive_path, *channel_path, *socket_path;
	struct bytes archive; /* the tables of --acpi */
	struct results results;
	struct results_file console;
	struct channel_memory memory; /* QEMU */
	int serial_fd;		      /* Bochs: where the channel's bytes come from, else -1 */
	struct bytes serial;	      /* those that are no whole record yet */
	int console_fd, error_fd;     /* the simulator's console and what it says itself */
	struct bytes console_tail, error_text;
	struct process simulator, debugger;
	struct run_facts facts;
	struct records records;
	bool is_channel_broken;
	double start_s, exit_s; /* exit_s: when the exit record came */
};

/* How it ended: an exit status and the word for run.json. */
struct outcome {
	int status;
	int signal;
	const char *reason;
};

/* The kernel's command line and the seed, from the options; needs nothing of the host. */
void run_set_command_line(struct run *run);

/* --print: 0, or EXIT_NO_RESULTS after one line. */
int run_print_command(struct run *run) __must_check;

/*
 * Check that all is there, open the results folder and make the files that the simulator reads.
 * 0, or an exit status after one line.
 */
int run_prepare(struct run *run) __must_check;

/* Start the simulator, and the debugger if there is to be one. 0, or an exit status after a line.
 */
int run_start(struct run *run) __must_check;

/* The verdict on a machine that came to its end by itself; says what is wrong with it. */
struct outcome run_find_outcome(const struct run *run);
