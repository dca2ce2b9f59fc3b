/*
 * Memory at boot: the direct map, the early allocator by node, kernel mappings, device windows.
 *
 * The early allocator hands out physical ranges from sorted free ranges, each of one node, until
 * the page allocator (<fanga/page.h>) takes over what is left; then early_alloc() asks that, and
 * gives at most 4 MiB at once. Its lock is `early_lock` (leaf, interrupts off).
 */
#pragma once

#include "arch/x86_64/layout.h" /* PAGE_BYTES, phys_to_virt(), virt_to_phys() */
#include "lib/types.h"

/* No node in particular. */
#define NODE_ANY (~0u)

/*
 * Take @bytes (> 0, rounded up to pages) of physical memory, aligned to @align (a power of two,
 * at least a page) from @node, or from the nearest node with room; NODE_ANY: near the running CPU.
 * The memory is zeroed. Returns the physical address, 0 when there is none. Any context but NMI.
 */
uint64_t early_alloc(unsigned node, size_t bytes, size_t align) __must_check;

/* As early_alloc(), from @node only. */
uint64_t early_alloc_strict(unsigned node, size_t bytes, size_t align) __must_check;

/* Give [@phys, @phys + @bytes) back; it must have come from early_alloc(). Any context but NMI. */
void early_free(uint64_t phys, size_t bytes);

/* Bytes free now on @node (NODE_ANY: on all). */
uint64_t early_free_bytes(unsigned node);

enum {
	MAP_WRITE = 1,	  /* else read-only */
	MAP_EXEC = 2,	  /* else no-execute; never together with MAP_WRITE */
	MAP_UNCACHED = 4, /* device registers */
	MAP_LARGE = 8,	  /* may use 2 MiB and 1 GiB pages where aligned */
};

/*
 * Reserve @bytes of kernel virtual addresses in the KMAP window, unmapped, with one unmapped guard
 * page before and after. Returns 0 when the window is used up. Addresses are given out once.
 */
uint64_t kmap_reserve(size_t bytes) __must_check;

/*
 * Map [@phys, +@bytes) at kernel address @va (page-aligned, inside a reserved range, not mapped).
 * 0, -EINVAL, -EEXIST or -ENOMEM; on error nothing stays mapped. Any context but NMI.
 */
int kmap_map(uint64_t va, uint64_t phys, size_t bytes, unsigned flags) __must_check;

/*
 * Hook of the smp room: drop the translations of kernel addresses [@start, @end) on all CPUs.
 * Context as tlb_flush_range().
 */
void kmap_flush(uint64_t start, uint64_t end);

/*
 * Remove the mappings of the pages that lie in [@va, +@bytes); a large page (MAP_LARGE) of which
 * only a part is in there stays mapped. Other CPUs, and this one, may use the old
 * translations until a tlb_flush_range() has returned: the caller flushes before it reuses the
 * memory. Returns the number of pages that were mapped.
 */
size_t kmap_unmap(uint64_t va, size_t bytes);

/* Physical address that the kernel's page tables give for @va, with its flags; -EFAULT if none. */
int kmap_lookup(uint64_t va, uint64_t *phys, unsigned *flags) __must_check;

/*
 * A kernel stack of @bytes (page multiple) on @node with an unmapped guard page below. Returns the
 * top (highest address, 16-byte aligned), or 0 when memory is short.
 */
uint64_t kstack_alloc(unsigned node, size_t bytes) __must_check;

/*
 * @count stacks of @bytes (a power of two) on @node, each in the upper half of 2 * @bytes, aligned
 * to that, whose lower half is not mapped. Returns the lowest address of the whole, or 0.
 */
uint64_t kstack_alloc_series(unsigned node, size_t bytes, unsigned count) __must_check;

/*
 * Map device registers at @phys, uncached, never executable; kept for ever. NULL when memory is
 * short, or where they cannot be: in RAM, or beyond the processor's addresses.
 */
volatile void *mmio_map(uint64_t phys, size_t bytes) __must_check;

/* As mmio_map() but cached: for device memory that behaves as RAM (shared-memory windows). */
void *device_memory_map(uint64_t phys, size_t bytes) __must_check;
