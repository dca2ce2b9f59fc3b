/*
 * Memory and string functions. Copies and fills of up to 32 bytes are a few moves that may overlap;
 * longer ones use the string instructions by quadwords, which need no start-up beyond that and are
 * fast on every x86-64, ERMS or not. The byte loops carry an empty asm so that the compiler cannot
 * turn them back into calls of themselves.
 */
#include "lib/string.h"

/* Unaligned accesses of any effective type. */
typedef uint64_t __attribute__((may_alias, aligned(1))) word64;
typedef uint32_t __attribute__((may_alias, aligned(1))) word32;
typedef uint16_t __attribute__((may_alias, aligned(1))) word16;

#define KEEP_LOOP() __asm__ volatile("")

static __always_inline uint64_t load64(const void *p)
{
	return *(const word64 *)p;
}

static __always_inline void store64(void *p, uint64_t value)
{
	*(word64 *)p = value;
}

/*
 * Up to 32 bytes; everything is loaded before anything is stored, so the ranges may overlap.
 */
static __always_inline void copy_short(uint8_t *to, const uint8_t *from, size_t bytes)
{
	if (bytes >= 16) {
		uint64_t a = load64(from), b = load64(from + 8);
		uint64_t c = load64(from + bytes - 16), d = load64(from + bytes - 8);

		store64(to, a);
		store64(to + 8, b);
		store64(to + bytes - 16, c);
		store64(to + bytes - 8, d);
	} else if (bytes >= 8) {
		uint64_t a = load64(from), b = load64(from + bytes - 8);

		store64(to, a);
		store64(to + bytes - 8, b);
	} else if (bytes >= 4) {
		uint32_t a = *(const word32 *)from, b = *(const word32 *)(from + bytes - 4);

		*(word32 *)to = a;
		*(word32 *)(to + bytes - 4) = b;
	} else if (bytes >= 2) {
		uint16_t a = *(const word16 *)from, b = *(const word16 *)(from + bytes - 2);

		*(word16 *)to = a;
		*(word16 *)(to + bytes - 2) = b;
	} else if (bytes) {
		*to = *from;
	}
}

/* More than 32 bytes, upwards: safe when `to` is below `from` or the ranges are apart. */
static __always_inline void copy_up(uint8_t *to, const uint8_t *from, size_t bytes)
{
	size_t words = bytes / 8;
	/* Loaded first: with overlapping ranges the copy may overwrite it. */
	uint64_t last = load64(from + bytes - 8);
	uint8_t *end = to + bytes;

	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
	store64(end - 8, last);
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
	if (bytes <= 32)
		copy_short(to, from, bytes);
	else
		copy_up(to, from, bytes);
	return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
	uint8_t *d = to;
	const uint8_t *s = from;
	uint64_t first;

	if (bytes <= 32) {
		copy_short(d, s, bytes);
		return to;
	}
	/* One unsigned comparison: `to` is below `from`, or at or above its end. */
	if ((uintptr_t)d - (uintptr_t)s >= bytes) {
		copy_up(d, s, bytes);
		return to;
	}
	first = load64(s);
	while (bytes > 8) {
		bytes -= 8;
		store64(d + bytes, load64(s + bytes));
		KEEP_LOOP();
	}
	store64(d, first);
	return to;
}

void *memset(void *to, int byte, size_t bytes)
{
	uint64_t pattern = (uint8_t)byte * 0x0101010101010101ull;
	uint8_t *d = to;
	size_t words = bytes / 8;

	if (bytes < 8) {
		while (bytes) {
			d[--bytes] = (uint8_t)byte;
			KEEP_LOOP();
		}
		return to;
	}
	store64(d + bytes - 8, pattern);
	if (bytes <= 32) {
		for (size_t i = 0; i < words; i++) {
			store64(d + i * 8, pattern);
			KEEP_LOOP();
		}
		return to;
	}
	__asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(pattern) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
	const uint8_t *p = a, *q = b;

	for (; bytes >= 8; p += 8, q += 8, bytes -= 8) {
		uint64_t x = load64(p), y = load64(q);

		if (x != y) {
			/* Byte order decides by the lowest address, the least significant byte
			 * here. */
			x = __builtin_bswap64(x);
			y = __builtin_bswap64(y);
			return x < y ? -1 : 1;
		}
	}
	for (; bytes; p++, q++, bytes--) {
		if (*p != *q)
			return *p < *q ? -1 : 1;
		KEEP_LOOP();
	}
	return 0;
}

void *memchr(const void *in, int byte, size_t bytes)
{
	const uint8_t *p = in;

	for (; bytes; p++, bytes--)
		if (*p == (uint8_t)byte)
			return (void *)(uintptr_t)p;
	return NULL;
}

size_t strlen(const char *s)
{
	const char *end = s;

	while (*end) {
		end++;
		KEEP_LOOP();
	}
	return (size_t)(end - s);
}

size_t strnlen(const char *s, size_t max)
{
	size_t length = 0;

	while (length < max && s[length]) {
		length++;
		KEEP_LOOP();
	}
	return length;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (uint8_t)*a - (uint8_t)*b;
}

int strncmp(const char *a, const char *b, size_t max)
{
	for (; max; a++, b++, max--)
		if (*a != *b || !*a)
			return (uint8_t)*a - (uint8_t)*b;
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)(uintptr_t)s;
		if (!*s)
			return NULL;
	}
}

char *strrchr(const char *s, int c)
{
	const char *found = NULL;

	do {
		if (*s == (char)c)
			found = s;
	} while (*s++);
	return (char *)(uintptr_t)found;
}

char *strstr(const char *in, const char *what)
{
	size_t length = strlen(what);

	for (;; in++) {
		if (strncmp(in, what, length) == 0)
			return (char *)(uintptr_t)in;
		if (!*in)
			return NULL;
	}
}
