/*
 * What `fanga` itself says to the person: lines and progress, all on standard error. Progress is
 * rewritten in place on a terminal and plain lines elsewhere; no terminal escapes anywhere.
 */
#pragma once

#include "lib/types.h"

/* `value` -1: quiet (no progress, errors only), 0, 1: with the machine's console. */
void say_set_verbosity(int value);

/* One line, "fanga: " before it and a newline behind it. */
void say(const char *fmt, ...) __printf(1, 2);

/* The machine's own words: each line of `text` as it stands, without control characters. */
void say_text(const char *text, size_t bytes);

/* What happens now. Silent when quiet. */
void say_stage(const char *fmt, ...) __printf(1, 2);

/* Take the progress line away, before anything else is written to the terminal. */
void say_stage_clear(void);
