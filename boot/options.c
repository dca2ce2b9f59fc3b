/*
 * The kernel's command line. Written once on the boot CPU.
 */
#include "fanga/options.h"
#include "fanga/log.h"
#include "lib/cmdline.h"
#include "lib/errno.h"
#include "lib/string.h"

static struct kernel_options options = {.log = LOG_INFO, .seed = 1};

const struct kernel_options *kernel_options(void)
{
	return &options;
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
		{.key = "hook.",
		 .kind = CMDLINE_CALL,
		 .call = set_hook,
		 .allowed = "NUMBER, for a hook that this build has"},
	};

	return cmdline_parse(text, table, ARRAY_SIZE(table), error, error_bytes);
}
