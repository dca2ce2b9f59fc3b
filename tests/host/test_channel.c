// sources: tools/channel.c tools/say.c
// cflags: -D_GNU_SOURCE
/* The host's end of the results channel: whole records only, and no trust in any length. */
#include "tests/host/check.h"

#include "tools/channel.h"

static char seen[256];

static void note(void *context, enum channel_type type, const char *payload, size_t length)
{
	size_t used = strlen(seen);

	(void)context;
	snprintf(seen + used, sizeof(seen) - used, "%u:%.*s;", (unsigned)type, (int)length, payload);
}

static size_t put(uint8_t *to, uint32_t type, const char *text)
{
	struct channel_record head = {CHANNEL_RECORD_SYNC, type, strlen(text)};

	memset(to, 0, (size_t)channel_record_bytes(head.length));
	memcpy(to, &head, sizeof(head));
	memcpy(to + sizeof(head), text, strlen(text));
	return (size_t)channel_record_bytes(head.length);
}

/* Every cut of two records hands on those that are whole, and says how many bytes they are. */
static void cut_anywhere(void **state)
{
	uint8_t bytes[128];
	size_t first = put(bytes, CHANNEL_REPORT, "hello"), used;
	size_t all = first + put(bytes + first, CHANNEL_STAGE, "on");

	(void)state;
	for (size_t cut = 0; cut <= all; cut++) {
		seen[0] = '\0';
		assert_int_equal(channel_records(bytes, cut, &used, note, NULL), 0);
		assert_int_equal(used, cut == all ? all : cut >= first ? first : 0);
		assert_string_equal(seen, cut == all ? "1:hello;6:on;" : cut >= first ? "1:hello;" : "");
	}
}

static void rubbish_is_refused(void **state)
{
	uint8_t bytes[64];
	size_t used;
	struct channel_record huge = {CHANNEL_RECORD_SYNC, CHANNEL_REPORT, UINT64_MAX};

	(void)state;
	seen[0] = '\0';
	memset(bytes, 0x55, sizeof(bytes));
	assert_true(channel_records(bytes, sizeof(bytes), &used, note, NULL) < 0);
	memcpy(bytes, &huge, sizeof(huge));
	assert_true(channel_records(bytes, sizeof(bytes), &used, note, NULL) < 0);
	huge.length = UINT64_MAX - 20;
	memcpy(bytes, &huge, sizeof(huge));
	assert_true(channel_records(bytes, sizeof(bytes), &used, note, NULL) < 0);
	assert_string_equal(seen, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(rubbish_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
