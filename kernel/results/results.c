/*
 * Results: the calls of include/fanga/results.h on top of the transport.
 *
 * `results_lock` (leaf but for locks that a section's writer takes) guards the transport, the
 * text buffer and is_closed. A panic sets is_broken once and for all: from then on nobody takes the
 * lock, and an abandoned record costs nothing (see transport.c).
 */
#include "fanga/results.h"

#include <stdarg.h>

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/power.h"
#include "fanga/log.h"
#include "fanga/spinlock.h"
#include "kernel/results/transport.h"
#include "lib/errno.h"
#include "lib/json.h"
#include "lib/printf.h"
#include "lib/string.h"

/* Raw: held for as long as a serial line takes to send a record, which no limit on holding allows.
 */
static struct raw_spinlock results_lock;
static bool is_broken; /* atomic */
static bool is_closed;
static char text_buffer[4096];

struct hold {
	unsigned long flags;
	bool is_locked;
};

static struct hold hold_channel(void)
{
	struct hold hold = {.flags = irq_save()};

	/* Relaxed: stale for a moment means one more CPU that waits for a lock that stays held. */
	hold.is_locked = !__atomic_load_n(&is_broken, __ATOMIC_RELAXED);
	if (hold.is_locked)
		raw_spin_lock(&results_lock);
	return hold;
}

static void release_channel(struct hold hold)
{
	if (hold.is_locked)
		raw_spin_unlock(&results_lock);
	irq_restore(hold.flags);
}

static const char *const channel_names[] = {
	[TRANSPORT_NONE] = "none",
	[TRANSPORT_MEMORY] = "ivshmem",
	[TRANSPORT_SERIAL] = "serial",
};

void results_init(void)
{
	enum transport kind = transport_init();

	log_info("results: channel %s", channel_names[kind]);
}

const char *results_channel_name(void)
{
	return channel_names[transport_kind()];
}

/* Without a channel the console is all there is; there each line gets its own. */
static void print_lines(const char *text, size_t length)
{
	while (length > 0) {
		const char *end = memchr(text, '\n', length);
		size_t line = end ? (size_t)(end - text) : length;

		log_raw("%.*s", (int)line, text);
		line += end ? 1 : 0;
		text += line;
		length -= line;
	}
}

static int put_record_locked(enum channel_type type, const void *bytes, size_t length)
{
	if (is_closed)
		return -ENOSPC;
	if (transport_kind() == TRANSPORT_NONE) {
		if (type == CHANNEL_REPORT || type == CHANNEL_MESSAGE)
			print_lines(bytes, length);
		return 0;
	}
	transport_begin(type);
	(void)transport_append(bytes, length);
	return transport_commit();
}

static void put_text(enum channel_type type, const char *fmt, va_list args)
{
	struct hold hold = hold_channel();
	int length = fmt_vsnprintf(text_buffer, sizeof(text_buffer), fmt, args);

	if (length > 0)
		(void)put_record_locked(type, text_buffer,
					MIN((size_t)length, sizeof(text_buffer) - 1));
	release_channel(hold);
}

void results_report(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_text(CHANNEL_REPORT, fmt, args);
	va_end(args);
}

void results_message(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_text(CHANNEL_MESSAGE, fmt, args);
	va_end(args);
}

void results_stage(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_text(CHANNEL_STAGE, fmt, args);
	va_end(args);
}

static int append_json(void *context, const void *data, size_t length)
{
	(void)context;
	return transport_append(data, length);
}

static int put_section_locked(const char *name, results_write_fn write, void *arg)
{
	struct json json;
	int error;

	transport_begin(CHANNEL_SECTION);
	(void)transport_append(name, strlen(name) + 1);
	json_init(&json, append_json, NULL);
	write(&json, arg);
	error = json_finish(&json);
	/* Broken JSON would spoil the whole run.json; the next record overwrites it. */
	return error && error != -ENOSPC ? error : transport_commit();
}

int results_section(const char *name, results_write_fn write, void *arg)
{
	struct hold hold;
	int error = 0;

	if (transport_kind() == TRANSPORT_NONE)
		return 0;
	hold = hold_channel();
	error = is_closed ? -ENOSPC : put_section_locked(name, write, arg);
	release_channel(hold);
	return error;
}

int results_file(const char *name, const void *bytes, size_t length)
{
	struct hold hold;
	int error = -ENOSPC;

	if (transport_kind() == TRANSPORT_NONE)
		return 0;
	hold = hold_channel();
	if (!is_closed) {
		transport_begin(CHANNEL_FILE);
		(void)transport_append(name, strlen(name) + 1);
		(void)transport_append(bytes, length);
		error = transport_commit();
	}
	release_channel(hold);
	return error;
}

uint64_t results_dropped(void)
{
	return transport_dropped();
}

void results_panic(const char *text)
{
	unsigned long flags = irq_save();

	__atomic_store_n(&is_broken, true, __ATOMIC_RELAXED);
	if (transport_kind() != TRANSPORT_NONE)
		(void)put_record_locked(CHANNEL_MESSAGE, text, strlen(text));
	irq_restore(flags);
}

_Noreturn void results_exit(int status, int signal, enum channel_exit_reason reason)
{
	struct channel_exit exit = {.status = status, .signal = signal, .reason = reason};
	struct hold hold;

	if (transport_dropped())
		log_warn("results: %llu records found no room",
			 (unsigned long long)transport_dropped());
	log_info("exit: status %d", status);
	hold = hold_channel();
	/* Whoever comes second, a panic on another CPU say, must not add a second verdict. */
	(void)put_record_locked(CHANNEL_EXIT, &exit, sizeof(exit));
	is_closed = true;
	transport_close();
	release_channel(hold);
	power_off();
}
