/*
 * Lists of words and their form for a shell.
 */
#include "tools/arguments.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tools/memory.h"

void arguments_add(struct arguments *arguments, const char *word)
{
	arguments->words =
		memory_resize(arguments->words, (arguments->count + 2) * sizeof(*arguments->words));
	arguments->words[arguments->count++] = memory_string(word);
	arguments->words[arguments->count] = NULL;
}

void arguments_addf(struct arguments *arguments, const char *fmt, ...)
{
	va_list args;
	char *word;

	va_start(args, fmt);
	word = memory_vformat(fmt, args);
	va_end(args);
	arguments_add(arguments, word);
	free(word);
}

void arguments_free(struct arguments *arguments)
{
	for (size_t i = 0; i < arguments->count; i++)
		free(arguments->words[i]);
	free(arguments->words);
	*arguments = (struct arguments){0};
}

static void print_word(const char *word, FILE *stream)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				    "@%_+=:,./-";

	if (*word && strspn(word, plain) == strlen(word)) {
		fputs(word, stream);
		return;
	}
	fputc('\'', stream);
	for (; *word; word++) {
		if (*word == '\'')
			fputs("'\\''", stream);
		else
			fputc(*word, stream);
	}
	fputc('\'', stream);
}

void arguments_print(const struct arguments *arguments, FILE *stream)
{
	for (size_t i = 0; i < arguments->count; i++) {
		if (i)
			fputc(' ', stream);
		print_word(arguments->words[i], stream);
	}
}

char *arguments_line(const struct arguments *arguments)
{
	char *line = NULL;
	size_t bytes;
	FILE *stream = open_memstream(&line, &bytes);

	if (!stream)
		memory_exhausted();
	arguments_print(arguments, stream);
	fclose(stream);
	return line;
}
