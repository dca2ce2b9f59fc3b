/*
 * How much work a test of contended locks may ask of each CPU.
 *
 * A hand-over takes a turn of every waiting CPU in a simulator that takes turns, and milliseconds
 * where the CPUs outnumber the host's: so the number of hand-overs falls with that of CPUs.
 */
#pragma once

#include <fanga/clock.h>
#include <fanga/smp.h>
#include "lib/types.h"

/* Rounds for each online CPU, at least 4, a multiple of 4. */
static inline unsigned contention_rounds(void)
{
	unsigned cpus = cpu_online_count();
	unsigned total = clock_is_virtual() ? 40000 / cpus : 4000 / cpus;

	return MAX(total / cpus, 4u) & ~3u;
}
