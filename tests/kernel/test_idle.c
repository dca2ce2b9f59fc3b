/*
 * Idle CPUs and the work handed to them: who runs it, how often, in which context, and that no
 * hand-over is lost between a CPU's last look at its mailbox and its halt.
 */
#include <fanga/call.h>
#include <fanga/ipi.h>
#include <fanga/options.h>
#include <fanga/panic.h>
#include <fanga/preempt.h>
#include <fanga/smp.h>
#include "arch/x86_64/cpu.h"
#include "lib/errno.h"
#include "lib/prng.h"
#include "lib/string.h"
#include "tests/kernel/ktest.h"

#define ROUNDS 500

static unsigned runs[CPU_MAX]; /* atomic, by CPU */

static void clear_runs(void)
{
	memset(runs, 0, sizeof(runs));
}

static void count_run(void *unused)
{
	(void)unused;
	__atomic_add_fetch(&runs[current_cpu_id()], 1, __ATOMIC_RELAXED);
}

static void check_runs(const struct cpumask *mask)
{
	for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
		KT_EQ(runs[cpu], cpumask_test(mask, cpu) && cpu_is_online(cpu));
}

static void run_and_check(const struct cpumask *mask, unsigned expected)
{
	clear_runs();
	KT_EQ(smp_run_on(mask, count_run, NULL), expected);
	check_runs(mask);
}

KTEST(idle, work_runs_once_on_each_cpu_of_the_mask)
{
	struct cpumask mask = {0};
	unsigned cpu;

	run_and_check(&mask, 0);
	for_each_cpu (cpu, cpu_online_mask()) {
		cpumask_zero(&mask);
		cpumask_set(&mask, cpu);
		run_and_check(&mask, 1);
	}
	run_and_check(cpu_online_mask(), cpu_online_count());
	cpumask_copy(&mask, cpu_online_mask());
	cpumask_clear(&mask, 0);
	run_and_check(&mask, cpu_online_count() - 1);
	/* CPUs that are not there are left out. */
	cpumask_copy(&mask, cpu_online_mask());
	for (cpu = cpu_count(); cpu < CPU_MAX; cpu += 97)
		cpumask_set(&mask, cpu);
	run_and_check(&mask, cpu_online_count());
}

KTEST(idle, random_masks)
{
	struct prng prng;

	prng_seed(&prng, kernel_options()->seed);
	for (unsigned round = 0; round < 50; round++) {
		struct cpumask mask = {0};
		unsigned cpu, expected = 0;

		for_each_cpu (cpu, cpu_online_mask()) {
			if (!prng_below(&prng, 2))
				continue;
			cpumask_set(&mask, cpu);
			expected++;
		}
		run_and_check(&mask, expected);
	}
}

static void check_context(void *unused)
{
	(void)unused;
	KT_CHECK(irqs_enabled());
	KT_EQ(preempt_count(), 0);
	KT_CHECK(preemptible() && !in_interrupt());
	KT_CHECK(!current_cpu_id() || !strcmp(panic_context_name(), "work"));
}

KTEST(idle, work_runs_like_a_thread)
{
	smp_run_on(cpu_online_mask(), check_context, NULL);
}

KTEST(idle, idle_cpus_say_so)
{
	unsigned cpu;

	smp_run_on(cpu_online_mask(), check_context, NULL);
	for_each_cpu (cpu, cpu_online_mask()) {
		if (!cpu)
			continue;
		KT_CHECK(!strcmp(get_cpu_data(cpu)->running, "idle"));
		KT_CHECK(!percpu_in_interrupt(get_cpu_data(cpu)));
	}
}

static void fill(void *arg)
{
	/* Plain stores: smp_run_on() orders them before its return. */
	((uint64_t *)arg)[current_cpu_id()] = ~(uint64_t)current_cpu_id();
}

KTEST(idle, what_was_written_is_visible_at_return)
{
	static uint64_t cells[CPU_MAX];
	unsigned cpu;

	for (unsigned round = 0; round < 20; round++) {
		memset(cells, 0, sizeof(cells));
		smp_run_on(cpu_online_mask(), fill, cells);
		for_each_cpu (cpu, cpu_online_mask())
			KT_EQ(cells[cpu], ~(uint64_t)cpu);
	}
}

KTEST(idle, no_wake_up_is_lost)
{
	unsigned cpu;

	clear_runs();
	for (unsigned round = 0; round < ROUNDS; round++) {
		/* The point in the others' loop at which the next order comes moves along. */
		for (unsigned i = 0; i < round % 32; i++)
			cpu_relax();
		smp_run_on(cpu_online_mask(), count_run, NULL);
	}
	for_each_cpu (cpu, cpu_online_mask())
		KT_EQ(runs[cpu], ROUNDS);
}

KTEST(idle, reschedule_wakes_and_is_cleared)
{
	unsigned cpu;

	for_each_cpu (cpu, cpu_online_mask()) {
		struct ipi_counts before, after;

		if (!cpu)
			continue;
		ipi_counts_get(cpu, &before);
		KT_EQ(ipi_send(ipi_new(IPI_RESCHEDULE, IPI_TARGET_CPU(cpu))), 0);
		/* Work handed over behind it shows that the idle loop came round. */
		clear_runs();
		smp_run_on(cpu_online_mask(), count_run, NULL);
		ipi_counts_get(cpu, &after);
		KT_CHECK(after.received[IPI_RESCHEDULE] > before.received[IPI_RESCHEDULE]);
		KT_CHECK(percpu_preemptible(get_cpu_data(cpu)));
	}
}

/* Seen from outside: a CPU that serves an interrupt is neither preemptible nor out of it. */
static void stay_in_handler(void *release)
{
	while (!__atomic_load_n((bool *)release, __ATOMIC_ACQUIRE))
		cpu_relax();
}

KTEST(idle, others_see_a_cpu_in_its_interrupt)
{
	unsigned cpu = cpumask_next(cpu_online_mask(), 0);
	static struct call call;
	bool release = false, was_preemptible;

	if (cpu_online_count() < 2)
		KT_SKIP("needs 2 CPUs");
	call = (struct call)CALL_INIT(stay_in_handler, &release);
	KT_EQ(call_async(cpu, &call), 0);
	while (!percpu_in_interrupt(get_cpu_data(cpu)))
		cpu_relax();
	was_preemptible = percpu_preemptible(get_cpu_data(cpu));
	__atomic_store_n(&release, true, __ATOMIC_RELEASE);
	call_wait(&call, cpu);
	while (percpu_in_interrupt(get_cpu_data(cpu)))
		cpu_relax();
	KT_CHECK(percpu_preemptible(get_cpu_data(cpu)) && !was_preemptible);
}

static void run_inside(void *results)
{
	((unsigned *)results)[current_cpu_id()] = smp_run_on(cpu_online_mask(), count_run, NULL);
}

/* The turn of the work outside is not over: waiting for it would be for ever. */
KTEST(idle, work_inside_work_is_refused)
{
	static unsigned results[CPU_MAX];
	unsigned cpu;

	clear_runs();
	memset(results, 0xff, sizeof(results));
	KT_EQ(smp_run_on(cpu_online_mask(), run_inside, results), cpu_online_count());
	for_each_cpu (cpu, cpu_online_mask()) {
		KT_EQ(results[cpu], 0);
		KT_EQ(runs[cpu], 0);
	}
	run_and_check(cpu_online_mask(), cpu_online_count());
}
