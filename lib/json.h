/*
 * JSON writer (RFC 8259) over a sink. Commas, nesting and escaping are its business; the output is
 * compact, one line. Strings come out as valid UTF-8 whatever goes in: each byte that is not part
 * of a valid sequence becomes U+FFFD. The first error (of the sink, or of the caller: a key outside
 * an object, none inside one, an end that does not match, nesting too deep) is latched; from then
 * on nothing is written, and json_finish returns it. No allocation; a writer belongs to one context
 * at a time.
 */
#pragma once

#include "lib/types.h"

#define JSON_DEPTH_MAX 32

/* Takes `bytes` bytes; returns 0 or a negative errno. */
typedef int (*json_write_fn)(void *context, const void *data, size_t bytes);

struct json {
	json_write_fn write;
	void *context;
	int error;	    /* first error, 0 while all is well */
	unsigned depth;	    /* open objects and arrays */
	uint32_t in_object; /* bit d: the container at depth d + 1 is an object */
	bool has_member;    /* the innermost container has a member already */
	bool is_complete;   /* the one top-level value has been written */
};

_Static_assert(JSON_DEPTH_MAX <= 32, "in_object has one bit per level");

void json_init(struct json *json, json_write_fn write, void *context);

/* In all of these `key` names the member of an object and is NULL in an array and at the top. */
void json_object_begin(struct json *json, const char *key);
void json_object_end(struct json *json);
void json_array_begin(struct json *json, const char *key);
void json_array_end(struct json *json);

void json_u64(struct json *json, const char *key, uint64_t value);
void json_i64(struct json *json, const char *key, int64_t value);
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);

/* A NULL string is null. */
void json_string(struct json *json, const char *key, const char *value);
void json_string_n(struct json *json, const char *key, const char *value, size_t bytes);

/* A string "0x..." in hexadecimal, for addresses (JSON numbers lose bits above 2^53 in most
 * readers). */
void json_hex(struct json *json, const char *key, uint64_t value);

/* value / 10^decimals, written with exactly that many decimals, 0 to 18: (1234, 2) is 12.34. */
void json_fixed(struct json *json, const char *key, int64_t value, unsigned decimals);

/* Text that is one whole JSON value already; it is copied as it stands. */
void json_raw(struct json *json, const char *key, const char *value, size_t bytes);

/* 0 when exactly one value was written and everything was closed; else the first error (-EINVAL:
 * misuse). */
int json_finish(struct json *json) __must_check;
