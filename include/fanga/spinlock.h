/*
 * Spinlocks: four bytes, first come first served, each waiter spinning on a line of its own.
 *
 *	static DEFINE_SPINLOCK(table_lock);
 *
 *	spin_lock(&table_lock);		... spin_unlock(&table_lock);
 *	flags = spin_lock_irqsave(&l);	... spin_unlock_irqrestore(&l, flags);
 *	SPIN_GUARD(&table_lock);	until the end of the block
 *
 * A lock that an interrupt handler takes is taken with interrupts off everywhere. Preemption is off
 * while one is held; a holder may not sleep, nor wait for another CPU that may want the lock. No
 * recursion. They work on CPU 0 from the first instruction of C. docs/locking.md has the order.
 *
 *	 31            18 17   16 15     9    8    7          0
 *	+----------------+-------+---------+----------+------------+
 *	| tail: cpu + 1  | index |    0    | pending  |   locked   |
 *	+----------------+-------+---------+----------+------------+
 *
 * The first waiter sets `pending` and spins on the word; later ones queue. `tail` names the last in
 * the queue: its CPU and which of that CPU's four nodes (an NMI can wait in an interrupt handler
 *that waits in a soft one that waits in a thread). The algorithm: kernel/sync/spinlock.c.
 */
#pragma once

#include <fanga/guard.h>
#include <fanga/lockdep.h>
#include <fanga/lockstat.h>
#include <fanga/preempt.h>
#include "arch/x86_64/cpu.h"
#include "lib/types.h"

#define SPIN_LOCKED	    0x00000001u
#define SPIN_PENDING	    0x00000100u
#define SPIN_LOCKED_PENDING 0x0000ffffu
#define SPIN_TAIL	    0xffff0000u
#define SPIN_TAIL_SHIFT	    16

/*
 * The lock without statistics, checks and preemption: for the rooms that those are built from, and
 * as the part of other locks. The caller keeps itself on its CPU.
 */
struct raw_spinlock {
	union {
		uint32_t word;
		struct {
			uint8_t locked;
			uint8_t pending;
			uint16_t tail;
		};
		uint16_t locked_pending;
	};
};
_Static_assert(sizeof(struct raw_spinlock) == 4, "a spinlock is four bytes");
_Static_assert(offsetof(struct raw_spinlock, tail) == 2, "little-endian layout of the word");

/* Take the lock if nobody has it or waits for it; never overtakes a waiter. */
static inline bool raw_spin_trylock(struct raw_spinlock *lock)
{
	uint32_t free = 0;

	/* Acquire: pairs with the release in raw_spin_unlock() of the holder before. */
	return likely(__atomic_compare_exchange_n(&lock->word, &free, SPIN_LOCKED, false,
						  __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
}

/* Wait for a lock that raw_spin_trylock() did not get, and take it. */
void raw_spin_wait(struct raw_spinlock *lock);

static inline void raw_spin_lock(struct raw_spinlock *lock)
{
	if (!raw_spin_trylock(lock))
		raw_spin_wait(lock);
}

static inline void raw_spin_unlock(struct raw_spinlock *lock)
{
	/*
	 * Release: what the holder did is seen by whoever takes the lock. Pairs with the acquire in
	 * raw_spin_trylock() and those in raw_spin_wait(). A byte: pending and tail are others'.
	 */
	__atomic_store_n(&lock->locked, 0, __ATOMIC_RELEASE);
}

struct spinlock {
	struct raw_spinlock raw;
	LOCK_DEBUG_MEMBER
};

/* @text names the lock in reports of the debug build. */
#define SPINLOCK_INIT(text)                               \
	{                                                 \
		.raw = {.word = 0}, LOCK_DEBUG_INIT(text) \
	}

#define DEFINE_SPINLOCK(name) struct spinlock name = SPINLOCK_INIT(#name)

/* Make @lock free and of the class of this place. Nobody else may know it yet. */
#define spin_lock_init(lock) ((void)(*(lock) = (struct spinlock)SPINLOCK_INIT(#lock)))

/* Whether somebody has the lock, at some moment just now. Any context. */
static inline bool spin_is_locked(const struct spinlock *lock)
{
	return __atomic_load_n(&lock->raw.word, __ATOMIC_RELAXED) & SPIN_LOCKED;
}

/* Behind the macros below, which add the site of the caller. */
void spin_lock_contended(struct spinlock *lock, struct lock_site *site);

static inline void spin_lock_at(struct spinlock *lock, struct lock_site *site) lock_acquires(lock)
{
	preempt_disable();
	lockdep_wait(LOCK_DEBUG(lock), site, LOCK_EXCLUSIVE);
	if (!raw_spin_trylock(&lock->raw))
		spin_lock_contended(lock, site);
	lockdep_acquired(LOCK_DEBUG(lock), site, LOCK_EXCLUSIVE);
	lock_acquire(lock);
}

static inline bool spin_trylock_at(struct spinlock *lock, struct lock_site *site)
{
	preempt_disable();
	if (!raw_spin_trylock(&lock->raw)) {
		preempt_enable();
		return false;
	}
	lockdep_acquired(LOCK_DEBUG(lock), site, LOCK_EXCLUSIVE);
	return true;
}

static inline unsigned long spin_lock_irqsave_at(struct spinlock *lock, struct lock_site *site)
	lock_acquires(lock)
{
	unsigned long flags = irq_save();

	spin_lock_at(lock, site);
	return flags;
}

static inline void spin_lock_irq_at(struct spinlock *lock, struct lock_site *site)
	lock_acquires(lock)
{
	irq_disable();
	spin_lock_at(lock, site);
}

static inline bool spin_trylock_irqsave_at(struct spinlock *lock, unsigned long *flags,
					   struct lock_site *site)
{
	*flags = irq_save();
	if (spin_trylock_at(lock, site))
		return true;
	irq_restore(*flags);
	return false;
}

/* Take @lock, waiting for it. Any context, if those that take it agree about interrupts. */
#define spin_lock(lock) spin_lock_at(lock, LOCK_SITE())

/* Take @lock if it is free and nobody waits; whether it was. Any context, NMI included. */
#define spin_trylock(lock) lock_try(spin_trylock_at(lock, LOCK_SITE()), lock)

/* Turn interrupts off, take @lock; returns the word for spin_unlock_irqrestore(). Any context. */
#define spin_lock_irqsave(lock) spin_lock_irqsave_at(lock, LOCK_SITE())

/* The same without waiting: whether the lock was taken. If not, interrupts are as they were. */
#define spin_trylock_irqsave(lock, flags) \
	lock_try(spin_trylock_irqsave_at(lock, flags, LOCK_SITE()), lock)

/* Turn interrupts off, take @lock, where the caller knows that they are on. Thread context. */
#define spin_lock_irq(lock) spin_lock_irq_at(lock, LOCK_SITE())

/* Give @lock back, taken by spin_lock() or spin_trylock(). */
static inline void spin_unlock(struct spinlock *lock) lock_releases(lock)
{
	lockdep_release(LOCK_DEBUG(lock), LOCK_EXCLUSIVE);
	raw_spin_unlock(&lock->raw);
	lock_release(lock);
	preempt_enable();
}

/* Give @lock back and put interrupts as they were; a switch that came due meanwhile happens here.
 */
static inline void spin_unlock_irqrestore(struct spinlock *lock, unsigned long flags)
	lock_releases(lock)
{
	lockdep_release(LOCK_DEBUG(lock), LOCK_EXCLUSIVE);
	raw_spin_unlock(&lock->raw);
	lock_release(lock);
	irq_restore(flags);
	preempt_enable();
}

/* Give @lock back and turn interrupts on. */
static inline void spin_unlock_irq(struct spinlock *lock) lock_releases(lock)
{
	spin_unlock_irqrestore(lock, RFLAGS_IF);
}

/* Behind the guards. */
struct spin_irq_guard {
	struct spinlock *lock;
	unsigned long flags;
};

static inline struct spinlock *spin_guard_enter(struct spinlock *lock, struct lock_site *site)
{
	spin_lock_at(lock, site);
	lock_release(lock);
	return lock;
}

static inline void spin_guard_exit(struct spinlock **lock)
{
	lock_acquire(*lock);
	spin_unlock(*lock);
}

static inline struct spin_irq_guard spin_irq_guard_enter(struct spinlock *lock,
							 struct lock_site *site)
{
	struct spin_irq_guard guard = {.lock = lock, .flags = spin_lock_irqsave_at(lock, site)};

	lock_release(lock);
	return guard;
}

static inline void spin_irq_guard_exit(struct spin_irq_guard *guard)
{
	lock_acquire(guard->lock);
	spin_unlock_irqrestore(guard->lock, guard->flags);
}

/* Hold @lock until the end of the enclosing block, however it is left. */
#define SPIN_GUARD(lock)                                            \
	struct spinlock *GUARD_NAME(spin_guard_)                    \
		__attribute__((cleanup(spin_guard_exit), unused)) = \
			spin_guard_enter(lock, LOCK_SITE())

/* The same with interrupts off. */
#define SPIN_IRQ_GUARD(lock)                                            \
	struct spin_irq_guard GUARD_NAME(spin_irq_guard_)               \
		__attribute__((cleanup(spin_irq_guard_exit), unused)) = \
			spin_irq_guard_enter(lock, LOCK_SITE())
