/*
 * What a run has to say to the host, on a channel of its own beside the console.
 *
 * Records (lib/channel.h) go to a shared-memory device (ivshmem-plain, PCI 1af4:1110, BAR 2), else
 * to COM2, else the report goes to the console. One writer at a time under a lock; a panic breaks
 * the lock and goes on behind the last complete record. Any context but NMI unless it says so.
 */
#pragma once

#include "lib/types.h"

struct json;

enum results_reason {
	RESULTS_EXITED = 0,
	RESULTS_SIGNAL = 1,
	RESULTS_TIMEOUT = 2,
	RESULTS_PANIC = 3,
	RESULTS_NO_BOOT = 4,
};

#define RESULTS_NO_SIGNAL (-1)

/* Find the channel. Boot CPU, once, after the console and the memory maps. */
void results_init(void);

/* "ivshmem", "serial" or "none". */
const char *results_channel_name(void);

/* Append formatted text to the report, which is the person's standard output. */
void results_report(const char *fmt, ...) __printf(1, 2);

/* One line for the person's standard error; no newline in it. Cut at 1023 bytes. */
void results_message(const char *fmt, ...) __printf(1, 2);

/* What the machine does now, for progress: "starting CPUs". */
void results_stage(const char *fmt, ...) __printf(1, 2);

/*
 * Add top-level member @name of run.json; @write fills in its value, once. 0, or -ENOSPC when the
 * channel is full: the record is left out and counted.
 */
int results_section(const char *name, void (*write)(struct json *json, void *arg), void *arg);

/* A file of the results directory. 0 or -ENOSPC. */
int results_file(const char *name, const void *bytes, size_t length);

/* Records that found no room. */
uint64_t results_dropped(void);

/*
 * For panic(): break the lock and hand over the first lines of the panic. NMI context too. Follow
 * it by results_exit(255, RESULTS_NO_SIGNAL, RESULTS_PANIC).
 */
void results_panic(const char *text);

/* Write the last record and power off. @signal or RESULTS_NO_SIGNAL. Any context. */
_Noreturn void results_exit(int status, int signal, enum results_reason reason);
