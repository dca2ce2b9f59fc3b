/*
 * The rooms of the house: the tree keeps to their order, and the checker sees each kind of breach
 * in a small tree of its own.
 */
#include "tests/host/check.h"

#include <sys/wait.h>

#define TREE "build/tests/layers"

static void put(const char *path, const char *text)
{
	char command[512], full[256];
	FILE *file;

	snprintf(full, sizeof(full), TREE "/%s", path);
	snprintf(command, sizeof(command), "mkdir -p $(dirname %s)", full);
	assert_int_equal(system(command), 0);
	file = fopen(full, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int check(const char *root, char *output, size_t size)
{
	char command[256];
	FILE *pipe;
	size_t bytes;

	snprintf(command, sizeof(command), "scripts/check-layers %s 2>&1", root);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	bytes = fread(output, 1, size - 1, pipe);
	output[bytes] = '\0';
	return WEXITSTATUS(pclose(pipe));
}

static void this_tree(void **state)
{
	char output[8192];

	(void)state;
	if (check(".", output, sizeof(output)) != 0)
		fail_msg("%s", output);
}

static void breaches(void **state)
{
	static const struct {
		const char *path, *text, *finding;
	} cases[] = {
		{"lib/a.c", "#include \"arch/x86_64/cpu.h\"\n",
		 "lib/a.c:1: lib may not include arch/x86_64/cpu.h of arch\n"},
		{"kernel/mm/a.c", "\n#include <fanga/smp.h>\n",
		 "kernel/mm/a.c:2: mm may not include fanga/smp.h of smp\n"},
		{"kernel/acpi/a.c", "#include <stdio.h>\n",
		 "kernel/acpi/a.c:1: stdio.h is neither a header of the project nor "
		 "freestanding\n"},
		{"kernel/acpi/a.c", "#include \"table.h\"\n",
		 "kernel/acpi/a.c:1: table.h is neither a header of the project nor "
		 "freestanding\n"},
		{"tools/a.c", "#include <fanga/smp.h>\n",
		 "tools/a.c:1: host tools may not include fanga/smp.h of smp\n"},
		{"include/fanga/unheard_of.h", "#pragma once\n",
		 "include/fanga/unheard_of.h: is in no room"},
		{"kernel/games/a.c", "", "kernel/games/a.c: games is no room"},
		{"kernel/smp/a.c", "int a;\nextern int b;\n",
		 "kernel/smp/a.c:2: extern belongs into a header\n"},
		{"lib/a.h", "#pragma once\nuint64_t a;\n",
		 "lib/a.h: does not compile alone: unknown type name"},
		{"lib/a.h", "struct a { int b; };\n",
		 "lib/a.h: does not compile alone: redefinition of"},
		{"lib/one.h", "#pragma once\n#include \"lib/two.h\"\n",
		 "lib/one.h: in a cycle of includes\n"},
	};
	char output[8192];

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(system("rm -rf " TREE), 0);
		put("lib/types.h", "#pragma once\n#include <stdint.h>\n");
		put("lib/two.h", "#pragma once\n");
		put("arch/x86_64/cpu.h", "#pragma once\n#include \"lib/types.h\"\n");
		put("include/fanga/smp.h", "#pragma once\n#include \"arch/x86_64/cpu.h\"\n");
		put("kernel/smp/ok.c", "#include <stdbool.h>\n#include <fanga/smp.h>\n");
		put("tools/ok.c", "#include <stdio.h>\n#include \"lib/types.h\"\n");
		if (check(TREE, output, sizeof(output)) != 0)
			fail_msg("the sound tree: %s", output);
		put(cases[i].path, cases[i].text);
		if (strcmp(cases[i].path, "lib/one.h") == 0)
			put("lib/two.h", "#pragma once\n#include \"lib/one.h\"\n");
		if (check(TREE, output, sizeof(output)) != 1 || !strstr(output, cases[i].finding))
			fail_msg("expected %s, got %s", cases[i].finding, output);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(this_tree),
		cmocka_unit_test(breaches),
	};

	return cmocka_run_group_tests_name("layers", tests, NULL, NULL);
}
