/*
 * Tables into a cpio archive.
 */
#include "tools/archive.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "lib/cpio.h"
#include "tools/acpi_files.h"
#include "tools/exits.h"
#include "tools/say.h"

static const char *const signatures[] = {"APIC", "SRAT", "SLIT", "HMAT"};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Index into `signatures`, or -1. A broken table may have no signature: then its name counts. */
static int table_kind(const struct acpi_file *file)
{
	const char *name = base_name(file->name);

	for (size_t i = 0; i < ARRAY_SIZE(signatures); i++)
		if (file->bytes >= 4 && !memcmp(file->data, signatures[i], 4))
			return (int)i;
	for (size_t i = 0; i < ARRAY_SIZE(signatures); i++)
		if (!strncasecmp(name, signatures[i], 4) && (!name[4] || name[4] == '.'))
			return (int)i;
	return -1;
}

static int add_tables(struct cpio_writer *writer, const struct acpi_files *files)
{
	const char *first[ARRAY_SIZE(signatures)] = {NULL};
	int error = cpio_add(writer, "acpi", CPIO_MODE_DIR | 0755, NULL, 0);

	for (unsigned i = 0; !error && i < files->count; i++) {
		const struct acpi_file *file = &files->list[i];
		int kind = table_kind(file);
		char *name;

		if (kind < 0)
			continue;
		if (first[kind])
			say("warning: table '%s' is ignored, '%s' before it is of the same kind",
			    file->name, first[kind]);
		else
			first[kind] = file->name;
		name = memory_format("acpi/%s", base_name(file->name));
		error = cpio_add(writer, name, CPIO_MODE_FILE | 0644, file->data, file->bytes);
		free(name);
	}
	return error ? error : cpio_finish(writer);
}

int archive_make(struct bytes *archive, const char *folder)
{
	struct acpi_files files = {0};
	struct cpio_writer writer;
	struct stat info;
	char reason[256] = "";
	int error;

	if (stat(folder, &info) || !S_ISDIR(info.st_mode)) {
		say("--acpi: '%s' is not a folder; allowed is one with apic.dat, srat.dat, "
		    "slit.dat, hmat.dat",
		    folder);
		return EXIT_USAGE;
	}
	error = acpi_files_load(&files, folder, reason, sizeof(reason));
	if (error && files.count) {
		say("--acpi: %s", reason[0] ? reason : strerror(-error));
		acpi_files_free(&files);
		return EXIT_USAGE;
	}
	if (!files.count)
		say("warning: no tables in '%s'; the machine has its boot CPU only", folder);
	cpio_create(&writer, bytes_write, archive);
	error = add_tables(&writer, &files);
	acpi_files_free(&files);
	if (!error)
		return 0;
	say("--acpi: the tables do not fit into an archive: %s", strerror(-error));
	return EXIT_USAGE;
}
