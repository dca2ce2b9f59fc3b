// sources: lib/json.c lib/printf.c
/* The JSON writer: exact output, every misuse latched, and random documents by a strict reader. */
#include "tests/host/check.h"

#include "lib/errno.h"
#include "lib/json.h"
#include "lib/prng.h"
#include "tests/host/strict_json.h"

struct sink {
	char text[65536];
	size_t bytes;
	int calls_until_error; /* 0: never */
};

static struct sink sink;

static int write_to_sink(void *context, const void *data, size_t bytes)
{
	struct sink *to = context;

	if (to->calls_until_error && --to->calls_until_error == 0)
		return -ENOSPC;
	if (bytes > sizeof(to->text) - 1 - to->bytes)
		return -EFBIG;
	memcpy(to->text + to->bytes, data, bytes);
	to->bytes += bytes;
	to->text[to->bytes] = '\0';
	return 0;
}

static void start(struct json *json)
{
	memset(&sink, 0, sizeof(sink));
	json_init(json, write_to_sink, &sink);
}

static void whole_document(void **state)
{
	struct json json;

	(void)state;
	start(&json);
	json_object_begin(&json, NULL);
	json_array_begin(&json, "cpus");
	json_object_begin(&json, NULL);
	json_u64(&json, "cpu", 0);
	json_bool(&json, "bsp", true);
	json_string(&json, "state", "online");
	json_object_end(&json);
	json_object_begin(&json, NULL);
	json_object_end(&json);
	json_array_end(&json);
	json_array_begin(&json, "empty");
	json_array_end(&json);
	json_null(&json, "signal");
	json_string(&json, "none", NULL);
	json_bool(&json, "no", false);
	json_u64(&json, "max", UINT64_MAX);
	json_i64(&json, "min", INT64_MIN);
	json_hex(&json, "address", 0xffffffff80200000ull);
	json_raw(&json, "raw", "[1,2]", 5);
	json_object_end(&json);
	assert_int_equal(json_finish(&json), 0);
	assert_string_equal(
		sink.text,
		"{\"cpus\":[{\"cpu\":0,\"bsp\":true,\"state\":\"online\"},{}],\"empty\":[],"
		"\"signal\":null,\"none\":null,\"no\":false,"
		"\"max\":18446744073709551615,\"min\":-9223372036854775808,"
		"\"address\":\"0xffffffff80200000\",\"raw\":[1,2]}");
	assert_true(strict_json_accepts(sink.text, sink.bytes));
}

static void fixed_point(void **state)
{
	static const struct {
		int64_t value;
		unsigned decimals;
		const char *text;
	} cases[] = {
		{0, 0, "0"},
		{1234, 2, "12.34"},
		{-1234, 2, "-12.34"},
		{-4, 2, "-0.04"},
		{5, 3, "0.005"},
		{100, 2, "1.00"},
		{INT64_MIN, 0, "-9223372036854775808"},
		{INT64_MIN, 18, "-9.223372036854775808"},
		{INT64_MAX, 18, "9.223372036854775807"},
	};
	struct json json;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		start(&json);
		json_fixed(&json, NULL, cases[i].value, cases[i].decimals);
		assert_int_equal(json_finish(&json), 0);
		assert_string_equal(sink.text, cases[i].text);
	}
	start(&json);
	json_fixed(&json, NULL, 1, 19);
	assert_int_equal(json_finish(&json), -EINVAL);
}

static void escaping(void **state)
{
	static const struct {
		const char *in;
		size_t bytes;
		const char *out;
	} cases[] = {
		{"", 0, "\"\""},
		{"a\"b\\c/", 6, "\"a\\\"b\\\\c/\""},
		{"\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\""},
		{"\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\\u007f\""},
		{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9,
		 "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
#define BAD "\xef\xbf\xbd"
		{"\xff", 1, "\"" BAD "\""},
		{"a\x80z", 3, "\"a" BAD "z\""},
		{"\xc3", 1, "\"" BAD "\""},
		{"\xc3(", 2, "\"" BAD "(\""},
		{"\xc0\xaf", 2, "\"" BAD BAD "\""},
		{"\xe0\x80\xaf", 3, "\"" BAD BAD BAD "\""},
		{"\xed\xa0\x80", 3, "\"" BAD BAD BAD "\""},
		{"\xf4\x90\x80\x80", 4, "\"" BAD BAD BAD BAD "\""},
		{"\xf0\x9f\x98", 3, "\"" BAD BAD BAD "\""},
		{"\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80", 10,
		 "\"\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80\""},
#undef BAD
	};
	struct json json;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		/* An exact copy: a look past its end would be seen. */
		char *in = malloc(cases[i].bytes ? cases[i].bytes : 1);

		memcpy(in, cases[i].in, cases[i].bytes);
		start(&json);
		json_string_n(&json, NULL, in, cases[i].bytes);
		assert_int_equal(json_finish(&json), 0);
		assert_string_equal(sink.text, cases[i].out);
		assert_true(strict_json_accepts(sink.text, sink.bytes));
		free(in);
	}
}

static void no_value(struct json *json)
{
	(void)json;
}

static void two_values(struct json *json)
{
	json_u64(json, NULL, 1);
	json_u64(json, NULL, 2);
}

static void key_at_top(struct json *json)
{
	json_u64(json, "key", 1);
}

static void no_key_in_object(struct json *json)
{
	json_object_begin(json, NULL);
	json_u64(json, NULL, 1);
	json_object_end(json);
}

static void key_in_array(struct json *json)
{
	json_array_begin(json, NULL);
	json_u64(json, "key", 1);
	json_array_end(json);
}

static void wrong_end(struct json *json)
{
	json_array_begin(json, NULL);
	json_object_end(json);
}

static void end_too_many(struct json *json)
{
	json_array_begin(json, NULL);
	json_array_end(json);
	json_array_end(json);
}

static void not_closed(struct json *json)
{
	json_array_begin(json, NULL);
}

static void too_deep(struct json *json)
{
	for (unsigned i = 0; i <= JSON_DEPTH_MAX; i++)
		json_array_begin(json, NULL);
	for (unsigned i = 0; i <= JSON_DEPTH_MAX; i++)
		json_array_end(json);
}

static void misuse_is_latched(void **state)
{
	static void (*const misuses[])(struct json *) = {
		no_value,  two_values,	 key_at_top, no_key_in_object, key_in_array,
		wrong_end, end_too_many, not_closed, too_deep,
	};
	struct json json;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(misuses); i++) {
		start(&json);
		misuses[i](&json);
		assert_int_equal(json_finish(&json), -EINVAL);
	}
}

static void deepest(void **state)
{
	struct json json;

	(void)state;
	start(&json);
	for (unsigned i = 0; i < JSON_DEPTH_MAX; i++) {
		if (i % 2)
			json_array_begin(&json, "a");
		else
			json_object_begin(&json, NULL);
	}
	for (unsigned i = JSON_DEPTH_MAX; i-- > 0;) {
		if (i % 2)
			json_array_end(&json);
		else
			json_object_end(&json);
	}
	assert_int_equal(json_finish(&json), 0);
	assert_true(strict_json_accepts(sink.text, sink.bytes));
}

static void sink_error_is_latched(void **state)
{
	struct json json;
	size_t bytes;

	(void)state;
	for (int calls = 1; calls < 8; calls++) {
		start(&json);
		sink.calls_until_error = calls;
		json_object_begin(&json, NULL);
		json_string(&json, "key", "va\nlue");
		bytes = sink.bytes;
		assert_int_equal(json.error, -ENOSPC);
		json_u64(&json, "more", 1);
		json_object_end(&json);
		assert_int_equal(json_finish(&json), -ENOSPC);
		assert_int_equal(sink.bytes, bytes);
	}
}

static void random_string(struct prng *prng, char *text, size_t size)
{
	size_t length = prng_below(prng, size);

	for (size_t i = 0; i < length; i++)
		text[i] = (char)(1 + prng_below(prng, 255));
	text[length] = '\0';
}

static void random_value(struct json *json, struct prng *prng, const char *key, unsigned depth)
{
	unsigned members = (unsigned)prng_below(prng, 6);
	char text[20];

	random_string(prng, text, sizeof(text));
	switch (prng_below(prng, depth < 6 ? 8 : 6)) {
	case 0:
		json_u64(json, key, prng_u64(prng));
		break;
	case 1:
		json_i64(json, key, (int64_t)prng_u64(prng));
		break;
	case 2:
		json_fixed(json, key, (int64_t)prng_u64(prng), (unsigned)prng_below(prng, 19));
		break;
	case 3:
		json_string(json, key, text);
		break;
	case 4:
		json_bool(json, key, prng_below(prng, 2));
		break;
	case 5:
		json_null(json, key);
		break;
	case 6:
		json_array_begin(json, key);
		while (members--)
			random_value(json, prng, NULL, depth + 1);
		json_array_end(json);
		break;
	default:
		json_object_begin(json, key);
		while (members--) {
			random_string(prng, text, sizeof(text));
			random_value(json, prng, text, depth + 1);
		}
		json_object_end(json);
		break;
	}
}

static void random_documents(void **state)
{
	struct prng prng;
	struct json json;

	(void)state;
	prng_seed(&prng, 11);
	for (unsigned round = 0; round < 5000; round++) {
		start(&json);
		random_value(&json, &prng, NULL, 0);
		if (json.error == -EFBIG)
			continue;
		assert_int_equal(json_finish(&json), 0);
		if (!strict_json_accepts(sink.text, sink.bytes))
			fail_msg("round %u: %s", round, sink.text);
	}
}

/* The judge itself must be strict, or the tests above say nothing. */
static void judge(void **state)
{
	static const char *const good[] = {"0", "-0.5e+3", "\"\\u00e4\"", " [ 1 , {} ] ", "null"};
	static const char *const bad[] = {
		"",
		"01",
		"1.",
		"+1",
		".5",
		"[1,]",
		"{\"a\":1,}",
		"{a:1}",
		"[1 2]",
		"\"a",
		"\"\t\"",
		"\"\\x\"",
		"nul",
		"1 2",
		"\"\xc0\xaf\"",
		"\"\xed\xa0\x80\"",
		"--1",
		"\"\\u12g4\"",
		"[1",
		"{\"a\"}",
		"\"\xf5\x80\x80\x80\"",
		"\"\x80\"",
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(strict_json_accepts(good[i], strlen(good[i])));
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(strict_json_accepts(bad[i], strlen(bad[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judge),
		cmocka_unit_test(whole_document),
		cmocka_unit_test(fixed_point),
		cmocka_unit_test(escaping),
		cmocka_unit_test(misuse_is_latched),
		cmocka_unit_test(deepest),
		cmocka_unit_test(sink_error_is_latched),
		cmocka_unit_test(random_documents),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
