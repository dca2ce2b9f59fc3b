/* One measurement of the TSC and the local APIC timer against a reference; for clock.c. */
#pragma once

#include "lib/types.h"

struct calibration {
	uint64_t tsc_hz;
	uint64_t apic_timer_hz; /* 0: no APIC timer */
	const char *reference;	/* "hpet", "pmtimer", "pit" */
	bool is_steady;		/* two windows agreed */
	unsigned windows;	/* measured */
};

/*
 * Measure against the best reference there is, in windows of 1 ms: two that agree, at most five. 0,
 * or -ENODEV when no reference counts. Boot CPU, interrupts off; the APIC timer must be idle and is
 * idle afterwards.
 */
int calibrate_measure(struct calibration *result) __must_check;

/* The local APIC timer's frequency against a TSC of @tsc_hz, where there is no reference. As above. */
uint64_t calibrate_apic_timer_hz(uint64_t tsc_hz);

/* What CPUID says about the TSC, 0 when it does not: leaf 0x15, or the hypervisor's timing leaf. */
uint64_t calibrate_cpuid_hz(void);

/* The nominal frequency (leaf 0x16), which the TSC usually has, or 0: when nothing else is there.
 */
uint64_t calibrate_cpuid_nominal_hz(void);
