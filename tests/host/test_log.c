// sources: kernel/log/log.c lib/printf.c
/* The kernel log: form of the lines, ring, sinks, and the lock where it must give way. */
#include "tests/host/check.h"

#include "fanga/log.h"
#include "lib/errno.h"

static uint64_t now_ns;
static unsigned cpu;
static unsigned irq_depth;
static uint64_t clock_step_ns;
static char seen[4 * LOG_RING_BYTES];
static size_t seen_bytes;
static unsigned nested; /* lines that the sink logs itself, as an NMI in its midst would */
static bool is_foreign;
static char copy[LOG_RING_BYTES + 1];

uint64_t log_clock_ns(void)
{
	return now_ns += clock_step_ns;
}

unsigned log_cpu(void)
{
	return cpu;
}

unsigned long log_irq_save(void)
{
	return irq_depth++;
}

void log_irq_restore(unsigned long flags)
{
	assert_int_equal(flags, --irq_depth);
}

static void sink(const char *text, size_t bytes)
{
	assert_true(irq_depth > 0);
	assert_true(seen_bytes + bytes < sizeof(seen));
	memcpy(seen + seen_bytes, text, bytes);
	seen_bytes += bytes;
	seen[seen_bytes] = '\0';
	if (nested) {
		nested--;
		cpu += is_foreign;
		log_err("nested");
		cpu -= is_foreign;
	}
}

static int reset(void **state)
{
	(void)state;
	now_ns = 1234567;
	cpu = 0;
	clock_step_ns = 0;
	seen_bytes = 0;
	seen[0] = '\0';
	nested = 0;
	is_foreign = false;
	log_set_level(LOG_INFO);
	assert_int_equal(irq_depth, 0);
	return 0;
}

static void late_sink_gets_all(void **state)
{
	(void)state;
	log_info("early %d", 1);
	log_raw("raw");
	assert_int_equal(log_sink_add(sink), 0);
	assert_string_equal(seen, "[    0.001234] cpu0 info: early 1\nraw\n");
	assert_int_equal(log_sink_add(sink), 0);
	assert_int_equal(log_sink_add(sink), 0);
	assert_int_equal(log_sink_add(sink), 0);
	seen_bytes = 0;
	assert_int_equal(log_sink_add(sink), -ENOSPC);
	assert_int_equal(seen_bytes, 0);
}

/* Four times the same sink is there since the test above: what it saw, once. */
static const char *once(void)
{
	static char text[4096];
	size_t quarter = seen_bytes / 4;

	assert_int_equal(seen_bytes % 4, 0);
	assert_true(quarter < sizeof(text));
	for (size_t i = 1; i < 4; i++)
		assert_memory_equal(seen, seen + i * quarter, quarter);
	memcpy(text, seen, quarter);
	text[quarter] = '\0';
	return text;
}

static void form(void **state)
{
	static const struct {
		const char *text, *line;
	} cases[] = {
		{"plain", "plain\n"},
		{"with newline\n", "with newline\n"},
		{"", "\n"},
		{"\n", "\n"},
		{"tab\tstays", "tab\tstays\n"},
		{"esc\x1b[31m \x07\x7f\r", "esc?[31m ???\n"},
		{"\xc3\xa4", "\xc3\xa4\n"},
	};
	char expected[300];

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		reset(state);
		now_ns = 98765432109876ull;
		cpu = 254;
		log_err("%s", cases[i].text);
		snprintf(expected, sizeof(expected), "[98765.432109] cpu254 err: %s",
			 cases[i].line);
		assert_string_equal(once(), expected);
	}
}

static void several_lines(void **state)
{
	(void)state;
	log_warn("a\nb\n");
	/* Each line goes to all sinks before the next one. */
	assert_string_equal(strstr(seen, "b"), "b\n"
					       "[    0.001234] cpu0 warn: b\n"
					       "[    0.001234] cpu0 warn: b\n"
					       "[    0.001234] cpu0 warn: b\n");
	reset(state);
	log_raw("ok 1 - x");
	assert_string_equal(once(), "ok 1 - x\n");
}

static void levels(void **state)
{
	enum log_level level;

	(void)state;
	log_debug("no");
	assert_int_equal(seen_bytes, 0);
	log_set_level(LOG_DEBUG);
	log_debug("yes");
	assert_string_equal(once(), "[    0.001234] cpu0 debug: yes\n");
	reset(state);
	log_set_level(LOG_ERR);
	log_warn("no");
	assert_int_equal(seen_bytes, 0);
	log_raw("always");
	assert_string_equal(once(), "always\n");
	assert_int_equal(log_level_parse("warn", &level), 0);
	assert_int_equal(level, LOG_WARN);
	assert_int_equal(log_level_parse("loud", &level), -EINVAL);
}

static void long_lines_are_cut(void **state)
{
	char text[600];

	for (size_t length = 200; length < sizeof(text); length += 13) {
		const char *line;

		reset(state);
		memset(text, 'x', length);
		text[length] = '\0';
		log_info("%s", text);
		line = once();
		assert_true(strlen(line) <= LOG_LINE_BYTES);
		assert_int_equal(line[strlen(line) - 1], '\n');
		if (length >= LOG_LINE_BYTES)
			assert_string_equal(line + strlen(line) - 5, "x...\n");
		else if (strlen("[    0.001234] cpu0 info: ") + length < LOG_LINE_BYTES)
			assert_int_equal(strlen(line),
					 strlen("[    0.001234] cpu0 info: ") + length + 1);
	}
}

static void ring_keeps_the_newest(void **state)
{
	size_t copied;
	char *newline, line[64];
	unsigned number = 0;

	for (unsigned i = 0; i < 10000; i++) {
		reset(state);
		log_raw("line %u", i);
	}
	copied = log_ring_copy(copy, LOG_RING_BYTES);
	assert_in_range(copied, LOG_RING_BYTES - 20, LOG_RING_BYTES);
	copy[copied] = '\0';
	/* Whole consecutive lines up to the newest one. */
	assert_int_equal(sscanf(copy, "line %u\n", &number), 1);
	for (char *at = copy; *at; at = newline + 1, number++) {
		newline = strchr(at, '\n');
		assert_non_null(newline);
		snprintf(line, sizeof(line), "line %u", number);
		assert_int_equal(newline - at, strlen(line));
		assert_memory_equal(at, line, strlen(line));
	}
	assert_int_equal(number, 10000);
	assert_int_equal(log_ring_copy(copy, 10), 10);
	assert_memory_equal(copy, "line 9999\n", 10);
	assert_int_equal(log_ring_copy(copy, 0), 0);
}

/* Logging inside of a sink on the same CPU is what an NMI does to the lock's holder. */
static void same_cpu_does_not_wait(void **state)
{
	(void)state;
	nested = 1;
	log_info("outer");
	assert_non_null(strstr(seen, "outer"));
	assert_non_null(strstr(seen, "nested"));
	/* And the lock was given back: another CPU gets in without waiting. */
	reset(state);
	cpu = 1;
	log_info("next");
	assert_string_equal(once(), "[    0.001234] cpu1 info: next\n");
}

/* Another CPU that never gives the lock back: a bounded wait by the clock, then the line anyway. */
static void stuck_holder(void **state)
{
	(void)state;
	nested = 1;
	is_foreign = true;
	clock_step_ns = 1000000;
	log_info("outer");
	assert_non_null(strstr(seen, "cpu1 err: nested"));
	assert_in_range(now_ns, 1000000000ull, 1100000000ull);
	/* Without a clock the number of turns bounds it. */
	reset(state);
	nested = 1;
	is_foreign = true;
	log_info("outer");
	assert_non_null(strstr(seen, "cpu1 err: nested"));
}

static void rate_limit(void **state)
{
	struct log_ratelimit limit = LOG_RATELIMIT(1000, 3);
	unsigned passed = 0;

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		passed += log_ratelimit_pass(&limit);
	assert_int_equal(passed, 3);
	assert_int_equal(seen_bytes, 0);
	now_ns += 1000;
	assert_true(log_ratelimit_pass(&limit));
	assert_non_null(strstr(once(), "warn: 7 messages like the next one were held back\n"));
	seen_bytes = 0;
	now_ns += 5000;
	assert_true(log_ratelimit_pass(&limit));
	assert_int_equal(seen_bytes, 0);
	for (unsigned i = 0; i < 20; i++)
		log_warn_ratelimited("flood");
	assert_string_equal(strrchr(once(), ']'), "] cpu0 warn: flood\n");
	passed = 0;
	for (const char *at = once(); (at = strstr(at, "flood")); at++)
		passed++;
	assert_int_equal(passed, 10);
}

/* Last: there is no way back. */
static void busted_lock(void **state)
{
	(void)state;
	log_bust_lock();
	nested = 1;
	is_foreign = true;
	clock_step_ns = 0;
	log_err("outer");
	assert_non_null(strstr(seen, "nested"));
	assert_in_range(log_ring_copy(copy, LOG_RING_BYTES), LOG_RING_BYTES - 300, LOG_RING_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(late_sink_gets_all, reset),
		cmocka_unit_test_setup(form, reset),
		cmocka_unit_test_setup(several_lines, reset),
		cmocka_unit_test_setup(levels, reset),
		cmocka_unit_test_setup(long_lines_are_cut, reset),
		cmocka_unit_test_setup(ring_keeps_the_newest, reset),
		cmocka_unit_test_setup(same_cpu_does_not_wait, reset),
		cmocka_unit_test_setup(stuck_holder, reset),
		cmocka_unit_test_setup(rate_limit, reset),
		cmocka_unit_test_setup(busted_lock, reset),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
