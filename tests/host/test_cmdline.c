// sources: lib/cmdline.c lib/printf.c
/* The command line: each kind of option, quoting, and the one line that every mistake gets. */
#include "tests/host/check.h"

#include "lib/cmdline.h"
#include "lib/errno.h"

static uint64_t cpus, seed;
static bool quiet;
static unsigned clock_choice;
static char suite[8];
static char hook_log[128];

static const char *const clocks[] = {"icount", "host", NULL};

static int set_hook(void *context, const char *name, const char *text)
{
	char *log = context;

	if (text && strcmp(text, "bad") == 0)
		return -EINVAL;
	snprintf(log + strlen(log), sizeof(hook_log) - strlen(log), "%s=%s;", name,
		 text ? text : "-");
	return 0;
}

static const struct cmdline_option table[] = {
	{.key = "test",
	 .kind = CMDLINE_TEXT,
	 .value = suite,
	 .size = sizeof(suite),
	 .allowed = "SUITE|all"},
	{.key = "host_cpus", .kind = CMDLINE_NUMBER, .value = &cpus, .min = 1, .max = 4096},
	{.key = "seed", .kind = CMDLINE_NUMBER, .value = &seed},
	{.key = "clock", .kind = CMDLINE_CHOICE, .value = &clock_choice, .choices = clocks},
	{.key = "quiet", .kind = CMDLINE_SWITCH, .value = &quiet},
	{.key = "hook.",
	 .kind = CMDLINE_CALL,
	 .value = hook_log,
	 .call = set_hook,
	 .allowed = "VALUE"},
	{.key = "plain", .kind = CMDLINE_CALL, .value = hook_log, .call = set_hook},
};

#define ALL                                                                                 \
	"test=SUITE|all, host_cpus=1..4096, seed=NUMBER, clock=icount|host, quiet=on|off, " \
	"hook.NAME=VALUE, plain=TEXT"

static char error[CMDLINE_ERROR_BYTES];

static int parse(const char *text)
{
	/* An exact copy: a look past its end would be seen. */
	char *exact = strdup(text);
	int result;

	cpus = seed = 0;
	quiet = false;
	clock_choice = 99;
	suite[0] = hook_log[0] = '\0';
	result = cmdline_parse(exact, table, ARRAY_SIZE(table), error, sizeof(error));
	free(exact);
	return result;
}

static void every_kind(void **state)
{
	(void)state;
	assert_int_equal(parse(""), 0);
	assert_int_equal(parse(" \t\n "), 0);
	assert_int_equal(parse("  test=smp host_cpus=2\tseed=0xFfffffffffffffff clock=host quiet "
			       "hook.drop=7 hook.x.y plain=z "),
			 0);
	assert_string_equal(suite, "smp");
	assert_int_equal(cpus, 2);
	assert_int_equal(seed, UINT64_MAX);
	assert_int_equal(clock_choice, 1);
	assert_true(quiet);
	assert_string_equal(hook_log, "drop=7;x.y=-;=z;");
	assert_string_equal(error, "");
}

static void last_one_counts(void **state)
{
	(void)state;
	assert_int_equal(parse("host_cpus=2 quiet=on host_cpus=3 quiet=off"), 0);
	assert_int_equal(cpus, 3);
	assert_false(quiet);
}

static void quotes(void **state)
{
	(void)state;
	assert_int_equal(parse("test=\"a b\" seed=5"), 0);
	assert_string_equal(suite, "a b");
	assert_int_equal(seed, 5);
	assert_int_equal(parse("test=\"\""), 0);
	assert_string_equal(suite, "");
	assert_int_equal(parse("test=a\"b"), 0);
	assert_string_equal(suite, "a\"b");
	assert_int_equal(parse("hook.a=\"x=y z\""), 0);
	assert_string_equal(hook_log, "a=x=y z;");
}

static void switches(void **state)
{
	static const struct {
		const char *text;
		bool value;
	} cases[] = {
		{"quiet", true},      {"quiet=on", true}, {"quiet=1", true},   {"quiet=yes", true},
		{"quiet=off", false}, {"quiet=0", false}, {"quiet=no", false},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(parse(cases[i].text), 0);
		assert_int_equal(quiet, cases[i].value);
	}
}

static void mistakes(void **state)
{
#define UNKNOWN(word) "unknown word '" word "' on the kernel command line; allowed: " ALL
#define VALUE(word)   "'" word "' on the kernel command line: allowed is "
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"tset=smp", UNKNOWN("tset=smp")},
		{"seed=1 bogus", UNKNOWN("bogus")},
		{"=5", UNKNOWN("=5")},
		{"Test=a", UNKNOWN("Test=a")},
		{"hook.=1", UNKNOWN("hook.=1")},
		{"hook=1", UNKNOWN("hook=1")},
		{"host_cpu=1", UNKNOWN("host_cpu=1")},
		{"host_cpuss=1", UNKNOWN("host_cpuss=1")},
		{"\x01z\xff=\x1b[31m", UNKNOWN("?z?=?[31m")},
		{"host_cpus=0", VALUE("host_cpus=0") "host_cpus=1..4096"},
		{"host_cpus=4097", VALUE("host_cpus=4097") "host_cpus=1..4096"},
		{"host_cpus=", VALUE("host_cpus=") "host_cpus=1..4096"},
		{"host_cpus", VALUE("host_cpus") "host_cpus=1..4096"},
		{"host_cpus=-1", VALUE("host_cpus=-1") "host_cpus=1..4096"},
		{"host_cpus=1k", VALUE("host_cpus=1k") "host_cpus=1..4096"},
		{"seed=18446744073709551616", VALUE("seed=18446744073709551616") "seed=NUMBER"},
		{"seed=0x", VALUE("seed=0x") "seed=NUMBER"},
		{"seed=0xg", VALUE("seed=0xg") "seed=NUMBER"},
		{"seed=a", VALUE("seed=a") "seed=NUMBER"},
		{"clock=lunar", VALUE("clock=lunar") "clock=icount|host"},
		{"clock", VALUE("clock") "clock=icount|host"},
		{"quiet=maybe", VALUE("quiet=maybe") "quiet=on|off"},
		{"test=too_long", VALUE("test=too_long") "test=SUITE|all"},
		{"test", VALUE("test") "test=SUITE|all"},
		{"hook.a=bad", VALUE("hook.a=bad") "hook.NAME=VALUE"},
		{"test=\"a",
		 "'test=\"a' on the kernel command line: the quote is not closed; allowed is "
		 "test=SUITE|all"},
		{"test=\"a\"b",
		 "'test=\"a\"' on the kernel command line: a space must follow the closing quote; "
		 "allowed is test=SUITE|all"},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(parse(cases[i].text), -EINVAL);
		assert_string_equal(error, cases[i].error);
	}
}

static void long_words(void **state)
{
	char text[2000];
	char small[20];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(parse(text), -EINVAL);
	assert_non_null(strstr(error, "xxx...' on the kernel"));
	memcpy(text, "hook.", 5);
	assert_int_equal(parse(text), -EINVAL);
	memcpy(text, "hook.a=", 7);
	assert_int_equal(parse(text), -EINVAL);
	assert_non_null(strstr(error, "the value is too long"));
	/* The longest that fits. */
	text[7 + CMDLINE_VALUE_BYTES - 1] = '\0';
	assert_int_equal(parse(text), 0);
	text[5 + CMDLINE_NAME_BYTES - 1] = '\0';
	memset(text + 5, 'n', CMDLINE_NAME_BYTES - 1);
	assert_int_equal(parse(text), 0);

	assert_int_equal(cmdline_parse("bogus", table, ARRAY_SIZE(table), small, sizeof(small)),
			 -EINVAL);
	assert_string_equal(small, "unknown word 'bogus");
	assert_int_equal(cmdline_parse("bogus", table, ARRAY_SIZE(table), NULL, 0), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind), cmocka_unit_test(last_one_counts),
		cmocka_unit_test(quotes),     cmocka_unit_test(switches),
		cmocka_unit_test(mistakes),   cmocka_unit_test(long_words),
	};

	return cmocka_run_group_tests_name("cmdline", tests, NULL, NULL);
}
