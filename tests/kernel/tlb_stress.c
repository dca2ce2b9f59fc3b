/*
 * The shootdown stress. Each page of the window maps one of two frames; a round takes a few pages,
 * unmaps them, flushes, overwrites the old frames (their reuse), and maps the others.
 *
 * Unmapped pages may not be touched, and the faults that would follow are not the matter here: so a
 * reader announces its page on a line of its own and looks at the page's state, the writer changes
 * the state and waits until nobody has that page announced. This leaves readers' TLBs alone: a
 * reader that is not interrupted by the shootdown still has the old translation when the page is
 * open again, and then reads POISON in the old frame or an old stamp. That is what is counted.
 */
#include "tests/kernel/tlb_stress.h"

#include <fanga/clock.h>
#include <fanga/cpu.h>
#include <fanga/ipi.h>
#include <fanga/mm.h>
#include <fanga/options.h>
#include <fanga/percpu.h>
#include <fanga/smp.h>
#include "arch/x86_64/cpu.h"
#include "lib/errno.h"
#include "lib/prng.h"

#define WINDOW_PAGES 40u
#define POISON	     0xdeaddeaddeaddeadull
#define NO_PAGE	     WINDOW_PAGES
#define LOOKS	     64u /* reads between two turns of the CPU */

struct reader {
	unsigned page; /* that it may be reading, or NO_PAGE */
	uint64_t reads;
	uint64_t stale;
} __cacheline_aligned;

static struct reader readers[CPU_MAX]; /* each written by its CPU */

static struct {
	uint64_t va; /* reserved once */
	uint64_t frame[WINDOW_PAGES][2];
	uint64_t version[WINDOW_PAGES]; /* 0: closed; else stamp of what is mapped */
	uint64_t rounds, rounds_done;
	bool stop;
	struct prng random;
} stress;

static uint64_t hook_rounds;
static uint64_t freed;

#ifdef CONFIG_DEBUG
static void set_rounds(uint64_t rounds)
{
	hook_rounds = rounds;
}

static void set_noflush(uint64_t on)
{
	tlb_hook_noflush(on);
}

static void set_ipi_drop(uint64_t every)
{
	ipi_hook_drop((unsigned)every);
}

TEST_HOOK(ipi_drop, set_ipi_drop);
TEST_HOOK(tlb_rounds, set_rounds);
TEST_HOOK(tlb_noflush, set_noflush);
#endif

uint64_t tlb_stress_rounds(void)
{
	unsigned cpus = cpu_online_count();

	if (hook_rounds)
		return hook_rounds;
	return cpus <= 8 ? 2000 : cpus <= 64 ? 200 : 40;
}

static void count_free(uint64_t phys, void *unused)
{
	(void)phys;
	(void)unused;
	freed++;
}

void tlb_stress_batch_begin(struct tlb_batch *batch, struct tlb_space *space)
{
	freed = 0;
	tlb_batch_begin(batch, space, count_free, NULL);
}

uint64_t tlb_stress_freed(void)
{
	return freed;
}

static uint64_t page_va(unsigned page)
{
	return stress.va + page * PAGE_BYTES;
}

static uint64_t stamp(unsigned page, uint64_t version)
{
	return version << 8 | page;
}

static uint64_t mapped_frame(unsigned page, uint64_t version)
{
	return stress.frame[page][version % 2];
}

static void poison_frame(uint64_t phys, void *unused)
{
	(void)unused;
	*(volatile uint64_t *)phys_to_virt(phys) = POISON;
}

/* Read @page if it is open. */
static void look(struct reader *self, unsigned page)
{
	uint64_t version, value;

	/* Seq_cst, both: announce, then look; the writer closes, then looks for announcements. */
	__atomic_store_n(&self->page, page, __ATOMIC_SEQ_CST);
	version = __atomic_load_n(&stress.version[page], __ATOMIC_SEQ_CST);
	if (version) {
		value = *(volatile uint64_t *)page_va(page);
		self->reads++;
		if (value != stamp(page, version))
			self->stale++;
	}
	/* Release: the read is over. */
	__atomic_store_n(&self->page, NO_PAGE, __ATOMIC_RELEASE);
}

static void read_until_stopped(void)
{
	struct reader *self = &readers[current_cpu_id()];
	unsigned page = current_cpu_id() % WINDOW_PAGES;

	while (!__atomic_load_n(&stress.stop, __ATOMIC_ACQUIRE)) {
		for (unsigned i = 0; i < LOOKS; i++) {
			look(self, page);
			page = (page + 1) % WINDOW_PAGES;
		}
		if (self->stale)
			__atomic_store_n(&stress.stop, true, __ATOMIC_RELEASE);
		cpu_relax();
	}
}

static void close_page(unsigned page, struct tlb_batch *batch)
{
	uint64_t version = stress.version[page];
	unsigned cpu;

	__atomic_store_n(&stress.version[page], 0, __ATOMIC_SEQ_CST);
	for_each_cpu (cpu, cpu_online_mask())
		while (__atomic_load_n(&readers[cpu].page, __ATOMIC_SEQ_CST) == page)
			cpu_relax();
	(void)kmap_unmap(page_va(page), PAGE_BYTES);
	tlb_batch_add_range(batch, page_va(page), page_va(page) + PAGE_BYTES);
	tlb_batch_add_page(batch, mapped_frame(page, version));
}

static int open_page(unsigned page, uint64_t version)
{
	uint64_t phys = mapped_frame(page, version);

	*(volatile uint64_t *)phys_to_virt(phys) = stamp(page, version);
	if (kmap_map(page_va(page), phys, PAGE_BYTES, 0))
		return -ENOMEM;
	/* Release: whoever finds the page open finds the stamp. */
	__atomic_store_n(&stress.version[page], version, __ATOMIC_RELEASE);
	return 0;
}

/* Change @count pages from @first on; the batch frees, that is poisons, behind its flush. */
static int change_pages(unsigned first, unsigned count)
{
	uint64_t version[WINDOW_PAGES];
	struct tlb_batch batch;
	int err = 0;

	tlb_batch_begin(&batch, &tlb_kernel_space, poison_frame, NULL);
	for (unsigned page = first; page < first + count; page++) {
		version[page] = stress.version[page];
		close_page(page, &batch);
	}
	tlb_batch_flush(&batch);
	for (unsigned page = first; page < first + count && !err; page++)
		err = open_page(page, version[page] + 1);
	return err;
}

static void write_rounds(void)
{
	static const unsigned sizes[] = {
		1, 1, 1, 1, 2, 4, TLB_RANGE_PAGES_MAX, TLB_RANGE_PAGES_MAX + 1};
	uint64_t round;

	for (round = 0; round < stress.rounds; round++) {
		unsigned count = sizes[prng_below(&stress.random, ARRAY_SIZE(sizes))];
		unsigned first = (unsigned)prng_below(&stress.random, WINDOW_PAGES - count + 1);

		if (__atomic_load_n(&stress.stop, __ATOMIC_ACQUIRE))
			break;
		if (change_pages(first, count))
			break;
		look(&readers[current_cpu_id()], first);
		cpu_relax();
	}
	stress.rounds_done = round;
	__atomic_store_n(&stress.stop, true, __ATOMIC_RELEASE);
}

static void work(void *writer)
{
	if (current_cpu_id() == *(unsigned *)writer)
		write_rounds();
	else
		read_until_stopped();
}

static int prepare(uint64_t rounds)
{
	if (!stress.va)
		stress.va = kmap_reserve(WINDOW_PAGES * PAGE_BYTES);
	if (!stress.va)
		return -ENOMEM;
	for (unsigned page = 0; page < WINDOW_PAGES; page++) {
		for (unsigned i = 0; i < 2; i++)
			if (!stress.frame[page][i])
				stress.frame[page][i] =
					early_alloc(NODE_ANY, PAGE_BYTES, PAGE_BYTES);
		if (!stress.frame[page][0] || !stress.frame[page][1] || open_page(page, 1))
			return -ENOMEM;
	}
	for (unsigned cpu = 0; cpu < CPU_MAX; cpu++)
		readers[cpu] = (struct reader){.page = NO_PAGE};
	prng_seed(&stress.random, kernel_options()->seed);
	stress.rounds = rounds;
	stress.stop = false;
	return 0;
}

/* The frames stay ours for the next run; the window becomes empty. */
static void finish(struct tlb_stress_result *result)
{
	*result = (struct tlb_stress_result){.rounds = stress.rounds_done};
	for (unsigned cpu = 0; cpu < CPU_MAX; cpu++) {
		result->reads += readers[cpu].reads;
		result->stale += readers[cpu].stale;
	}
	(void)kmap_unmap(stress.va, WINDOW_PAGES * PAGE_BYTES);
	tlb_flush_range(&tlb_kernel_space, stress.va, stress.va + WINDOW_PAGES * PAGE_BYTES);
}

int tlb_stress_run(uint64_t rounds, struct tlb_stress_result *result)
{
	unsigned writer = current_cpu_id();
	int err = prepare(rounds);

	if (err)
		return err;
	(void)smp_run_on(cpu_online_mask(), work, &writer);
	finish(result);
	return 0;
}
