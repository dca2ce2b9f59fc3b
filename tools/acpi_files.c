/*
 * Loading ACPI tables from files; see acpi_files.h. Each table gets a buffer of exactly its size,
 * so that a sanitizer sees any read past it. Host only, one thread.
 */
#include "tools/acpi_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel/acpi/rsdp.h"
#include "kernel/acpi/table.h"

/* A dump in text takes about five times the bytes of its tables. */
#define FILE_BYTES_MAX (64u << 20)

/* A file's bytes, or the part of a text dump that is being put together. */
struct buffer {
	uint8_t *data;
	size_t bytes;
	size_t room;
};

static int append(struct buffer *to, const void *data, size_t bytes)
{
	if (to->room - to->bytes < bytes) {
		size_t room = (to->room + bytes) * 2 + 64;
		uint8_t *grown = realloc(to->data, room);

		if (!grown)
			return -ENOMEM;
		to->data = grown;
		to->room = room;
	}
	if (bytes)
		memcpy(to->data + to->bytes, data, bytes);
	to->bytes += bytes;
	return 0;
}

/* Add a copy of `bytes` as a file of that name. */
static int add_file(struct acpi_files *files, const char *name, const void *data, size_t bytes)
{
	void *copy = malloc(bytes ? bytes : 1);
	char *own_name = strdup(name);

	if (files->count == files->room) {
		unsigned room = files->room * 2 + 8;
		struct acpi_file *grown = realloc(files->list, room * sizeof(*grown));

		if (grown) {
			files->list = grown;
			files->room = room;
		}
	}
	if (!copy || !own_name || files->count == files->room) {
		free(copy);
		free(own_name);
		return -ENOMEM;
	}
	if (bytes)
		memcpy(copy, data, bytes);
	files->list[files->count++] =
		(struct acpi_file){.name = own_name, .data = copy, .bytes = bytes};
	return 0;
}

static int read_stream(struct buffer *to, FILE *stream)
{
	uint8_t chunk[65536];
	size_t got;
	int error = 0;

	while (error == 0 && (got = fread(chunk, 1, sizeof(chunk), stream)) > 0) {
		error = append(to, chunk, got);
		if (to->bytes > FILE_BYTES_MAX)
			error = -EFBIG;
	}
	if (error == 0 && ferror(stream))
		error = errno ? -errno : -EIO;
	return error;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* "APIC @ 0x000000007FFE1E5C": the start of a table in acpidump's output. */
static bool is_dump_heading(const char *line)
{
	const char *at = strstr(line, " @ 0x");

	return at && at > line && at - line <= 8 && hex_digit(at[5]) >= 0;
}

/* "    0010: 42 58 50 43 ...  BXPC": false if it is not that or does not go on at `expected`. */
static bool read_dump_line(const char *line, size_t expected, uint8_t *bytes, unsigned *count)
{
	char *end;
	size_t offset;

	*count = 0;
	line += strspn(line, " \t");
	if (hex_digit(line[0]) < 0)
		return false;
	offset = strtoul(line, &end, 16);
	if (*end++ != ':' || offset != expected)
		return false;
	while (*count < 16 && end[0] == ' ' && hex_digit(end[1]) >= 0 && hex_digit(end[2]) >= 0) {
		bytes[(*count)++] = (uint8_t)(hex_digit(end[1]) << 4 | hex_digit(end[2]));
		end += 3;
	}
	return *count > 0;
}

/* Add the table that a dump has spelled out so far. */
static int end_dump_table(struct acpi_files *files, const char *path, struct buffer *table,
			  unsigned number)
{
	char name[512];
	int error;

	if (number == 0)
		return 0;
	snprintf(name, sizeof(name), "%s, table %u", path, number);
	error = add_file(files, name, table->data, table->bytes);
	table->bytes = 0;
	return error;
}

static int load_dump(struct acpi_files *files, const char *path, char *text)
{
	struct buffer table = {0};
	unsigned number = 0;
	char *save = NULL;
	int error = 0;

	for (char *line = strtok_r(text, "\r\n", &save); line && error == 0;
	     line = strtok_r(NULL, "\r\n", &save)) {
		uint8_t bytes[16];
		unsigned count;

		if (is_dump_heading(line)) {
			error = end_dump_table(files, path, &table, number++);
		} else if (number && read_dump_line(line, table.bytes, bytes, &count)) {
			error = append(&table, bytes, count);
		} else if (line[strspn(line, " \t")]) {
			error = -EILSEQ;
		}
	}
	if (error == 0)
		error = end_dump_table(files, path, &table, number);
	free(table.data);
	return error;
}

/* Raw, unless it is no table and its first line with text is the heading of a dump. */
static bool is_dump(const struct buffer *file)
{
	const char *text = (const char *)file->data;
	char line[64];
	size_t i = 0;

	if (acpi_rsdp_has_signature(file->data, file->bytes) ||
	    (acpi_table_has_header(file->data, file->bytes) &&
	     acpi_table_length(file->data) <= file->bytes))
		return false;
	while (i < file->bytes && (text[i] == '\n' || text[i] == '\r' || text[i] == ' '))
		i++;
	snprintf(line, sizeof(line), "%.*s", (int)MIN(file->bytes - i, sizeof(line) - 1), text + i);
	line[strcspn(line, "\r\n")] = '\0';
	return is_dump_heading(line);
}

static int load_file(struct acpi_files *files, const char *path)
{
	struct buffer file = {0};
	FILE *stream = fopen(path, "rb");
	int error;

	if (!stream)
		return -errno;
	error = read_stream(&file, stream);
	fclose(stream);
	if (error == 0 && is_dump(&file)) {
		error = append(&file, "", 1);
		if (error == 0)
			error = load_dump(files, path, (char *)file.data);
	} else if (error == 0) {
		error = add_file(files, path, file.data, file.bytes);
	}
	free(file.data);
	return error;
}

/* Whether a file of this name in a folder is taken for a table. */
static int is_table_name(const struct dirent *entry)
{
	static const char raw[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@!";
	const char *name = entry->d_name;
	const char *dot = strrchr(name, '.');

	if (strncmp(name, "acpidump", 8) == 0)
		return 1;
	if (dot)
		return strcmp(dot, ".dat") == 0 || strcmp(dot, ".aml") == 0 ||
		       strcmp(dot, ".bin") == 0;
	return strlen(name) >= 4 && strspn(name, raw) >= 4 &&
	       strspn(name + 4, "0123456789") == strlen(name + 4);
}

/* By the bytes of the name, whatever the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int load_folder(struct acpi_files *files, const char *path, char *reason,
		       size_t reason_bytes)
{
	struct dirent **entries;
	int count = scandir(path, &entries, is_table_name, by_name);
	unsigned before = files->count;
	int error = 0;

	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++) {
		char name[4096];
		struct stat st;

		snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
		free(entries[i]);
		if (error || stat(name, &st) != 0 || !S_ISREG(st.st_mode))
			continue;
		error = load_file(files, name);
		if (error)
			snprintf(reason, reason_bytes, "%s: %s", name, strerror(-error));
	}
	free(entries);
	if (error == 0 && files->count == before) {
		snprintf(reason, reason_bytes, "%s: no ACPI tables in this folder", path);
		error = -ENODATA;
	}
	/* Only the path that was asked for may count as not existing. */
	return error == -ENOENT ? -EIO : error;
}

int acpi_files_load(struct acpi_files *files, const char *path, char *reason, size_t reason_bytes)
{
	struct stat st;
	int error;

	reason[0] = '\0';
	if (stat(path, &st) != 0)
		error = errno == ENOTDIR ? -ENOENT : -errno;
	else if (S_ISDIR(st.st_mode))
		error = load_folder(files, path, reason, reason_bytes);
	else
		error = load_file(files, path);
	if (error && !reason[0])
		snprintf(reason, reason_bytes, "%s: %s", path,
			 error == -EILSEQ ? "broken acpidump output" : strerror(-error));
	return error;
}

void acpi_files_free(struct acpi_files *files)
{
	for (unsigned i = 0; i < files->count; i++) {
		free((void *)(uintptr_t)files->list[i].name);
		free((void *)(uintptr_t)files->list[i].data);
	}
	free(files->list);
	*files = (struct acpi_files){0};
}
