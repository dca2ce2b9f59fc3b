/*
 * Allocation that does not fail, strings and growing buffers.
 */
#include "tools/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/say.h"

void memory_exhausted(void)
{
	say("out of memory");
	exit(1);
}

void *memory_resize(void *old, size_t bytes)
{
	void *memory = realloc(old, bytes ? bytes : 1);

	if (!memory)
		memory_exhausted();
	return memory;
}

char *memory_string(const char *text)
{
	size_t bytes = strlen(text) + 1;

	return memcpy(memory_resize(NULL, bytes), text, bytes);
}

char *memory_vformat(const char *fmt, va_list args)
{
	char *text;

	if (vasprintf(&text, fmt, args) < 0)
		memory_exhausted();
	return text;
}

char *memory_format(const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = memory_vformat(fmt, args);
	va_end(args);
	return text;
}

void bytes_add(struct bytes *bytes, const void *data, size_t length)
{
	if (length > bytes->room - bytes->length) {
		size_t room = bytes->room ? bytes->room : 4096;

		while (room - bytes->length < length)
			room *= 2;
		bytes->data = memory_resize(bytes->data, room);
		bytes->room = room;
	}
	if (length)
		memcpy(bytes->data + bytes->length, data, length);
	bytes->length += length;
}

void bytes_add_text(struct bytes *bytes, const char *text)
{
	bytes_add(bytes, text, strlen(text));
}

int bytes_write(void *context, const void *data, size_t length)
{
	bytes_add(context, data, length);
	return 0;
}
