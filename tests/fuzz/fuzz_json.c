// sources: lib/json.c lib/printf.c
// options: -max_len=512
/* The JSON writer, driven by a random program: when it reports no error, the text is JSON. */
#include "tests/fuzz/fuzz.h"

#include "lib/json.h"
#include "tests/host/strict_json.h"

struct sink {
	size_t bytes;
	char text[16384];
};

static int append(void *context, const void *data, size_t bytes)
{
	struct sink *sink = context;

	if (bytes > sizeof(sink->text) - sink->bytes)
		return -1;
	memcpy(sink->text + sink->bytes, data, bytes);
	sink->bytes += bytes;
	return 0;
}

/* One call; its key and its text are the program's next bytes. */
static void step(struct json *json, uint8_t opcode, const char *text, size_t bytes)
{
	char key_text[8] = "";
	const char *key = opcode & 0x80 ? key_text : NULL;

	memcpy(key_text, text, bytes < 7 ? bytes : 7);
	switch (opcode & 0x0f) {
	case 0:
	case 1:
		json_object_begin(json, key);
		break;
	case 2:
	case 3:
		json_object_end(json);
		break;
	case 4:
		json_array_begin(json, key);
		break;
	case 5:
		json_array_end(json);
		break;
	case 6:
		json_u64(json, key, bytes * 0x123456789abcdefull);
		break;
	case 7:
		json_fixed(json, key, -(int64_t)bytes, opcode >> 4 & 7);
		break;
	case 8:
		json_null(json, key);
		break;
	default:
		json_string_n(json, key, text, bytes);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct sink sink;
	struct json json;
	size_t at = 0;

	sink.bytes = 0;
	json_init(&json, append, &sink);
	while (bytes - at >= 2) {
		size_t length = data[at + 1] % 32;
		char *text;

		length = MIN(length, bytes - at - 2);
		text = fuzz_copy(data + at + 2, length, 0);
		step(&json, data[at], text, length);
		free(text);
		at += 2 + length;
	}
	if (json_finish(&json) == 0)
		FUZZ_CHECK(strict_json_accepts(sink.text, sink.bytes));
	return 0;
}
