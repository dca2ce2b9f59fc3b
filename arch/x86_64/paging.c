/*
 * Page tables of four levels. See paging.h for who locks and who flushes.
 */
#include "arch/x86_64/paging.h"
#include "arch/x86_64/layout.h"
#include "lib/errno.h"

#define LEVELS 4 /* level 0 holds 4 KiB entries, level 3 is the top */

static unsigned level_shift(unsigned level)
{
	return PAGE_SHIFT + 9 * level;
}

static uint64_t *table_entry(uint64_t table, uint64_t va, unsigned level)
{
	return (uint64_t *)phys_to_virt(table) + (va >> level_shift(level) & 511);
}

static bool is_leaf(uint64_t entry, unsigned level)
{
	return level == 0 || entry & PTE_LARGE;
}

/* The table below @entry, made if there is none. 0 when memory is short or a page is in the way. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the atomic store writes it */
static uint64_t next_table(uint64_t *entry, unsigned level, int *error)
{
	if (!(*entry & PTE_PRESENT)) {
		uint64_t table = paging_alloc_table();

		if (!table) {
			*error = -ENOMEM;
			return 0;
		}
		/* Permissions are the leaf's; release: the zeroed table is seen before the link. */
		__atomic_store_n(entry, table | PTE_PRESENT | PTE_WRITE, __ATOMIC_RELEASE);
	} else if (is_leaf(*entry, level)) {
		*error = -EEXIST;
		return 0;
	}
	return *entry & PTE_ADDRESS;
}

/* The level of the largest page that fits at this place. */
static unsigned fitting_level(uint64_t va, uint64_t phys, size_t bytes, enum paging_size largest)
{
	for (unsigned level = largest; level > 0; level--) {
		uint64_t page = 1ul << level_shift(level);

		if (IS_ALIGNED(va | phys, page) && bytes >= page)
			return level;
	}
	return 0;
}

/* Map one page of at most the given level; returns its bytes or a negative errno. */
static int64_t map_page(uint64_t root, uint64_t va, uint64_t phys, uint64_t flags, unsigned wanted)
{
	uint64_t table = root;
	int error = 0;

	for (unsigned level = LEVELS - 1;; level--) {
		uint64_t *entry = table_entry(table, va, level);
		uint64_t page = 1ul << level_shift(level);

		if (level == wanted && !(*entry & PTE_PRESENT)) {
			uint64_t leaf = phys | flags | PTE_PRESENT | (level ? PTE_LARGE : 0);

			__atomic_store_n(entry, leaf, __ATOMIC_RELEASE);
			return (int64_t)page;
		}
		/* A table where a large page would fit: go on inside it with smaller ones. */
		if (level == 0)
			return -EEXIST;
		if (level == wanted)
			wanted--;
		table = next_table(entry, level, &error);
		if (!table)
			return error;
	}
}

int paging_map(uint64_t root, uint64_t va, uint64_t phys, size_t bytes, uint64_t flags,
	       enum paging_size largest)
{
	size_t done = 0;

	while (done < bytes) {
		unsigned level = fitting_level(va + done, phys + done, bytes - done, largest);
		int64_t page = map_page(root, va + done, phys + done, flags, level);

		if (page < 0) {
			paging_unmap(root, va, done);
			return (int)page;
		}
		done += (size_t)page;
	}
	return 0;
}

size_t paging_unmap(uint64_t root, uint64_t va, size_t bytes)
{
	uint64_t first = va, end = va + bytes;
	size_t unmapped = 0;

	while (va < end) {
		uint64_t table = root;
		uint64_t step = PAGE_BYTES;

		for (unsigned level = LEVELS - 1;; level--) {
			uint64_t *entry = table_entry(table, va, level);

			step = 1ul << level_shift(level);
			if (!(*entry & PTE_PRESENT))
				break;
			if (is_leaf(*entry, level)) {
				uint64_t page = ALIGN_DOWN(va, step);

				/* Of a large page all or nothing. */
				if (page < first || step > end - page)
					break;
				__atomic_store_n(entry, 0, __ATOMIC_RELAXED);
				unmapped++;
				break;
			}
			table = *entry & PTE_ADDRESS;
		}
		va = ALIGN_DOWN(va, step) + step;
	}
	return unmapped;
}

uint64_t paging_lookup(uint64_t root, uint64_t va, size_t *page_bytes)
{
	uint64_t table = root;

	for (unsigned level = LEVELS - 1;; level--) {
		uint64_t entry = __atomic_load_n(table_entry(table, va, level), __ATOMIC_ACQUIRE);

		if (!(entry & PTE_PRESENT))
			return 0;
		if (level < 3 && is_leaf(entry, level)) {
			*page_bytes = 1ul << level_shift(level);
			return entry;
		}
		table = entry & PTE_ADDRESS;
	}
}

int paging_prepare_slot(uint64_t root, uint64_t va)
{
	int error = 0;

	(void)next_table(table_entry(root, va, LEVELS - 1), LEVELS - 1, &error);
	return error;
}
