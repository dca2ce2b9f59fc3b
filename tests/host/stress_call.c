// sources: kernel/smp/call.c kernel/preempt/counter.c kernel/preempt/points.c
// sources: lib/cpumask.c lib/printf.c
/*
 * The kernel's cross-calls with threads as CPUs, under ThreadSanitizer. The interrupt is a flag
 * that a CPU looks at when its interrupts are on; nothing here sends one again, so a call whose
 * interrupt was not sent hangs the test. What a call writes is plain memory, read by who waited for
 * it: a missing ordering is a race.
 */
#include "tests/host/stress_cpus.h"

#include <fanga/call.h>
#include <fanga/mm.h>
#include <fanga/smp.h>
#include "kernel/smp/kick.h"

#define CPUS   STRESS_CPUS
#define ROUNDS 2000u

static unsigned pending[CPUS + 1]; /* interrupts; atomic */
static struct cpumask online;
static unsigned finished;		/* atomic: CPUs that only serve now */
static unsigned runs[CPUS + 1];		/* by CPU that ran; plain */
static unsigned asynchronous[CPUS + 1]; /* the same */

const struct cpumask *cpu_online_mask(void)
{
	return &online;
}

DEFINE_PER_CPU(struct percpu_data, percpu_data);

uint64_t early_alloc(unsigned node, size_t bytes, size_t align)
{
	void *memory = aligned_alloc(align, bytes);

	(void)node;
	if (!memory)
		abort();
	memset(memory, 0, bytes);
	return (uint64_t)memory - DIRECT_MAP_BASE;
}

void ipi_kick(unsigned cpu, enum ipi_type type)
{
	(void)type;
	__atomic_store_n(&pending[cpu], 1, __ATOMIC_RELEASE);
}

void ipi_kick_mask(const struct cpumask *mask, enum ipi_type type)
{
	unsigned cpu;

	for_each_cpu (cpu, mask)
		ipi_kick(cpu, type);
}

void ipi_kick_again(unsigned cpu, enum ipi_type type)
{
	(void)cpu;
	(void)type;
	abort();
}

void smp_serve_irqoff(void)
{
	call_serve_irqoff();
}

static void take_interrupts(void)
{
	unsigned long flags;

	if (!irqs_enabled() ||
	    !__atomic_exchange_n(&pending[current_cpu_id()], 0, __ATOMIC_ACQUIRE))
		return;
	flags = irq_save();
	call_serve_irqoff();
	irq_restore(flags);
}

void smp_wait_begin(struct smp_wait *wait, const char *what, uint64_t address)
{
	(void)what;
	(void)address;
	wait->serves = !irqs_enabled();
	call_kick_unkicked();
}

bool smp_wait_turn(struct smp_wait *wait, unsigned cpu)
{
	(void)cpu;
	cpu_relax();
	if (wait->serves)
		call_serve_irqoff();
	else
		take_interrupts();
	return false;
}

static void count_run(void *seen)
{
	runs[current_cpu_id()]++;
	if (seen)
		*(unsigned *)seen = current_cpu_id();
}

static void count_asynchronous(void *unused)
{
	(void)unused;
	asynchronous[current_cpu_id()]++;
}

/* Everybody keeps answering until all are done. */
static void serve_until_all_finished(void)
{
	__atomic_fetch_add(&finished, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&finished, __ATOMIC_ACQUIRE) < CPUS) {
		take_interrupts();
		cpu_relax();
	}
	take_interrupts();
}

static void work_waited(unsigned self)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned target = 1 + (self + i) % CPUS, seen = 0;
		unsigned long flags = 0;

		if (i % 3 == 0)
			flags = irq_save();
		if (call_on(target, count_run, &seen, true) || seen != target)
			abort();
		if (i % 3 == 0)
			irq_restore(flags);
		take_interrupts();
	}
	serve_until_all_finished();
}

static void work_masks(unsigned self)
{
	struct call call = CALL_INIT(count_asynchronous, NULL);

	for (unsigned i = 0; i < ROUNDS / 4; i++) {
		unsigned target = 1 + (self + i) % CPUS;
		unsigned long flags = 0;

		if (i % 3 == 0)
			flags = irq_save();
		if (call_on_mask(&online, count_run, NULL, i % 2) || call_async(target, &call))
			abort();
		if (i % 3 == 0)
			irq_restore(flags);
		if (i % 5 == 0 && call_on(target, count_asynchronous, NULL, false))
			abort();
		call_wait(&call, target);
		take_interrupts();
	}
	serve_until_all_finished();
}

static void run_calls(void (*work)(unsigned cpu))
{
	memset(runs, 0, sizeof(runs));
	memset(asynchronous, 0, sizeof(asynchronous));
	finished = 0;
	stress_run(work);
	/* A last interrupt may have come when its CPU had finished: its queue is ours now. */
	for (unsigned cpu = 1; cpu <= CPUS; cpu++) {
		host_percpu_offset = percpu_offset[cpu];
		call_serve_irqoff();
	}
	host_percpu_offset = 0;
}

static unsigned total(const unsigned counts[CPUS + 1])
{
	unsigned sum = 0;

	for (unsigned cpu = 1; cpu <= CPUS; cpu++)
		sum += counts[cpu];
	return sum;
}

static void waited_calls(void **state)
{
	(void)state;
	run_calls(work_waited);
	assert_int_equal(total(runs), CPUS * ROUNDS);
}

static void masks_and_asynchronous_calls(void **state)
{
	(void)state;
	run_calls(work_masks);
	assert_int_equal(total(runs), CPUS * CPUS * (ROUNDS / 4));
	assert_int_equal(total(asynchronous), CPUS * (ROUNDS / 4 + ROUNDS / 20));
}

static int prepare(void **state)
{
	(void)state;
	stress_prepare();
	for (unsigned cpu = 1; cpu <= CPUS; cpu++)
		cpumask_set(&online, cpu);
	return call_init(cpu_count());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waited_calls),
		cmocka_unit_test(masks_and_asynchronous_calls),
	};

	return cmocka_run_group_tests_name("call", tests, prepare, NULL);
}
