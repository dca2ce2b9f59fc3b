/*
 * TLB shootdown: make every CPU forget translations before their memory is used for anything else.
 *
 * A space (the kernel's own, later one per process) has a generation that each flush raises by a
 * locked add after the page tables were changed. Each CPU remembers the generation it has caught up
 * with, on a cache line that only it writes; that number is its acknowledgement. A flush returns
 * when every CPU that could hold a stale translation has caught up, gone lazy or left the space.
 *
 * CPUs run user spaces; all of them use the kernel's. Lazy: a CPU that keeps a user space loaded
 * but promises not to touch it (idle, kernel thread) is not interrupted and compares generations
 * when it comes back. Kernel mappings are used by any interrupt, so laziness does not excuse from
 * those. Intel SDM vol. 3 section 4.10.
 */
#pragma once

#include "lib/cpumask.h"
#include "lib/types.h"

/* Above this many pages everything is dropped: refilling costs less than so many invlpg. */
#define TLB_RANGE_PAGES_MAX 33

/* Recent flushes a space remembers; with the generation they fill one cache line. */
#define TLB_RECENT 7

struct tlb_space {
	/* Raised by every flush; `recent` says what it was about (kernel/smp/tlb_recent.h). */
	uint64_t generation __cacheline_aligned;
	uint64_t recent[TLB_RECENT];
	/* CPUs that have it loaded, lazy ones included; each CPU changes its own bit. */
	struct cpumask cpus;
	uint64_t root;	/* physical address of the top page table */
	bool is_kernel; /* its mappings are global pages, used by every CPU in every space */
};

extern struct tlb_space tlb_kernel_space;

/* Prepare @space, not yet loaded anywhere, with top page table @root. */
void tlb_space_init(struct tlb_space *space, uint64_t root);

/*
 * Drop [@start, @end) of @space on all CPUs, or all of it. The caller has changed the page tables;
 * when this returns no CPU uses the old translations. An empty range is no work. Any context but
 * NMI, interrupts on or off; no lock may be held that others take with interrupts off or in a
 * cross-called function.
 */
void tlb_flush_range(struct tlb_space *space, uint64_t start, uint64_t end);
void tlb_flush_all(struct tlb_space *space);

/* Everything on every CPU: all spaces, global pages, paging-structure caches. Context as above. */
void tlb_flush_global(void);

/*
 * Gathers what one operation unmaps, so that one shootdown serves it all, and frees the memory
 * only behind it. Fills up: then it flushes and goes on. On the stack of its user.
 */
#define TLB_BATCH_RANGES 4
#define TLB_BATCH_PAGES	 64

typedef void (*tlb_free_fn)(uint64_t phys, void *context);

struct tlb_range {
	uint64_t start, end;
};

struct tlb_batch {
	struct tlb_space *space;
	tlb_free_fn free;
	void *context;
	unsigned range_count; /* above TLB_BATCH_RANGES: everything */
	unsigned page_count;
	bool tables_freed; /* page-table pages among them: lazy CPUs' walkers matter too */
	struct tlb_range ranges[TLB_BATCH_RANGES];
	uint64_t pages[TLB_BATCH_PAGES];
};

/* Begin a batch on @space; @free(phys, @context) is called for each page once it may be reused. */
void tlb_batch_begin(struct tlb_batch *batch, struct tlb_space *space, tlb_free_fn free,
		     void *context);

/* [@start, @end) has been unmapped. */
void tlb_batch_add_range(struct tlb_batch *batch, uint64_t start, uint64_t end);

/* The frame at @phys, out of a range added before, may be freed behind the flush. */
void tlb_batch_add_page(struct tlb_batch *batch, uint64_t phys);

/* The same for a page-table page: flushes all of the space, on lazy CPUs too. */
void tlb_batch_add_table(struct tlb_batch *batch, uint64_t phys);

/* Flush, then free. The batch is empty again. Context as tlb_flush_range(). */
void tlb_batch_flush(struct tlb_batch *batch);

/*
 * Load @next (NULL: the kernel's, without a user space) on this CPU. Interrupts off. Ends laziness.
 */
void tlb_switch_irqoff(struct tlb_space *next);

/*
 * This CPU promises not to touch user addresses until tlb_leave_lazy(), which catches up with what
 * was flushed meanwhile. Preemption off; not nested.
 */
void tlb_enter_lazy(void);
void tlb_leave_lazy(void);

/*
 * A CPU comes up: before it takes interrupts or touches kernel mappings that may change. A CPU goes
 * down: last, see call_drain_self_irqoff(). On that CPU, interrupts off.
 */
void tlb_cpu_online_irqoff(void);
void tlb_cpu_offline_irqoff(void);

/* Boot CPU, after ipi_init(); brings the boot CPU online for shootdowns too. */
void tlb_init(void);

/* What this CPU did, for tests and reports; written by its owner. */
struct tlb_counts {
	uint64_t flushes;     /* shootdowns begun here */
	uint64_t pages;	      /* single translations dropped */
	uint64_t full;	      /* all of a space dropped */
	uint64_t caught_up;   /* interrupts that found nothing left to do */
	uint64_t lazy_spared; /* IPIs not sent to lazy CPUs by shootdowns begun here */
};

void tlb_counts_get(unsigned cpu, struct tlb_counts *counts);

#ifdef CONFIG_DEBUG
/* Test hook: other CPUs acknowledge without flushing. The stress test must notice. */
void tlb_hook_noflush(bool on);

/* Test hook: one in @n acknowledgements is lost (the flush is done, nobody told); 0 none. */
void tlb_hook_ack_drop(unsigned n);
#endif
