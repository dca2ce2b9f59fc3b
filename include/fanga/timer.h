/*
 * Each CPU's local timer: one-shot, and a periodic tick on top of it.
 *
 * Local APIC timer, in TSC-deadline mode where CPUID offers it (Intel SDM vol. 3 section 11.5.4).
 * All functions act on the running CPU; the state is that CPU's own, so there are no locks.
 */
#pragma once

#include "lib/types.h"

struct trap_frame;

/* Called in interrupt context on the CPU whose timer fired. */
typedef void (*timer_handler_fn)(struct trap_frame *frame);

/*
 * Take the timer's vector. 0, -EBUSY, or -ENODEV when the timer's frequency is not known. Boot CPU,
 * once, after clock_calibrate().
 */
int timer_init_bsp(void) __must_check;

/* The same mode on the running application processor, after apic_init_ap(). Interrupts off. */
void timer_init_ap(void);

/*
 * @handler runs when an armed time is reached or a tick is due; one for all CPUs, NULL for none.
 * Returns the one before. Boot or thread context.
 */
timer_handler_fn timer_set_handler(timer_handler_fn handler);

/* @count runs at every timer interrupt, on its CPU: smp counts percpu_data.total_ticks in it. */
void timer_set_tick_counter(void (*count)(void));

/*
 * Fire once, @delay_ns from now, never earlier by clock_ns(); replaces what was armed. 0 fires at
 * once. Longer than the hardware can count is done in steps (each counts as a timer interrupt).
 * Any context but NMI.
 */
void timer_arm_ns(uint64_t delay_ns);

/* Disarm, the tick too. The interrupt may already be pending and then finds nothing to do. */
void timer_stop(void);

/* Whether a time is due on this CPU, armed or a tick. Any context. */
bool timer_is_armed(void);

/*
 * Fire @hz times a second (1..20000) on this CPU until tick_stop(). Times are multiples from the
 * start, without drift; those that could not be taken in time are skipped and counted in
 * tick_missed(). timer_arm_ns() ends it. 0 or -EINVAL. Any context but NMI.
 */
int tick_start(unsigned hz) __must_check;
void tick_stop(void);

/* Ticks skipped on this CPU since boot. */
uint64_t tick_missed(void);

/* "tsc-deadline" or "apic". */
const char *timer_mode_name(void);
