/*
 * HMAT (ACPI 6.5, 5.2.28): which initiator a memory domain belongs to, latency and bandwidth,
 * caches.
 *
 * It only tunes, so a structure that is broken costs the whole table: half of it would mislead.
 * Pure: no state, any context.
 */
#include "kernel/acpi/parsers.h"

#include "lib/errno.h"

#define HMAT_STRUCTURES 40

enum hmat_type {
	HMAT_ATTRIBUTES = 0,
	HMAT_LOCALITY = 1,
	HMAT_CACHE = 2,
};

#define HMAT_ATTRIBUTES_BYTES 40
#define HMAT_LOCALITY_BYTES   32
#define HMAT_CACHE_BYTES      32
#define HMAT_HAS_INITIATOR    0x1u
#define HMAT_UNKNOWN	      0xffffu

static bool read_attributes(struct acpi_hmat *hmat, const struct acpi_subtable *entry)
{
	const uint8_t *p = entry->data;

	if (entry->bytes < HMAT_ATTRIBUTES_BYTES)
		return false;
	if (hmat->attribute_count < ACPI_HMAT_MAX)
		hmat->attributes[hmat->attribute_count] = (struct acpi_hmat_attribute){
			.has_initiator = acpi_read16(p + 8) & HMAT_HAS_INITIATOR,
			.initiator_pxm = acpi_read32(p + 12),
			.memory_pxm = acpi_read32(p + 16),
		};
	hmat->attribute_count++;
	return true;
}

static bool read_locality(struct acpi_hmat *hmat, const struct acpi_subtable *entry)
{
	const uint8_t *p = entry->data;
	uint64_t from, to;

	if (entry->bytes < HMAT_LOCALITY_BYTES)
		return false;
	from = acpi_read32(p + 12);
	to = acpi_read32(p + 16);
	/* Each is below 2^32, the table below 2^22: bound them before they are multiplied. */
	if (from > entry->bytes || to > entry->bytes ||
	    HMAT_LOCALITY_BYTES + 4 * from + 4 * to + 2 * from * to > entry->bytes)
		return false;
	if (hmat->locality_count < ACPI_HMAT_MAX)
		hmat->localities[hmat->locality_count] = (struct acpi_hmat_locality){
			.flags = p[8],
			.data_type = p[9],
			.unit = acpi_read64(p + 24),
			.initiator_count = (uint32_t)from,
			.target_count = (uint32_t)to,
			.initiators = p + HMAT_LOCALITY_BYTES,
			.targets = p + HMAT_LOCALITY_BYTES + 4 * from,
			.entries = p + HMAT_LOCALITY_BYTES + 4 * from + 4 * to,
		};
	hmat->locality_count++;
	return true;
}

static bool read_cache(struct acpi_hmat *hmat, const struct acpi_subtable *entry)
{
	const uint8_t *p = entry->data;

	if (entry->bytes < HMAT_CACHE_BYTES ||
	    HMAT_CACHE_BYTES + 2u * acpi_read16(p + 30) > entry->bytes)
		return false;
	if (hmat->cache_count < ACPI_HMAT_MAX)
		hmat->caches[hmat->cache_count] = (struct acpi_hmat_cache){
			.memory_pxm = acpi_read32(p + 8),
			.size_bytes = acpi_read64(p + 16),
			.attributes = acpi_read32(p + 24),
		};
	hmat->cache_count++;
	return true;
}

static bool read_structure(struct acpi_hmat *hmat, const struct acpi_subtable *entry)
{
	switch (entry->type) {
	case HMAT_ATTRIBUTES:
		return read_attributes(hmat, entry);
	case HMAT_LOCALITY:
		return read_locality(hmat, entry);
	case HMAT_CACHE:
		return read_cache(hmat, entry);
	default:
		return true;
	}
}

static void reject(struct acpi_info *info)
{
	memset(&info->hmat, 0, offsetof(struct acpi_hmat, attributes));
	info->hmat.rejected = true;
}

void acpi_hmat_parse(struct acpi_info *info, const struct acpi_table *table)
{
	struct acpi_hmat *hmat = &info->hmat;
	struct acpi_subtable entry;
	struct acpi_walk walk;

	if (table->bytes < HMAT_STRUCTURES) {
		acpi_note(&info->warnings, "HMAT: %u bytes, too short, ignored", table->bytes);
		reject(info);
		return;
	}
	acpi_walk_begin(&walk, table, HMAT_STRUCTURES, ACPI_WALK_U32);
	while (acpi_walk_next(&walk, &entry)) {
		if (read_structure(hmat, &entry))
			continue;
		acpi_note(&info->warnings,
			  "HMAT: structure of type %u has %u bytes, too few for it, table ignored",
			  entry.type, entry.bytes);
		reject(info);
		return;
	}
	if (acpi_walk_fault(&walk)) {
		acpi_note(&info->warnings, "HMAT: structure at offset %u %s, table ignored",
			  walk.offset, acpi_walk_fault(&walk));
		reject(info);
		return;
	}
	if (MAX(MAX(hmat->attribute_count, hmat->locality_count), hmat->cache_count) >
	    ACPI_HMAT_MAX)
		acpi_note(&info->warnings,
			  "HMAT: more than %u structures of a kind, the rest ignored",
			  ACPI_HMAT_MAX);
	hmat->present = true;
}

/* Position of `pxm` in a list of domains, or `count`. */
static uint32_t index_of(const uint8_t *list, uint32_t count, uint32_t pxm)
{
	uint32_t i = 0;

	while (i < count && acpi_read32(list + 4 * (size_t)i) != pxm)
		i++;
	return i;
}

int acpi_hmat_value(const struct acpi_hmat_locality *locality, uint32_t initiator_pxm,
		    uint32_t target_pxm, uint64_t *value)
{
	uint32_t from = index_of(locality->initiators, locality->initiator_count, initiator_pxm);
	uint32_t to = index_of(locality->targets, locality->target_count, target_pxm);
	uint16_t entry;

	if (from == locality->initiator_count || to == locality->target_count)
		return -ENOENT;
	entry = acpi_read16(locality->entries + 2 * ((size_t)from * locality->target_count + to));
	if (entry == 0 || entry == HMAT_UNKNOWN)
		return -ENOENT;
	return __builtin_mul_overflow(entry, locality->unit, value) ? -ENOENT : 0;
}
