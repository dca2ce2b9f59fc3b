/*
 * Round trips of IPIs and shootdowns, measured.
 *
 * Invariant: one round is sent, handled by all its targets and noted before the next begins. No
 * locks: one caller at a time, the counters polled are owner-written. Thread context.
 */
#include "kernel/smp/measure.h"
#include <fanga/call.h>
#include <fanga/clock.h>
#include <fanga/cpu.h>
#include <fanga/mm.h>
#include <fanga/percpu.h>
#include <fanga/preempt.h>
#include <fanga/tlb.h>
#include "arch/x86_64/cpu.h"
#include "lib/errno.h"

static DEFINE_PER_CPU_ALIGNED(uint64_t, generic_handled);
static uint64_t handled_before[CPU_MAX]; /* the caller's */
static uint64_t tlb_measure_range;	 /* reserved once, never mapped */

static void generic_note(uint64_t data, unsigned from)
{
	(void)data;
	(void)from;
	this_cpu_inc(generic_handled);
}

static void nothing(void *unused)
{
	(void)unused;
}

/* How many IPIs of @type @cpu has handled. */
static uint64_t handled(enum ipi_type type, unsigned cpu)
{
	struct ipi_counts counts;

	if (type == IPI_GENERIC)
		return __atomic_load_n(per_cpu_ptr(generic_handled, cpu), __ATOMIC_RELAXED);
	ipi_counts_get(cpu, &counts);
	return counts.received[type];
}

static bool has_stopped(unsigned cpu)
{
	/* Acquire: pairs with cpu_set_state(). */
	return __atomic_load_n(&cpu_get(cpu)->state, __ATOMIC_ACQUIRE) == CPU_OFFLINE;
}

static int round_by_count(enum ipi_type type, struct ipi_target target,
			  const struct cpumask *others)
{
	unsigned cpu;
	int err;

	for_each_cpu (cpu, others)
		handled_before[cpu] = handled(type, cpu);
	err = ipi_send(ipi_new(type, target));
	if (err)
		return err;
	for_each_cpu (cpu, others)
		while (handled(type, cpu) == handled_before[cpu])
			cpu_relax();
	return 0;
}

static int round_by_call(const struct cpumask *others)
{
	if (cpumask_weight(others) == 1)
		return call_on(cpumask_first(others), nothing, NULL, true);
	return call_on_mask(others, nothing, NULL, true);
}

static int round_by_halt(struct ipi_target target, const struct cpumask *others)
{
	int err = ipi_send(ipi_new(IPI_HALT, target));
	unsigned cpu;

	for_each_cpu (cpu, others)
		while (!err && !has_stopped(cpu))
			cpu_relax();
	return err;
}

static int revive(const struct cpumask *others)
{
	int err = 0;
	unsigned cpu;

	for_each_cpu (cpu, others)
		if (!err)
			err = cpu_bring_online(cpu);
	return err;
}

static int measure(enum ipi_type type, struct ipi_target target, const struct cpumask *others,
		   unsigned rounds, struct histogram *times)
{
	int err = 0;

	for (unsigned round = 0; round < rounds && !err; round++) {
		uint64_t start_ns = clock_ns();

		if (type == IPI_HALT)
			err = round_by_halt(target, others);
		else if (type == IPI_CALL)
			err = round_by_call(others);
		else
			err = round_by_count(type, target, others);
		if (!err)
			histogram_add(times, clock_ns() - start_ns);
		if (!err && type == IPI_HALT)
			err = revive(others);
	}
	return err;
}

/* The CPUs of @target, in @others; none of them may be the caller's. */
static int find_others(struct ipi_target target, struct cpumask *others)
{
	unsigned self = current_cpu_id();

	switch (target.scope) {
	case IPI_SCOPE_CPU:
		if (target.cpu >= cpu_count())
			return -EINVAL;
		cpumask_only(others, target.cpu);
		break;
	case IPI_SCOPE_ALL_BUT_SELF:
		cpumask_copy(others, cpu_online_mask());
		cpumask_clear(others, self);
		break;
	case IPI_SCOPE_MASK:
		cpumask_copy(others, target.mask);
		break;
	default:
		return -EINVAL;
	}
	return cpumask_empty(others) || cpumask_test(others, self) ? -EINVAL : 0;
}

int ipi_measure(enum ipi_type type, struct ipi_target target, unsigned rounds,
		struct histogram *times)
{
	struct cpumask others;
	int err = find_others(target, &others);

	if (err)
		return err;
	if (type == IPI_GENERIC) {
		err = ipi_generic_register(generic_note);
		if (err)
			return err;
	}
	err = measure(type, target, &others, rounds, times);
	if (type == IPI_GENERIC)
		ipi_generic_unregister();
	return err;
}

int tlb_measure(unsigned pages, unsigned rounds, struct histogram *times)
{
	if (!tlb_measure_range)
		tlb_measure_range = kmap_reserve((TLB_RANGE_PAGES_MAX + 1) * PAGE_BYTES);
	if (!tlb_measure_range)
		return -ENOMEM;
	pages = MIN(pages, TLB_RANGE_PAGES_MAX + 1u);
	for (unsigned round = 0; round < rounds; round++) {
		uint64_t start_ns = clock_ns();

		if (pages)
			tlb_flush_range(&tlb_kernel_space, tlb_measure_range,
					tlb_measure_range + pages * PAGE_BYTES);
		else
			tlb_flush_global();
		histogram_add(times, clock_ns() - start_ns);
	}
	return 0;
}
