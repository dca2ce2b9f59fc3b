/*
 * Time: nanoseconds since kernel entry, by the time-stamp counter.
 *
 * The TSC is calibrated once against a reference (docs/time.md). Reading costs one rdtsc and one
 * multiplication, takes no lock and writes nothing, so that it may be used anywhere, NMI included.
 */
#pragma once

#include "lib/types.h"

/* Remember this moment as time 0. First thing in C on the boot CPU. */
void clock_init_boot(void);

/* Declare that time counts instructions (command line clock=icount). Boot CPU, once. */
void clock_set_virtual(bool virtual_time);

/* Whether times are virtual: they repeat from run to run and say nothing about the host's. */
bool clock_is_virtual(void);

/*
 * Find the frequency of the TSC and, in the same window, of the local APIC's timer. At most 10 ms,
 * usually 2. 0, or -ENODEV when neither a reference nor CPUID tells: the TSC is then taken as 1 GHz
 * and the log says so. Boot CPU, once, interrupts off, after apic_init_bsp(), hpet_init() and
 * pmtimer_init().
 */
int clock_calibrate(void);

/* Bring the running application processor's TSC in step with the boot CPU's. Interrupts off. */
void clock_init_ap(void);

/* Nanoseconds since clock_init_boot(); 0 until clock_calibrate(). Any context. */
uint64_t clock_ns(void);

/* As clock_ns(), for a TSC reading taken before. */
uint64_t clock_tsc_to_ns(uint64_t tsc);

/* Wait at least @ns with pause, interrupts as they are. Before clock_calibrate(): by 1 GHz. */
void clock_delay_ns(uint64_t ns);

uint64_t clock_tsc_hz(void);

/* Local APIC timer frequency undivided, 0 when unknown. */
uint64_t clock_apic_timer_hz(void);

/* "icount" or "host", as run.json names it. */
const char *clock_name(void);

/* What the TSC was calibrated against: "hpet", "pmtimer", "pit", "cpuid" or "assumed". */
const char *clock_reference_name(void);
