/*
 * The kernel's own page tables: built at boot, then changed through fanga/mm.h.
 */
#pragma once

#include "fanga/boot.h"
#include "fanga/mm.h"

/*
 * Build the final tables (direct map, image with write xor execute, top-level slots for all kernel
 * windows) and load them. Boot CPU, once, after early_init(); needs the entry's mapping of the
 * first 4 GiB. @info must stay.
 */
void kmap_init(const struct boot_info *info);

/* Physical address of the top table; below 4 GiB. Application processors load it. */
uint64_t kmap_root(void);

/* The same, as boot/trampoline.S reads it. */
extern uint64_t kernel_cr3;

/*
 * Make firmware memory [@phys, +@bytes) readable in the direct map where RAM is not. NULL where
 * tables cannot be (see memory_map_may_hold_tables()), out of the processor's reach, or when memory
 * is short. Boot CPU.
 */
const void *kmap_firmware(uint64_t phys, size_t bytes);

/*
 * Map memory [@phys, +@bytes) behind the page descriptors at @va, with 2 MiB pages where aligned.
 * 0, -EEXIST or -ENOMEM. Boot CPU.
 */
int kmap_page_array(uint64_t va, uint64_t phys, size_t bytes) __must_check;

/* Page tables for starting a processor: the kernel's, and @page at its own address, executable. */
uint64_t kmap_make_trampoline_root(uint64_t page);
