/*
 * Virtual address layout, 4-level paging (48 bits).
 *
 *	ffff8000'00000000  direct map of RAM and firmware tables, no execute (64 TiB)
 *	ffffc000'00000000  kernel mappings: guarded stacks, later vmalloc (512 GiB)
 *	ffffd000'00000000  page descriptors (1 TiB)
 *	ffffe000'00000000  device registers, uncached (512 GiB)
 *	ffffffff'80000000  kernel image, at physical address + this (1 GiB)
 *
 * The lower half is for programs. Every slot of the top-level table that the upper half will ever
 * use is filled at boot, so that address spaces can copy them once.
 */
#pragma once

#include "lib/types.h"

#define PAGE_SHIFT 12
#define PAGE_BYTES (1ul << PAGE_SHIFT)
#define LARGE_PAGE_BYTES (1ul << 21)

#define DIRECT_MAP_BASE	  0xffff800000000000ul
#define DIRECT_MAP_BYTES  (64ul << 40)
#define KMAP_BASE	  0xffffc00000000000ul
#define KMAP_BYTES	  (1ul << 39)
#define PAGE_ARRAY_BASE	  0xffffd00000000000ul
#define PAGE_ARRAY_BYTES  (DIRECT_MAP_BYTES / PAGE_BYTES * 64)
#define MMIO_BASE	  0xffffe00000000000ul
#define MMIO_BYTES	  (1ul << 39)
#define KERNEL_IMAGE_BASE 0xffffffff80000000ul

/* The direct map's address of physical @phys, which must be RAM or a mapped firmware table. */
static inline void *phys_to_virt(uint64_t phys)
{
	return (void *)(phys + DIRECT_MAP_BASE);
}

/* Physical address of a direct-map or image address; nothing else has one. */
static inline uint64_t virt_to_phys(const void *va)
{
	uint64_t address = (uint64_t)va;

	return address - (address >= KERNEL_IMAGE_BASE ? KERNEL_IMAGE_BASE : DIRECT_MAP_BASE);
}

/* From kernel.ld. */
extern const char image_start[], image_text_end[], image_rodata_start[], image_rodata_end[],
	image_data_start[], image_data_end[], image_symbols_start[], image_end[];
