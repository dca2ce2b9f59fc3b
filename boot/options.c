/*
 * The kernel's command line. Written once on the boot CPU.
 */
#include "fanga/options.h"
#include "fanga/log.h"
#include "lib/cmdline.h"
#include "lib/errno.h"
#include "lib/nodemask.h"
#include "lib/string.h"

#define GIGAPAGES_MAX 65536 /* as many as the direct map has */

static struct kernel_options options = {
	.log = LOG_INFO,
	.seed = 1,
	.gigapage_node = OPTIONS_ANY_NODE,
};

const struct kernel_options *kernel_options(void)
{
	return &options;
}

/* "N" or "N@NODE". */
static int set_gigapages(void *context, const char *name, const char *text)
{
	uint64_t count, node = OPTIONS_ANY_NODE;
	char digits[24];
	const char *at;

	(void)context, (void)name;
	at = text ? strchr(text, '@') : NULL;
	if (!text || (size_t)(at ? at - text : 0) >= sizeof(digits))
		return -EINVAL;
	if (at) {
		memcpy(digits, text, (size_t)(at - text));
		digits[at - text] = 0;
		if (cmdline_number(at + 1, &node) || node >= NODE_MAX)
			return -EINVAL;
	}
	if (cmdline_number(at ? digits : text, &count) || count > GIGAPAGES_MAX)
		return -EINVAL;
	options.gigapages = count;
	options.gigapage_node = node;
	return 0;
}

static int set_hook(void *context, const char *name, const char *text)
{
	uint64_t value;

	(void)context;
	if (!text || cmdline_number(text, &value))
		return -EINVAL;
	for (const struct test_hook *hook = __test_hooks_start; hook < __test_hooks_end; hook++) {
		if (strcmp(hook->name, name) == 0) {
			hook->set(value);
			return 0;
		}
	}
	return -EINVAL;
}

int kernel_options_parse(const char *text, char *error, size_t error_bytes)
{
	static const char *const clocks[] = {"host", "icount", NULL};
	static const char *const levels[] = {"err", "warn", "info", "debug", NULL};
	const struct cmdline_option table[] = {
		{.key = "test",
		 .kind = CMDLINE_TEXT,
		 .value = options.test,
		 .size = sizeof(options.test),
		 .allowed = "SUITE[,SUITE...] or all"},
		{.key = "host_cpus",
		 .kind = CMDLINE_NUMBER,
		 .value = &options.host_cpus,
		 .min = 1,
		 .max = 65536},
		{.key = "seed", .kind = CMDLINE_NUMBER, .value = &options.seed},
		{.key = "clock",
		 .kind = CMDLINE_CHOICE,
		 .value = &options.clock,
		 .choices = clocks},
		{.key = "log", .kind = CMDLINE_CHOICE, .value = &options.log, .choices = levels},
		{.key = "gigapages",
		 .kind = CMDLINE_CALL,
		 .call = set_gigapages,
		 .allowed = "N or N@NODE"},
		{.key = "hook.",
		 .kind = CMDLINE_CALL,
		 .call = set_hook,
		 .allowed = "NUMBER, for a hook that this build has"},
	};

	return cmdline_parse(text, table, ARRAY_SIZE(table), error, error_bytes);
}
