/*
 * Lock statistics: where CPUs waited for locks, and how long.
 *
 * Each place that takes a lock has a static descriptor, its site, in the linker section
 * .lock_sites. A CPU that finds the lock taken adds to its own copy of the site's counters once it
 * has it; an acquisition that did not wait writes nothing. So the statistics cost the uncontended
 * path nothing, and the contended one no shared line: of what they touch, only the CPU's own line
 * is written (counters in the descriptor would be one more line that follows the lock from CPU to
 * CPU, inside the section that it protects). Sums over the CPUs are made when somebody asks.
 */
#pragma once

#include <fanga/percpu.h>
#include "lib/json.h"
#include "lib/types.h"

/* One CPU's counters of one site; written by that CPU with interrupts off. */
struct lock_stat {
	uint64_t contended;   /* acquisitions that had to wait */
	uint64_t wait_ns;     /* their waiting time together */
	uint64_t max_wait_ns; /* and the longest */
};

/* A place in the source that takes a lock. */
struct lock_site {
	const char *function;
	const char *file;
	struct lock_stat *stat; /* per-CPU */
	uint32_t line;
	uint32_t reserved;
	struct lock_stat total;		/* sums of the last collection, under its lock */
	struct lock_site *next_by_wait; /* next in the report, under the same lock */
} __aligned(64);

/* The section is read as an array: the alignment must leave no gap. */
_Static_assert(sizeof(struct lock_site) == 64, "lock sites lie without gaps");
extern struct lock_site __lock_sites_start[], __lock_sites_end[];

/* The descriptor of the place where this stands, a pointer that is constant. */
#define LOCK_SITE()                                                             \
	({                                                                      \
		static DEFINE_PER_CPU(struct lock_stat, lock_site_stat_);       \
		static struct lock_site lock_site_ __section(".lock_sites") = { \
			.function = __func__,                                   \
			.file = __FILE__,                                       \
			.stat = &lock_site_stat_,                               \
			.line = __LINE__,                                       \
		};                                                              \
		&lock_site_;                                                    \
	})

/*
 * Count one acquisition at @site that waited @wait_ns. The caller has just got the lock. Any
 * context; one that interrupts a count in an NMI may be lost.
 */
void lockstat_record(struct lock_site *site, uint64_t wait_ns);

/* Sums over all CPUs for one @site; each counter is read once, while CPUs go on counting. */
struct lock_stat lockstat_sum(const struct lock_site *site);

/*
 * Call @visit for each site that ever waited, the longest total wait first, at most @max of them,
 * and return how many were visited. One caller at a time, with interrupts off: @visit takes no
 * lock. Thread context, any locks held.
 */
unsigned lockstat_for_each(unsigned max, void (*visit)(const struct lock_site *site, void *context),
			   void *context);

/* "function file:line" of @site into @buffer of @size bytes, cut where it does not fit. */
void lockstat_site_name(const struct lock_site *site, char *buffer, size_t size);

/*
 * Write the value of run.json's "locks": an array with one object for each site that ever waited,
 * the longest total wait first. The type is that of a writer for results_section(); @unused is
 * unused. The writer's sink takes no lock but what is held already. Thread context.
 */
void lockstat_json(struct json *json, void *unused);

/*
 * Print the sites with the longest waits through @print, a line each, at most @max of them and
 * LOCKSTAT_REPORT_MAX. Thread context.
 */
#define LOCKSTAT_REPORT_MAX 16u
void lockstat_report(unsigned max, void (*print)(const char *fmt, ...) __printf(1, 2));
