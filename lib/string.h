/*
 * Memory and string functions with the semantics of C17 section 7.24; the host build uses the
 * system's own. Any context, no state.
 */
#pragma once

#include "lib/types.h"

#if defined(__STDC_HOSTED__) && __STDC_HOSTED__
#include <string.h>
#else
void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
void *memchr(const void *in, int byte, size_t bytes);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t max);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *in, const char *what);
#endif

/*
 * Copy `from` into `to`, which has room for `size` bytes, cutting it where it does not fit; `to`
 * always ends in NUL unless size is 0. Returns the length of `from`, so a result >= size says that
 * it was cut.
 */
static inline size_t string_copy(char *to, size_t size, const char *from)
{
	size_t length = strlen(from);

	if (size) {
		size_t copied = length < size ? length : size - 1;

		memcpy(to, from, copied);
		to[copied] = '\0';
	}
	return length;
}
