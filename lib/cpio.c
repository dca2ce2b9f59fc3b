/*
 * cpio "newc" reader and writer. The reader's invariant: offset <= size, and an entry is handed out
 * only when its header, its name with the NUL, its data and the padding between them lie inside the
 * archive. All arithmetic is in size_t on values below 2^32 plus the offset, so it cannot wrap.
 *
 * Header: "070701" and 13 fields of 8 hexadecimal digits; name and data each padded to 4 bytes from
 * the start.
 */
#include "lib/cpio.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"

#define HEADER_BYTES 110u
#define TRAILER	     "TRAILER!!!"

enum field {
	FIELD_INODE,
	FIELD_MODE,
	FIELD_UID,
	FIELD_GID,
	FIELD_LINKS,
	FIELD_MTIME,
	FIELD_FILE_SIZE,
	FIELD_MAJOR,
	FIELD_MINOR,
	FIELD_RDEV_MAJOR,
	FIELD_RDEV_MINOR,
	FIELD_NAME_SIZE,
	FIELD_CHECK,
	FIELDS,
};

_Static_assert(6 + FIELDS * 8 == HEADER_BYTES, "buffer-format.rst");

void cpio_open(struct cpio_reader *reader, const void *archive, size_t size)
{
	*reader = (struct cpio_reader){.archive = archive, .size = size};
}

static int fail(struct cpio_reader *reader, const char *what)
{
	fmt_snprintf(reader->error, sizeof(reader->error), "cpio archive, entry at byte %zu: %s",
		     reader->offset, what);
	return -EINVAL;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* All 13 fields of the header at `header`; false when a byte is no hexadecimal digit. */
static bool read_fields(const uint8_t *header, uint32_t fields[FIELDS])
{
	const uint8_t *p = header + 6;

	for (unsigned f = 0; f < FIELDS; f++) {
		uint32_t value = 0;

		for (unsigned i = 0; i < 8; i++) {
			int digit = hex_digit(*p++);

			if (digit < 0)
				return false;
			value = value << 4 | (uint32_t)digit;
		}
		fields[f] = value;
	}
	return true;
}

int cpio_next(struct cpio_reader *reader, struct cpio_entry *entry)
{
	const uint8_t *header = reader->archive + reader->offset;
	size_t left = reader->size - reader->offset;
	size_t name_end, data_start, data_end, next;
	uint32_t fields[FIELDS];

	if (reader->error[0])
		return -EINVAL;
	if (reader->is_done)
		return 0;
	if (left < HEADER_BYTES)
		return fail(reader, left ? "the header is cut off" : "the trailer is missing");
	if (memcmp(header, "070701", 6) != 0)
		return fail(reader, "not a cpio header of the newc format");
	if (!read_fields(header, fields))
		return fail(reader, "the header has a byte that is no hexadecimal digit");

	name_end = HEADER_BYTES + (size_t)fields[FIELD_NAME_SIZE];
	data_start = ALIGN_UP(name_end, 4);
	data_end = data_start + fields[FIELD_FILE_SIZE];
	next = ALIGN_UP(data_end, 4);
	if (fields[FIELD_NAME_SIZE] < 2)
		return fail(reader, "the name is empty");
	if (name_end > left)
		return fail(reader, "the name runs past the end");
	if (strnlen((const char *)header + HEADER_BYTES, fields[FIELD_NAME_SIZE]) !=
	    fields[FIELD_NAME_SIZE] - 1)
		return fail(reader, "the name does not end where its length says");
	if (strcmp((const char *)header + HEADER_BYTES, TRAILER) == 0) {
		reader->is_done = true;
		return 0;
	}
	/* An archive may end right behind the data of an entry only if it is cut: the trailer is
	 * missing then. */
	if (data_end > left)
		return fail(reader, "the data runs past the end");

	*entry = (struct cpio_entry){
		.name = (const char *)header + HEADER_BYTES,
		.name_length = fields[FIELD_NAME_SIZE] - 1,
		.data = header + data_start,
		.size = fields[FIELD_FILE_SIZE],
		.mode = fields[FIELD_MODE],
		.mtime_s = fields[FIELD_MTIME],
	};
	reader->offset += MIN(next, left);
	return 1;
}

static const char *plain_name(const char *name)
{
	if (name[0] == '.' && name[1] == '/')
		name++;
	while (*name == '/')
		name++;
	return name;
}

int cpio_find(const void *archive, size_t size, const char *name, struct cpio_entry *entry)
{
	struct cpio_reader reader;
	struct cpio_entry at;
	int result;

	cpio_open(&reader, archive, size);
	while ((result = cpio_next(&reader, &at)) > 0) {
		if (strcmp(plain_name(at.name), name) == 0) {
			*entry = at;
			return 0;
		}
	}
	return result ? result : -ENOENT;
}

void cpio_create(struct cpio_writer *writer, cpio_write_fn write, void *context)
{
	*writer = (struct cpio_writer){.write = write, .context = context, .next_inode = 1};
}

static void emit(struct cpio_writer *writer, const void *data, size_t bytes)
{
	if (!writer->error && bytes)
		writer->error = writer->write(writer->context, data, bytes);
}

static void emit_padding(struct cpio_writer *writer, size_t written)
{
	emit(writer, "\0\0\0", ALIGN_UP(written, 4) - written);
}

static void emit_entry(struct cpio_writer *writer, const char *name, uint32_t inode, uint32_t mode,
		       const void *data, size_t size)
{
	char header[HEADER_BYTES + 1];
	size_t name_size = strlen(name) + 1;
	unsigned links = (mode & CPIO_MODE_TYPE) == CPIO_MODE_DIR ? 2 : 1;

	fmt_snprintf(header, sizeof(header),
		     "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", inode, mode, 0u,
		     0u, links, 0u, (unsigned)size, 0u, 0u, 0u, 0u, (unsigned)name_size, 0u);
	emit(writer, header, HEADER_BYTES);
	emit(writer, name, name_size);
	emit_padding(writer, HEADER_BYTES + name_size);
	emit(writer, data, size);
	emit_padding(writer, size);
}

int cpio_add(struct cpio_writer *writer, const char *name, uint32_t mode, const void *data,
	     size_t size)
{
	if (!*name || strcmp(name, TRAILER) == 0 || strlen(name) >= UINT32_MAX || size > UINT32_MAX)
		return -EINVAL;
	emit_entry(writer, name, writer->next_inode++, mode, data, size);
	return writer->error;
}

int cpio_finish(struct cpio_writer *writer)
{
	emit_entry(writer, TRAILER, 0, 0, NULL, 0);
	return writer->error;
}
