/*
 * Test-and-set lock for register windows that take two accesses (index, then data). Interrupts are
 * off while it is held. Here because the sync room's locks lie to the right of arch; the windows
 * are used at boot and are never contended.
 */
#pragma once

#include "arch/x86_64/cpu.h"
#include "lib/types.h"

struct window_lock {
	uint8_t held;
};

static inline unsigned long window_lock(struct window_lock *lock)
{
	unsigned long flags = irq_save();

	/* Acquire: pairs with the release in window_unlock() of the holder before. */
	while (__atomic_test_and_set(&lock->held, __ATOMIC_ACQUIRE))
		cpu_relax();
	return flags;
}

static inline void window_unlock(struct window_lock *lock, unsigned long flags)
{
	/* Release: the next holder's index write comes after our data access. */
	__atomic_clear(&lock->held, __ATOMIC_RELEASE);
	irq_restore(flags);
}
