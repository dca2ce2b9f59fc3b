/*
 * Memory of the host program. A few megabytes at the most, so running out ends the process with a
 * line instead of being handled everywhere.
 */
#pragma once

#include <stdarg.h>

#include "lib/types.h"

__noreturn void memory_exhausted(void);
void *memory_resize(void *old, size_t bytes) __must_check;
char *memory_string(const char *text) __must_check;
char *memory_format(const char *fmt, ...) __printf(1, 2) __must_check;
char *memory_vformat(const char *fmt, va_list args) __printf(1, 0) __must_check;

/* Bytes that grow at the end. Zero-initialised is empty; free(bytes.data). */
struct bytes {
	char *data;
	size_t length, room;
};

void bytes_add(struct bytes *bytes, const void *data, size_t length);
void bytes_add_text(struct bytes *bytes, const char *text);

/* Same, as a sink of lib/json and lib/cpio: `context` is a struct bytes; always 0. */
int bytes_write(void *context, const void *data, size_t length);
