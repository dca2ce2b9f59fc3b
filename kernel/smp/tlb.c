/*
 * TLB shootdown by generations.
 *
 * Invariant: a CPU whose bit is set in a space's mask, is not lazy, and has `seen` below the
 * space's generation has an interrupt on its way, or is about to look. Page tables change before
 * the generation; a CPU reads the generation before it flushes and stores it as seen afterwards;
 * memory is freed after all have. What a responder touches: one line of the space (read), one of
 * its own (written), which the initiator reads once or twice: nothing is shared among responders,
 * so 255 of them do not wait for each other. No locks. (tests/models/tlb.pml)
 */
#include <fanga/mm.h>
#include <fanga/panic.h>
#include <fanga/percpu.h>
#include <fanga/preempt.h>
#include <fanga/tlb.h>
#include "arch/x86_64/cpu.h"
#include "kernel/smp/kick.h"
#include "kernel/smp/tlb_recent.h"

#define PAGE_MASK_LOW (BIT(TLB_PAGE_SHIFT) - 1)

/* Written by its CPU only, read by those that flush; one line. */
struct tlb_cpu {
	uint64_t kernel_seen;	 /* generation of the kernel space it has caught up with */
	struct tlb_space *space; /* user space loaded, NULL: none */
	uint64_t seen;		 /* generation of `space` it has caught up with */
	uint32_t lazy;		 /* 1: `space` is loaded but not used */
};

static DEFINE_PER_CPU_ALIGNED(struct tlb_cpu, tlb_cpu);
static DEFINE_PER_CPU(struct tlb_counts, tlb_counters);

struct tlb_space tlb_kernel_space = {.is_kernel = true};

#ifdef CONFIG_DEBUG
static bool hook_noflush;
static uint32_t hook_ack_drop_every;
static uint64_t hook_acks;

void tlb_hook_noflush(bool on)
{
	__atomic_store_n(&hook_noflush, on, __ATOMIC_RELAXED);
}

void tlb_hook_ack_drop(unsigned n)
{
	__atomic_store_n(&hook_ack_drop_every, n, __ATOMIC_RELAXED);
}

static bool hook_skips_flush(void)
{
	return unlikely(__atomic_load_n(&hook_noflush, __ATOMIC_RELAXED));
}

static bool hook_drops_ack(void)
{
	uint32_t every = __atomic_load_n(&hook_ack_drop_every, __ATOMIC_RELAXED);

	return unlikely(every) && __atomic_add_fetch(&hook_acks, 1, __ATOMIC_RELAXED) % every == 0;
}
#else
static bool hook_skips_flush(void)
{
	return false;
}

static bool hook_drops_ack(void)
{
	return false;
}
#endif

void tlb_space_init(struct tlb_space *space, uint64_t root)
{
	*space = (struct tlb_space){.root = root};
}

void tlb_drop_page_irqoff(uint64_t va)
{
	invlpg(va);
	this_cpu_inc(tlb_counters.pages);
}

/* All of the loaded user space: writing CR3 keeps global pages. Intel SDM vol. 3 section 4.10.4.1.
 */
static void drop_user_irqoff(void)
{
	write_cr3(read_cr3());
	this_cpu_inc(tlb_counters.full);
}

/* Global pages survive CR3; clearing CR4.PGE drops them and everything else. */
void tlb_drop_everything_irqoff(void)
{
	uint64_t cr4 = read_cr4();

	if (cr4 & CR4_PGE) {
		write_cr4(cr4 & ~CR4_PGE);
		write_cr4(cr4);
	} else {
		write_cr3(read_cr3());
	}
	this_cpu_inc(tlb_counters.full);
}

/* Drop what the flushes after @seen up to @now were about. */
static void drop_since_irqoff(const struct tlb_space *space, uint64_t seen, uint64_t now)
{
	struct tlb_range ranges[TLB_RECENT];
	int count = tlb_recent_collect(space, seen, now, ranges);

	for (int i = 0; i < count; i++)
		for (uint64_t va = ranges[i].start; va != ranges[i].end; va += PAGE_MASK_LOW + 1)
			tlb_drop_page_irqoff(va); /* of global pages too */
	if (count >= 0)
		return;
	if (space->is_kernel)
		tlb_drop_everything_irqoff();
	else
		drop_user_irqoff();
}

/*
 * Bring this CPU, which had caught up with *@seen, up to date with @space. Returns whether there
 * was anything to do. Safe against its own repetition: the flush comes before the acknowledgement.
 */
static bool catch_up_irqoff(const struct tlb_space *space,
			    uint64_t *seen, /* NOLINT(readability-non-const-parameter) */
			    bool is_remote)
{
	/* Acquire: pairs with the add in flush(); page walks from here on see the new tables. */
	uint64_t now = __atomic_load_n(&space->generation, __ATOMIC_ACQUIRE);

	if (*seen == now)
		return false;
	if (!is_remote || !hook_skips_flush())
		drop_since_irqoff(space, *seen, now);
	/* Release: the acknowledgement comes after the flush. Pairs with the acquire in
	 * has_acked(). */
	if (!is_remote || !hook_drops_ack())
		__atomic_store_n(seen, now, __ATOMIC_RELEASE);
	return true;
}

static bool catch_up_all_irqoff(bool is_remote)
{
	struct tlb_cpu *own = raw_cpu_ptr(tlb_cpu);
	bool did = catch_up_irqoff(&tlb_kernel_space, &own->kernel_seen, is_remote);

	if (own->space)
		did |= catch_up_irqoff(own->space, &own->seen, is_remote);
	return did;
}

void tlb_serve_irqoff(void)
{
	(void)catch_up_all_irqoff(true);
}

void tlb_answer_irqoff(void)
{
	if (!catch_up_all_irqoff(true))
		this_cpu_inc(tlb_counters.caught_up);
}

static bool is_lazy(const struct tlb_cpu *other)
{
	/*
	 * Seq_cst after flush()'s add, against the exchange in tlb_leave_lazy() and the read of the
	 * generation after it: one of the two sees the other.
	 */
	return __atomic_load_n(&other->lazy, __ATOMIC_SEQ_CST);
}

/* Whether @cpu cannot use translations of @space any more that are older than @generation. */
static bool has_acked(const struct tlb_space *space, unsigned cpu, uint64_t generation, bool tables)
{
	const struct tlb_cpu *other = per_cpu_ptr(tlb_cpu, cpu);

	/* Acquire, here and below: pairs with the release in catch_up_irqoff() and tlb_switch. */
	if (space->is_kernel)
		return __atomic_load_n(&other->kernel_seen, __ATOMIC_ACQUIRE) >= generation;
	if (!cpumask_test_acquire(&space->cpus, cpu))
		return true; /* it has loaded another CR3 since */
	if (!tables && is_lazy(other))
		return true;
	/*
	 * `seen` counts if it is this space's: the pointer is the same before and after. (Had it
	 * left and come back in between, it would have loaded CR3 after our generation.)
	 */
	return __atomic_load_n(&other->space, __ATOMIC_ACQUIRE) == space &&
	       __atomic_load_n(&other->seen, __ATOMIC_ACQUIRE) >= generation &&
	       __atomic_load_n(&other->space, __ATOMIC_ACQUIRE) == space;
}

/* The other CPUs that must be interrupted for @space. Preemption off, after the generation's add.
 */
static void find_targets(const struct tlb_space *space, bool tables, struct cpumask *targets)
{
	unsigned cpu;

	cpumask_copy(targets, &space->cpus);
	cpumask_clear(targets, current_cpu_id());
	if (space->is_kernel || tables)
		return;
	for_each_cpu (cpu, targets) {
		if (is_lazy(per_cpu_ptr(tlb_cpu, cpu))) {
			cpumask_clear(targets, cpu);
			this_cpu_inc(tlb_counters.lazy_spared);
		}
	}
}

/* Interrupt again all who have not answered: what was lost once may have been lost for several. */
static void kick_missing(const struct tlb_space *space, const struct cpumask *targets,
			 uint64_t generation, bool tables)
{
	unsigned cpu;

	for_each_cpu (cpu, targets)
		if (!has_acked(space, cpu, generation, tables))
			ipi_kick_again(cpu, IPI_TLB_FLUSH);
}

static void wait_for_acks(const struct tlb_space *space, const struct cpumask *targets,
			  uint64_t generation, bool tables, uint64_t address)
{
	struct smp_wait wait;
	unsigned cpu;

	smp_wait_begin(&wait, "TLB flush", address);
	for_each_cpu (cpu, targets)
		while (!has_acked(space, cpu, generation, tables))
			if (smp_wait_turn(&wait, cpu))
				kick_missing(space, targets, generation, tables);
}

/* Drop @count (1 to TLB_BATCH_RANGES) ranges of @space everywhere; @tables: lazy CPUs too. */
static void flush(struct tlb_space *space, const struct tlb_range *ranges, unsigned count,
		  bool tables)
{
	struct cpumask targets;
	unsigned long flags;
	uint64_t generation;

	preempt_disable();
	this_cpu_inc(tlb_counters.flushes);
	/*
	 * A full barrier: the caller's changes of page tables come before it, our reads of masks
	 * and lazy flags after it. Pairs with catch_up_irqoff(), tlb_switch_irqoff(),
	 * tlb_leave_lazy().
	 */
	generation = __atomic_add_fetch(&space->generation, count, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < count; i++)
		tlb_recent_put(space, generation - count + 1 + i, ranges[i].start,
			       (ranges[i].end - ranges[i].start) >> TLB_PAGE_SHIFT);
	find_targets(space, tables, &targets);
	if (!cpumask_empty(&targets))
		ipi_kick_mask(&targets, IPI_TLB_FLUSH);
	flags = irq_save(); /* our own, while theirs are under way */
	(void)catch_up_all_irqoff(false);
	irq_restore(flags);
	wait_for_acks(space, &targets, generation, tables, ranges[0].start);
	preempt_enable();
}

static const struct tlb_range everything = {0, UINT64_MAX};

void tlb_flush_range(struct tlb_space *space, uint64_t start, uint64_t end)
{
	struct tlb_range range = {start & ~PAGE_MASK_LOW, ALIGN_UP(end, BIT(TLB_PAGE_SHIFT))};

	if (start < end)
		flush(space, &range, 1, false);
}

void tlb_flush_all(struct tlb_space *space)
{
	flush(space, &everything, 1, false);
}

void tlb_flush_global(void)
{
	flush(&tlb_kernel_space, &everything, 1, false);
}

void tlb_batch_begin(struct tlb_batch *batch, struct tlb_space *space, tlb_free_fn free,
		     void *context)
{
	batch->space = space;
	batch->free = free;
	batch->context = context;
	batch->range_count = 0;
	batch->page_count = 0;
	batch->tables_freed = false;
}

void tlb_batch_add_range(struct tlb_batch *batch, uint64_t start, uint64_t end)
{
	struct tlb_range *last;

	start &= ~PAGE_MASK_LOW;
	end = ALIGN_UP(end, BIT(TLB_PAGE_SHIFT));
	if (start >= end || batch->range_count > TLB_BATCH_RANGES)
		return;
	last = batch->range_count ? &batch->ranges[batch->range_count - 1] : NULL;
	if (last && last->end == start) {
		last->end = end;
		return;
	}
	if (batch->range_count < TLB_BATCH_RANGES)
		batch->ranges[batch->range_count] = (struct tlb_range){start, end};
	batch->range_count++; /* one too many stands for everything */
}

void tlb_batch_add_page(struct tlb_batch *batch, uint64_t phys)
{
	if (batch->page_count == TLB_BATCH_PAGES)
		tlb_batch_flush(batch);
	batch->pages[batch->page_count++] = phys;
}

void tlb_batch_add_table(struct tlb_batch *batch, uint64_t phys)
{
	tlb_batch_add_page(batch, phys);
	batch->tables_freed = true;
}

void tlb_batch_flush(struct tlb_batch *batch)
{
	if (batch->tables_freed || batch->range_count > TLB_BATCH_RANGES)
		flush(batch->space, &everything, 1, batch->tables_freed);
	else if (batch->range_count)
		flush(batch->space, batch->ranges, batch->range_count, false);
	for (unsigned i = 0; i < batch->page_count; i++)
		batch->free(batch->pages[i], batch->context);
	batch->range_count = 0;
	batch->page_count = 0;
	batch->tables_freed = false;
}

/*
 * The order matters to flushes of either space that run meanwhile: those of @next see our bit from
 * before we read its generation, and wait until we have published what we read; those of the old
 * space see our bit until its CR3 is no longer loaded. See tests/models/tlb.pml.
 */
void tlb_switch_irqoff(struct tlb_space *next)
{
	struct tlb_cpu *own = raw_cpu_ptr(tlb_cpu);
	struct tlb_space *old = own->space;
	unsigned cpu = current_cpu_id();

	if (next == old) {
		tlb_leave_lazy();
		return;
	}
	__atomic_store_n(&own->lazy, 0, __ATOMIC_SEQ_CST);
	/* Release: whoever reads `seen` between these stores does not take it for the old space's.
	 */
	__atomic_store_n(&own->space, NULL, __ATOMIC_RELEASE);
	if (next) {
		/* Fully ordered: the bit is visible before the generation is read. */
		(void)cpumask_test_and_set_atomic(&next->cpus, cpu);
		__atomic_store_n(&own->seen, __atomic_load_n(&next->generation, __ATOMIC_ACQUIRE),
				 __ATOMIC_RELEASE);
		__atomic_store_n(&own->space, next, __ATOMIC_RELEASE);
	}
	write_cr3(next ? next->root : tlb_kernel_space.root);
	if (old)
		cpumask_clear_atomic(&old->cpus, cpu);
}

void tlb_enter_lazy(void)
{
	/* Release: uses of the space come before. Pairs with is_lazy(). */
	__atomic_store_n(&raw_cpu_ptr(tlb_cpu)->lazy, 1, __ATOMIC_RELEASE);
}

void tlb_leave_lazy(void)
{
	struct tlb_cpu *own = raw_cpu_ptr(tlb_cpu);
	unsigned long flags;

	/* Full barrier between the flag and the generation: see is_lazy(). */
	if (!__atomic_exchange_n(&own->lazy, 0, __ATOMIC_SEQ_CST))
		return;
	flags = irq_save();
	if (own->space)
		(void)catch_up_irqoff(own->space, &own->seen, false);
	irq_restore(flags);
}

void tlb_cpu_online_irqoff(void)
{
	struct tlb_cpu *own = raw_cpu_ptr(tlb_cpu);
	uint64_t now;

	own->space = NULL;
	own->lazy = 0;
	/* Fully ordered: flushes from here on wait for us; earlier ones are in what we read. */
	(void)cpumask_test_and_set_atomic(&tlb_kernel_space.cpus, current_cpu_id());
	now = __atomic_load_n(&tlb_kernel_space.generation, __ATOMIC_ACQUIRE);
	tlb_drop_everything_irqoff();
	__atomic_store_n(&own->kernel_seen, now, __ATOMIC_RELEASE);
}

void tlb_cpu_offline_irqoff(void)
{
	if (raw_cpu_ptr(tlb_cpu)->space)
		tlb_switch_irqoff(NULL);
	/* Fully ordered: a flush that still saw our bit is in the generation that we answer now. */
	(void)cpumask_test_and_clear_atomic(&tlb_kernel_space.cpus, current_cpu_id());
	(void)catch_up_all_irqoff(false);
}

void tlb_init(void)
{
	unsigned long flags = irq_save();

	tlb_kernel_space.root = read_cr3();
	tlb_cpu_online_irqoff();
	irq_restore(flags);
}

void tlb_counts_get(unsigned cpu, struct tlb_counts *counts)
{
	*counts = per_cpu(tlb_counters, cpu);
}

void kmap_flush(uint64_t start, uint64_t end)
{
	tlb_flush_range(&tlb_kernel_space, start, end);
}
