/*
 * The rings of tests and the suites in them, as the sources have them.
 */
#pragma once

#include "tools/arguments.h"

enum ring { RING_HOST, RING_KERNEL, RING_SYSTEM, RING_FUZZ, RING_COUNT };

const char *ring_name(enum ring ring);

/* Append the names of all suites of a ring, sorted, each once. */
void suites_list(struct arguments *suites, const char *root, enum ring ring);

bool arguments_have(const struct arguments *list, const char *word);
