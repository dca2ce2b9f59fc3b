// sources: lib/printf.c
// options: -max_len=64
/*
 * The formatter: any format over integer arguments stays in its buffer, and the length that it
 * returns does not depend on the buffer's size.
 */
#include "tests/fuzz/fuzz.h"

#include "lib/printf.h"

#pragma clang diagnostic ignored "-Wformat-nonliteral"
#pragma clang diagnostic ignored "-Wformat-security"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char *format, *small, large[512];
	int length, again;
	size_t size;

	if (!bytes)
		return 0;
	size = data[0];
	format = fuzz_copy(data + 1, bytes - 1, 1);
	/* All arguments are integers: a string among them would be a wild pointer. */
	for (char *c = format; *c; c++)
		if (*c == 's')
			*c = 'd';
	small = malloc(size + 1);
	length = fmt_snprintf(large, sizeof(large), format, 1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11,
			      -12, 13, -14, 15, -16, 17, -18, 19, -20, 21, -22, 23, -24, 25, -26,
			      27, -28, 29, -30, 31, -32, 33, -34, 35, -36, 37, -38, 39, -40, 41,
			      -42, 43, -44, 45, -46, 47, -48, 49, -50, 51, -52, 53, -54, 55, -56,
			      57, -58, 59, -60, 61, -62, 63, -64, 65, -66, 67, -68, 69, -70);
	again = fmt_snprintf(small, size, format, 1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12, 13,
			     -14, 15, -16, 17, -18, 19, -20, 21, -22, 23, -24, 25, -26, 27, -28, 29,
			     -30, 31, -32, 33, -34, 35, -36, 37, -38, 39, -40, 41, -42, 43, -44, 45,
			     -46, 47, -48, 49, -50, 51, -52, 53, -54, 55, -56, 57, -58, 59, -60, 61,
			     -62, 63, -64, 65, -66, 67, -68, 69, -70);
	FUZZ_CHECK(length == again);
	FUZZ_CHECK(strlen(large) < sizeof(large));
	if (size)
		FUZZ_CHECK(memcmp(small, large, MIN(strlen(large), size - 1)) == 0);
	free(small);
	free(format);
	return 0;
}
