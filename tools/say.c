/*
 * Lines and progress on standard error.
 */
#include "tools/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int verbosity;
static int stage_columns; /* of the progress line that stands on the terminal, 0: none */

void say_set_verbosity(int value)
{
	verbosity = value;
}

void say_stage_clear(void)
{
	if (!stage_columns)
		return;
	fprintf(stderr, "\r%*s\r", stage_columns, "");
	stage_columns = 0;
}

void say(const char *fmt, ...)
{
	va_list args;

	say_stage_clear();
	fputs("fanga: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

void say_text(const char *text, size_t bytes)
{
	say_stage_clear();
	for (size_t i = 0; i < bytes; i++) {
		unsigned char c = (unsigned char)text[i];

		fputc(c == '\n' || c == '\t' || (c >= 0x20 && c != 0x7f) ? c : '?', stderr);
	}
	if (!bytes || text[bytes - 1] != '\n')
		fputc('\n', stderr);
}

void say_stage(const char *fmt, ...)
{
	char line[79];
	va_list args;

	if (verbosity < 0)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
	/* With the console on the same terminal a line in place would be torn apart. */
	if (isatty(STDERR_FILENO) && verbosity == 0) {
		say_stage_clear();
		stage_columns = (int)strlen(line);
		fputs(line, stderr);
		fflush(stderr);
	} else {
		fprintf(stderr, "fanga: %s\n", line);
	}
}
