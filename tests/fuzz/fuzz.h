/*
 * What every fuzz target includes: libFuzzer's entry point and a check that ends the run.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* A property that holds for all input. */
#define FUZZ_CHECK(condition)                                                                     \
	do {                                                                                      \
		if (!(condition)) {                                                               \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                  \
		}                                                                                 \
	} while (0)

/* A copy of exactly that size, so that the sanitizer sees a look past its end. Ends in a NUL that
 * does not count when `terminate` is set. The caller frees it. */
static inline char *fuzz_copy(const uint8_t *data, size_t bytes, int terminate)
{
	char *copy = malloc(bytes + (terminate || !bytes));

	if (!copy)
		abort();
	memcpy(copy, data, bytes);
	if (terminate)
		copy[bytes] = '\0';
	return copy;
}
