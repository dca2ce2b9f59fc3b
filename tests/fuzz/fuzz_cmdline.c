// sources: lib/cmdline.c lib/printf.c
// options: -max_len=1024
/* The command line: any text is taken or refused with one printable line; values keep to bounds. */
#include "tests/fuzz/fuzz.h"

#include "lib/cmdline.h"

static int call(void *context, const char *name, const char *text)
{
	(void)context;
	FUZZ_CHECK(strlen(name) < CMDLINE_NAME_BYTES);
	FUZZ_CHECK(!text || strlen(text) < CMDLINE_VALUE_BYTES);
	return text && strlen(text) % 3 == 0 ? -1 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const char *const clocks[] = {"icount", "host", NULL};
	char *text = fuzz_copy(data, bytes, 1);
	char error[CMDLINE_ERROR_BYTES];
	char suite[8] = "";
	uint64_t cpus = 1, seed = 0;
	unsigned clock = 0;
	bool quiet = false;
	const struct cmdline_option table[] = {
		{.key = "test", .kind = CMDLINE_TEXT, .value = suite, .size = sizeof(suite)},
		{.key = "host_cpus", .kind = CMDLINE_NUMBER, .value = &cpus, .min = 1, .max = 4096},
		{.key = "seed", .kind = CMDLINE_NUMBER, .value = &seed},
		{.key = "clock", .kind = CMDLINE_CHOICE, .value = &clock, .choices = clocks},
		{.key = "quiet", .kind = CMDLINE_SWITCH, .value = &quiet},
		{.key = "hook.", .kind = CMDLINE_CALL, .call = call},
	};
	int result = cmdline_parse(text, table, ARRAY_SIZE(table), error, sizeof(error));

	FUZZ_CHECK((result < 0) == (error[0] != '\0'));
	for (const char *c = error; *c; c++)
		FUZZ_CHECK(*c >= ' ' && *c <= '~');
	FUZZ_CHECK(cpus >= 1 && cpus <= 4096 && clock < 2 && strlen(suite) < sizeof(suite));
	free(text);
	return 0;
}
