/*
 * The runner itself: a test that fails, crashes, hangs, stops early or skips must show in the sum
 * and in the exit status, or every other green line is worth nothing. Run with the argument `fail`
 * or `crash`, this program is such a test.
 */
#include "tests/host/check.h"

#include <sys/stat.h>
#include <sys/wait.h>

#define DIR "build/tests/runner"

static void passes(void **state)
{
	(void)state;
}

static void fails(void **state)
{
	(void)state;
	assert_int_equal(1, 2);
}

static void skips(void **state)
{
	(void)state;
	skip();
}

static void reads_wildly(void **state)
{
	char *volatile memory = malloc(4);
	volatile char c;

	(void)state;
	c = memory[4];
	(void)c;
	free(memory);
}

/* A program at DIR/name with this shell text. */
static void make_program(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	assert_int_equal(system("mkdir -p " DIR), 0);
	snprintf(path, sizeof(path), DIR "/%s", name);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "#!/bin/sh\n%s\n", text);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0755), 0);
}

/* Run the runner over one such program; its output in `output`, its exit status as result. */
static int run(const char *name, const char *text, char *output, size_t size)
{
	char command[256];
	FILE *pipe;
	size_t bytes;
	int status;

	make_program(name, text);
	snprintf(command, sizeof(command),
		 "TEST_RESULTS=" DIR "/results TEST_TIMEOUT=2 tests/host/run " DIR "/%s 2>&1",
		 name);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	bytes = fread(output, 1, size - 1, pipe);
	output[bytes] = '\0';
	status = pclose(pipe);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void sums_and_status(void **state)
{
	static const struct {
		const char *name, *text;
		int status;
		const char *expected; /* in the output */
	} cases[] = {
		{"good", "echo 1..2; echo ok 1 - a; echo ok 2 - b", 0,
		 "2 passed, 0 failed, 0 skipped\n"},
		{"bad", "echo 1..2; echo ok 1 - a; echo not ok 2 - b; echo '# why'; exit 1", 1,
		 "bad: b: failed\n    # why\n1 passed, 1 failed, 0 skipped\n"},
		{"quiet", "echo 1..1; echo not ok 1 - a", 1, "0 passed, 1 failed, 0 skipped\n"},
		{"skipping", "echo 1..2; echo ok 1 - a; echo 'not ok 2 # SKIP b'", 0,
		 "1 passed, 0 failed, 1 skipped\n"},
		{"early", "echo 1..2; echo ok 1 - a", 1,
		 "early: ended with status 0 before all of its tests had run\n"},
		{"dead", "echo 1..1; echo ok 1 - a; exit 3", 1, "1 passed, 1 failed, 0 skipped\n"},
		{"silent", "exit 4", 1, "silent: ended with status 4"},
		{"stress", "echo rounds", 0, "1 passed, 0 failed, 0 skipped\n"},
		{"unable", "exit 77", 1, "0 passed, 0 failed, 1 skipped\n"},
		{"hanging", "echo 1..1; sleep 100", 1, "hanging: stopped after 2 s\n"},
		{"real", "exec build/tests/asan/test_runner fail", 1,
		 "real: fails: failed\n    # 0x1 != 0x2\n"},
		{"real_sum", "exec build/tests/asan/test_runner fail", 1,
		 "1 passed, 1 failed, 1 skipped\n"},
		{"wild", "exec build/tests/asan/test_runner crash", 1, "heap-buffer-overflow"},
	};
	char output[16384];

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int status = run(cases[i].name, cases[i].text, output, sizeof(output));

		if (status != cases[i].status || !strstr(output, cases[i].expected))
			fail_msg("%s: status %d, output: %s", cases[i].name, status, output);
	}
}

static void unknown_name(void **state)
{
	(void)state;
	assert_int_not_equal(system("tests/host/run no_such_test >/dev/null 2>&1"), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_and_status),
		cmocka_unit_test(unknown_name),
	};
	const struct CMUnitTest failing[] = {
		cmocka_unit_test(passes),
		cmocka_unit_test(fails),
		cmocka_unit_test(skips),
	};
	const struct CMUnitTest crashing[] = {cmocka_unit_test(reads_wildly)};

	if (argc > 1 && strcmp(argv[1], "fail") == 0)
		return cmocka_run_group_tests_name("failing", failing, NULL, NULL);
	if (argc > 1 && strcmp(argv[1], "crash") == 0)
		return cmocka_run_group_tests_name("crashing", crashing, NULL, NULL);
	return cmocka_run_group_tests_name("runner", tests, NULL, NULL);
}
