// sources: boot/options.c lib/cmdline.c lib/printf.c
// cflags: -DCONFIG_DEBUG
/* The kernel's own options: what each takes and keeps, and one line for every mistake. */
#include "tests/host/check.h"

#include <string.h>

#include "fanga/log.h"
#include "fanga/options.h"
#include "lib/cmdline.h"
#include "lib/errno.h"

static uint64_t hook_value;
static unsigned hook_calls;

static void set_sample(uint64_t value)
{
	hook_value = value;
	hook_calls++;
}
TEST_HOOK(sample, set_sample);

static void set_other(uint64_t value)
{
	(void)value;
	hook_calls += 100;
}
TEST_HOOK(sample_too, set_other);

static char error[CMDLINE_ERROR_BYTES];

static const struct kernel_options *accept(const char *text)
{
	assert_int_equal(kernel_options_parse(text, error, sizeof(error)), 0);
	assert_string_equal(error, "");
	return kernel_options();
}

/* One line that names the word and what is allowed. */
static void refuse(const char *text, const char *word, const char *allowed)
{
	memset(error, 0, sizeof(error));
	assert_int_equal(kernel_options_parse(text, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, word));
	assert_non_null(strstr(error, allowed));
	assert_null(strchr(error, '\n'));
	assert_in_range(strlen(error), 20, sizeof(error) - 1);
}

static void defaults(void **state)
{
	const struct kernel_options *options = accept("");

	(void)state;
	assert_string_equal(options->test, "");
	assert_int_equal(options->host_cpus, 0);
	assert_int_equal(options->seed, 1);
	assert_int_equal(options->gigapages, 0);
	assert_int_equal(options->gigapage_node, OPTIONS_ANY_NODE);
	assert_int_equal(options->clock, 0);
	assert_int_equal(options->log, LOG_INFO);
}

static void each_option_is_kept(void **state)
{
	(void)state;
	assert_string_equal(accept("test=mm,cpu")->test, "mm,cpu");
	assert_int_equal(accept("host_cpus=16")->host_cpus, 16);
	assert_int_equal(accept("host_cpus=65536")->host_cpus, 65536);
	assert_int_equal(accept("seed=0")->seed, 0);
	assert_int_equal(accept("seed=18446744073709551615")->seed, UINT64_MAX);
	assert_int_equal(accept("seed=0xfa")->seed, 0xfa);
	assert_int_equal(accept("clock=icount")->clock, OPTIONS_CLOCK_ICOUNT);
	assert_int_equal(accept("clock=host")->clock, 0);
	assert_int_equal(accept("log=err")->log, LOG_ERR);
	assert_int_equal(accept("log=warn")->log, LOG_WARN);
	assert_int_equal(accept("log=info")->log, LOG_INFO);
	assert_int_equal(accept("log=debug")->log, LOG_DEBUG);
}

static void several_at_once_and_the_last_counts(void **state)
{
	const struct kernel_options *options =
		accept("  seed=3\tclock=icount  test=all\nseed=4 log=warn  ");

	(void)state;
	assert_int_equal(options->seed, 4);
	assert_int_equal(options->clock, OPTIONS_CLOCK_ICOUNT);
	assert_string_equal(options->test, "all");
	assert_int_equal(options->log, LOG_WARN);
}

static void wrong_words_are_explained(void **state)
{
	(void)state;
	refuse("tset=all", "tset=all", "test=SUITE");
	refuse("seed=1 quiet", "quiet", "seed=NUMBER");
	refuse("host_cpus=0", "host_cpus=0", "1..65536");
	refuse("host_cpus=65537", "host_cpus=65537", "1..65536");
	refuse("host_cpus=two", "host_cpus=two", "1..65536");
	refuse("host_cpus", "host_cpus", "1..65536");
	refuse("host_cpus=-1", "host_cpus=-1", "1..65536");
	refuse("seed=", "seed=", "NUMBER");
	refuse("seed=18446744073709551616", "seed=", "NUMBER");
	refuse("clock=virtual", "clock=virtual", "host|icount");
	refuse("clock=", "clock=", "host|icount");
	refuse("log=all", "log=all", "err|warn|info|debug");
	refuse("log", "log", "err|warn|info|debug");
	refuse("test", "test", "SUITE[,SUITE...] or all");
	refuse("TEST=all", "TEST=all", "test=");
	refuse("=", "=", "test=");
}

static void a_suite_list_has_a_limit(void **state)
{
	size_t room = MIN(sizeof(kernel_options()->test), (size_t)CMDLINE_VALUE_BYTES) - 1;
	char text[700] = "test=";

	(void)state;
	memset(text + 5, 'a', room);
	assert_int_equal(strlen(accept(text)->test), room);
	memset(text + 5, 'a', room + 1);
	refuse(text, "test=", "SUITE");
}

static void hooks_are_called_by_name(void **state)
{
	(void)state;
	hook_calls = 0;
	accept("hook.sample=0x2a");
	assert_int_equal(hook_value, 42);
	assert_int_equal(hook_calls, 1);
	accept("hook.sample_too=1 hook.sample=7");
	assert_int_equal(hook_value, 7);
	assert_int_equal(hook_calls, 102);
}

static void wrong_hooks_are_explained(void **state)
{
	(void)state;
	hook_calls = 0;
	refuse("hook.nosuch=1", "hook.nosuch=1", "hook.NAME=NUMBER");
	refuse("hook.sampl=1", "hook.sampl=1", "hook.NAME=NUMBER");
	refuse("hook.sample=yes", "hook.sample=yes", "hook.NAME=NUMBER");
	refuse("hook.sample", "hook.sample", "hook.NAME=NUMBER");
	refuse("hook.sample=", "hook.sample=", "hook.NAME=NUMBER");
	refuse("hook.=1", "hook.=1", "hook.NAME=NUMBER");
	refuse("hook=1", "hook=1", "hook.NAME=NUMBER");
	assert_int_equal(hook_calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults), /* first: options keep what they were set to */
		cmocka_unit_test(each_option_is_kept),
		cmocka_unit_test(several_at_once_and_the_last_counts),
		cmocka_unit_test(wrong_words_are_explained),
		cmocka_unit_test(a_suite_list_has_a_limit),
		cmocka_unit_test(hooks_are_called_by_name),
		cmocka_unit_test(wrong_hooks_are_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
