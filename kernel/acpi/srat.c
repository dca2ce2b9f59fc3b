/*
 * SRAT (ACPI 6.5, 5.2.16): which proximity domain each CPU and each range of memory belongs to.
 *
 * Two passes: the first decides whether the table can be believed, the second takes it over. A map
 * that may lack memory is worse than none, so anything that could hide a memory entry rejects the
 * table; a CPU entry that is broken costs only itself. Pure: no state, any context.
 */
#include "kernel/acpi/parsers.h"

#include "lib/bitmap.h"
#include "lib/errno.h"

#define SRAT_ENTRIES	  48
#define SRAT_ENABLED	  0x1u
#define SRAT_HOTPLUG	  0x2u
#define SRAT_NONVOLATILE  0x4u
#define SRAT_MEMORY_BYTES 40

enum srat_type {
	SRAT_CPU = 0,
	SRAT_MEMORY = 1,
	SRAT_X2APIC = 2,
	SRAT_INITIATOR = 5,
	SRAT_TYPE_COUNT,
};

/* Bytes an entry of each type needs; 0 for types that are not read. */
static const uint8_t entry_bytes[SRAT_TYPE_COUNT] = {
	[SRAT_CPU] = 16,
	[SRAT_MEMORY] = SRAT_MEMORY_BYTES,
	[SRAT_X2APIC] = 24,
	[SRAT_INITIATOR] = 32,
};

/* State of the second pass. */
struct srat_reader {
	struct acpi_info *info;
	bool add_cpus;	  /* CPUs of this table are the machine's */
	bool wide;	  /* proximity domains have 32 bits, not 8 (revision 2 on) */
	unsigned unknown; /* enabled CPUs that no MADT lists */
	unsigned twice;	  /* CPUs in a second domain */
	unsigned no_room; /* ranges beyond the array */
};

static bool is_read(const struct acpi_subtable *entry)
{
	return entry->type < SRAT_TYPE_COUNT && entry_bytes[entry->type] != 0;
}

static void read_cpu(struct srat_reader *reader, uint32_t apic_id, uint32_t pxm, uint32_t flags)
{
	struct acpi_info *info = reader->info;
	struct acpi_cpu *cpu;

	if (!(flags & SRAT_ENABLED)) {
		info->srat.cpus_disabled++;
		return;
	}
	info->srat.cpus_enabled++;
	cpu = reader->add_cpus ? acpi_cpu_add(info, apic_id) : acpi_cpu_find(info, apic_id);
	if (!cpu) {
		/* Known but not kept (beyond the limit) is not unknown. */
		if (apic_id >= ACPI_SEEN_MAX || !bitmap_test(info->seen, apic_id))
			reader->unknown++;
		return;
	}
	if (cpu->has_pxm && cpu->pxm != pxm) {
		reader->twice++;
		return;
	}
	cpu->has_pxm = true;
	cpu->pxm = pxm;
}

/*
 * Insert into the sorted, disjoint list, joining what touches in the same domain. -EEXIST if
 * another domain has part of it already, -ENOSPC if the list is full; the list is then unchanged.
 */
static int insert_range(struct acpi_srat *srat, struct acpi_range add)
{
	struct acpi_range *ranges = srat->ranges;
	unsigned first = 0;
	unsigned last;

	while (first < srat->range_count &&
	       (ranges[first].end < add.base ||
		(ranges[first].end == add.base && ranges[first].pxm != add.pxm)))
		first++;
	/* [first, last) will be one range with `add`. */
	for (last = first; last < srat->range_count && ranges[last].base <= add.end; last++) {
		if (ranges[last].pxm == add.pxm)
			continue;
		if (ranges[last].base < add.end)
			return -EEXIST;
		break;
	}
	if (first == last && srat->range_count == ACPI_RANGE_MAX)
		return -ENOSPC;
	if (first < last) {
		add.base = MIN(add.base, ranges[first].base);
		add.end = MAX(add.end, ranges[last - 1].end);
	}
	memmove(&ranges[first + 1], &ranges[last], (srat->range_count - last) * sizeof(*ranges));
	srat->range_count = srat->range_count + 1 - (last - first);
	ranges[first] = add;
	return 0;
}

static void read_memory(struct srat_reader *reader, const uint8_t *p)
{
	struct acpi_info *info = reader->info;
	uint32_t flags = acpi_read32(p + 28);
	uint64_t length = acpi_read64(p + 16);
	struct acpi_range range = {
		.base = acpi_read64(p + 8),
		.pxm = reader->wide ? acpi_read32(p + 2) : p[2],
	};
	int error;

	if (!(flags & SRAT_ENABLED))
		return;
	info->srat.range_entries++;
	if (flags & SRAT_NONVOLATILE)
		info->srat.nonvolatile_entries++;
	if (flags & SRAT_HOTPLUG) {
		info->srat.hotplug_entries++;
		return;
	}
	if (length == 0)
		return;
	if (__builtin_add_overflow(range.base, length, &range.end)) {
		acpi_note(&info->warnings,
			  "SRAT: range 0x%llx of 0x%llx bytes leaves the address space, ignored",
			  (unsigned long long)range.base, (unsigned long long)length);
		return;
	}
	error = insert_range(&info->srat, range);
	if (error == -EEXIST)
		acpi_note(&info->warnings,
			  "SRAT: range 0x%llx-0x%llx of domain %u is another domain's too, ignored",
			  (unsigned long long)range.base, (unsigned long long)range.end, range.pxm);
	else if (error)
		reader->no_room++;
}

static void read_initiator(struct acpi_srat *srat, const uint8_t *p)
{
	if (!(acpi_read32(p + 24) & SRAT_ENABLED))
		return;
	if (srat->initiator_count < ACPI_INITIATOR_MAX)
		srat->initiators[srat->initiator_count++] = acpi_read32(p + 4);
}

static void read_entry(struct srat_reader *reader, const struct acpi_subtable *entry)
{
	const uint8_t *p = entry->data;
	uint32_t pxm;

	switch (entry->type) {
	case SRAT_CPU:
		pxm = p[2];
		if (reader->wide)
			pxm |= (uint32_t)p[9] << 8 | (uint32_t)acpi_read16(p + 10) << 16;
		read_cpu(reader, p[3] == 0xff ? UINT32_MAX : p[3], pxm, acpi_read32(p + 4));
		break;
	case SRAT_MEMORY:
		read_memory(reader, p);
		break;
	case SRAT_X2APIC:
		read_cpu(reader, acpi_read32(p + 8), acpi_read32(p + 4), acpi_read32(p + 12));
		break;
	case SRAT_INITIATOR:
		read_initiator(&reader->info->srat, p);
		break;
	}
}

/*
 * Whether a memory entry may begin in the part of the table that cannot be walked. Seen in the
 * field: a Dell Precision 5810 with an all-zero entry amid its CPUs, all memory before it.
 */
static bool may_hide_memory(const struct acpi_table *table, uint32_t offset)
{
	for (uint32_t at = offset; at < table->bytes; at++)
		if (table->data[at] == SRAT_MEMORY &&
		    (at + 1 == table->bytes || table->data[at + 1] == SRAT_MEMORY_BYTES))
			return true;
	return false;
}

/* The first pass: 0, or -EINVAL with the reason noted. */
static int check(struct acpi_info *info, const struct acpi_table *table)
{
	struct acpi_subtable entry;
	struct acpi_walk walk;
	unsigned known = 0;

	acpi_walk_begin(&walk, table, SRAT_ENTRIES, ACPI_WALK_U8);
	while (acpi_walk_next(&walk, &entry)) {
		known += is_read(&entry);
		if (entry.type == SRAT_MEMORY && entry.bytes < SRAT_MEMORY_BYTES) {
			acpi_note(&info->warnings,
				  "SRAT: memory entry of %u bytes, too short, table ignored",
				  entry.bytes);
			return -EINVAL;
		}
	}
	if (acpi_walk_fault(&walk)) {
		bool is_fatal = may_hide_memory(table, walk.offset);

		acpi_note(&info->warnings, "SRAT: entry at offset %u %s; %s is ignored",
			  walk.offset, acpi_walk_fault(&walk),
			  is_fatal ? "memory may be missing, so the table" : "what follows");
		if (is_fatal)
			return -EINVAL;
	}
	if (known == 0) {
		acpi_note(&info->warnings, "SRAT: no CPUs and no memory in it, table ignored");
		return -EINVAL;
	}
	return 0;
}

static void note_reader(const struct srat_reader *reader)
{
	struct acpi_notes *warnings = &reader->info->warnings;

	if (reader->unknown)
		acpi_note(warnings, "SRAT: %u enabled CPUs that the MADT does not list, ignored",
			  reader->unknown);
	if (reader->twice)
		acpi_note(warnings, "SRAT: %u CPUs in a second domain, the first counts",
			  reader->twice);
	if (reader->no_room)
		acpi_note(warnings, "SRAT: %u memory ranges beyond the %u that are kept, ignored",
			  reader->no_room, ACPI_RANGE_MAX);
}

void acpi_srat_parse(struct acpi_info *info, const struct acpi_table *table, bool add_cpus)
{
	struct srat_reader reader = {
		.info = info,
		.add_cpus = add_cpus,
		.wide = acpi_table_revision(table) >= 2,
	};
	struct acpi_subtable entry;
	struct acpi_walk walk;

	if (check(info, table) != 0) {
		info->srat.rejected = true;
		return;
	}
	info->srat.present = true;
	acpi_walk_begin(&walk, table, SRAT_ENTRIES, ACPI_WALK_U8);
	while (acpi_walk_next(&walk, &entry)) {
		if (!is_read(&entry))
			continue;
		if (entry.bytes >= entry_bytes[entry.type])
			read_entry(&reader, &entry);
		else
			acpi_note(&info->warnings,
				  "SRAT: entry of type %u has %u bytes, too short, ignored",
				  entry.type, entry.bytes);
	}
	note_reader(&reader);
}
