/* lib/string.c under other names against the C library, at every small length and alignment. */
#include "tests/host/check.h"

#include "lib/prng.h"
#include "lib/string.h"

#define memcpy	lib_memcpy
#define memmove lib_memmove
#define memset	lib_memset
#define memcmp	lib_memcmp
#define memchr	lib_memchr
#define strlen	lib_strlen
#define strnlen lib_strnlen
#define strcmp	lib_strcmp
#define strncmp lib_strncmp
#define strchr	lib_strchr
#define strrchr lib_strrchr
#define strstr	lib_strstr
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
#include "lib/string.c" /* NOLINT(bugprone-suspicious-include) */
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr
#undef strstr

#define LENGTHS 300
#define AREA	(LENGTHS + 64)

static int sign(int x)
{
	return (x > 0) - (x < 0);
}

static void fill_random(struct prng *prng, uint8_t *area, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		area[i] = (uint8_t)prng_u64(prng);
}

/* Exact buffers from malloc, so that the sanitizer sees a byte too many on either side. */
static void copy_and_set(void **state)
{
	struct prng prng;

	(void)state;
	prng_seed(&prng, 3);
	for (size_t length = 0; length < LENGTHS; length++) {
		uint8_t *from = malloc(length + 1), *to = malloc(length + 1);

		fill_random(&prng, from, length + 1);
		assert_ptr_equal(lib_memcpy(to + 1, from + 1, length), to + 1);
		assert_memory_equal(to + 1, from + 1, length);
		assert_ptr_equal(lib_memset(to, (int)length * 3, length), to);
		for (size_t i = 0; i < length; i++)
			assert_int_equal(to[i], (uint8_t)(length * 3));
		free(from);
		free(to);
	}
}

/* The string instructions are invisible to the sanitizer: look for damage beside the target. */
static void copy_leaves_the_rest(void **state)
{
	uint8_t from[AREA], area[AREA], expected[AREA];
	struct prng prng;

	(void)state;
	prng_seed(&prng, 4);
	for (size_t length = 0; length < LENGTHS; length++) {
		size_t at = prng_below(&prng, AREA - length);

		fill_random(&prng, from, AREA);
		fill_random(&prng, area, AREA);
		memcpy(expected, area, AREA);
		for (size_t i = 0; i < length; i++)
			expected[at + i] = from[i];
		lib_memcpy(area + at, from, length);
		assert_memory_equal(area, expected, AREA);
		for (size_t i = 0; i < length; i++)
			expected[at + i] = 0xa5;
		lib_memset(area + at, 0xfa5, length);
		assert_memory_equal(area, expected, AREA);
	}
}

static void move_overlapping(void **state)
{
	uint8_t area[AREA], expected[AREA];
	struct prng prng;

	(void)state;
	prng_seed(&prng, 5);
	for (unsigned round = 0; round < 20000; round++) {
		size_t length = prng_below(&prng, LENGTHS);
		size_t to = prng_below(&prng, AREA - length),
		       from = prng_below(&prng, AREA - length);

		/* Half of them close to each other. */
		if (round % 2 && from + 16 < AREA - length)
			to = from + prng_below(&prng, 16);
		fill_random(&prng, area, AREA);
		memcpy(expected, area, AREA);
		memmove(expected + to, expected + from, length);
		assert_ptr_equal(lib_memmove(area + to, area + from, length), area + to);
		assert_memory_equal(area, expected, AREA);
	}
}

static void compare(void **state)
{
	uint8_t a[64], b[64];
	struct prng prng;

	(void)state;
	prng_seed(&prng, 6);
	for (unsigned round = 0; round < 20000; round++) {
		size_t length = prng_below(&prng, sizeof(a) + 1);

		fill_random(&prng, a, sizeof(a));
		memcpy(b, a, sizeof(a));
		if (length && round % 4)
			b[prng_below(&prng, length)] ^= (uint8_t)prng_u64(&prng);
		assert_int_equal(sign(lib_memcmp(a, b, length)), sign(memcmp(a, b, length)));
		assert_ptr_equal(lib_memchr(a, b[0], length), memchr(a, b[0], length));
	}
}

static void strings(void **state)
{
	static const char *const texts[] = {"",	   "a",	   "b",	       "ab",	   "abc",   "abd",
					    "aab", "aaab", "\xff\x01", "\x7f\x01", "abcab", "bcab"};
	char buffer[4];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *a = texts[i];

		assert_int_equal(lib_strlen(a), strlen(a));
		for (size_t max = 0; max < 8; max++)
			assert_int_equal(lib_strnlen(a, max), strnlen(a, max));
		for (int c = 0; c < 256; c++) {
			assert_ptr_equal(lib_strchr(a, c), strchr(a, c));
			assert_ptr_equal(lib_strrchr(a, c), strrchr(a, c));
		}
		for (unsigned j = 0; j < ARRAY_SIZE(texts); j++) {
			const char *b = texts[j];

			assert_int_equal(sign(lib_strcmp(a, b)), sign(strcmp(a, b)));
			assert_ptr_equal(lib_strstr(a, b), strstr(a, b));
			for (size_t max = 0; max < 8; max++)
				assert_int_equal(sign(lib_strncmp(a, b, max)),
						 sign(strncmp(a, b, max)));
		}
	}
	assert_int_equal(string_copy(buffer, sizeof(buffer), "abc"), 3);
	assert_string_equal(buffer, "abc");
	assert_int_equal(string_copy(buffer, sizeof(buffer), "abcd"), 4);
	assert_string_equal(buffer, "abc");
	assert_int_equal(string_copy(buffer, 0, "x"), 1);
	assert_string_equal(buffer, "abc");
	assert_int_equal(string_copy(buffer, 1, "x"), 1);
	assert_string_equal(buffer, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copy_and_set),	    cmocka_unit_test(copy_leaves_the_rest),
		cmocka_unit_test(move_overlapping), cmocka_unit_test(compare),
		cmocka_unit_test(strings),
	};

	return cmocka_run_group_tests_name("string", tests, NULL, NULL);
}
