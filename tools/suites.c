/*
 * Suites by the names of their files; kernel suites by the KTEST() lines in theirs.
 */
#include "tools/suites.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "tools/memory.h"

static const char *const names[RING_COUNT] = {
	[RING_HOST] = "host",
	[RING_KERNEL] = "kernel",
	[RING_SYSTEM] = "system",
	[RING_FUZZ] = "fuzz",
};

const char *ring_name(enum ring ring)
{
	return names[ring];
}

bool arguments_have(const struct arguments *list, const char *word)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->words[i], word))
			return true;
	return false;
}

static void add_once(struct arguments *suites, const char *name, size_t length)
{
	char *copy = memory_format("%.*s", (int)length, name);

	if (length && !arguments_have(suites, copy))
		arguments_add(suites, copy);
	free(copy);
}

/* KTEST(suite, name) at the start of a line. */
static void add_from_source(struct arguments *suites, const char *path)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;

	while (file && getline(&line, &room, file) > 0)
		if (!strncmp(line, "KTEST(", 6))
			add_once(suites, line + 6, strcspn(line + 6, ", )"));
	free(line);
	if (file)
		fclose(file);
}

/* Files ROOT/FOLDER/PREFIX*SUFFIX; `suffix` begins with the dot. */
static void add_files(struct arguments *suites, const char *root, const char *folder,
		      const char *prefix, const char *suffix)
{
	char *pattern = memory_format("%s/tests/%s/%s*%s", root, folder, prefix, suffix);
	glob_t found;

	if (!glob(pattern, 0, NULL, &found)) {
		for (size_t i = 0; i < found.gl_pathc; i++) {
			const char *name = strrchr(found.gl_pathv[i], '/') + 1 + strlen(prefix);

			if (!strcmp(folder, "kernel"))
				add_from_source(suites, found.gl_pathv[i]);
			else
				add_once(suites, name, strlen(name) - strlen(suffix));
		}
		globfree(&found);
	}
	free(pattern);
}

void suites_list(struct arguments *suites, const char *root, enum ring ring)
{
	switch (ring) {
	case RING_HOST:
		add_files(suites, root, "host", "test_", ".c");
		add_files(suites, root, "host", "stress_", ".c");
		break;
	case RING_KERNEL:
		add_files(suites, root, "kernel", "test_", ".c");
		break;
	case RING_SYSTEM:
		add_files(suites, root, "system", "test_", ".sh");
		break;
	case RING_FUZZ:
		add_files(suites, root, "fuzz", "fuzz_", ".c");
		break;
	default:
		break;
	}
}
