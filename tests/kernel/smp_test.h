/*
 * What the suites share that deal with several CPUs.
 */
#pragma once

#include <fanga/call.h>
#include <fanga/clock.h>
#include <fanga/cpu.h>
#include "arch/x86_64/cpu.h"
#include "lib/types.h"

/*
 * Wait until @cond holds, at most four wait limits, which scale with the machine and its host; the
 * value says whether it came true.
 */
#define COMES_TRUE(cond)                                                    \
	__extension__({                                                     \
		uint64_t until_ns_ = clock_ns() + 4 * call_wait_limit_ns(); \
                                                                            \
		while (!(cond) && clock_ns() < until_ns_)                   \
			cpu_relax();                                        \
		(cond);                                                     \
	})

/*
 * Whether a test that visits CPUs one by one visits @cpu: all of them up to 64, a spread of some
 * sixteen beyond, where every wait costs a simulator a lap over all CPUs.
 */
static inline bool visits_cpu(unsigned cpu)
{
	return cpu_count() <= 64 || cpu % 17 == 1 || cpu + 1 == cpu_count();
}

/* The online CPU with the highest number; 0 on a lone one. */
static inline unsigned last_cpu(void)
{
	unsigned last = 0, cpu;

	for_each_cpu (cpu, cpu_online_mask())
		last = cpu;
	return last;
}

/*
 * Make waits impatient, for tests of lost interrupts and dead CPUs: a millisecond or some where
 * time is virtual (waiting for it costs a simulator much), a sixteenth of the limit on the host's clock.
 */
static inline void shorten_wait_limit(void)
{
	if (clock_is_virtual())
		call_wait_limit_set(1000000ull * (cpu_online_count() / 64 + 1));
	else
		call_wait_limit_set(call_wait_limit_ns() / 16);
}
