/*
 * The kernel log: lines `[    0.001234] cpu0 info: text` in a static ring and out to every
 * registered sink.
 *
 * Any context, NMI and panic included. Writers take one output lock with interrupts off, so lines
 * stay whole; a writer that interrupted the holder on its own CPU, or has waited too long, goes on
 * without the lock: its line may then mix with another one, but nothing deadlocks and no byte lands
 * outside the ring.
 */
#pragma once

#include <stdarg.h>

#include "lib/types.h"

#define LOG_RING_BYTES (64u * 1024u)
#define LOG_LINE_BYTES \
	256u /* longest line, prefix and newline included; longer ones are cut and end in "..." */
#define LOG_SINKS_MAX 4u

enum log_level {
	LOG_ERR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG,
};

/*
 * Hooks, defined in the rooms to the right.
 * log_clock_ns: ns since kernel entry, 0 before the clock runs. log_cpu: the dense number of this
 * CPU, right from the first instruction on and in NMIs. log_irq_save/restore: as irq_save() and
 * irq_restore().
 */
uint64_t log_clock_ns(void);
unsigned log_cpu(void);
unsigned long log_irq_save(void);
void log_irq_restore(unsigned long flags);

/* Lines above `level` are dropped everywhere. LOG_INFO at first. */
void log_set_level(enum log_level level);

/* "err", "warn", "info", "debug" to a level. 0 or -EINVAL. */
int log_level_parse(const char *name, enum log_level *level) __must_check;

/*
 * Send every later line to `write` also, and first what the ring holds. `write` is called with the
 * output lock held and interrupts off, in the context of the writer: it must not sleep, take a lock
 * that is held around a log call, or log. 0, or -ENOSPC when LOG_SINKS_MAX are there. At boot, on
 * one CPU.
 */
int log_sink_add(void (*write)(const char *text, size_t bytes)) __must_check;

/*
 * One line; a newline at the end of the text is not needed. Control bytes come out as '?', except
 * newlines, each of which starts a new line with its own prefix.
 */
void log_line(enum log_level level, const char *format, ...) __printf(2, 3);
void log_vline(enum log_level level, const char *format, va_list args) __printf(2, 0);

#define log_err(...)   log_line(LOG_ERR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/* One line without prefix and whatever the level, for output that programs read (TAP). */
void log_raw(const char *format, ...) __printf(1, 2);

/*
 * Copy the newest bytes of the ring, oldest first, at most `size`, whole lines where the ring has
 * wrapped. Returns the number copied; no NUL is added. Takes the output lock as a writer does.
 */
size_t log_ring_copy(char *buffer, size_t size);

/*
 * For panic, once the other CPUs are stopped or past caring: from now on nobody takes the output
 * lock.
 */
void log_bust_lock(void);

/*
 * Rate limit: at most `burst` passes per `interval_ns`. Static, shared by all CPUs, no lock; racing
 * CPUs may let a few more through. After a quiet interval the first pass reports how many were held
 * back.
 */
struct log_ratelimit {
	uint64_t interval_ns;
	uint32_t burst;
	uint32_t passed;	  /* atomic, since window_start_ns */
	uint32_t suppressed;	  /* atomic, since the last report */
	uint64_t window_start_ns; /* atomic */
};

#define LOG_RATELIMIT(interval, count)                      \
	{                                                   \
		.interval_ns = (interval), .burst = (count) \
	}

/* True when the caller may print. */
bool log_ratelimit_pass(struct log_ratelimit *limit);

/* log_line, at most 10 times a second from this place. */
#define log_line_ratelimited(level, ...)                                                   \
	do {                                                                               \
		static struct log_ratelimit log_limit_ = LOG_RATELIMIT(1000000000ull, 10); \
		if (log_ratelimit_pass(&log_limit_))                                       \
			log_line((level), __VA_ARGS__);                                    \
	} while (0)

#define log_err_ratelimited(...)  log_line_ratelimited(LOG_ERR, __VA_ARGS__)
#define log_warn_ratelimited(...) log_line_ratelimited(LOG_WARN, __VA_ARGS__)
