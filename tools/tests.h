/*
 * `fanga test`.
 */
#pragma once

/* argv[0] is "test". Returns the exit status: 0, 1 a test failed, 2 wrong usage. */
int tests_main(const char *root, int argc, char **argv);
