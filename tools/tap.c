/*
 * Reading TAP out of a log that holds other lines too. Pure.
 */
#include "tools/tap.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct line {
	const char *text;
	size_t length;
};

static bool next_line(const char **at, const char *end, struct line *line)
{
	const char *newline;

	if (*at == end)
		return false;
	newline = memchr(*at, '\n', (size_t)(end - *at));
	line->text = *at;
	line->length = newline ? (size_t)(newline - *at) : (size_t)(end - *at);
	*at = newline ? newline + 1 : end;
	if (line->length && line->text[line->length - 1] == '\r')
		line->length--;
	return true;
}

static bool begins(const struct line *line, const char *word)
{
	size_t length = strlen(word);

	return line->length >= length && !memcmp(line->text, word, length);
}

static void keep_line(struct tap *tap, const struct line *line)
{
	bytes_add_text(&tap->failures, "    ");
	bytes_add(&tap->failures, line->text, line->length);
	bytes_add_text(&tap->failures, "\n");
}

static unsigned read_plan(const struct line *line)
{
	unsigned planned = 0;

	for (size_t i = 3; i < line->length && isdigit((unsigned char)line->text[i]); i++)
		planned = planned * 10 + (unsigned)(line->text[i] - '0');
	return planned;
}

void tap_read(struct tap *tap, const char *text, size_t length)
{
	const char *end = text + length;
	struct line line;
	bool is_failing = false;

	while (next_line(&text, end, &line)) {
		if (begins(&line, "1..")) {
			tap->has_plan = true;
			tap->planned += read_plan(&line);
		} else if (begins(&line, "ok ") && memmem(line.text, line.length, "# SKIP", 6)) {
			tap->skipped++;
			is_failing = false;
		} else if (begins(&line, "ok ")) {
			tap->passed++;
			is_failing = false;
		} else if (begins(&line, "not ok ")) {
			tap->failed++;
			is_failing = true;
			keep_line(tap, &line);
		} else if (is_failing && begins(&line, "#  ")) {
			keep_line(tap, &line);
		} else {
			is_failing = false;
		}
	}
}

bool tap_read_sum(struct tap *tap, const char *text, size_t length)
{
	const char *end = text + length;
	struct line line, last = {0};
	char copy[100];

	while (next_line(&text, end, &line))
		if (line.length)
			last = line;
	if (!last.length || last.length >= sizeof(copy))
		return false;
	memcpy(copy, last.text, last.length);
	copy[last.length] = '\0';
	return sscanf(copy, "%u passed, %u failed, %u skipped", &tap->passed, &tap->failed,
		      &tap->skipped) == 3;
}
