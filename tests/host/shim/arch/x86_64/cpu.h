/*
 * Processor primitives for the host build, in place of arch/x86_64/cpu.h: each thread is a CPU
 * with an interrupt flag of its own that nothing but these functions looks at. What no host
 * program may do (ports, control registers, halting) is missing, so that code which needs it does
 * not link.
 */
#pragma once

#include <assert.h>
#include <sched.h>

#include "lib/types.h"

#define RFLAGS_IF BIT(9)

extern _Thread_local bool host_irqs_enabled;

/* The host has fewer cores than a test has CPUs: a waiting one hands its core on. */
static inline void cpu_relax(void)
{
	sched_yield();
}

static inline void irq_disable(void)
{
	host_irqs_enabled = false;
}

static inline void irq_enable(void)
{
	host_irqs_enabled = true;
}

static inline bool irqs_enabled(void)
{
	return host_irqs_enabled;
}

static inline uint64_t cpu_flags(void)
{
	return host_irqs_enabled ? RFLAGS_IF : 0;
}

static inline unsigned long irq_save(void)
{
	unsigned long flags = cpu_flags();

	irq_disable();
	return flags;
}

static inline void irq_restore(unsigned long flags)
{
	if (flags & RFLAGS_IF)
		irq_enable();
}

static inline uint64_t rdtsc(void)
{
	return __builtin_ia32_rdtsc();
}
