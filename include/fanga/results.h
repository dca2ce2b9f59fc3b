/*
 * What a run has to say to the host, on a channel of its own beside the console.
 *
 * Records (lib/channel.h) go to a shared-memory device (ivshmem-plain, PCI 1af4:1110, BAR 2), else
 * to COM2, else the report goes to the console. One writer at a time under a lock; a panic breaks
 * the lock and goes on behind the last complete record. Any context but NMI unless it says so.
 */
#pragma once

#include "lib/channel.h"
#include "lib/types.h"

struct json;

#define RESULTS_NO_SIGNAL (-1)

/* Find the channel. Boot CPU, once, after the console and the memory maps. */
void results_init(void);

/* "ivshmem", "serial" or "none". */
const char *results_channel_name(void);

/*
 * Append formatted text to the report, which is the person's standard output. One call is at most
 * 4095 bytes; the rest is cut.
 */
void results_report(const char *fmt, ...) __printf(1, 2);

/* One line for the person's standard error; no newline at its end. At most 4095 bytes too. */
void results_message(const char *fmt, ...) __printf(1, 2);

/* What the machine does now, for progress: "starting CPUs". */
void results_stage(const char *fmt, ...) __printf(1, 2);

/*
 * Add top-level member @name of run.json; @write fills in its value, once. 0, or -ENOSPC when the
 * channel is full: the record is left out and counted. -EINVAL: @write made no JSON value. It runs
 * with the channel locked: it must not report, and takes only locks that nobody holds while
 * reporting.
 */
typedef void (*results_write_fn)(struct json *json, void *arg);
int results_section(const char *name, results_write_fn write, void *arg) __must_check;

/* A file of the results directory. 0 or -ENOSPC. */
int results_file(const char *name, const void *bytes, size_t length) __must_check;

/* Records that found no room. */
uint64_t results_dropped(void);

/*
 * For panic(): break the lock and hand over the first lines of the panic. NMI context too. Follow
 * it by results_exit(255, RESULTS_NO_SIGNAL, CHANNEL_PANICKED).
 */
void results_panic(const char *text);

/* Write the last record and power off. @signal or RESULTS_NO_SIGNAL. Any context. */
_Noreturn void results_exit(int status, int signal, enum channel_exit_reason reason);
