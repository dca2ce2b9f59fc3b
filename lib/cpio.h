/*
 * cpio archives of the "newc" format (magic 070701; Linux
 * Documentation/driver-api/early-userspace/buffer-format.rst). The reader checks every length
 * against the archive's end: any bytes at all are safe to give it. It allocates nothing; names and
 * data point into the archive. The writer is for the host. Any context.
 */
#pragma once

#include "lib/types.h"

#define CPIO_ERROR_BYTES 96

/* File types in `mode`, as in st_mode. */
#define CPIO_MODE_TYPE 0170000u
#define CPIO_MODE_DIR  0040000u
#define CPIO_MODE_FILE 0100000u
#define CPIO_MODE_LINK 0120000u

struct cpio_entry {
	const char *name; /* NUL-terminated, not empty, no NUL inside */
	size_t name_length;
	const uint8_t *data; /* `size` bytes inside the archive; 4-byte aligned if the archive is */
	size_t size;
	uint32_t mode;
	uint32_t mtime_s;
};

struct cpio_reader {
	const uint8_t *archive;
	size_t size;
	size_t offset;		      /* of the next header; never above size */
	bool is_done;		      /* the trailer has been seen */
	char error[CPIO_ERROR_BYTES]; /* one line without newline, "" while all is well */
};

void cpio_open(struct cpio_reader *reader, const void *archive, size_t size);

/*
 * The next entry. Returns 1 and fills `entry`; 0 at the trailer (what follows it is ignored);
 * -EINVAL when the archive is broken, with reader->error saying where and how. After 0 or an error
 * it returns the same again.
 */
int cpio_next(struct cpio_reader *reader, struct cpio_entry *entry) __must_check;

/*
 * Find the first entry called `name`, from the start; a leading "./" or "/" in the archive's names
 * does not count. 0, -ENOENT, or -EINVAL when the archive is broken before it.
 */
int cpio_find(const void *archive, size_t size, const char *name,
	      struct cpio_entry *entry) __must_check;

/* Takes `bytes` bytes; returns 0 or a negative errno. */
typedef int (*cpio_write_fn)(void *context, const void *data, size_t bytes);

struct cpio_writer {
	cpio_write_fn write;
	void *context;
	uint32_t next_inode;
	int error; /* first error, 0 while all is well */
};

void cpio_create(struct cpio_writer *writer, cpio_write_fn write, void *context);

/* Append one file (or directory, size 0). Returns 0, the latched error, or -EINVAL for a name or
 * size that cannot be expressed. The modification time is always 0 so that equal input gives equal
 * bytes. */
int cpio_add(struct cpio_writer *writer, const char *name, uint32_t mode, const void *data,
	     size_t size) __must_check;

/* Write the trailer. Returns 0 or the first error of all. */
int cpio_finish(struct cpio_writer *writer) __must_check;
