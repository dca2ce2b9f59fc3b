/*
 * The one bounds-checked reader of ACPI tables.
 *
 * A struct acpi_table is a promise: `data` has `bytes` readable bytes, at least a header, and its
 * length field and checksum were right when it was opened. All other access goes through a subtable
 * walk, which hands out nothing that does not lie wholly inside the table. Pure: no state, any
 * context.
 */
#ifndef KERNEL_ACPI_TABLE_H
#define KERNEL_ACPI_TABLE_H

#include "lib/string.h"
#include "lib/types.h"

/* System description table header (ACPI 6.5, 5.2.6). */
struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __packed;

_Static_assert(sizeof(struct acpi_header) == 36, "ACPI 6.5 table 5.4");
_Static_assert(offsetof(struct acpi_header, oem_id) == 10, "ACPI 6.5 table 5.4");

#define ACPI_HEADER_BYTES sizeof(struct acpi_header)

struct acpi_table {
	const uint8_t *data;
	uint32_t bytes;
};

/* Little-endian reads at any alignment; the caller has checked that the bytes are there. */
static inline uint16_t acpi_read16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t acpi_read32(const uint8_t *p)
{
	return acpi_read16(p) | (uint32_t)acpi_read16(p + 2) << 16;
}

static inline uint64_t acpi_read64(const uint8_t *p)
{
	return acpi_read32(p) | (uint64_t)acpi_read32(p + 4) << 32;
}

/*
 * Whether `data` may be a table at all: a header is there, its signature is printable.
 * Says nothing about the length field.
 */
bool acpi_table_has_header(const void *data, size_t bytes);

/* The length field of what acpi_table_has_header() accepted. */
uint32_t acpi_table_length(const void *data);

/*
 * Validate header, length field (at most `bytes` and ACPI_TABLE_BYTES_MAX) and checksum.
 * Returns 0, or -EINVAL with a few words in `why` and `out` untouched.
 */
int acpi_table_open(struct acpi_table *out, const void *data, size_t bytes,
		    const char **why) __must_check;

static inline bool acpi_table_is(const struct acpi_table *table, const char *signature)
{
	return memcmp(table->data, signature, 4) == 0;
}

static inline uint8_t acpi_table_revision(const struct acpi_table *table)
{
	return table->data[offsetof(struct acpi_header, revision)];
}

/* How the type and length of a subtable are written. */
enum acpi_walk_form {
	ACPI_WALK_U8,  /* u8 type, u8 length: MADT, SRAT */
	ACPI_WALK_U32, /* u16 type, u16 reserved, u32 length: HMAT */
};

/* Why a walk ended. */
enum acpi_walk_end {
	ACPI_WALK_ON,	    /* it has not */
	ACPI_WALK_COMPLETE, /* at the end of the table */
	ACPI_WALK_SHORT,    /* a length smaller than its own header, zero included: no way on */
	ACPI_WALK_LONG,	    /* a length past the end of the table */
};

struct acpi_walk {
	const struct acpi_table *table;
	uint32_t offset; /* of the next subtable; of the offending one once the walk has ended */
	enum acpi_walk_form form;
	enum acpi_walk_end end;
};

/* All of it, header included, is inside the table. */
struct acpi_subtable {
	const uint8_t *data;
	uint32_t bytes;
	unsigned type;
};

/* Walk the subtables from `offset`, which may lie past the end (the walk is then complete). */
void acpi_walk_begin(struct acpi_walk *walk, const struct acpi_table *table, uint32_t offset,
		     enum acpi_walk_form form);

/* The next subtable, or false with the reason in walk->end. */
bool acpi_walk_next(struct acpi_walk *walk, struct acpi_subtable *out);

/* Words for walk->end, for messages; NULL if it is complete. */
const char *acpi_walk_fault(const struct acpi_walk *walk);

#endif
