/*
 * Threads as CPUs, for the stress programs: run one function on each of CPUs 1..STRESS_CPUS and see
 * that each gives back every preempt_disable(). The main thread is CPU 0. Include once, first.
 */
#pragma once

#include <pthread.h>
#include <time.h>

#include "tests/host/check.h"

#include <fanga/clock.h>
#include <fanga/cpu.h>
#include <fanga/preempt.h>

#define STRESS_CPUS 6u

struct stress_job {
	pthread_t thread;
	unsigned cpu;
	void (*work)(unsigned cpu);
};

/* Nobody starts before all are there: else the first is done by then. */
static pthread_barrier_t stress_start;

unsigned cpu_count(void)
{
	return STRESS_CPUS + 1;
}

uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static void *stress_thread(void *arg)
{
	const struct stress_job *job = arg;

	host_cpu_attach(job->cpu);
	pthread_barrier_wait(&stress_start);
	job->work(job->cpu);
	return (void *)(uintptr_t)preempt_count();
}

static void stress_run(void (*work)(unsigned cpu))
{
	struct stress_job jobs[STRESS_CPUS];

	assert_int_equal(pthread_barrier_init(&stress_start, NULL, STRESS_CPUS), 0);
	for (unsigned i = 0; i < STRESS_CPUS; i++) {
		jobs[i] = (struct stress_job){.cpu = i + 1, .work = work};
		assert_int_equal(pthread_create(&jobs[i].thread, NULL, stress_thread, &jobs[i]), 0);
	}
	for (unsigned i = 0; i < STRESS_CPUS; i++) {
		void *count;

		assert_int_equal(pthread_join(jobs[i].thread, &count), 0);
		assert_int_equal((uintptr_t)count, 0);
	}
	pthread_barrier_destroy(&stress_start);
}

/* Other CPUs' areas must be there before one of them looks into another's. */
static void stress_prepare(void)
{
	for (unsigned cpu = 1; cpu <= STRESS_CPUS; cpu++)
		host_cpu_prepare(cpu);
}
