/*
 * JSON writer. Invariant: while error is 0, what the sink has received is a prefix of one valid
 * JSON text, and depth, in_object and has_member describe its open containers. (has_member of the
 * outer containers is always true: the inner one is a member of theirs.)
 */
#include "lib/errno.h"
#include "lib/json.h"
#include "lib/printf.h"
#include "lib/string.h"

void json_init(struct json *json, json_write_fn write, void *context)
{
	*json = (struct json){.write = write, .context = context};
}

static void fail(struct json *json, int error)
{
	if (!json->error)
		json->error = error;
}

static void emit(struct json *json, const char *text, size_t bytes)
{
	int error;

	if (json->error || !bytes)
		return;
	error = json->write(json->context, text, bytes);
	if (error)
		fail(json, error);
}

/*
 * Bytes of the valid UTF-8 sequence at `text` (Unicode 15, table 3-7: no overlong forms, no
 * surrogates, at most U+10FFFF); 0 when there is none.
 */
static unsigned utf8_sequence(const uint8_t *text, size_t bytes)
{
	uint8_t lead = text[0];
	uint8_t second_low = 0x80, second_high = 0xbf;
	unsigned length;

	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf)
		length = 2;
	else if (lead >= 0xe0 && lead <= 0xef)
		length = 3;
	else if (lead >= 0xf0 && lead <= 0xf4)
		length = 4;
	else
		return 0;
	if (lead == 0xe0)
		second_low = 0xa0;
	else if (lead == 0xed)
		second_high = 0x9f;
	else if (lead == 0xf0)
		second_low = 0x90;
	else if (lead == 0xf4)
		second_high = 0x8f;
	if (bytes < length || text[1] < second_low || text[1] > second_high)
		return 0;
	for (unsigned i = 2; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

static void emit_escape(struct json *json, uint8_t c)
{
	static const char plain[] = "\"\\\b\f\n\r\t";
	static const char letter[] = "\"\\bfnrt";
	char text[8];

	for (unsigned i = 0; i < sizeof(plain) - 1; i++) {
		if (c == (uint8_t)plain[i]) {
			text[0] = '\\';
			text[1] = letter[i];
			emit(json, text, 2);
			return;
		}
	}
	emit(json, text, fmt_scnprintf(text, sizeof(text), "\\u%04x", c));
}

static void emit_quoted(struct json *json, const char *text, size_t bytes)
{
	const uint8_t *s = (const uint8_t *)text;
	size_t start = 0, i = 0;

	emit(json, "\"", 1);
	while (i < bytes) {
		unsigned length = utf8_sequence(s + i, bytes - i);

		if (length > 1 ||
		    (length == 1 && s[i] >= 0x20 && s[i] != '"' && s[i] != '\\' && s[i] != 0x7f)) {
			i += length;
			continue;
		}
		emit(json, text + start, i - start);
		if (length)
			emit_escape(json, s[i]);
		else
			emit(json, "\xef\xbf\xbd", 3);
		start = ++i;
	}
	emit(json, text + start, bytes - start);
	emit(json, "\"", 1);
}

static bool is_in_object(const struct json *json)
{
	return json->depth && (json->in_object >> (json->depth - 1) & 1);
}

/* What goes before every value: comma and key. Latches -EINVAL when a value or a key is out of
 * place here. */
static void before_value(struct json *json, const char *key)
{
	if (is_in_object(json) != (key != NULL) || (!json->depth && json->is_complete)) {
		fail(json, -EINVAL);
		return;
	}
	if (json->has_member)
		emit(json, ",", 1);
	if (key) {
		emit_quoted(json, key, strlen(key));
		emit(json, ":", 1);
	}
	json->has_member = json->depth > 0;
	json->is_complete = !json->depth;
}

static void begin(struct json *json, const char *key, bool object)
{
	before_value(json, key);
	if (json->depth == JSON_DEPTH_MAX)
		fail(json, -EINVAL);
	if (json->error)
		return;
	emit(json, object ? "{" : "[", 1);
	json->in_object &= ~(1u << json->depth);
	json->in_object |= (uint32_t)object << json->depth;
	json->depth++;
	json->has_member = false;
	json->is_complete = false;
}

static void end(struct json *json, bool object)
{
	if (!json->depth || is_in_object(json) != object)
		fail(json, -EINVAL);
	if (json->error)
		return;
	emit(json, object ? "}" : "]", 1);
	json->depth--;
	json->has_member = json->depth > 0;
	json->is_complete = !json->depth;
}

void json_object_begin(struct json *json, const char *key)
{
	begin(json, key, true);
}

void json_object_end(struct json *json)
{
	end(json, true);
}

void json_array_begin(struct json *json, const char *key)
{
	begin(json, key, false);
}

void json_array_end(struct json *json)
{
	end(json, false);
}

void json_raw(struct json *json, const char *key, const char *value, size_t bytes)
{
	before_value(json, key);
	emit(json, value, bytes);
}

void json_u64(struct json *json, const char *key, uint64_t value)
{
	char text[24];

	json_raw(json, key, text,
		 fmt_scnprintf(text, sizeof(text), "%llu", (unsigned long long)value));
}

void json_i64(struct json *json, const char *key, int64_t value)
{
	char text[24];

	json_raw(json, key, text, fmt_scnprintf(text, sizeof(text), "%lld", (long long)value));
}

void json_bool(struct json *json, const char *key, bool value)
{
	json_raw(json, key, value ? "true" : "false", value ? 4 : 5);
}

void json_null(struct json *json, const char *key)
{
	json_raw(json, key, "null", 4);
}

void json_string_n(struct json *json, const char *key, const char *value, size_t bytes)
{
	before_value(json, key);
	emit_quoted(json, value, bytes);
}

void json_string(struct json *json, const char *key, const char *value)
{
	if (value)
		json_string_n(json, key, value, strlen(value));
	else
		json_null(json, key);
}

void json_hex(struct json *json, const char *key, uint64_t value)
{
	char text[24];

	json_string_n(json, key, text,
		      fmt_scnprintf(text, sizeof(text), "0x%llx", (unsigned long long)value));
}

void json_fixed(struct json *json, const char *key, int64_t value, unsigned decimals)
{
	uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	uint64_t scale = 1;
	char text[32];
	size_t length;

	if (decimals > 18) {
		fail(json, -EINVAL);
		return;
	}
	if (!decimals) {
		json_i64(json, key, value);
		return;
	}
	for (unsigned i = 0; i < decimals; i++)
		scale *= 10;
	length = fmt_scnprintf(text, sizeof(text), "%s%llu.%0*llu", value < 0 ? "-" : "",
			       (unsigned long long)(magnitude / scale), (int)decimals,
			       (unsigned long long)(magnitude % scale));
	json_raw(json, key, text, length);
}

int json_finish(struct json *json)
{
	if (!json->is_complete)
		fail(json, -EINVAL);
	return json->error;
}
