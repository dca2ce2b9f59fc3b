// sources: lib/printf.c
/* The formatter against the C library's, with random formats, and what differs on purpose. */
#include "tests/host/check.h"

#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/prng.h"

#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-overflow"

static uint64_t random_value(struct prng *prng)
{
	uint64_t value = prng_u64(prng);

	/* Every magnitude as likely as the others; a few special ones. */
	switch (prng_below(prng, 8)) {
	case 0:
		return 0;
	case 1:
		return BIT(prng_below(prng, 64));
	case 2:
		return 0 - (value & 0xff);
	default:
		return value >> prng_below(prng, 64);
	}
}

static void random_flags(struct prng *prng, char *format, char conversion)
{
	static const char flags[] = "-+ 0#";
	unsigned count = (unsigned)prng_below(prng, 4);

	strcat(format, "%");
	for (unsigned i = 0; i < count; i++) {
		char flag = flags[prng_below(prng, 5)];
		char text[2] = {flag, '\0'};

		/* What C leaves undefined for this conversion is not compared. */
		if (flag == '#' && !strchr("xXo", conversion))
			continue;
		if ((flag == '0' || flag == '+' || flag == ' ') && strchr("sc", conversion))
			continue;
		strcat(format, text);
	}
	if (prng_below(prng, 2))
		sprintf(format + strlen(format), "%u", 1 + (unsigned)prng_below(prng, 30));
	if (prng_below(prng, 3) == 0 && conversion != 'c')
		sprintf(format + strlen(format), prng_below(prng, 8) ? ".%u" : ".",
			(unsigned)prng_below(prng, 30));
}

static void compare_integers(void **state)
{
	static const char *const lengths[] = {"", "hh", "h", "l", "ll", "z", "j", "t"};
	static const char conversions[] = "diuoxX";
	struct prng prng;

	(void)state;
	prng_seed(&prng, 7);
	for (unsigned round = 0; round < 200000; round++) {
		char conversion = conversions[prng_below(&prng, sizeof(conversions) - 1)];
		const char *length = lengths[prng_below(&prng, ARRAY_SIZE(lengths))];
		size_t size = prng_below(&prng, 8) ? 100 : prng_below(&prng, 100);
		uint64_t value = random_value(&prng);
		char format[64] = "<", ours[100] = "", theirs[100] = "";
		int our_length, their_length;

		random_flags(&prng, format, conversion);
		sprintf(format + strlen(format), "%s%c>", length, conversion);
		if (*length == 'h' || !*length) {
			our_length = fmt_snprintf(ours, size, format, (unsigned)value);
			their_length = snprintf(theirs, size, format, (unsigned)value);
		} else {
			our_length = fmt_snprintf(ours, size, format, value);
			their_length = snprintf(theirs, size, format, value);
		}
		if (our_length != their_length || strcmp(ours, theirs) != 0)
			fail_msg("'%s' of %#llx: '%s', not '%s'", format, (unsigned long long)value,
				 ours, theirs);
	}
}

static void compare_text(void **state)
{
	static const char *const texts[] = {"", "a", "kernel", "a longer piece of text, %d"};
	struct prng prng;

	(void)state;
	prng_seed(&prng, 8);
	for (unsigned round = 0; round < 50000; round++) {
		char conversion = "scp"[prng_below(&prng, 3)];
		const char *text = texts[prng_below(&prng, ARRAY_SIZE(texts))];
		int width = (int)prng_below(&prng, 40) - 20,
		    precision = (int)prng_below(&prng, 30) - 5;
		char format[64] = "", ours[200], theirs[200];
		size_t size = 1 + prng_below(&prng, sizeof(ours));
		int our_length, their_length;

		if (conversion == 's') {
			our_length = fmt_snprintf(ours, size, "%*.*s|%%|", width, precision, text);
			their_length = snprintf(theirs, size, "%*.*s|%%|", width, precision, text);
		} else if (conversion == 'c') {
			random_flags(&prng, format, conversion);
			strcat(format, "c|%-*d|");
			our_length = fmt_snprintf(ours, size, format, 'x', width, precision);
			their_length = snprintf(theirs, size, format, 'x', width, precision);
		} else {
			our_length = fmt_snprintf(ours, size, "%p %c", (const void *)text, 0);
			their_length = snprintf(theirs, size, "%p %c", (const void *)text, 0);
		}
		assert_int_equal(our_length, their_length);
		assert_memory_equal(ours, theirs, MIN((size_t)our_length + 1, size));
	}
}

/* A string need not end in NUL when a precision bounds it. */
static void unterminated(void **state)
{
	char *text = malloc(3), buffer[8];

	(void)state;
	memcpy(text, "abc", 3);
	assert_int_equal(fmt_snprintf(buffer, sizeof(buffer), "%.3s", text), 3);
	assert_string_equal(buffer, "abc");
	assert_int_equal(fmt_snprintf(buffer, sizeof(buffer), "%.*s", 2, text), 2);
	assert_string_equal(buffer, "ab");
	free(text);
}

static void our_own_ways(void **state)
{
	char buffer[32] = "untouched";
	char *exact = malloc(4);

	(void)state;
	assert_int_equal(fmt_snprintf(buffer, 0, "%d", 12345), 5);
	assert_string_equal(buffer, "untouched");
	assert_int_equal(fmt_snprintf(NULL, 0, "%5s%5s", "a", "b"), 10);
	assert_int_equal(fmt_snprintf(exact, 4, "%s", "abcdefgh"), 8);
	assert_string_equal(exact, "abc");
	free(exact);

	fmt_snprintf(buffer, sizeof(buffer), "%p", (void *)NULL);
	assert_string_equal(buffer, "0x0");
	fmt_snprintf(buffer, sizeof(buffer), "%10p|", (void *)0xabc);
	assert_string_equal(buffer, "     0xabc|");
	fmt_snprintf(buffer, sizeof(buffer), "%-8p|", (void *)0xabc);
	assert_string_equal(buffer, "0xabc   |");
	fmt_snprintf(buffer, sizeof(buffer), "%.3s", (char *)NULL);
	assert_string_equal(buffer, "(nu");
	fmt_snprintf(buffer, sizeof(buffer), "a%yb%-5");
	assert_string_equal(buffer, "a%yb%-5");
	fmt_snprintf(buffer, sizeof(buffer), "%");
	assert_string_equal(buffer, "%");

	assert_int_equal(fmt_scnprintf(buffer, 4, "%d", 123456), 3);
	assert_string_equal(buffer, "123");
	assert_int_equal(fmt_scnprintf(buffer, 4, "%d", 12), 2);
	assert_int_equal(fmt_scnprintf(buffer, 0, "%d", 12), 0);
	assert_int_equal(fmt_scnprintf(buffer, 1, "%d", 12), 0);

	/* Too long for an int, without taking for ever. */
	assert_int_equal(fmt_snprintf(buffer, sizeof(buffer), "%2147483647d%2d", 1, 1), -EOVERFLOW);
	assert_int_equal(fmt_snprintf(buffer, sizeof(buffer), "%99999999999999999999d", 1),
			 2147483647);
	assert_int_equal(fmt_scnprintf(buffer, sizeof(buffer), "%2147483647d%2d", 1, 1),
			 sizeof(buffer) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compare_integers),
		cmocka_unit_test(compare_text),
		cmocka_unit_test(unterminated),
		cmocka_unit_test(our_own_ways),
	};

	return cmocka_run_group_tests_name("printf", tests, NULL, NULL);
}
