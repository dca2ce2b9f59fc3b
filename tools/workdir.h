/*
 * A folder for what a run needs only while it lasts, in TMPDIR or /tmp.
 */
#pragma once

/* Make one; its path, for workdir_remove(). NULL after one line on standard error. */
char *workdir_make(void);

/* Remove it with all that is in it and free the path. NULL is nothing. */
void workdir_remove(char *path);
