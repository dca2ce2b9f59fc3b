/*
 * TLB shootdown: who is interrupted and who is not, what is dropped, when memory is freed, and
 * whether any CPU can read through a translation that a finished flush should have taken away
 * (tests/kernel/tlb_stress.c).
 */
#include <fanga/ipi.h>
#include <fanga/mm.h>
#include <fanga/percpu.h>
#include <fanga/smp.h>
#include <fanga/tlb.h>
#include "arch/x86_64/cpu.h"
#include "kernel/smp/measure.h"
#include "lib/string.h"
#include "tests/kernel/ktest.h"
#include "tests/kernel/smp_test.h"
#include "tests/kernel/tlb_stress.h"

#define FAR_RANGE 0xffffc07fffe00000ull /* in the kernel window, never mapped by these tests */

static struct tlb_space space; /* a user space of its own, on the kernel's tables */

static uint64_t tlb_ipis(void)
{
	struct ipi_counts counts;

	ipi_counts_get(current_cpu_id(), &counts);
	return counts.sent[IPI_TLB_FLUSH];
}

static struct tlb_counts counts_of(unsigned cpu)
{
	struct tlb_counts counts;

	tlb_counts_get(cpu, &counts);
	return counts;
}

KTEST(tlb, range_flush_reaches_every_cpu_page_by_page)
{
	static struct tlb_counts first[CPU_MAX];
	uint64_t ipis = tlb_ipis();
	unsigned cpu;

	for_each_cpu (cpu, cpu_online_mask())
		first[cpu] = counts_of(cpu);
	tlb_flush_range(&tlb_kernel_space, FAR_RANGE + 1, FAR_RANGE + 2 * PAGE_BYTES + 1);
	for_each_cpu (cpu, cpu_online_mask()) {
		KT_EQ(counts_of(cpu).pages - first[cpu].pages, 3); /* partial pages at both ends */
		KT_EQ(counts_of(cpu).full - first[cpu].full, 0);
	}
	KT_EQ(tlb_ipis() - ipis, cpu_online_count() - 1);
}

KTEST(tlb, large_and_global_flushes_drop_everything)
{
	static struct tlb_counts first[CPU_MAX];
	unsigned cpu;

	for_each_cpu (cpu, cpu_online_mask())
		first[cpu] = counts_of(cpu);
	tlb_flush_range(&tlb_kernel_space, FAR_RANGE,
			FAR_RANGE + (TLB_RANGE_PAGES_MAX + 1) * PAGE_BYTES);
	tlb_flush_all(&tlb_kernel_space);
	tlb_flush_global();
	for_each_cpu (cpu, cpu_online_mask()) {
		KT_EQ(counts_of(cpu).full - first[cpu].full, 3);
		KT_EQ(counts_of(cpu).pages - first[cpu].pages, 0);
	}
}

KTEST(tlb, empty_range_is_no_work)
{
	struct tlb_counts first = counts_of(current_cpu_id());

	tlb_flush_range(&tlb_kernel_space, FAR_RANGE, FAR_RANGE);
	tlb_flush_range(&tlb_kernel_space, FAR_RANGE + PAGE_BYTES, FAR_RANGE);
	KT_EQ(counts_of(current_cpu_id()).flushes, first.flushes);
}

/* Below: what a CPU does with the test's space, run there by call_on(). */

static void load_space(void *next)
{
	tlb_switch_irqoff(next);
}

static void go_lazy(void *unused)
{
	(void)unused;
	tlb_enter_lazy();
}

static void leave_lazy(void *unused)
{
	(void)unused;
	tlb_leave_lazy();
}

static void read_word(void *arg)
{
	uint64_t *slot = arg;

	*slot = *(volatile uint64_t *)*slot;
}

static int run_on_last(call_fn fn, void *arg)
{
	return call_on(last_cpu(), fn, arg, true);
}

KTEST(tlb, a_space_interrupts_only_cpus_that_use_it)
{
	unsigned cpu = last_cpu();
	struct tlb_counts first;
	uint64_t ipis;

	if (!cpu)
		KT_SKIP("one CPU");
	tlb_space_init(&space, read_cr3());
	ipis = tlb_ipis();
	tlb_flush_range(&space, FAR_RANGE, FAR_RANGE + PAGE_BYTES);
	tlb_flush_all(&space);
	KT_EQ(tlb_ipis(), ipis); /* nobody has it loaded */
	KT_EQ(run_on_last(load_space, &space), 0);
	first = counts_of(cpu);
	tlb_flush_range(&space, FAR_RANGE, FAR_RANGE + PAGE_BYTES);
	KT_EQ(tlb_ipis(), ipis + 1);
	KT_EQ(counts_of(cpu).pages, first.pages + 1);
	tlb_flush_all(&space);
	KT_EQ(counts_of(cpu).full, first.full + 1);
	KT_EQ(run_on_last(load_space, NULL), 0);
	ipis = tlb_ipis();
	tlb_flush_all(&space);
	KT_EQ(tlb_ipis(), ipis);
}

KTEST(tlb, lazy_cpu_is_spared_and_catches_up)
{
	unsigned cpu = last_cpu();
	struct tlb_counts first;
	uint64_t ipis;

	if (!cpu)
		KT_SKIP("one CPU");
	tlb_space_init(&space, read_cr3());
	KT_EQ(run_on_last(load_space, &space), 0);
	KT_EQ(run_on_last(go_lazy, NULL), 0);
	ipis = tlb_ipis();
	first = counts_of(cpu);
	tlb_flush_range(&space, FAR_RANGE, FAR_RANGE + 2 * PAGE_BYTES);
	tlb_flush_range(&space, FAR_RANGE, FAR_RANGE + PAGE_BYTES);
	KT_EQ(tlb_ipis(), ipis);
	KT_EQ(counts_of(cpu).pages, first.pages);
	KT_EQ(run_on_last(leave_lazy, NULL), 0);
	KT_EQ(counts_of(cpu).pages, first.pages + 3);
	KT_EQ(run_on_last(go_lazy, NULL), 0);
	/* More generations than are remembered: everything. */
	for (unsigned i = 0; i <= TLB_RECENT; i++)
		tlb_flush_range(&space, FAR_RANGE, FAR_RANGE + PAGE_BYTES);
	KT_EQ(run_on_last(leave_lazy, NULL), 0);
	KT_EQ(counts_of(cpu).full, first.full + 1);
	KT_EQ(run_on_last(load_space, NULL), 0);
}

/* With real translations: the CPU has one, sleeps through its change, and comes back. */
KTEST(tlb, lazy_cpu_reads_no_stale_page)
{
	uint64_t va = kmap_reserve(PAGE_BYTES), slot;
	uint64_t old = early_alloc(NODE_ANY, PAGE_BYTES, PAGE_BYTES);
	uint64_t new = early_alloc(NODE_ANY, PAGE_BYTES, PAGE_BYTES);

	if (!last_cpu())
		KT_SKIP("one CPU");
	KT_CHECK(va && old && new);
	*(uint64_t *)phys_to_virt(old) = 1;
	*(uint64_t *)phys_to_virt(new) = 2;
	tlb_space_init(&space, read_cr3());
	KT_EQ(run_on_last(load_space, &space), 0);
	KT_EQ(kmap_map(va, old, PAGE_BYTES, 0), 0);
	slot = va;
	KT_EQ(run_on_last(read_word, &slot), 0);
	KT_EQ(slot, 1);
	KT_EQ(run_on_last(go_lazy, NULL), 0);
	KT_EQ(kmap_unmap(va, PAGE_BYTES), 1);
	tlb_flush_range(&space, va, va + PAGE_BYTES);
	KT_EQ(kmap_map(va, new, PAGE_BYTES, 0), 0);
	KT_EQ(run_on_last(leave_lazy, NULL), 0);
	slot = va;
	KT_EQ(run_on_last(read_word, &slot), 0);
	KT_EQ(slot, 2);
	KT_EQ(run_on_last(load_space, NULL), 0);
	KT_EQ(kmap_unmap(va, PAGE_BYTES), 1);
	tlb_flush_range(&tlb_kernel_space, va, va + PAGE_BYTES);
	early_free(old, PAGE_BYTES);
	early_free(new, PAGE_BYTES);
}

KTEST(tlb, freed_tables_concern_lazy_cpus_too)
{
	unsigned cpu = last_cpu();
	struct tlb_counts first;
	struct tlb_batch batch;
	uint64_t ipis;

	if (!cpu)
		KT_SKIP("one CPU");
	tlb_space_init(&space, read_cr3());
	KT_EQ(run_on_last(load_space, &space), 0);
	KT_EQ(run_on_last(go_lazy, NULL), 0);
	first = counts_of(cpu);
	ipis = tlb_ipis();
	tlb_stress_batch_begin(&batch, &space);
	tlb_batch_add_table(&batch, PAGE_BYTES);
	tlb_batch_flush(&batch);
	KT_EQ(tlb_ipis(), ipis + 1);
	KT_EQ(counts_of(cpu).full, first.full + 1);
	KT_EQ(tlb_stress_freed(), 1);
	KT_EQ(run_on_last(leave_lazy, NULL), 0);
	KT_EQ(run_on_last(load_space, NULL), 0);
}

KTEST(tlb, batch_flushes_once_and_frees_behind)
{
	unsigned self = current_cpu_id();
	struct tlb_counts first = counts_of(self);
	struct tlb_batch batch;

	tlb_stress_batch_begin(&batch, &tlb_kernel_space);
	for (unsigned i = 0; i < 8; i++) { /* touching ranges are one */
		tlb_batch_add_range(&batch, FAR_RANGE + i * PAGE_BYTES,
				    FAR_RANGE + (i + 1) * PAGE_BYTES);
		tlb_batch_add_page(&batch, i * PAGE_BYTES);
	}
	KT_EQ(tlb_stress_freed(), 0);
	tlb_batch_flush(&batch);
	KT_EQ(tlb_stress_freed(), 8);
	KT_EQ(counts_of(self).flushes, first.flushes + 1);
	KT_EQ(counts_of(self).pages, first.pages + 8);
	tlb_batch_flush(&batch); /* empty */
	KT_EQ(counts_of(self).flushes, first.flushes + 1);
}

KTEST(tlb, batch_overflows_into_a_full_flush)
{
	unsigned self = current_cpu_id();
	struct tlb_counts first = counts_of(self);
	struct tlb_batch batch;

	tlb_stress_batch_begin(&batch, &tlb_kernel_space);
	for (uint64_t i = 0; i <= TLB_BATCH_RANGES; i++) /* one too many, apart from each other */
		tlb_batch_add_range(&batch, FAR_RANGE + 2 * i * PAGE_BYTES,
				    FAR_RANGE + (2 * i + 1) * PAGE_BYTES);
	tlb_batch_flush(&batch);
	KT_EQ(counts_of(self).full, first.full + 1);
	for (uint64_t i = 0; i <= TLB_BATCH_PAGES; i++) {
		tlb_batch_add_range(&batch, FAR_RANGE, FAR_RANGE + PAGE_BYTES);
		tlb_batch_add_page(&batch, i * PAGE_BYTES);
	}
	KT_EQ(tlb_stress_freed(), TLB_BATCH_PAGES);
	tlb_batch_flush(&batch);
	KT_EQ(tlb_stress_freed(), TLB_BATCH_PAGES + 1);
}

static void flush_storm(void *rounds)
{
	uint64_t va = FAR_RANGE + current_cpu_id() * PAGE_BYTES;
	unsigned long flags = irq_save();

	for (unsigned round = 0; round < *(unsigned *)rounds; round++) {
		if (round % 8 == 7)
			tlb_flush_global();
		else
			tlb_flush_range(&tlb_kernel_space, va, va + PAGE_BYTES);
	}
	irq_restore(flags);
}

KTEST(tlb, everybody_flushes_with_interrupts_off)
{
	unsigned cpus = cpu_online_count();
	unsigned rounds = cpus <= 8 ? 50 : MAX(400 / cpus, 2u);

	KT_EQ(smp_run_on(cpu_online_mask(), flush_storm, &rounds), cpus);
}

KTEST(tlb, cpu_that_comes_back_has_no_old_translation)
{
	uint64_t va = kmap_reserve(PAGE_BYTES), slot;
	uint64_t old = early_alloc(NODE_ANY, PAGE_BYTES, PAGE_BYTES);
	uint64_t new = early_alloc(NODE_ANY, PAGE_BYTES, PAGE_BYTES);
	unsigned cpu = last_cpu();

	if (!cpu)
		KT_SKIP("one CPU");
	KT_CHECK(va && old && new);
	*(uint64_t *)phys_to_virt(old) = 1;
	*(uint64_t *)phys_to_virt(new) = 2;
	KT_EQ(kmap_map(va, old, PAGE_BYTES, 0), 0);
	slot = va;
	KT_EQ(call_on(cpu, read_word, &slot, true), 0);
	KT_EQ(slot, 1);
	KT_EQ(cpu_take_offline(cpu), 0);
	KT_EQ(kmap_unmap(va, PAGE_BYTES), 1);
	tlb_flush_range(&tlb_kernel_space, va, va + PAGE_BYTES); /* does not wait for it */
	KT_EQ(kmap_map(va, new, PAGE_BYTES, 0), 0);
	KT_EQ(cpu_bring_online(cpu), 0);
	slot = va;
	KT_EQ(call_on(cpu, read_word, &slot, true), 0);
	KT_EQ(slot, 2);
	KT_EQ(kmap_unmap(va, PAGE_BYTES), 1);
	tlb_flush_range(&tlb_kernel_space, va, va + PAGE_BYTES);
	early_free(old, PAGE_BYTES);
	early_free(new, PAGE_BYTES);
}

static struct histogram shootdowns;

KTEST(tlb, shootdowns_are_measured)
{
	memset(&shootdowns, 0, sizeof(shootdowns));
	KT_EQ(tlb_measure(1, 5, &shootdowns), 0);
	KT_EQ(tlb_measure(0, 5, &shootdowns), 0);
	KT_EQ(shootdowns.count, 10);
}

KTEST(tlb, no_stale_read_when_memory_is_reused)
{
	struct tlb_stress_result result;

	KT_EQ(tlb_stress_run(tlb_stress_rounds(), &result), 0);
	ktest_note("%llu rounds, %llu reads by %u CPUs, %llu stale",
		   (unsigned long long)result.rounds, (unsigned long long)result.reads,
		   cpu_online_count(), (unsigned long long)result.stale);
	KT_CHECK(result.reads > 0);
	KT_EQ(result.stale, 0);
}

#ifdef CONFIG_DEBUG
/* The stress is worth something only if it sees the fault: without the flush it must. */
KTEST(tlb, stress_finds_a_missing_flush)
{
	struct tlb_stress_result result;
	int err;

	if (!last_cpu())
		KT_SKIP("one CPU");
	tlb_hook_noflush(true);
	err = tlb_stress_run(tlb_stress_rounds(), &result);
	tlb_hook_noflush(false);
	tlb_flush_global();
	KT_EQ(err, 0);
	ktest_note("stale read found in round %llu", (unsigned long long)result.rounds);
	KT_CHECK(result.stale > 0);
}

static void flush_some(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		tlb_flush_range(&tlb_kernel_space, FAR_RANGE, FAR_RANGE + PAGE_BYTES);
}

KTEST(tlb, lost_interrupt_or_acknowledgement_is_made_up_for)
{
	uint64_t limit_ns = call_wait_limit_ns();
	unsigned one_in = 2 * cpu_online_count() - 1; /* every other flush has one loss */
	struct ipi_counts first, last;

	if (!last_cpu())
		KT_SKIP("one CPU");
	ipi_counts_get(current_cpu_id(), &first);
	shorten_wait_limit();
	ipi_hook_drop(one_in);
	flush_some(7);
	ipi_hook_drop(0);
	ipi_counts_get(current_cpu_id(), &last);
	ktest_note("%llu lost so far, %llu sent again", (unsigned long long)ipi_hook_dropped(),
		   (unsigned long long)(last.resent - first.resent));
	KT_CHECK(last.resent >= first.resent + 2);
	first = last;
	tlb_hook_ack_drop(one_in);
	flush_some(7);
	tlb_hook_ack_drop(0);
	call_wait_limit_set(limit_ns);
	ipi_counts_get(current_cpu_id(), &last);
	KT_CHECK(last.resent >= first.resent + 2);
}

KTEST(tlb, no_stale_read_though_interrupts_are_lost)
{
	uint64_t limit_ns = call_wait_limit_ns();
	struct tlb_stress_result result;
	int err;

	if (!last_cpu())
		KT_SKIP("one CPU");
	shorten_wait_limit();
	ipi_hook_drop(10 * cpu_online_count() + 1);
	tlb_hook_ack_drop(14 * cpu_online_count() + 1);
	err = tlb_stress_run(MIN(tlb_stress_rounds(), 100ull), &result);
	ipi_hook_drop(0);
	tlb_hook_ack_drop(0);
	call_wait_limit_set(limit_ns);
	KT_EQ(err, 0);
	KT_EQ(result.stale, 0);
}
#endif
