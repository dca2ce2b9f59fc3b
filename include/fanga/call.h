/*
 * Function calls on other CPUs.
 *
 * Each CPU has a lock-free queue of requests; a push onto an empty queue sends one IPI, a push onto
 * a non-empty one relies on the IPI before it. The function runs on the target with interrupts off,
 * in interrupt context or inside a wait of the target's own. It must not sleep, and must not take a
 * lock that anybody holds while waiting for a call (that wait would serve it, or wait for it).
 * Requests from one CPU to one other run in the order sent.
 */
#pragma once

#include "lib/cpumask.h"
#include "lib/llist.h"
#include "lib/types.h"

typedef void (*call_fn)(void *arg);

/*
 * An asynchronous request, owned by the caller. It belongs to the target from call_async() until
 * call_is_busy() turns false, which happens after fn has returned; it must live that long.
 */
struct call {
	struct llist_node node; /* in the target's queue */
	call_fn fn;
	void *arg;
	uint32_t ticket; /* 0: idle; else in flight, and which use it is */
};

#define CALL_INIT(fn_, arg_)               \
	{                                  \
		.fn = (fn_), .arg = (arg_) \
	}

/*
 * Run @fn(@arg) on @cpu. With @wait, return after it has; without, return when it is queued (and
 * wait only while this CPU's previous unwaited call to @cpu has not run). On the caller's own CPU
 * it runs at once. 0, -EINVAL (no such CPU, no function), -ENXIO (not online; it does not run). Any
 * context but NMI, interrupts on or off.
 */
int call_on(unsigned cpu, call_fn fn, void *arg, bool wait) __must_check;

/*
 * Run @fn(@arg) on every CPU of @mask, the caller's included if it is there (it goes last). As
 * call_on(); an empty mask is no work. -ENXIO: a CPU was not online; the others have run it (or
 * will, without @wait).
 */
int call_on_mask(const struct cpumask *mask, call_fn fn, void *arg, bool wait) __must_check;

/*
 * Queue @call on @cpu without waiting; on the caller's own CPU it runs at once. 0, -EINVAL, -ENXIO
 * as call_on(), -EBUSY while an earlier use of @call is in flight. Any context but NMI.
 */
int call_async(unsigned cpu, struct call *call) __must_check;

/* Whether @call is in flight. False: fn has run, what it wrote is visible, @call may be reused. */
static inline bool call_is_busy(const struct call *call)
{
	/* Pairs with the release in call_run(). */
	return __atomic_load_n(&call->ticket, __ATOMIC_ACQUIRE) != 0;
}

/* Wait until @call, last queued on @cpu, is no longer busy. Any context but NMI. */
void call_wait(struct call *call, unsigned cpu);

/*
 * How long a wait for other CPUs (calls, shootdowns) may take before it is reported, and reported
 * again each time that long: CPU, what for, how long, and the stack of the CPU by NMI. The wait
 * goes on. @limit_ns at least 1 ms; 1 s until set. A sixty-fourth of it is the time after which an
 * IPI without answer is sent again. Boot context.
 */
void call_wait_limit_set(uint64_t limit_ns);
uint64_t call_wait_limit_ns(void);

/* Waits reported since boot. */
uint64_t call_wait_reports(void);

/*
 * The last thing a CPU does with its queues before it stops taking interrupts, called on that CPU,
 * interrupts off. The order is:
 *
 *  1. wait until no other CPU is in steps 2 and 3, serving its own queues,
 *  2. clear the own bit in the online mask (atomically),
 *  3. call_drain_self_irqoff(),
 *  4. tlb_cpu_offline_irqoff(), then halt.
 *
 * A sender tests the mask and pushes within one stretch with interrupts off, so after step 2 it
 * either sees the bit clear (-ENXIO) or its stretch began before. The drain makes a synchronous
 * call to every other online CPU: when those have answered, such stretches are over and what they
 * pushed is in this CPU's queues, which are then emptied. Draining before clearing the bit would
 * leave a window in which a request is pushed onto a queue that nobody reads again.
 */
void call_drain_self_irqoff(void);

/*
 * Allocate the request slots of each of the first @cpus CPUs to each of them, on its own node, where
 * they are not there. 0 or -ENOMEM. Boot CPU, after smp_init() has enumerated the CPUs; again by
 * cpu_add(), before the number of the CPU added is known to others (thread context).
 */
int call_init(unsigned cpus) __must_check;
