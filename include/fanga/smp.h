/*
 * Symmetric multiprocessing: start every CPU, run work on them, and the per-CPU record of each.
 */
#pragma once

#include "fanga/cpu.h"
#include "fanga/percpu.h"
#include "lib/types.h"

/* What each CPU keeps about itself; written by its owner, readable by all. */
struct percpu_data {
	unsigned cpu;
	uint32_t apic_id;
	unsigned node;
	uint64_t total_ticks; /* timer interrupts taken on this CPU */
	const char *running;  /* what it does now, for reports: "boot", "idle", a work's name */
};

DECLARE_PER_CPU(struct percpu_data, percpu_data);

/* The caller's CPU's record; preemption or interrupts off. */
#define current_cpu_data() this_cpu_ptr(percpu_data)

/* @cpu's record; NULL: no such CPU, or no memory for its area. Any context; fields change meanwhile. */
struct percpu_data *get_cpu_data(unsigned cpu);

/* Whether the CPU of @data is serving an interrupt or NMI; a snapshot for other CPUs. */
bool percpu_in_interrupt(const struct percpu_data *data);

/* Whether the CPU of @data could be preempted now; a snapshot for other CPUs. */
bool percpu_preemptible(const struct percpu_data *data);

/*
 * Prepare for more than one CPU: enumerate, allocate each CPU's area and stacks on its own node,
 * place the trampoline. 0 or a negative errno. Boot CPU, once, interrupts off.
 */
int smp_init(void) __must_check;

/*
 * Start all application processors together (one broadcast INIT, SIPIs) and wait until all have
 * answered, at most 1 s in all. Those that did not are failed and named in the log. Returns the
 * number online, the caller included. Boot CPU, once, interrupts on.
 */
int smp_start_application_processors(void);

/* Nanoseconds from the first SIPI to the last CPU online, and until @cpu answered. */
uint64_t smp_bringup_ns(void);

/*
 * Run @fn(@arg) on every CPU of @mask, in thread-like context with interrupts on, and return when
 * all have returned. The caller runs it too if it is in @mask. CPUs that are not online are left
 * out: the number that ran is returned. Thread context, one caller at a time (others wait); from
 * inside @fn, on any CPU, nothing is run and 0 returned.
 */
unsigned smp_run_on(const struct cpumask *mask, void (*fn)(void *arg), void *arg);

/* The idle loop: runs what smp_run_on() hands over, halts otherwise. Never returns. */
_Noreturn void smp_idle(void);

/* CPUs that execute parked or failed code and would see a shorthand IPI: shorthand is unsafe. */
bool smp_shorthand_safe(void);
