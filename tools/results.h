/*
 * The results folder. Every file is written under a temporary name in it and renamed when it is
 * whole; what is not renamed when the folder is closed is removed.
 */
#pragma once

#include <stdio.h>

#include "lib/types.h"

struct results {
	char *path; /* as the person gave it */
	int folder; /* its file descriptor, -1 while closed */
};

struct results_file {
	FILE *stream; /* NULL: not open */
	char *name, *temporary;
};

/*
 * Make the folder if it is not there, check that files can be made in it, and remove the files of
 * earlier runs. Returns 0, or a negative errno after one line on standard error.
 */
int results_open(struct results *results, const char *path) __must_check;
void results_close(struct results *results);

/* Start file `name`, a plain name without '/'. Returns 0 or a negative errno. */
int results_file_open(struct results *results, struct results_file *file,
		      const char *name) __must_check;

/* Write out and rename; or remove, if `is_whole` is false. Returns 0 or a negative errno, and then
 * the file is not there. Once closed, again is nothing. */
int results_file_close(struct results *results, struct results_file *file,
		       bool is_whole) __must_check;

/* All of one file. Returns 0, or a negative errno after one line on standard error. */
int results_write(struct results *results, const char *name, const void *data,
		  size_t bytes) __must_check;
