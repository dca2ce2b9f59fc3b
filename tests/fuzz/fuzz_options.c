// sources: boot/options.c lib/cmdline.c lib/printf.c
// options: -max_len=1024
/*
 * The kernel's own options: any text is taken, with values in their bounds, or refused in one line.
 * There are no hooks here: the sanitizer pads objects, and a section of them is no array then.
 */
#include "tests/fuzz/fuzz.h"

#include "fanga/options.h"
#include "lib/cmdline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char *text = fuzz_copy(data, bytes, 1);
	const struct kernel_options *options = kernel_options();
	char error[CMDLINE_ERROR_BYTES];
	int result = kernel_options_parse(text, error, sizeof(error));

	FUZZ_CHECK((result < 0) == (error[0] != '\0'));
	for (const char *c = error; *c; c++)
		FUZZ_CHECK(*c >= ' ' && *c <= '~');
	FUZZ_CHECK(memchr(options->test, 0, sizeof(options->test)));
	FUZZ_CHECK(options->host_cpus <= 65536 && options->clock < 2 && options->log < 4);
	free(text);
	return 0;
}
