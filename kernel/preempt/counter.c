/*
 * The preempt count: its storage, how interrupts count into it, and the debug build's checks.
 *
 * Invariant: every section that adds to the word takes the same away again on the same CPU, so an
 * interrupt leaves the count as it found it. No locks: a CPU writes its own word only, by single
 * instructions, which interrupts on it cannot split.
 */
#include <fanga/check.h>
#include <fanga/preempt.h>
#include "arch/x86_64/trap.h"

/* Every CPU starts enabled, with no switch wanted. */
DEFINE_PER_CPU(uint32_t, preempt_word) = PREEMPT_NO_RESCHED;

#ifdef CONFIG_DEBUG

/* The count at entry, by kind of interrupt: neither kind nests in itself. */
static DEFINE_PER_CPU(uint32_t, irq_entry_count);
static DEFINE_PER_CPU(uint32_t, nmi_entry_count);

void preempt_check_disable(void)
{
	if ((preempt_count() & PREEMPT_DEPTH_MASK) == PREEMPT_DEPTH_MASK)
		check_fatal(CHECK_PREEMPT_OVERFLOW, "preemption disabled %u deep on cpu%u, from %p",
			    PREEMPT_DEPTH_MASK, current_cpu_id(), __builtin_return_address(0));
}

void preempt_check_enable(void)
{
	if ((preempt_count() & PREEMPT_DEPTH_MASK) == 0)
		check_fatal(CHECK_PREEMPT_UNDERFLOW,
			    "preemption enabled on cpu%u though it is not disabled, from %p",
			    current_cpu_id(), __builtin_return_address(0));
}

void percpu_check_bound(const char *file, int line)
{
	if (preemptible())
		check_report(CHECK_PERCPU_UNBOUND,
			     "%s:%d: address of a per-CPU variable taken while free to migrate",
			     file, line);
}

static void check_entry(uint32_t *entry)
{
	*entry = preempt_count();
}

static void check_exit(const char *kind, uint32_t entry)
{
	if (preempt_count() != entry)
		check_report(CHECK_PREEMPT_UNBALANCED,
			     "a handler of %s left the preempt count at %#x, it was %#x", kind,
			     preempt_count(), entry);
}

#define irq_check_entry() check_entry(raw_cpu_ptr(irq_entry_count))
#define irq_check_exit()  check_exit("an interrupt", this_cpu_read(irq_entry_count))
#define nmi_check_entry() check_entry(raw_cpu_ptr(nmi_entry_count))
#define nmi_check_exit()  check_exit("an NMI", this_cpu_read(nmi_entry_count))

#else

#define irq_check_entry() ((void)0)
#define irq_check_exit()  ((void)0)
#define nmi_check_entry() ((void)0)
#define nmi_check_exit()  ((void)0)

#endif

void irq_enter(void)
{
	this_cpu_add(preempt_word, PREEMPT_HARDIRQ_ONE);
	irq_check_entry();
}

void irq_exit(void)
{
	irq_check_exit();
	this_cpu_sub(preempt_word, PREEMPT_HARDIRQ_ONE);
}

void nmi_enter(void)
{
	this_cpu_add(preempt_word, PREEMPT_NMI_ONE);
	nmi_check_entry();
}

void nmi_exit(void)
{
	nmi_check_exit();
	this_cpu_sub(preempt_word, PREEMPT_NMI_ONE);
}
