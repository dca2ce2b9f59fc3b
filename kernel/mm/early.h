/*
 * Setting up the early allocator: from the boot loader's map, flat; then by node; and its end.
 */
#pragma once

#include "fanga/boot.h"
#include "fanga/mm.h"
#include "fanga/numa.h"
#include "kernel/mm/ranges.h"

/*
 * Start with the usable memory of @info, less the first MiB, the image and the module, all on node
 * 0. Panics when nothing is left. Boot CPU, once.
 */
void early_init(const struct boot_info *info);

/* The usable RAM, sorted, merged, page-aligned, before anything was taken. Constant. */
const struct numa_span *early_ram(unsigned *count);

/* Whether any of [@phys, +@bytes), which does not wrap, is usable RAM. Any context. */
bool early_is_ram(uint64_t phys, uint64_t bytes);

/* Give every free range to the node that numa_init() found for it. Boot CPU, once. */
void early_assign_nodes(void);

/* As early_alloc_strict(), but the memory holds anything. For what is too large to be cleared. */
uint64_t early_take(unsigned node, size_t bytes, size_t align) __must_check;

/*
 * The page allocator takes over: what is free now is its own, and early_alloc() and early_free() go
 * to it from the return on. Boot CPU, once, no other CPU runs. Constant afterwards.
 */
const struct ranges *early_hand_over(void);

/* A usable page below 640 KiB, for starting processors; 0 when there is none. */
uint64_t early_low_page(void);
