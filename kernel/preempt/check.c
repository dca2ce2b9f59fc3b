/*
 * Where the debug build's checks report to: a test's hook, else a warning.
 *
 * Needs no lock: the hook is one pointer, set by a test before it provokes the report and read by
 * whoever reports. Any context; the text lies on the reporter's stack.
 */
#include <fanga/check.h>

#ifdef CONFIG_DEBUG

#include <fanga/log.h>
#include <fanga/panic.h>
#include "lib/printf.h"
#include "lib/string.h"

#define CHECK_TEXT_BYTES 1024

static check_hook_fn check_hook;

void check_set_hook(check_hook_fn hook)
{
	/* Release: whoever sees the hook sees what the test prepared. Pairs with hook_takes(). */
	__atomic_store_n(&check_hook, hook, __ATOMIC_RELEASE);
}

static bool hook_takes(enum check_kind kind, const char *text)
{
	/* Acquire: pairs with the release in check_set_hook(). */
	check_hook_fn hook = __atomic_load_n(&check_hook, __ATOMIC_ACQUIRE);

	return hook && hook(kind, text);
}

/* A line of the log each. */
static void log_lines(const char *text)
{
	for (const char *end; (end = strchr(text, '\n')); text = end + 1)
		log_warn("%.*s", (int)(end - text), text);
	log_warn("%s", text);
}

void check_report(enum check_kind kind, const char *fmt, ...)
{
	char text[CHECK_TEXT_BYTES];
	va_list args;

	va_start(args, fmt);
	(void)fmt_vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (hook_takes(kind, text))
		return;
	log_lines(text);
	WARN("a check failed: see above");
}

void check_fatal(enum check_kind kind, const char *fmt, ...)
{
	char text[CHECK_TEXT_BYTES];
	va_list args;

	va_start(args, fmt);
	(void)fmt_vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (hook_takes(kind, text))
		return;
	log_lines(text);
	panic("a check failed that leaves no way on: see above");
}

#endif
