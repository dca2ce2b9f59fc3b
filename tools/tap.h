/*
 * What a test program printed: TAP (Test Anything Protocol), or only the last line of our own
 * runners, `N passed, N failed, N skipped`.
 */
#pragma once

#include "tools/memory.h"

struct tap {
	unsigned passed, failed, skipped;
	unsigned planned;
	bool has_plan;
	struct bytes failures; /* a line for each, with the comments that follow it */
};

/* Read TAP; lines that are none are passed over. */
void tap_read(struct tap *tap, const char *text, size_t length);

/* Take the counts from the last line. False if it is not of that form. */
bool tap_read_sum(struct tap *tap, const char *text, size_t length);
