/*
 * Address to function name, by binary search in a compact read-only blob that tools/mksymtab makes
 * from the linked image. The blob is checked as a whole once, when it is opened; lookups then need
 * no checks, no locks and no memory and may run in any context, NMI and panic included.
 */
#pragma once

#include "lib/types.h"

#define SYMTAB_MAGIC   0x4d595346u /* "FSYM" */
#define SYMTAB_VERSION 1u

/*
 * The blob: this header, then three arrays of `count` u32 each, then the names.
 *   offsets[]  address - base, ascending, no two equal
 *   sizes[]    bytes of the function; 0: unknown, it reaches to the next one
 *   names[]    index of the NUL-terminated name in the name bytes, the last of which is NUL
 * Static functions that share a name are called "name@file.c".
 */
struct symtab_header {
	uint32_t magic;
	uint32_t version;
	uint32_t count;
	uint32_t names_bytes;
	uint64_t base;
};

_Static_assert(sizeof(struct symtab_header) == 24, "shared with tools/mksymtab");

struct symtab {
	uint64_t base;
	uint32_t count;
	const uint32_t *offsets;
	const uint32_t *sizes;
	const uint32_t *name_offsets;
	const char *names;
};

struct symtab_symbol {
	const char *name;
	uint64_t address;
	uint32_t size;	 /* 0: unknown */
	uint64_t offset; /* of the looked-up address in the function */
};

/* The blob in the kernel image, placed there by the object that tools/mksymtab writes. */
extern const uint8_t symtab_blob_start[];
extern const uint8_t symtab_blob_end[];

/*
 * Check the `bytes` bytes at `blob` (4-byte aligned) and make `symtab` refer to them. 0, or -EINVAL
 * when anything is not as described above; then `symtab` is empty and every lookup fails.
 */
int symtab_open(struct symtab *symtab, const void *blob, size_t bytes) __must_check;

/* The function that `address` lies in. False when it is in none (`symbol` is unchanged then). */
bool symtab_lookup(const struct symtab *symtab, uint64_t address, struct symtab_symbol *symbol);

/*
 * "name+0x1f/0x80", or "0xffffffff80201234" when there is no function. At most size - 1 bytes and a
 * NUL; returns the length of the whole text. `adjust` is subtracted for the lookup only: 1 for a
 * return address, which belongs to the call before it, 0 for the address of an interrupted
 * instruction.
 */
int symtab_format(const struct symtab *symtab, uint64_t address, unsigned adjust, char *buffer,
		  size_t size);
