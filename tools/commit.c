/*
 * The commit out of .git itself: a machine that runs FangaOS need not have git.
 */
#include "tools/commit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/memory.h"

#define HASH_DIGITS 40

/* The first line of a file, for free(); NULL if it cannot be read. */
static char *read_line(const char *folder, const char *name)
{
	char *path = memory_format("%s/%s", folder, name);
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;

	free(path);
	if (!file)
		return NULL;
	if (getline(&line, &room, file) < 0) {
		free(line);
		line = NULL;
	}
	fclose(file);
	if (line)
		line[strcspn(line, "\n")] = '\0';
	return line;
}

/* A path that a file in `folder` holds, which may be relative to it. */
static char *resolve(const char *folder, const char *path)
{
	return *path == '/' ? memory_string(path) : memory_format("%s/%s", folder, path);
}

static bool is_hash(const char *text)
{
	return strlen(text) >= HASH_DIGITS && strspn(text, "0123456789abcdef") >= HASH_DIGITS;
}

/* packed-refs: lines of "HASH NAME". */
static char *find_packed(const char *folder, const char *name)
{
	char *path = memory_format("%s/packed-refs", folder);
	FILE *file = fopen(path, "re");
	char *line = NULL, *hash = NULL;
	size_t room = 0;

	free(path);
	while (file && !hash && getline(&line, &room, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (is_hash(line) && line[HASH_DIGITS] == ' ' &&
		    !strcmp(line + HASH_DIGITS + 1, name))
			hash = memory_format("%.*s", HASH_DIGITS, line);
	}
	free(line);
	if (file)
		fclose(file);
	return hash;
}

/* `git` is the folder of this work tree, `common` the one it shares with others. */
static char *read_head(const char *git, const char *common)
{
	char *head = read_line(git, "HEAD"), *hash = NULL;

	if (head && !strncmp(head, "ref: ", 5)) {
		hash = read_line(common, head + 5);
		if (!hash)
			hash = find_packed(common, head + 5);
		free(head);
	} else {
		hash = head;
	}
	if (hash && is_hash(hash))
		return hash;
	free(hash);
	return NULL;
}

char *commit_read(const char *root)
{
	char *link = read_line(root, ".git"); /* a folder gives nothing */
	char *git, *common, *hash, *shared;

	if (link && !strncmp(link, "gitdir: ", 8))
		git = resolve(root, link + 8);
	else
		git = memory_format("%s/.git", root);
	free(link);
	shared = read_line(git, "commondir");
	common = shared ? resolve(git, shared) : memory_string(git);
	hash = read_head(git, common);
	free(shared);
	free(common);
	free(git);
	return hash;
}
