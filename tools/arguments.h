/*
 * A growing list of words: the command line of a program. Running out of memory ends the process.
 */
#pragma once

#include <stdio.h>

#include "lib/types.h"

struct arguments {
	char **words; /* ends in NULL once there is a word */
	size_t count;
};

void arguments_add(struct arguments *arguments, const char *word);
void arguments_addf(struct arguments *arguments, const char *fmt, ...) __printf(2, 3);
void arguments_free(struct arguments *arguments);

/* Write the words as one line that a shell reads back as the same words; no newline. */
void arguments_print(const struct arguments *arguments, FILE *stream);

/* The same line as a string for free(). */
char *arguments_line(const struct arguments *arguments);
