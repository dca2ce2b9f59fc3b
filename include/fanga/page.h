/*
 * Pages: a descriptor for each 4 KiB frame of RAM, and the allocator of blocks of 2^order frames.
 *
 * A block lies on one node, aligned to its size. Frames of order 0 come from lists of the running
 * CPU (kernel/mm/percpu_pages.c), which exchange them with the node's buddy allocator
 * (kernel/mm/buddy.c) 64 at a time; larger blocks come from the node. A frame that is freed far
 * from its node goes home in such a batch. docs/memory.md has the whole picture.
 *
 * Unless stated otherwise: any context but NMI, interrupts and preemption on or off, never sleeps;
 * no lock is held on return, and none is taken but the CPU's list's and one node's, both leaves.
 */
#pragma once

#include <fanga/mm.h>
#include <fanga/numa.h>
#include "arch/x86_64/layout.h"
#include "lib/types.h"

#define PAGE_ORDER_MAX	 10u /* 4 MiB */
#define PAGE_ORDER_LARGE 9u  /* 2 MiB: one entry of a second-level page table */
#define PAGE_ORDERS	 (PAGE_ORDER_MAX + 1)
#define PAGE_DMA32_END	 (1ul << 32) /* what devices with 32 address lines reach */
#define GIGAPAGE_SHIFT	 30
#define GIGAPAGE_ORDER	 (GIGAPAGE_SHIFT - 12)
#define GIGAPAGE_BYTES	 (1ul << GIGAPAGE_SHIFT)

/*
 * What a frame is. Those below PAGE_ALLOCATED are the allocator's own; the head of a block in use
 * carries PAGE_ALLOCATED or what its owner made of it, and its other frames are tails.
 */
enum page_state {
	PAGE_HOLE,	/* no RAM, or RAM that nobody may ever have */
	PAGE_RESERVED,	/* taken before the page allocator was there, or never given to it */
	PAGE_TAIL,	/* inside a block, free or not; see page_head() */
	PAGE_FREE,	/* head of a free block of the node's buddy allocator */
	PAGE_CACHED,	/* free, on a list of a CPU or on its way home */
	PAGE_GIGA,	/* head of a free gigapage */
	PAGE_ALLOCATED, /* head of a block in use; only this may be freed */
	PAGE_SLAB,	/* head of a block that the object allocator cuts up */
	PAGE_RANGE,	/* behind a movable range */
	PAGE_TABLE,	/* a page table */
	PAGE_MEMORY,	/* head of a block that numa_alloc() gave out */
};

enum page_flags {
	PAGE_STRICT = 1,	/* from this node or not at all */
	PAGE_ZERO = 2,		/* filled with zeroes */
	PAGE_ATOMIC = 4,	/* may use the node's reserve: for those that cannot wait or fail */
	PAGE_DMA32 = 8,		/* below 4 GiB */
	PAGE_BY_POLICY = 16,	/* a hint or a policy chose the node: for the placement map */
	PAGE_BY_INTERLEAVE = 32 /* an interleaving policy did: counted as such too */
};

/*
 * The first word is the allocator's; while the frame is in use its owner changes `state` through
 * page_set_state(). The rest is the owner's then, on tails too, and holds anything at first.
 */
struct page {
	uint8_t state;	/* enum page_state */
	uint8_t order;	/* of a block's head */
	uint8_t node;	/* constant */
	uint8_t why;	/* enum numa_why of the allocation */
	uint32_t check; /* the same in all descriptors that are alive, another at each boot */
	uint32_t refs;
	uint32_t owner_flags;
	struct page *next, *previous;
	uint64_t owner[4]; /* slab: cache, free list…; range: range and index */
} __aligned(CACHELINE_BYTES);

_Static_assert(sizeof(struct page) == CACHELINE_BYTES, "a descriptor is one cache line");
_Static_assert(offsetof(struct page, check) == 4 && offsetof(struct page, refs) == 8 &&
		       offsetof(struct page, owner) == 32,
	       "the allocator stores the first 8 bytes as one word");

#define PAGE_ARRAY ((struct page *)PAGE_ARRAY_BASE)

/* The descriptor of the frame at physical @phys, which must be RAM that somebody allocated. */
static inline struct page *page_of(uint64_t phys)
{
	return PAGE_ARRAY + (phys >> PAGE_SHIFT);
}

/* Physical address of the frame of @page. */
static inline uint64_t page_phys(const struct page *page)
{
	return (uint64_t)(page - PAGE_ARRAY) << PAGE_SHIFT;
}

/* The frame's address in the direct map, where all its bytes can be reached. */
static inline void *page_virt(const struct page *page)
{
	return phys_to_virt(page_phys(page));
}

/* The descriptor of the frame that direct-map address @va, in allocated memory, lies in. */
static inline struct page *page_of_virt(const void *va)
{
	return page_of(virt_to_phys(va));
}

/* As page_of() for any @phys whatever: NULL when no frame that was ever allocated is there. */
struct page *page_find(uint64_t phys);

/* The head of the block in use or free that @page lies in; @page itself if it is a head. */
struct page *page_head(struct page *page);

/* An owner marks the block it has allocated, and sets PAGE_ALLOCATED again before it frees it. */
static inline void page_set_state(struct page *page, enum page_state state)
{
	__atomic_store_n(&page->state, (uint8_t)state, __ATOMIC_RELAXED);
}

static inline enum page_state page_state(const struct page *page)
{
	return (enum page_state)__atomic_load_n(&page->state, __ATOMIC_RELAXED);
}

/* The smallest order whose block holds @bytes (> 0); above PAGE_ORDER_MAX if none does. */
static inline unsigned page_order_for(size_t bytes)
{
	return bytes <= PAGE_BYTES ? 0 : 64 - PAGE_SHIFT - (unsigned)__builtin_clzl(bytes - 1);
}

/*
 * Allocate a block of 2^@order frames. @node: the node wanted, NODE_ANY for the running CPU's; the
 * next by numa_fallback_order() when it is full, unless PAGE_STRICT. NULL: no memory, @order above
 * PAGE_ORDER_MAX, or no such node.
 */
struct page *page_alloc(unsigned node, unsigned order, unsigned flags) __must_check;

/*
 * As page_alloc() with PAGE_STRICT from @node, for those that walk over nodes by themselves:
 * @wanted is the node they would have liked best, for the statistics and for `why`.
 */
struct page *page_alloc_instead(unsigned wanted, unsigned node, unsigned order,
				unsigned flags) __must_check;

/*
 * Free the block @page of @order. 0, or -EINVAL for what is not the head of an allocated block of
 * that order: it is reported by name, and nothing changes. @page is RAM's: who has but an address
 * asks page_find().
 */
int page_free(struct page *page, unsigned order);

/*
 * Make 2^@order single allocated frames of the allocated block @page, each to be freed by itself.
 * The caller owns the block.
 */
void page_split(struct page *page, unsigned order);

/*
 * Take a free gigapage (1 GiB aligned, reserved by `gigapages=` at boot) of @node, NODE_ANY: of any
 * node, the nearest first. NULL when there is none. Given back by gigapage_free(); 0 or -EINVAL.
 */
struct page *gigapage_alloc(unsigned node, unsigned flags) __must_check;
int gigapage_free(struct page *page);

/* What a node has, in frames; a snapshot whose figures belong together, but for cached_pages. */
struct page_counts {
	uint64_t total_pages;		/* managed: free, cached or allocated after boot */
	uint64_t free_pages;		/* in the node's buddy allocator */
	uint64_t cached_pages;		/* free, on lists of CPUs; changes meanwhile */
	uint64_t giga_free, giga_total; /* gigapages */
	uint64_t reserved_pages; /* RAM that boot keeps for good: image, tables, descriptors */
	uint64_t min_pages, low_pages, high_pages; /* watermarks */
	uint64_t free_blocks[PAGE_ORDERS];	   /* by order, both ranges */
	uint64_t dma32_free_pages;		   /* of free_pages, those below 4 GiB */
	uint64_t refills, drains, lock_takings; /* batches from and to CPUs; of the node's lock */
};

/* -EINVAL: no such node. */
int page_counts_get(unsigned node, struct page_counts *counts) __must_check;

/* Free frames of @node (NODE_ANY: of all), on lists of CPUs or not; exact while nobody else acts.
 */
uint64_t page_free_count(unsigned node);

/* Free frames on @cpu's lists by node, for reports; @counts has NODE_MAX elements. */
void page_cached_get(unsigned cpu, unsigned *counts);

/* Bring everything on @cpu's lists home. @cpu may be any, online or not. */
void page_drain_cpu(unsigned cpu);

/* Attempts to free what may not be freed, since boot. */
uint64_t page_bad_frees(void);

/*
 * Boot CPU, once, after numa_init() and the fallback lists, before other CPUs run: build the
 * descriptors and take over what the early allocator has left.
 */
void page_init(void);
