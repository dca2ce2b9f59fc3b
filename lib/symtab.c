/*
 * Symbol table lookup. Invariant after symtab_open: the arrays lie inside the blob, offsets ascend
 * strictly, every name offset is below names_bytes and the last name byte is NUL, so lookups cannot
 * leave the blob.
 */
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "lib/symtab.h"

int symtab_open(struct symtab *symtab, const void *blob, size_t bytes)
{
	const struct symtab_header *header = blob;
	const uint32_t *arrays;
	struct symtab opened;

	*symtab = (struct symtab){0};
	if (bytes < sizeof(*header) || (uintptr_t)blob % sizeof(uint32_t) != 0)
		return -EINVAL;
	if (header->magic != SYMTAB_MAGIC || header->version != SYMTAB_VERSION)
		return -EINVAL;
	/* In 64 bits: 2^32 entries of 12 bytes and 2^32 bytes of names do not overflow. */
	if (sizeof(*header) + (uint64_t)header->count * 3 * sizeof(uint32_t) + header->names_bytes >
	    bytes)
		return -EINVAL;

	arrays = (const uint32_t *)(header + 1);
	opened = (struct symtab){
		.base = header->base,
		.count = header->count,
		.offsets = arrays,
		.sizes = arrays + header->count,
		.name_offsets = arrays + 2 * (size_t)header->count,
		.names = (const char *)(arrays + 3 * (size_t)header->count),
	};
	if (opened.count && (!header->names_bytes || opened.names[header->names_bytes - 1]))
		return -EINVAL;
	for (uint32_t i = 0; i < opened.count; i++) {
		if (i && opened.offsets[i] <= opened.offsets[i - 1])
			return -EINVAL;
		if (opened.name_offsets[i] >= header->names_bytes)
			return -EINVAL;
	}
	*symtab = opened;
	return 0;
}

bool symtab_lookup(const struct symtab *symtab, uint64_t address, struct symtab_symbol *symbol)
{
	uint64_t wanted = address - symtab->base;
	uint32_t low = 0, high = symtab->count;

	/* Below: first `low` entries start at or before the address; from `high` on they start
	 * behind it. */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (symtab->offsets[middle] <= wanted)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return false;
	low--;
	wanted -= symtab->offsets[low];
	/* The last one has no successor to bound it, so it needs a size of its own. */
	if (symtab->sizes[low] ? wanted >= symtab->sizes[low] : low + 1 == symtab->count)
		return false;
	*symbol = (struct symtab_symbol){
		.name = symtab->names + symtab->name_offsets[low],
		.address = symtab->base + symtab->offsets[low],
		.size = symtab->sizes[low],
		.offset = wanted,
	};
	return true;
}

int symtab_format(const struct symtab *symtab, uint64_t address, unsigned adjust, char *buffer,
		  size_t size)
{
	struct symtab_symbol symbol;

	if (!symtab_lookup(symtab, address - adjust, &symbol))
		return fmt_snprintf(buffer, size, "0x%016llx", (unsigned long long)address);
	return fmt_snprintf(buffer, size, "%s+0x%llx/0x%x", symbol.name,
			    (unsigned long long)symbol.offset + adjust, symbol.size);
}
