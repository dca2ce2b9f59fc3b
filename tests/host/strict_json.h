/*
 * A strict JSON checker for tests (RFC 8259, and UTF-8 without overlong forms or surrogates): it
 * accepts a text or does not, and shares no line with the writer that it judges.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct strict_json {
	const uint8_t *at, *end;
};

static inline bool strict_json_value(struct strict_json *j, unsigned depth);

static inline void strict_json_space(struct strict_json *j)
{
	while (j->at < j->end && strchr(" \t\n\r", *j->at) && *j->at)
		j->at++;
}

static inline bool strict_json_take(struct strict_json *j, const char *text)
{
	size_t length = strlen(text);

	if ((size_t)(j->end - j->at) < length || memcmp(j->at, text, length) != 0)
		return false;
	j->at += length;
	return true;
}

static inline unsigned strict_json_digits(struct strict_json *j)
{
	const uint8_t *start = j->at;

	while (j->at < j->end && *j->at >= '0' && *j->at <= '9')
		j->at++;
	return (unsigned)(j->at - start);
}

static inline bool strict_json_number(struct strict_json *j)
{
	strict_json_take(j, "-");
	if (!strict_json_take(j, "0") && !strict_json_digits(j))
		return false;
	if (strict_json_take(j, ".") && !strict_json_digits(j))
		return false;
	if (strict_json_take(j, "e") || strict_json_take(j, "E")) {
		if (!strict_json_take(j, "+"))
			strict_json_take(j, "-");
		if (!strict_json_digits(j))
			return false;
	}
	return true;
}

/* One code point by decoding it and looking at its range, not at byte patterns. */
static inline bool strict_json_code_point(struct strict_json *j)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t c = *j->at++;
	unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;

	if (c < 0x80)
		return c >= 0x20;
	if (c < 0xc0 || c >= 0xf8)
		return false;
	c &= 0x3fu >> more;
	for (unsigned i = 0; i < more; i++) {
		if (j->at == j->end || *j->at >> 6 != 2)
			return false;
		c = c << 6 | (*j->at++ & 0x3fu);
	}
	return c >= smallest[more + 1] && c <= 0x10ffff && c >> 11 != 0xd800 >> 11;
}

static inline bool strict_json_string(struct strict_json *j)
{
	if (!strict_json_take(j, "\""))
		return false;
	while (j->at < j->end) {
		if (strict_json_take(j, "\""))
			return true;
		if (!strict_json_take(j, "\\")) {
			if (!strict_json_code_point(j))
				return false;
			continue;
		}
		if (j->at == j->end)
			return false;
		if (*j->at == 'u') {
			for (unsigned i = 1; i <= 4; i++)
				if (j->end - j->at <= (ptrdiff_t)i ||
				    !strchr("0123456789abcdefABCDEF", j->at[i]) || !j->at[i])
					return false;
			j->at += 5;
		} else {
			if (!*j->at || !strchr("\"\\/bfnrt", *j->at))
				return false;
			j->at++;
		}
	}
	return false;
}

static inline bool strict_json_members(struct strict_json *j, bool is_object, unsigned depth)
{
	const char *close = is_object ? "}" : "]";

	strict_json_space(j);
	if (strict_json_take(j, close))
		return true;
	for (;;) {
		strict_json_space(j);
		if (is_object) {
			if (!strict_json_string(j))
				return false;
			strict_json_space(j);
			if (!strict_json_take(j, ":"))
				return false;
		}
		if (!strict_json_value(j, depth + 1))
			return false;
		if (strict_json_take(j, close))
			return true;
		if (!strict_json_take(j, ","))
			return false;
	}
}

static inline bool strict_json_value(struct strict_json *j, unsigned depth)
{
	bool is_good;

	strict_json_space(j);
	if (depth > 100 || j->at == j->end)
		return false;
	if (strict_json_take(j, "{"))
		is_good = strict_json_members(j, true, depth);
	else if (strict_json_take(j, "["))
		is_good = strict_json_members(j, false, depth);
	else if (*j->at == '"')
		is_good = strict_json_string(j);
	else
		is_good = strict_json_take(j, "true") || strict_json_take(j, "false") ||
			  strict_json_take(j, "null") || strict_json_number(j);
	strict_json_space(j);
	return is_good;
}

/* Whether the `bytes` bytes are one JSON text and nothing else. */
static inline bool strict_json_accepts(const void *text, size_t bytes)
{
	struct strict_json j = {text, (const uint8_t *)text + bytes};

	return strict_json_value(&j, 0) && j.at == j.end;
}
