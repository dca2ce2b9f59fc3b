// sources: tools/run_json.c tools/jsontext.c tools/memory.c tools/say.c lib/json.c lib/printf.c
// cflags: -D_GNU_SOURCE
/* run.json: always one JSON value, whatever sections the machine sends. */
#include "tests/host/check.h"

#include "tools/jsontext.h"
#include "tools/run_json.h"

static struct run_facts facts;
static struct bytes out;

static int clean(void **state)
{
	(void)state;
	run_facts_free(&facts);
	free(out.data);
	out = (struct bytes){0};
	return 0;
}

static int add(const char *name, const char *json)
{
	return run_facts_add_section(&facts, name, strlen(name), json, strlen(json));
}

static const char *written(void)
{
	out.length = 0;
	assert_int_equal(run_json_write(&facts, &out), 0);
	bytes_add(&out, "", 1);
	assert_true(json_text_is_value(out.data, out.length - 1));
	return out.data;
}

static void unknown_is_null_and_absent_is_absent(void **state)
{
	const char *text;

	(void)state;
	facts.reason = "no-boot";
	facts.status = 69;
	text = written();
	assert_non_null(strstr(text, "\"commit\":null"));
	assert_non_null(strstr(text, "\"exit\":{\"status\":69,\"signal\":null,\"reason\":\"no-boot\"}"));
	assert_non_null(strstr(text, "\"boot_to_init_ns\":null"));
	assert_null(strstr(text, "\"cpus\""));
	assert_null(strstr(text, "\"sched\""));
}

static void sections_are_merged(void **state)
{
	const char *text;

	(void)state;
	facts.reason = "exited";
	facts.is_icount = true;
	facts.host_s = 1.2345;
	assert_int_equal(add("ipi", "[ 1 ]"), 0);
	assert_int_equal(add("cpus", "[]"), 0);
	assert_int_equal(add("time", "{\"boot_to_init_ns\":5,\"clock\":\"host\",\"run_ns\":7}"), 0);
	assert_int_equal(add("ipi", "[2]"), 0); /* in place of the first */
	text = written();
	assert_non_null(strstr(text, "\"ipi\":[2]"));
	assert_null(strstr(text, "[ 1 ]"));
	assert_true(strstr(text, "\"cpus\"") < strstr(text, "\"ipi\""));
	assert_non_null(strstr(text, "\"time\":{\"boot_to_init_ns\":5,\"run_ns\":7,\"host_s\":1.235,"
				     "\"clock\":\"icount\",\"host_cpus\":0}"));
}

static void rubbish_is_refused(void **state)
{
	static const char *const bad[] = {"",	 "{",	   "[1,]", "{\"a\"}", "{a:1}", "01",
					  "1 2", "\"\\x\"", "tru",  "[1}",     "-",	 "1.",
					  "1e",	 "\"\n\"",  "{\"a\":}"};
	char deep[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_true(add("x", bad[i]) < 0);
	assert_true(add("", "1") < 0);
	assert_true(add("a\"b", "1") < 0);
	memset(deep, '[', sizeof(deep));
	assert_false(json_text_is_value(deep, sizeof(deep)));
	assert_int_equal(facts.section_count, 0);
}

static void good_values_are_taken(void **state)
{
	static const char *const good[] = {"0",	 "-1.5e+3",	"\"\\u00e4\\n\"", "null", "[]", "{}",
					   "[1, [2], {\"a\": {\"b\": true}}]", " 1 "};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(add("x", good[i]), 0);
}

static void members_come_apart(void **state)
{
	static const char text[] = " { \"a\" : [1,2] , \"b\":\"}\" } ";
	struct json_piece key, value;
	size_t position = 0;

	(void)state;
	assert_true(json_text_next_member(text, strlen(text), &position, &key, &value));
	assert_memory_equal(key.text, "a", key.length);
	assert_memory_equal(value.text, "[1,2]", value.length);
	assert_true(json_text_next_member(text, strlen(text), &position, &key, &value));
	assert_memory_equal(value.text, "\"}\"", value.length);
	assert_false(json_text_next_member(text, strlen(text), &position, &key, &value));
	position = 0;
	assert_false(json_text_next_member("[1]", 3, &position, &key, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(unknown_is_null_and_absent_is_absent, clean),
		cmocka_unit_test_teardown(sections_are_merged, clean),
		cmocka_unit_test_teardown(rubbish_is_refused, clean),
		cmocka_unit_test_teardown(good_values_are_taken, clean),
		cmocka_unit_test_teardown(members_come_apart, clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
