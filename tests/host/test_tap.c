// sources: tools/tap.c tools/memory.c tools/say.c
// cflags: -D_GNU_SOURCE
/* Reading the verdicts of tests out of logs. */
#include "tests/host/check.h"

#include "tools/tap.h"

static void verdicts_among_other_lines(void **state)
{
	static const char text[] = "[ 0.1] cpu0 info: ok then\n1..4\r\n# a.b\r\nok 1 - a.b\r\n"
				   "not ok 2 - a.c\n#   why: 1 is not 2\n# a.d\nok 3 - a.d # SKIP no HPET\n";
	struct tap tap = {0};

	(void)state;
	tap_read(&tap, text, sizeof(text) - 1);
	assert_true(tap.has_plan);
	assert_int_equal(tap.planned, 4);
	assert_int_equal(tap.passed, 1);
	assert_int_equal(tap.failed, 1);
	assert_int_equal(tap.skipped, 1);
	bytes_add(&tap.failures, "", 1);
	assert_string_equal(tap.failures.data, "    not ok 2 - a.c\n    #   why: 1 is not 2\n");
	free(tap.failures.data);
}

static void sums(void **state)
{
	struct tap tap = {0};

	(void)state;
	assert_true(tap_read_sum(&tap, "x\n3 passed, 1 failed, 2 skipped\n\n", 33));
	assert_int_equal(tap.passed, 3);
	assert_int_equal(tap.skipped, 2);
	assert_false(tap_read_sum(&tap, "", 0));
	assert_false(tap_read_sum(&tap, "3 passed\n", 9));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_among_other_lines),
		cmocka_unit_test(sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
