/*
 * Reading JSON text (RFC 8259): enough to check that a section from the machine is one whole value,
 * and to take its members apart. Nothing is allocated; pieces point into the text.
 */
#pragma once

#include "lib/types.h"

struct json_piece {
	const char *text;
	size_t length;
};

/* Whether `text` is exactly one JSON value, white space around it allowed. */
bool json_text_is_value(const char *text, size_t length);

/*
 * Step through the members of the object `text`, which json_text_is_value() has accepted. Start
 * with *position 0. The key comes without its quotes, escapes as they are. False at the end, or if
 * the value is no object.
 */
bool json_text_next_member(const char *text, size_t length, size_t *position,
			   struct json_piece *key, struct json_piece *value);
