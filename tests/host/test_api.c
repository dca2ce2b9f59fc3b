/*
 * The pages of the API and of the command line: they agree with the code, and the checkers see each
 * kind of disagreement in copies that a sed script has spoilt.
 */
#include "tests/host/check.h"

#include <sys/wait.h>

#define SPOILT "build/tests/api.md"

static int run(const char *command, char *output, size_t size)
{
	FILE *pipe = popen(command, "r");
	size_t bytes;

	assert_non_null(pipe);
	bytes = fread(output, 1, size - 1, pipe);
	output[bytes] = '\0';
	return WEXITSTATUS(pclose(pipe));
}

static void this_tree(void **state)
{
	char output[16384];

	(void)state;
	if (run("scripts/check-api 2>&1", output, sizeof(output)) != 0)
		fail_msg("%s", output);
}

static void disagreements(void **state)
{
	static const struct {
		const char *edit, *finding;
	} cases[] = {
		{"s/`ipi_send()`/`ipi_sent()`/", "ipi_sent() is not declared in the header named"},
		{"s/`struct cpu.cpu`/`struct cpu.id`/",
		 "struct cpu.id is not declared in the header named"},
		{"s/`IPI_RESCHEDULE`/`IPI_RESCHED`/",
		 "IPI_RESCHED is not declared in the header named"},
		{"s/`enum ipi_type`/`enum ipi_kind`/",
		 "enum ipi_kind is not declared in the header named"},
		{"/`ipi_send()`/s/ipi\\.h/call.h/",
		 "ipi_send() is not declared in the header named"},
		{"/`ipi_send()`/s/ipi\\.h/ipis.h/", "there is no header <fanga/ipis.h>"},
		{"/`ipi_send()`/s/`kernel:ipi`/`kernel:ipis`/", "there is no test kernel:ipis"},
		{"/`ipi_send()`/s/`kernel:ipi`/`host:ipi`/", "there is no test host:ipi"},
		{"/`ipi_send()`/s/`kernel:ipi`/`kernel:rwlock`/",
		 "none of the tests named uses ipi_send()"},
		{"/`ipi_send()`/s/`kernel:ipi`/`code:kernel\\/smp\\/ipi.c`/",
		 "code alone is no test"},
		{"/`ipi_send()`/s/`kernel:ipi`/none/",
		 "names its C counterpart, the header and a test"},
		{"/`ipi_send()`/s/ done / planned /",
		 "ipi_send() is planned, but fanga/ipi.h has it"},
		{"/`ipi_send()`/s/ done / soon /", "a row is done or planned, not 'soon'"},
		{"/`ipi_send()`/s/ done |//", "a row has six columns"},
		{"/`ipi_send()`/d", ": no row for ipi::send_ipi()"},
		{"/`ipi_send()`/p", "ipi::send_ipi() has a row already"},
		{"s/`ipi::send_ipi()`/`ipi::send()`/", "does not have ipi::send()"},
	};
	char command[256], output[16384];

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(command, sizeof(command),
			 "mkdir -p build/tests && sed '%s' docs/api.md >" SPOILT, cases[i].edit);
		assert_int_equal(system(command), 0);
		if (run("scripts/check-api " SPOILT " 2>&1", output, sizeof(output)) != 1 ||
		    !strstr(output, cases[i].finding))
			fail_msg("%s: expected %s, got %s", cases[i].edit, cases[i].finding,
				 output);
	}
}

static void command_line(void **state)
{
	char output[16384];

	(void)state;
	if (run("scripts/check-options 2>&1", output, sizeof(output)) != 0)
		fail_msg("%s", output);
	assert_int_equal(system("sed 's/`hook.fault`/`hook.fall`/; /^| `seed`/d' "
				"docs/command-line.md >" SPOILT),
			 0);
	assert_int_equal(run("scripts/check-options " SPOILT, output, sizeof(output)), 1);
	assert_non_null(strstr(output, ": no row for hook.fault\n"));
	assert_non_null(strstr(output, ": no row for seed\n"));
	assert_non_null(strstr(output, ": no option or hook is called hook.fall\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(this_tree),
		cmocka_unit_test(disagreements),
		cmocka_unit_test(command_line),
	};

	return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
