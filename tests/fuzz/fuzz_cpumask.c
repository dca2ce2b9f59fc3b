// sources: lib/cpumask.c lib/printf.c
// options: -max_len=128
/* CPU set texts: what is accepted comes back the same through its normal form. */
#include "tests/fuzz/fuzz.h"

#include "lib/cpumask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char *text = fuzz_copy(data, bytes, 1);
	char normal[CPUMASK_TEXT_BYTES];
	struct cpumask mask, back;

	if (cpumask_parse(&mask, text) == 0) {
		FUZZ_CHECK(cpumask_format(&mask, normal, sizeof(normal)) < (int)sizeof(normal));
		FUZZ_CHECK(cpumask_parse(&back, normal) == 0);
		FUZZ_CHECK(cpumask_equal(&mask, &back));
	}
	free(text);
	return 0;
}
