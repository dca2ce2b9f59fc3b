/*
 * Page tables: mapping, unmapping and lookup in a 4-level tree (Intel SDM vol. 3 section 4.5).
 *
 * Entries are changed by single 64-bit stores, so that a walking CPU sees the old or the new. The
 * caller serialises changes to one tree and flushes translations; nothing here does either. Tables
 * are reached through the direct map and never freed here.
 */
#pragma once

#include "lib/types.h"

#define PTE_PRESENT  BIT(0)
#define PTE_WRITE    BIT(1)
#define PTE_USER     BIT(2)
#define PTE_WRITE_THROUGH BIT(3)
#define PTE_UNCACHED BIT(4)
#define PTE_ACCESSED BIT(5)
#define PTE_DIRTY    BIT(6)
#define PTE_LARGE    BIT(7) /* in the second and third level */
#define PTE_GLOBAL   BIT(8)
#define PTE_NX	     BIT(63)
#define PTE_ADDRESS  0x000ffffffffff000ul

/* Largest page that paging_map() may use. */
enum paging_size { PAGING_4K, PAGING_2M, PAGING_1G };

/*
 * Map [@phys, +@bytes) at @va with leaf @flags (PTE_PRESENT implied), all page-aligned. @root is the
 * physical address of the top table. 0; -EEXIST when something else is mapped there, -ENOMEM: pages
 * mapped by this call before are unmapped again.
 */
int paging_map(uint64_t root, uint64_t va, uint64_t phys, size_t bytes, uint64_t flags,
	       enum paging_size largest) __must_check;

/*
 * Clear the entries of the pages that lie in [@va, +@bytes) as a whole; a page of which only a part
 * is in there stays. Returns how many were cleared.
 */
size_t paging_unmap(uint64_t root, uint64_t va, size_t bytes);

/* The leaf entry that translates @va, and its page's bytes. 0 when nothing is mapped. */
uint64_t paging_lookup(uint64_t root, uint64_t va, size_t *page_bytes);

/* Make the top-level entry of @va point to a table, so that copies of @root share what it gets. */
int paging_prepare_slot(uint64_t root, uint64_t va) __must_check;

/* Hook of the mm room: the physical address of a zeroed page for a table, 0 when memory is short. */
uint64_t paging_alloc_table(void);
