/*
 * The meaning of the boot loader's memory map, see memory_map.h.
 */
#include "kernel/mm/memory_map.h"
#include "arch/x86_64/layout.h"

#define CONVENTIONAL_END 0xa0000ul
#define VIDEO_END	 0xc0000ul
#define BIOS_BASE	 0xe0000ul
#define BIOS_END	 0x100000ul
#define APIC_BASE	 0xfec00000ul /* I/O APICs, HPET at 0xfed00000, TPM, local APIC */
#define APIC_END	 0xff000000ul
#define LOW_END		 (1ul << 32)

/* Sort by insertion: maps are short and nearly sorted. Overlaps are merged at the end. */
static void add_ram(struct memory_map_ram *ram, uint64_t base, uint64_t end)
{
	unsigned at = ram->count;

	if (base >= end)
		return;
	if (ram->count == NUMA_SPAN_MAX) {
		ram->dropped++;
		return;
	}
	for (; at > 0 && ram->span[at - 1].base > base; at--)
		ram->span[at] = ram->span[at - 1];
	ram->span[at] = (struct numa_span){base, end - base};
	ram->count++;
}

static void merge_ram(struct memory_map_ram *ram)
{
	unsigned kept = 0;

	for (unsigned i = 1; i < ram->count; i++) {
		struct numa_span *last = &ram->span[kept];
		uint64_t end = ram->span[i].base + ram->span[i].length;

		if (ram->span[i].base <= last->base + last->length)
			last->length = MAX(last->base + last->length, end) - last->base;
		else
			ram->span[++kept] = ram->span[i];
	}
	ram->count = ram->count ? kept + 1 : 0;
}

/*
 * The lowest entry of another type that reaches into [@base, @end), or NULL. What it covers is not
 * RAM, even where a usable one covers it too.
 */
static const struct boot_memory *find_clash(const struct boot_info *info, uint64_t base,
					    uint64_t end)
{
	const struct boot_memory *lowest = NULL;

	for (unsigned i = 0; i < info->memory_count; i++) {
		const struct boot_memory *m = &info->memory[i];

		if (m->type != BOOT_MEMORY_USABLE && m->base < end && base < m->base + m->length &&
		    (!lowest || m->base < lowest->base))
			lowest = m;
	}
	return lowest;
}

/* Add the parts of [@base, @end) that no reserved entry covers, in whole pages. */
static void add_usable(struct memory_map_ram *ram, const struct boot_info *info, uint64_t base,
		       uint64_t end)
{
	const struct boot_memory *clash;

	while (base < end && (clash = find_clash(info, base, end))) {
		add_ram(ram, ALIGN_UP(base, PAGE_BYTES), ALIGN_DOWN(clash->base, PAGE_BYTES));
		base = clash->base + clash->length;
	}
	/* Not past the end: rounding the top of the address space up would give 0. */
	if (base < end)
		add_ram(ram, ALIGN_UP(base, PAGE_BYTES), ALIGN_DOWN(end, PAGE_BYTES));
}

void memory_map_find_ram(struct memory_map_ram *ram, const struct boot_info *info, uint64_t limit)
{
	ram->count = ram->dropped = 0;
	ram->beyond_bytes = 0;
	for (unsigned i = 0; i < info->memory_count; i++) {
		const struct boot_memory *m = &info->memory[i];
		uint64_t end = m->base + m->length;

		if (m->type != BOOT_MEMORY_USABLE)
			continue;
		if (end > limit)
			ram->beyond_bytes += end - MAX(m->base, limit);
		add_usable(ram, info, m->base, MIN(end, limit));
	}
	merge_ram(ram);
}

static bool overlaps(uint64_t base, uint64_t end, uint64_t other_base, uint64_t other_end)
{
	return base < other_end && other_base < end;
}

/* Whether any page of [@base, @end) is a device's, or broken. */
static bool is_refused(const struct boot_info *info, uint64_t base, uint64_t end)
{
	base = ALIGN_DOWN(base, PAGE_BYTES);
	end = ALIGN_UP(end, PAGE_BYTES);
	if (overlaps(base, end, CONVENTIONAL_END, VIDEO_END) ||
	    overlaps(base, end, APIC_BASE, APIC_END))
		return true;
	for (unsigned i = 0; i < info->memory_count; i++) {
		const struct boot_memory *m = &info->memory[i];

		if (m->type == BOOT_MEMORY_BAD && overlaps(base, end, m->base, m->base + m->length))
			return true;
	}
	return false;
}

/* The end of the last memory below 4 GiB; reserved entries may be devices, and do not count. */
static uint64_t low_memory_end(const struct boot_info *info)
{
	uint64_t end = 0;

	for (unsigned i = 0; i < info->memory_count; i++) {
		const struct boot_memory *m = &info->memory[i];

		if (m->base < LOW_END &&
		    (m->type == BOOT_MEMORY_USABLE || m->type == BOOT_MEMORY_ACPI_RECLAIM ||
		     m->type == BOOT_MEMORY_ACPI_NVS))
			end = MAX(end, MIN(m->base + m->length, LOW_END));
	}
	return end;
}

/* The end of one stretch of memory that holds @at; @at itself if none does. */
static uint64_t stretch_end(const struct boot_info *info, uint64_t at)
{
	uint64_t end = at, low_end = low_memory_end(info);

	for (unsigned i = 0; i < info->memory_count; i++) {
		const struct boot_memory *m = &info->memory[i];

		if (m->base <= at)
			end = MAX(end, m->base + m->length);
	}
	if (at < CONVENTIONAL_END)
		end = MAX(end, CONVENTIONAL_END);
	if (at >= BIOS_BASE && at < BIOS_END)
		end = MAX(end, BIOS_END);
	if (at >= BIOS_END && at < low_end)
		end = MAX(end, low_end);
	return end;
}

bool memory_map_may_hold_tables(const struct boot_info *info, uint64_t phys, uint64_t bytes)
{
	uint64_t end = phys + bytes;

	if (!bytes || end < phys || end > DIRECT_MAP_BYTES || is_refused(info, phys, end))
		return false;
	while (phys < end) {
		uint64_t next = stretch_end(info, phys);

		if (next == phys)
			return false;
		phys = next;
	}
	return true;
}
