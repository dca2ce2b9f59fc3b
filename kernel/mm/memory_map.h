/*
 * What the boot loader's memory map means: where RAM is, and where firmware tables may lie. Pure.
 */
#pragma once

#include "fanga/boot.h"
#include "fanga/numa.h"

/* Usable RAM in whole pages: sorted, merged. */
struct memory_map_ram {
	unsigned count;
	unsigned dropped;      /* pieces for which there was no room */
	uint64_t beyond_bytes; /* RAM that was cut off at the limit */
	struct numa_span span[NUMA_SPAN_MAX];
};

/*
 * The usable entries of @info below @limit (a page multiple), less what an entry of another type
 * covers, into @ram.
 */
void memory_map_find_ram(struct memory_map_ram *ram, const struct boot_info *info, uint64_t limit);

/*
 * Whether tables may be read at [@phys, +@bytes), cached: all of it is memory as far as @info and
 * the conventions of PCs tell. That is: what the map lists but as bad, the first 640 KiB, the BIOS
 * (0xe0000 to 1 MiB), and what the map leaves out above 1 MiB but below the last memory under 4
 * GiB. Some firmware keeps tables in such gaps, and no device is there: the PCI hole begins above
 * that memory. No page is of the legacy video memory or of the window of I/O APICs, HPET and local
 * APICs, whatever the map says.
 */
bool memory_map_may_hold_tables(const struct boot_info *info, uint64_t phys, uint64_t bytes);
