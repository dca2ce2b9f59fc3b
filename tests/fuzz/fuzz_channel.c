// sources: tools/channel.c tools/jsontext.c tools/say.c
// cflags: -D_GNU_SOURCE
/* What a machine may write to the host: records, and JSON in sections. */
#include "tests/fuzz/fuzz.h"

#include "tools/channel.h"
#include "tools/jsontext.h"

static void take(void *context, enum channel_type type, const char *payload, size_t length)
{
	struct json_piece key, value;
	size_t position = 0;

	(void)context;
	if (type != CHANNEL_SECTION || !json_text_is_value(payload, length))
		return;
	while (json_text_next_member(payload, length, &position, &key, &value))
		FUZZ_CHECK(json_text_is_value(value.text, value.length));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(data, size, 0);
	size_t used;

	(void)channel_records((const uint8_t *)copy, size, &used, take, NULL);
	FUZZ_CHECK(used <= size);
	take(NULL, CHANNEL_SECTION, copy, size);
	free(copy);
	return 0;
}
