/*
 * Which commit the sources are of.
 */
#pragma once

/* The commit that is checked out in `root` as 40 hexadecimal digits, for free(); NULL if unknown.
 */
char *commit_read(const char *root);
