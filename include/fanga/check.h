/*
 * Reports of the debug build's checks on preemption and locks.
 *
 * A report is one text of up to a few lines. It goes to the log as a warning with a backtrace,
 * which fails the test run, unless a test has said that it expects reports and takes them itself.
 * The release build has no checks and compiles none of this.
 */
#pragma once

#include "lib/types.h"

enum check_kind {
	CHECK_PREEMPT_UNDERFLOW,  /* enabled more often than disabled */
	CHECK_PREEMPT_OVERFLOW,	  /* disabled more often than the field can count */
	CHECK_PREEMPT_UNBALANCED, /* an interrupt handler left the count changed */
	CHECK_PERCPU_UNBOUND,	  /* own copy of a per-CPU variable used while free to migrate */
	CHECK_LOCK_RECURSION,	  /* a CPU waits for a lock that it holds */
	CHECK_LOCK_OWNER,	  /* released by a CPU that does not hold it */
	CHECK_LOCK_ORDER,	  /* two classes taken in both orders */
	CHECK_LOCK_IRQ,		  /* can be interrupted by a handler that waits for it */
	CHECK_LOCK_HELD_LONG,	  /* held for longer than the limit */
	CHECK_LOCK_LIMIT,	  /* the checker's tables are full, it now sees less */
	CHECK_SLAB_FREE,	  /* freed twice, or what is no object */
	CHECK_SLAB_OVERRUN,	  /* written outside of an object */
	CHECK_SLAB_FREE_USED,	  /* written after it was freed */
	CHECK_PAGE_FREE,	  /* freed what is not allocated, or not so */
};

#ifdef CONFIG_DEBUG

/* Sees a report in the context it arose in, any but NMI; returns whether it has dealt with it. */
typedef bool (*check_hook_fn)(enum check_kind kind, const char *text);

/* Have @hook called for every report; NULL: nobody. Tests only, one at a time. */
void check_set_hook(check_hook_fn hook);

/* Report @kind with a text in printf's words, at most 1023 characters, several lines. Any context.
 */
void check_report(enum check_kind kind, const char *fmt, ...) __printf(2, 3);

/* As check_report() for what cannot go on: panics unless the hook has dealt with it. */
void check_fatal(enum check_kind kind, const char *fmt, ...) __printf(2, 3);

#endif
