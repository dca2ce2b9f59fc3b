/*
 * Checks of the debug build on every lock: owner, recursion, order, interrupts, time held.
 *
 * Locks initialised at the same place in the source are one class. While a CPU holds a lock of
 * class A and waits for one of class B, A comes before B; the classes and these pairs form a graph.
 * A pair that closes a cycle in it is reported with both orders and where each was seen, once for
 * that pair: it can deadlock, whether or not it did this time. Two locks of one class are taken in
 * ascending order of address. A lock that an interrupt handler waits for must never be held, nor a
 * lock that comes after it, with interrupts on. Reports go through <fanga/check.h>.
 */
#pragma once

#include <fanga/panic.h>
#include "lib/types.h"

struct lock_site;

enum lock_mode {
	LOCK_EXCLUSIVE,
	LOCK_SHARED,
};

#ifdef CONFIG_DEBUG

/* Part of each lock. Written by the holder; read by others as hints for their reports. */
struct lock_debug {
	const char *class_name; /* "lock file:line" of the initialiser: the class's identity */
	const struct lock_site *site; /* where the exclusive holder took it */
	uint32_t owner;		      /* the exclusive holder's cpu + 1, 0: nobody */
	uint16_t class_number;	      /* 0 until first taken */
};

#define LOCK_DEBUG_TEXT_(x) #x
#define LOCK_DEBUG_LINE_(x) LOCK_DEBUG_TEXT_(x)
#define LOCK_DEBUG_INIT(name) \
	.debug = {.class_name = name " " __FILE__ ":" LOCK_DEBUG_LINE_(__LINE__)},
#define LOCK_DEBUG_MEMBER struct lock_debug debug;
#define LOCK_DEBUG(lock)  (&(lock)->debug)

/* About to wait for the lock: check recursion, order and interrupts. Preemption is off. */
void lockdep_wait(struct lock_debug *lock, const struct lock_site *site, enum lock_mode mode);

/* The lock was taken, by waiting or by a try that succeeded. */
void lockdep_acquired(struct lock_debug *lock, const struct lock_site *site, enum lock_mode mode);

/* The lock is about to be given back: check owner and time held. */
void lockdep_release(struct lock_debug *lock, enum lock_mode mode);

/* This CPU's context ends, with the locks that it holds, which stay taken. Interrupts off. */
void lockdep_forget_irqoff(void);

/* Whether this CPU holds the lock. Preemption is off. */
bool lockdep_is_held(const struct lock_debug *lock);

/*
 * Report a lock held longer than @ns; 0 turns the check off. The caller scales it with the number
 * of CPUs for each host core: a simulated holder waits for its turn like everybody else.
 */
void lockdep_set_hold_limit_ns(uint64_t ns);
uint64_t lockdep_hold_limit_ns(void);

/* Classes and ordered pairs known so far, for reports. */
unsigned lockdep_class_count(void);
unsigned lockdep_pair_count(void);

#define ASSERT_LOCKED(lock) BUG_ON(!lockdep_is_held(&(lock)->debug))

#else

struct lock_debug;

#define LOCK_DEBUG_INIT(name)
#define LOCK_DEBUG_MEMBER
#define LOCK_DEBUG(lock)    ((void)(lock), (struct lock_debug *)NULL)
#define ASSERT_LOCKED(lock) ((void)(lock))

static inline void lockdep_wait(struct lock_debug *lock, const struct lock_site *site,
				enum lock_mode mode)
{
	(void)lock, (void)site, (void)mode;
}

static inline void lockdep_acquired(struct lock_debug *lock, const struct lock_site *site,
				    enum lock_mode mode)
{
	(void)lock, (void)site, (void)mode;
}

static inline void lockdep_release(struct lock_debug *lock, enum lock_mode mode)
{
	(void)lock, (void)mode;
}

static inline void lockdep_forget_irqoff(void)
{
}

static inline void lockdep_set_hold_limit_ns(uint64_t ns)
{
	(void)ns;
}

#endif
