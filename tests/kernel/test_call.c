/*
 * Cross-calls: from everybody to everybody, waited for or not, with interrupts on and off, nested,
 * in storms, to CPUs that go away; and what happens when an interrupt is lost or nobody answers.
 */
#include <fanga/ipi.h>
#include <fanga/percpu.h>
#include <fanga/preempt.h>
#include <fanga/smp.h>
#include "lib/errno.h"
#include "lib/string.h"
#include "tests/kernel/ktest.h"
#include "tests/kernel/smp_test.h"

static uint64_t runs[CPU_MAX]; /* by CPU that ran, which alone writes */
static uint64_t disorder;
static bool go;

static void reset(void)
{
	memset(runs, 0, sizeof(runs));
	disorder = 0;
	__atomic_store_n(&go, false, __ATOMIC_RELEASE);
}

static uint64_t total_runs(void)
{
	uint64_t total = 0;

	for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
		total += __atomic_load_n(&runs[cpu], __ATOMIC_RELAXED);
	return total;
}

static void count_run(void *unused)
{
	(void)unused;
	if (irqs_enabled())
		disorder++; /* every call runs with interrupts off */
	runs[current_cpu_id()]++;
}

static void add_one(void *counter)
{
	__atomic_fetch_add((uint64_t *)counter, 1, __ATOMIC_RELAXED);
}

static void note_cpu(void *cpu)
{
	*(unsigned *)cpu = current_cpu_id();
}

/* Rounds that keep a test short on a large machine; each is a call per pair of CPUs. */
static unsigned few(unsigned rounds)
{
	unsigned cpus = cpu_online_count();

	return cpus <= 8 ? rounds : MAX(rounds * 64 / (cpus * cpus), 1u);
}

KTEST(call, waited_call_runs_there_before_it_returns)
{
	unsigned cpu;

	for_each_cpu (cpu, cpu_online_mask()) {
		unsigned ran_on = CPU_MAX;

		KT_EQ(call_on(cpu, note_cpu, &ran_on, true), 0);
		KT_EQ(ran_on, cpu);
	}
}

KTEST(call, own_cpu_runs_it_directly)
{
	struct call call = CALL_INIT(count_run, NULL);
	struct ipi_counts first, last;
	unsigned self = current_cpu_id();

	reset();
	ipi_counts_get(self, &first);
	KT_EQ(call_on(self, count_run, NULL, true), 0);
	KT_EQ(call_on(self, count_run, NULL, false), 0);
	KT_EQ(call_async(self, &call), 0);
	KT_CHECK(!call_is_busy(&call));
	KT_EQ(runs[self], 3);
	KT_EQ(disorder, 0);
	KT_CHECK(irqs_enabled());
	ipi_counts_get(self, &last);
	KT_EQ(last.sent[IPI_CALL], first.sent[IPI_CALL]);
}

KTEST(call, wrong_requests_are_refused)
{
	struct call call = CALL_INIT(NULL, NULL);
	struct cpumask mask = {0};

	KT_EQ(call_on(cpu_count(), count_run, NULL, true), -EINVAL);
	KT_EQ(call_on(0, NULL, NULL, true), -EINVAL);
	KT_EQ(call_on_mask(NULL, count_run, NULL, true), -EINVAL);
	KT_EQ(call_on_mask(&mask, NULL, NULL, true), -EINVAL);
	KT_EQ(call_on_mask(&mask, count_run, NULL, true), 0);
	cpumask_set(&mask, CPU_MAX - 1);
	KT_EQ(call_on_mask(&mask, count_run, NULL, true), -EINVAL);
	KT_EQ(call_async(0, &call), -EINVAL);
	KT_EQ(call_async(cpu_count(), &call), -EINVAL);
	KT_EQ(call_async(0, NULL), -EINVAL);
}

KTEST(call, offline_cpu_is_refused)
{
	struct call call = CALL_INIT(count_run, NULL);
	unsigned cpu = last_cpu();
	struct cpumask all;

	if (!cpu)
		KT_SKIP("one CPU");
	cpumask_copy(&all, cpu_online_mask());
	KT_EQ(cpu_take_offline(cpu), 0);
	reset();
	KT_EQ(call_on(cpu, count_run, NULL, true), -ENXIO);
	KT_EQ(call_on(cpu, count_run, NULL, false), -ENXIO);
	KT_EQ(call_async(cpu, &call), -ENXIO);
	KT_CHECK(!call_is_busy(&call));
	KT_EQ(total_runs(), 0);
	KT_EQ(call_on_mask(&all, count_run, NULL, true), -ENXIO);
	KT_EQ(total_runs(), cpu_online_count());
	KT_EQ(cpu_bring_online(cpu), 0);
	KT_EQ(runs[cpu], 0);
	KT_EQ(call_on(cpu, count_run, NULL, true), 0);
	KT_EQ(runs[cpu], 1);
}

static void hold_until_go(void *held)
{
	__atomic_store_n((bool *)held, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE))
		cpu_relax();
}

struct numbered {
	struct call call;
	uint64_t number;
};

static void note_order(void *arg)
{
	struct numbered *request = arg;

	if (++runs[current_cpu_id()] != request->number)
		disorder++;
}

#define QUEUED 10u

/* Many requests, one interrupt: only the push onto the empty queue sends it. */
KTEST(call, one_interrupt_serves_a_queue_in_order)
{
	struct numbered queued[QUEUED];
	struct call hold = CALL_INIT(hold_until_go, NULL);
	struct ipi_counts first, last;
	unsigned self = current_cpu_id();
	unsigned cpu = last_cpu();
	bool held = false;

	if (!cpu)
		KT_SKIP("one CPU");
	reset();
	hold.arg = &held;
	KT_EQ(call_async(cpu, &hold), 0);
	KT_CHECK(COMES_TRUE(__atomic_load_n(&held, __ATOMIC_ACQUIRE)));
	KT_EQ(call_async(cpu, &hold), -EBUSY);
	ipi_counts_get(self, &first);
	for (unsigned i = 0; i < QUEUED; i++) {
		queued[i] = (struct numbered){.call = CALL_INIT(note_order, &queued[i]),
					      .number = i + 1};
		KT_EQ(call_async(cpu, &queued[i].call), 0);
	}
	ipi_counts_get(self, &last);
	KT_EQ(last.sent[IPI_CALL] - first.sent[IPI_CALL], 1);
	KT_EQ(runs[cpu], 0);
	__atomic_store_n(&go, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < QUEUED; i++)
		call_wait(&queued[i].call, cpu);
	KT_EQ(runs[cpu], QUEUED);
	KT_EQ(disorder, 0);
	KT_CHECK(!call_is_busy(&hold));
}

static void call_everybody(void *rounds)
{
	unsigned cpu;

	for (unsigned round = 0; round < *(unsigned *)rounds; round++)
		for_each_cpu (cpu, cpu_online_mask())
			KT_EQ(call_on(cpu, count_run, NULL, true), 0);
}

KTEST(call, everybody_calls_everybody)
{
	unsigned rounds = few(50), cpus = cpu_online_count();

	reset();
	KT_EQ(smp_run_on(cpu_online_mask(), call_everybody, &rounds), cpus);
	KT_EQ(total_runs(), (uint64_t)rounds * cpus * cpus);
	KT_EQ(disorder, 0);
}

static void async_to_everybody(void *rounds)
{
	struct call call = CALL_INIT(count_run, NULL);
	unsigned cpu;

	for (unsigned round = 0; round < *(unsigned *)rounds; round++) {
		for_each_cpu (cpu, cpu_online_mask()) {
			KT_EQ(call_async(cpu, &call), 0);
			call_wait(&call, cpu);
			KT_EQ(call_on(cpu, count_run, NULL, false), 0);
		}
	}
}

KTEST(call, everybody_calls_everybody_without_waiting)
{
	unsigned rounds = few(50), cpus = cpu_online_count();
	uint64_t total = 2ull * rounds * cpus * cpus;

	reset();
	KT_EQ(smp_run_on(cpu_online_mask(), async_to_everybody, &rounds), cpus);
	KT_CHECK(COMES_TRUE(total_runs() == total));
	KT_EQ(disorder, 0);
}

static void storm_masks(void *rounds)
{
	for (unsigned round = 0; round < *(unsigned *)rounds; round++) {
		KT_EQ(call_on_mask(cpu_online_mask(), count_run, NULL, round % 2), 0);
		preempt_point();
	}
}

KTEST(call, masks_in_a_storm)
{
	unsigned rounds = few(60), cpus = cpu_online_count();
	uint64_t total = (uint64_t)rounds * cpus * cpus;

	reset();
	KT_EQ(smp_run_on(cpu_online_mask(), storm_masks, &rounds), cpus);
	KT_CHECK(COMES_TRUE(total_runs() == total));
	KT_EQ(disorder, 0);
}

/* Call the CPU that `partner` names with interrupts off: both wait, both must serve. */
static void cross_call(void *rounds)
{
	unsigned self = current_cpu_id();
	unsigned partner = self ^ 1;
	unsigned long flags;
	int err = 0;

	if (!cpu_is_online(partner))
		return;
	flags = irq_save();
	for (unsigned round = 0; round < *(unsigned *)rounds && !err; round++)
		err = call_on(partner, count_run, NULL, true);
	irq_restore(flags);
	KT_EQ(err, 0);
}

static void ring_call(void *rounds)
{
	unsigned next = cpumask_next(cpu_online_mask(), current_cpu_id());
	unsigned long flags;
	int err = 0;

	if (next == CPU_MAX)
		next = cpumask_first(cpu_online_mask());
	flags = irq_save();
	for (unsigned round = 0; round < *(unsigned *)rounds && !err; round++)
		err = call_on(next, count_run, NULL, true);
	irq_restore(flags);
	KT_EQ(err, 0);
}

static void mask_call_irqoff(void *rounds)
{
	unsigned long flags = irq_save();
	int err = 0;

	for (unsigned round = 0; round < *(unsigned *)rounds && !err; round++)
		err = call_on_mask(cpu_online_mask(), count_run, NULL, true);
	irq_restore(flags);
	KT_EQ(err, 0);
}

KTEST(call, pairs_with_interrupts_off_do_not_deadlock)
{
	unsigned rounds = MAX(1600 / cpu_online_count(), 4u);

	reset();
	KT_EQ(smp_run_on(cpu_online_mask(), cross_call, &rounds), cpu_online_count());
	KT_EQ(total_runs(), (uint64_t)rounds * (cpu_online_count() & ~1u));
}

KTEST(call, rings_and_masks_with_interrupts_off_do_not_deadlock)
{
	unsigned cpus = cpu_online_count();
	unsigned rounds = MAX(800 / cpus, 2u);

	reset();
	KT_EQ(smp_run_on(cpu_online_mask(), ring_call, &rounds), cpus);
	KT_EQ(total_runs(), (uint64_t)rounds * cpus);
	reset();
	rounds = few(20);
	KT_EQ(smp_run_on(cpu_online_mask(), mask_call_irqoff, &rounds), cpus);
	KT_EQ(total_runs(), (uint64_t)rounds * cpus * cpus);
}

struct nest {
	unsigned home;
	uint64_t count;
	int err;
};

/* On the target: call back the waiting caller, and everybody else at once. */
static void nested(void *arg)
{
	struct nest *nest = arg;

	nest->err = call_on(nest->home, add_one, &nest->count, true);
	if (!nest->err)
		nest->err = call_on_mask(cpu_online_mask(), add_one, &nest->count, true);
}

static void nest_here(void *unused)
{
	struct nest nest = {.home = current_cpu_id()};
	unsigned cpu = cpumask_next(cpu_online_mask(), nest.home);

	(void)unused;
	if (cpu == CPU_MAX)
		cpu = cpumask_first(cpu_online_mask());
	KT_EQ(call_on(cpu, nested, &nest, true), 0);
	KT_EQ(nest.err, 0);
	KT_EQ(nest.count, 1 + cpu_online_count());
}

KTEST(call, calls_nest)
{
	struct cpumask few_cpus = {0};
	unsigned cpu;

	nest_here(NULL);
	/* Waits nest on one stack as deep as there are nested callers: a handful of them. */
	for_each_cpu (cpu, cpu_online_mask())
		if (cpu < 4)
			cpumask_set(&few_cpus, cpu);
	(void)smp_run_on(&few_cpus, nest_here, NULL);
}

struct leaving {
	unsigned cpu; /* goes offline and comes back */
	bool stop;
	uint64_t accepted;
	uint64_t refused;
};

static struct leaving leaving;

static void leave_and_return(void)
{
	for (unsigned i = 0; i < 5; i++) {
		KT_EQ(cpu_take_offline(leaving.cpu), 0);
		KT_EQ(cpu_bring_online(leaving.cpu), 0);
	}
}

/* CPU 0 takes one CPU down and up again; the others call that one all the time. */
static void call_the_leaving(void *unused)
{
	(void)unused;
	if (current_cpu_id() == 0) {
		leave_and_return();
		__atomic_store_n(&leaving.stop, true, __ATOMIC_RELEASE);
		return;
	}
	while (!__atomic_load_n(&leaving.stop, __ATOMIC_ACQUIRE)) {
		int err = call_on(leaving.cpu, count_run, NULL, true);

		__atomic_fetch_add(err ? &leaving.refused : &leaving.accepted, 1, __ATOMIC_RELAXED);
		if (err && err != -ENXIO)
			KT_FAIL("error %d", err);
		cpu_relax();
	}
}

KTEST(call, each_call_to_a_cpu_that_leaves_runs_or_is_refused)
{
	struct cpumask mask;

	leaving = (struct leaving){.cpu = last_cpu()};
	if (leaving.cpu < 2)
		KT_SKIP("fewer than three CPUs");
	reset();
	cpumask_copy(&mask, cpu_online_mask());
	cpumask_clear(&mask, leaving.cpu);
	(void)smp_run_on(&mask, call_the_leaving, NULL);
	KT_EQ(total_runs(), leaving.accepted);
	ktest_note("%llu ran, %llu refused", (unsigned long long)leaving.accepted,
		   (unsigned long long)leaving.refused);
}

static void hold_until_reported(void *reports)
{
	uint64_t first = *(uint64_t *)reports;

	(void)COMES_TRUE(call_wait_reports() > first);
}

/* The machine says who keeps it waiting, and goes on waiting. */
KTEST(call, long_wait_is_reported)
{
	uint64_t limit_ns = call_wait_limit_ns(), reports = call_wait_reports();
	unsigned cpu = last_cpu();

	if (!cpu)
		KT_SKIP("one CPU");
	shorten_wait_limit();
	KT_EQ(call_on(cpu, hold_until_reported, &reports, true), 0);
	call_wait_limit_set(limit_ns);
	KT_CHECK(call_wait_reports() > reports);
}

#ifdef CONFIG_DEBUG
KTEST(call, lost_interrupt_is_sent_again)
{
	uint64_t limit_ns = call_wait_limit_ns();
	uint64_t dropped = ipi_hook_dropped();
	struct ipi_counts first, last;
	unsigned cpu = last_cpu();
	int err = 0;

	if (!cpu)
		KT_SKIP("one CPU");
	reset();
	ipi_counts_get(current_cpu_id(), &first);
	shorten_wait_limit();
	ipi_hook_drop(3);
	for (unsigned i = 0; i < 9 && !err; i++)
		err = call_on(cpu, count_run, NULL, true);
	if (!err)
		err = call_on_mask(cpu_online_mask(), count_run, NULL, true);
	ipi_hook_drop(0);
	call_wait_limit_set(limit_ns);
	ipi_counts_get(current_cpu_id(), &last);
	KT_EQ(err, 0);
	KT_EQ(runs[cpu], 10);
	KT_CHECK(ipi_hook_dropped() >= dropped + 3);
	KT_CHECK(last.resent >= first.resent + 3);
}
#endif
