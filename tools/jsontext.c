/*
 * A JSON reader by recursive descent with a bounded depth. Pure.
 */
#include "tools/jsontext.h"

#include <string.h>

#define DEPTH_MAX 64

struct reader {
	const char *at, *end;
};

static bool skip_value(struct reader *reader, unsigned depth);

static void skip_space(struct reader *reader)
{
	while (reader->at < reader->end && memchr(" \t\r\n", *reader->at, 4))
		reader->at++;
}

static bool skip_char(struct reader *reader, char c)
{
	if (reader->at == reader->end || *reader->at != c)
		return false;
	reader->at++;
	return true;
}

static bool skip_word(struct reader *reader, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
		return false;
	reader->at += length;
	return true;
}

static bool skip_digits(struct reader *reader)
{
	const char *start = reader->at;

	while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
		reader->at++;
	return reader->at > start;
}

static bool skip_number(struct reader *reader)
{
	(void)skip_char(reader, '-');
	if (!skip_char(reader, '0') && !skip_digits(reader))
		return false;
	if (skip_char(reader, '.') && !skip_digits(reader))
		return false;
	if (!skip_char(reader, 'e') && !skip_char(reader, 'E'))
		return true;
	if (!skip_char(reader, '+'))
		(void)skip_char(reader, '-');
	return skip_digits(reader);
}

static bool skip_escape(struct reader *reader)
{
	if (reader->at == reader->end)
		return false;
	if (*reader->at++ != 'u')
		return memchr("\"\\/bfnrt", reader->at[-1], 8) != NULL;
	for (int i = 0; i < 4; i++, reader->at++)
		if (reader->at == reader->end || !memchr("0123456789abcdefABCDEF", *reader->at, 22))
			return false;
	return true;
}

static bool skip_string(struct reader *reader)
{
	if (!skip_char(reader, '"'))
		return false;
	while (reader->at < reader->end) {
		char c = *reader->at++;

		if (c == '"')
			return true;
		if ((unsigned char)c < 0x20 || (c == '\\' && !skip_escape(reader)))
			return false;
	}
	return false;
}

static bool skip_member(struct reader *reader, unsigned depth)
{
	skip_space(reader);
	if (!skip_string(reader))
		return false;
	skip_space(reader);
	return skip_char(reader, ':') && skip_value(reader, depth);
}

static bool skip_list(struct reader *reader, char close, unsigned depth,
		      bool (*skip_item)(struct reader *, unsigned))
{
	skip_space(reader);
	if (skip_char(reader, close))
		return true;
	do {
		if (!skip_item(reader, depth))
			return false;
		skip_space(reader);
	} while (skip_char(reader, ','));
	return skip_char(reader, close);
}

static bool skip_value(struct reader *reader, unsigned depth)
{
	if (!depth)
		return false;
	skip_space(reader);
	if (skip_char(reader, '{'))
		return skip_list(reader, '}', depth - 1, skip_member);
	if (skip_char(reader, '['))
		return skip_list(reader, ']', depth - 1, skip_value);
	return skip_string(reader) || skip_word(reader, "true") || skip_word(reader, "false") ||
	       skip_word(reader, "null") || skip_number(reader);
}

bool json_text_is_value(const char *text, size_t length)
{
	struct reader reader = {text, text + length};

	if (!skip_value(&reader, DEPTH_MAX))
		return false;
	skip_space(&reader);
	return reader.at == reader.end;
}

bool json_text_next_member(const char *text, size_t length, size_t *position,
			   struct json_piece *key, struct json_piece *value)
{
	struct reader reader = {text + *position, text + length};

	skip_space(&reader);
	if (!skip_char(&reader, *position ? ',' : '{'))
		return false;
	skip_space(&reader);
	key->text = reader.at + 1;
	if (!skip_string(&reader))
		return false;
	key->length = (size_t)(reader.at - key->text) - 1;
	skip_space(&reader);
	if (!skip_char(&reader, ':'))
		return false;
	skip_space(&reader);
	value->text = reader.at;
	if (!skip_value(&reader, DEPTH_MAX))
		return false;
	value->length = (size_t)(reader.at - value->text);
	*position = (size_t)(reader.at - text);
	return true;
}
