/*
 * The kernel log: see <fanga/log.h>. Pure but for its four hooks, so it runs on the host too.
 *
 * `output_lock` (0, or CPU + 1 of the holder) orders ring and sinks. It is taken with interrupts
 * off and given up only in two cases: the holder is this very CPU (an NMI or a fault in a sink
 * interrupted it), or the wait was too long. What such a writer may do to another one is bounded:
 * ring positions come from an atomic add and ring bytes are atomic, so the worst is a line with
 * another's bytes in it.
 */
#include <fanga/log.h>

#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"

#define LOCK_WAIT_NS	1000000000ull
#define LOCK_WAIT_TURNS (1u << 22) /* the bound while the clock does not run yet */
#define LOCK_NOT_TAKEN	(-1)

typedef void (*sink_fn)(const char *text, size_t bytes);

_Static_assert((LOG_RING_BYTES & (LOG_RING_BYTES - 1)) == 0, "positions are taken modulo the size");

static char ring[LOG_RING_BYTES];
static uint64_t ring_position; /* bytes ever written; atomic */
static sink_fn sinks[LOG_SINKS_MAX];
static unsigned sink_count;  /* release after the slot is filled, acquire before it is read */
static unsigned output_lock; /* 0 or CPU + 1 */
static bool is_lock_busted;  /* set once, for good */
static unsigned level_limit = LOG_INFO;

static const char *const level_names[] = {"err", "warn", "info", "debug"};

struct lock_state {
	unsigned long irq_flags;
	bool is_held;
};

/*
 * Interrupts are off only while the lock is held or tried, not while waiting. The acquire pairs
 * with the release in unlock_output: the ring and the sinks' state are as the last holder left
 * them.
 */
static struct lock_state lock_output(void)
{
	struct lock_state state;
	uint64_t start_ns = log_clock_ns();
	unsigned turns = 0;

	for (;;) {
		unsigned holder = 0;
		unsigned self;

		state.irq_flags = log_irq_save();
		self = log_cpu() + 1;
		if (__atomic_load_n(&is_lock_busted, __ATOMIC_RELAXED))
			break;
		state.is_held = __atomic_compare_exchange_n(&output_lock, &holder, self, false,
							    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
		if (state.is_held)
			return state;
		if (holder == self || ++turns == LOCK_WAIT_TURNS ||
		    log_clock_ns() - start_ns > LOCK_WAIT_NS)
			break;
		log_irq_restore(state.irq_flags);
		__builtin_ia32_pause();
	}
	state.is_held = false;
	return state;
}

static void unlock_output(struct lock_state state)
{
	if (state.is_held)
		__atomic_store_n(&output_lock, 0, __ATOMIC_RELEASE);
	log_irq_restore(state.irq_flags);
}

/* Called with the output lock held, or without it as described at the top. */
static void output_locked(const char *text, size_t bytes)
{
	uint64_t position = __atomic_fetch_add(&ring_position, bytes, __ATOMIC_RELAXED);
	/* Acquire: pairs with log_sink_add. */
	unsigned count = __atomic_load_n(&sink_count, __ATOMIC_ACQUIRE);

	for (size_t i = 0; i < bytes; i++)
		__atomic_store_n(&ring[(position + i) % LOG_RING_BYTES], text[i], __ATOMIC_RELAXED);
	for (unsigned i = 0; i < count; i++)
		sinks[i](text, bytes);
}

static void output(const char *text, size_t bytes)
{
	struct lock_state state = lock_output();

	output_locked(text, bytes);
	unlock_output(state);
}

/* One line of `bytes` bytes behind `prefix`; `line` has LOG_LINE_BYTES. Returns its length. */
static size_t make_line(char *line, const char *prefix, const char *text, size_t bytes, bool is_cut)
{
	static const char dots[] = "...";
	size_t length = string_copy(line, LOG_LINE_BYTES, prefix);
	size_t room = LOG_LINE_BYTES - length - 1;

	if (bytes > room) {
		bytes = room;
		is_cut = true;
	}
	for (size_t i = 0; i < bytes; i++) {
		uint8_t c = (uint8_t)text[i];

		line[length + i] = (char)((c < ' ' && c != '\t') || c == 0x7f ? '?' : c);
	}
	length += bytes;
	if (is_cut && bytes >= sizeof(dots) - 1) {
		length = MIN(length + sizeof(dots) - 1, (size_t)LOG_LINE_BYTES - 1);
		memcpy(line + length - (sizeof(dots) - 1), dots, sizeof(dots) - 1);
	}
	line[length++] = '\n';
	return length;
}

/* Format and print, a line for each line of the text, each behind `prefix`. */
static void print(const char *prefix, const char *format, va_list args)
{
	char text[LOG_LINE_BYTES];
	char line[LOG_LINE_BYTES];
	int whole = fmt_vsnprintf(text, sizeof(text), format, args);
	size_t length = whole < 0 ? sizeof(text) - 1 : MIN((size_t)whole, sizeof(text) - 1);
	bool is_cut = whole < 0 || (size_t)whole > length;
	size_t start = 0;

	if (length && !is_cut && text[length - 1] == '\n')
		length--;
	do {
		const char *newline = memchr(text + start, '\n', length - start);
		size_t end = newline ? (size_t)(newline - text) : length;

		output(line,
		       make_line(line, prefix, text + start, end - start, is_cut && end == length));
		start = end + 1;
	} while (start <= length);
}

void log_vline(enum log_level level, const char *format, va_list args)
{
	char prefix[48];
	uint64_t now_us;

	if ((unsigned)level > __atomic_load_n(&level_limit, __ATOMIC_RELAXED))
		return;
	now_us = log_clock_ns() / 1000;
	fmt_snprintf(prefix, sizeof(prefix),
		     "[%5llu.%06llu] cpu%u %s: ", (unsigned long long)(now_us / 1000000),
		     (unsigned long long)(now_us % 1000000), log_cpu(), level_names[level]);
	print(prefix, format, args);
}

void log_line(enum log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_vline(level, format, args);
	va_end(args);
}

void log_raw(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print("", format, args);
	va_end(args);
}

void log_set_level(enum log_level level)
{
	__atomic_store_n(&level_limit, (unsigned)level, __ATOMIC_RELAXED);
}

int log_level_parse(const char *name, enum log_level *level)
{
	for (unsigned i = 0; i < ARRAY_SIZE(level_names); i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* The first position that is still in the ring and, if it has wrapped, begins a line. */
static uint64_t ring_start(uint64_t end)
{
	uint64_t at;

	if (end <= LOG_RING_BYTES)
		return 0;
	for (at = end - LOG_RING_BYTES; at < end; at++)
		if (__atomic_load_n(&ring[at % LOG_RING_BYTES], __ATOMIC_RELAXED) == '\n')
			return at + 1;
	return end;
}

int log_sink_add(void (*write)(const char *text, size_t bytes))
{
	struct lock_state state = lock_output();
	uint64_t end = __atomic_load_n(&ring_position, __ATOMIC_RELAXED);
	uint64_t at = ring_start(end);
	int error = -ENOSPC;

	if (sink_count < LOG_SINKS_MAX) {
		while (at < end) {
			size_t index = at % LOG_RING_BYTES;
			size_t bytes = MIN((size_t)(end - at), (size_t)LOG_RING_BYTES - index);

			write(ring + index, bytes);
			at += bytes;
		}
		sinks[sink_count] = write;
		/* Release: a writer without the lock that sees the count sees the slot
		 * (output_locked). */
		__atomic_store_n(&sink_count, sink_count + 1, __ATOMIC_RELEASE);
		error = 0;
	}
	unlock_output(state);
	return error;
}

size_t log_ring_copy(char *buffer, size_t size)
{
	struct lock_state state = lock_output();
	uint64_t end = __atomic_load_n(&ring_position, __ATOMIC_RELAXED);
	uint64_t at = ring_start(end);
	size_t copied = 0;

	if (end - at > size)
		at = end - size;
	while (at < end)
		buffer[copied++] = __atomic_load_n(&ring[at++ % LOG_RING_BYTES], __ATOMIC_RELAXED);
	unlock_output(state);
	return copied;
}

void log_bust_lock(void)
{
	__atomic_store_n(&is_lock_busted, true, __ATOMIC_RELAXED);
}

bool log_ratelimit_pass(struct log_ratelimit *limit)
{
	/* All relaxed: the counters guard nothing but themselves. */
	uint64_t now_ns = log_clock_ns();
	uint64_t start_ns = __atomic_load_n(&limit->window_start_ns, __ATOMIC_RELAXED);

	if (now_ns - start_ns >= limit->interval_ns &&
	    __atomic_compare_exchange_n(&limit->window_start_ns, &start_ns, now_ns, false,
					__ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
		uint32_t suppressed = __atomic_exchange_n(&limit->suppressed, 0, __ATOMIC_RELAXED);

		__atomic_store_n(&limit->passed, 0, __ATOMIC_RELAXED);
		if (suppressed)
			log_line(LOG_WARN, "%u messages like the next one were held back",
				 suppressed);
	}
	if (__atomic_fetch_add(&limit->passed, 1, __ATOMIC_RELAXED) < limit->burst)
		return true;
	__atomic_fetch_add(&limit->suppressed, 1, __ATOMIC_RELAXED);
	return false;
}
