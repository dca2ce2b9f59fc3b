/*
 * Folders that are removed again.
 */
#include "tools/workdir.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/memory.h"
#include "tools/say.h"

char *workdir_make(void)
{
	const char *parent = getenv("TMPDIR");
	char *path = memory_format("%s/fanga-XXXXXX", parent && *parent ? parent : "/tmp");

	if (mkdtemp(path))
		return path;
	say("cannot make a folder '%s': %s", path, strerror(errno));
	free(path);
	return NULL;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
	(void)info;
	(void)kind;
	(void)where;
	return remove(path);
}

void workdir_remove(char *path)
{
	if (path)
		nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(path);
}
