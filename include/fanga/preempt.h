/*
 * Preemption: may the running context be switched away?
 *
 * One word per CPU answers that, written by its own CPU only:
 *
 *	 31    30..24    23..20    19..16      15..8          7..0
 *	+----+---------+---------+---------+--------------+---------------+
 *	| !R |    0    |   NMI   | hardirq | soft irq (0) | preempt depth |
 *	+----+---------+---------+---------+--------------+---------------+
 *
 * Each field counts how deep the CPU is in that kind of section; bits 30..0 together are the
 * preempt count. !R is need-resched *inverted*, clear when a switch is wanted: so the whole word is
 * zero exactly when the CPU may switch and should, and preempt_enable() is one decrement and one
 * branch. Another CPU that wants a switch here sends a reschedule IPI, whose handler sets the flag.
 *
 * All functions: any context unless stated, no locks, they never sleep by themselves. What lies
 * between disable and enable stays there: each is a compiler barrier, and as the word is read by
 *its own CPU only (whose interrupts see its stores in program order) no processor barrier is
 *needed.
 */
#pragma once

#include <fanga/guard.h>
#include <fanga/percpu.h>
#include "arch/x86_64/cpu.h"
#include "lib/types.h"

#define PREEMPT_DEPTH_ONE    0x00000001u
#define PREEMPT_DEPTH_MASK   0x000000ffu
#define PREEMPT_SOFTIRQ_MASK 0x0000ff00u
#define PREEMPT_HARDIRQ_ONE  0x00010000u
#define PREEMPT_HARDIRQ_MASK 0x000f0000u
#define PREEMPT_NMI_ONE	     0x00100000u
#define PREEMPT_NMI_MASK     0x00f00000u
#define PREEMPT_NO_RESCHED   0x80000000u /* !R: set while no switch is wanted */

#define PREEMPT_INTERRUPT_MASK (PREEMPT_SOFTIRQ_MASK | PREEMPT_HARDIRQ_MASK | PREEMPT_NMI_MASK)

DECLARE_PER_CPU(uint32_t, preempt_word);

/* Predicates on a word, for a CPU's own one (below) and for snapshots of another's. */
static inline unsigned preempt_word_count(uint32_t word)
{
	return word & ~PREEMPT_NO_RESCHED;
}

static inline bool preempt_word_in_interrupt(uint32_t word)
{
	return word & PREEMPT_INTERRUPT_MASK;
}

/* Bits 30..0 of this CPU's word: 0 when preemption is enabled and no interrupt is being served. */
static inline unsigned preempt_count(void)
{
	return preempt_word_count(this_cpu_read(preempt_word));
}

/* Whether this CPU serves an interrupt or an NMI. */
static inline bool in_interrupt(void)
{
	return preempt_word_in_interrupt(this_cpu_read(preempt_word));
}

/* Whether this CPU serves an NMI. */
static inline bool in_nmi(void)
{
	return this_cpu_read(preempt_word) & PREEMPT_NMI_MASK;
}

/* Whether the caller could be switched away right now: count zero and interrupts on. */
static inline bool preemptible(void)
{
	return preempt_count() == 0 && irqs_enabled();
}

/* Whether a switch is wanted on this CPU. */
static inline bool need_resched(void)
{
	return !(this_cpu_read(preempt_word) & PREEMPT_NO_RESCHED);
}

/* Want a switch on this CPU. It happens at the next preempt_enable() or preemption point. */
static inline void set_need_resched(void)
{
	this_cpu_and(preempt_word, ~PREEMPT_NO_RESCHED);
}

/* Withdraw the wish; the scheduler does this as it switches. */
static inline void clear_need_resched(void)
{
	this_cpu_or(preempt_word, PREEMPT_NO_RESCHED);
}

/* Whether a switch is wanted and allowed right now (count zero, interrupts on). */
static inline bool should_reschedule(void)
{
	return this_cpu_read(preempt_word) == 0 && irqs_enabled();
}

/*
 * The hook to the scheduler: pick and run what is due. Called with the count zero, need-resched set
 * and interrupts on; returns likewise interrupts on. Empty until there is a scheduler.
 */
void preempt_resched(void);

/* Call preempt_resched() if should_reschedule(). Returns whether it did. */
bool preempt_check(void);

/* The same for long loops: one comparison when there is nothing to do. */
static inline void preempt_point(void)
{
	if (__builtin_expect(this_cpu_read(preempt_word) == 0, 0))
		(void)preempt_check();
}

#ifdef CONFIG_DEBUG
/* Report a depth that would wrap, up or down, before it does. */
void preempt_check_disable(void);
void preempt_check_enable(void);
#else
static inline void preempt_check_disable(void)
{
}
static inline void preempt_check_enable(void)
{
}
#endif

/* Keep the caller on this CPU until the matching enable. Nests 255 deep. */
static inline void preempt_disable(void)
{
	preempt_check_disable();
	this_cpu_add(preempt_word, PREEMPT_DEPTH_ONE);
}

/* End one preempt_disable() without looking whether a switch is due: one will come soon anyway. */
static inline void preempt_enable_no_resched(void)
{
	preempt_check_enable();
	this_cpu_sub(preempt_word, PREEMPT_DEPTH_ONE);
}

/*
 * End one preempt_disable(). If it was the outermost and a switch is wanted, calls
 * preempt_resched()
 * -- except with interrupts off, when the wish stays until the next chance.
 */
static inline void preempt_enable(void)
{
	preempt_check_enable();
	if (__builtin_expect(this_cpu_dec_and_test(preempt_word), 0))
		(void)preempt_check();
}

/*
 * preempt_enable() for a hot path that would have to keep values across the call: whether the caller
 * must call preempt_check() now.
 */
static inline bool preempt_enable_is_due(void)
{
	preempt_check_enable();
	return __builtin_expect(this_cpu_dec_and_test(preempt_word), 0);
}

/* Behind PREEMPT_GUARD(); the variable has no content, its end of life is what counts. */
struct preempt_guard {
	char unused;
};

static inline struct preempt_guard preempt_guard_enter(void)
{
	preempt_disable();
	return (struct preempt_guard){0};
}

static inline void preempt_guard_exit(struct preempt_guard *guard)
{
	(void)guard;
	preempt_enable();
}

/* Disable preemption until the end of the enclosing block, however it is left. */
#define PREEMPT_GUARD()                                 \
	struct preempt_guard GUARD_NAME(preempt_guard_) \
		__attribute__((cleanup(preempt_guard_exit), unused)) = preempt_guard_enter()
