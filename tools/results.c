/*
 * Files of the results folder.
 */
#include "tools/results.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/memory.h"
#include "tools/say.h"

/* Every file that a run may leave; those of earlier runs are removed. */
static const char *const names[] = {
	"run.json",
	"console.log",
	"profile.txt",
	"profile.json",
	"profile.csv",
	"profile.folded",
	"profile.speedscope.json",
	"flame.html",
	"trace.json",
};

/* mkdir -p. */
static int make_folders(const char *path)
{
	char *copy = memory_string(path);
	int error = 0;

	for (char *c = copy + 1; !error; c++) {
		char old = *c;

		if (old && old != '/')
			continue;
		*c = '\0';
		if (mkdir(copy, 0777) && errno != EEXIST)
			error = errno;
		*c = old;
		if (!old)
			break;
	}
	free(copy);
	return -error;
}

/* A file of one byte: room on the disk, and the right to write. */
static int try_to_write(struct results *results)
{
	struct results_file file;
	int error = results_file_open(results, &file, "write-test");

	if (error)
		return error;
	if (fputc('\n', file.stream) == EOF || fflush(file.stream))
		error = -errno;
	if (results_file_close(results, &file, false) && !error)
		error = -EIO;
	return error;
}

int results_open(struct results *results, const char *path)
{
	int error = make_folders(path);

	*results = (struct results){.path = memory_string(path), .folder = -1};
	if (!error) {
		results->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		error = results->folder < 0 ? -errno : try_to_write(results);
	}
	for (size_t i = 0; !error && i < ARRAY_SIZE(names); i++)
		if (unlinkat(results->folder, names[i], 0) && errno != ENOENT)
			error = -errno;
	if (error) {
		say("cannot write results into '%s': %s", path, strerror(-error));
		results_close(results);
	}
	return error;
}

void results_close(struct results *results)
{
	if (results->folder >= 0)
		close(results->folder);
	free(results->path);
	*results = (struct results){.folder = -1};
}

int results_file_open(struct results *results, struct results_file *file, const char *name)
{
	int fd, error;

	*file = (struct results_file){
		.name = memory_string(name),
		.temporary = memory_format(".%s.%d.tmp", name, getpid()),
	};
	fd = openat(results->folder, file->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		    0666);
	error = fd < 0 ? -errno : 0;
	if (!error) {
		file->stream = fdopen(fd, "w");
		if (!file->stream)
			memory_exhausted();
		return 0;
	}
	free(file->name);
	free(file->temporary);
	*file = (struct results_file){0};
	return error;
}

int results_file_close(struct results *results, struct results_file *file, bool is_whole)
{
	int error = 0;

	if (!file->stream)
		return 0;
	errno = 0;
	if (ferror(file->stream))
		error = -EIO;
	if (fclose(file->stream))
		error = errno ? -errno : -EIO;
	if (!error && is_whole &&
	    renameat(results->folder, file->temporary, results->folder, file->name))
		error = -errno;
	if (error || !is_whole)
		unlinkat(results->folder, file->temporary, 0);
	free(file->name);
	free(file->temporary);
	*file = (struct results_file){0};
	return error;
}

int results_write(struct results *results, const char *name, const void *data, size_t bytes)
{
	struct results_file file;
	int error = results_file_open(results, &file, name);

	if (!error) {
		fwrite(data, 1, bytes, file.stream);
		error = results_file_close(results, &file, true);
	}
	if (error)
		say("cannot write '%s/%s': %s", results->path, name, strerror(-error));
	return error;
}
