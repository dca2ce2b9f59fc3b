/*
 * Readers-writer spinlocks: many readers or one writer, fair.
 *
 *	static DEFINE_RWLOCK(table_lock);
 *
 *	read_lock(&table_lock);  ... read_unlock(&table_lock);
 *	write_lock(&table_lock); ... write_unlock(&table_lock);
 *	READ_GUARD(&table_lock); WRITE_GUARD(&table_lock); until the end of the block
 *
 * Who has to wait queues, readers and writers in one line, so neither starves the other: a reader
 * that comes while a writer waits lines up behind it. From that follows the rule on recursion: a
 * thread that reads must not read the same lock again, for a writer may have queued in between.
 * Interrupt handlers are exempt, as they may have interrupted a reader: in_interrupt() readers wait
 * only for a writer that has the lock, never for one that waits. So a lock that handlers read is
 * read with interrupts on but written with interrupts off; one that handlers write has interrupts
 * off everywhere. Preemption is off while one is held. Prefer a spinlock unless read sections are
 * long: each reader writes the shared line twice.
 *
 *	 31                           9    8        7        0
 *	+------------------------------+---------+------------+
 *	|           readers            | waiting |   writer   |
 *	+------------------------------+---------+------------+
 *
 * The algorithm: kernel/sync/rwlock.c.
 */
#pragma once

#include <fanga/spinlock.h>

#define RWLOCK_WRITER  0x00000001u
#define RWLOCK_WAITING 0x00000100u
#define RWLOCK_READER  0x00000200u

struct raw_rwlock {
	union {
		uint32_t word;
		uint8_t writer; /* so that a writer gives back its part by one byte store */
	};
	struct raw_spinlock queue; /* held by the waiter whose turn is next */
};
_Static_assert(sizeof(struct raw_rwlock) == 8, "a readers-writer lock is eight bytes");

void raw_read_wait(struct raw_rwlock *lock);
void raw_write_wait(struct raw_rwlock *lock);

/* Take a share unless a writer has the lock or waits for it. */
static inline bool raw_read_trylock(struct raw_rwlock *lock)
{
	uint32_t word = __atomic_load_n(&lock->word, __ATOMIC_RELAXED);

	/* Acquire: pairs with the release in raw_write_unlock(). */
	while (!(word & (RWLOCK_WRITER | RWLOCK_WAITING)))
		if (__atomic_compare_exchange_n(&lock->word, &word, word + RWLOCK_READER, true,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}

/* Take the whole lock if nobody has a share and nobody waits. */
static inline bool raw_write_trylock(struct raw_rwlock *lock)
{
	uint32_t free = 0;

	/* Acquire: pairs with the releases in raw_write_unlock() and raw_read_unlock(). */
	return likely(__atomic_compare_exchange_n(&lock->word, &free, RWLOCK_WRITER, false,
						  __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
}

/* As raw_read_trylock(), but the share stays taken when it fails: raw_read_wait() needs it. */
static inline bool raw_read_enter(struct raw_rwlock *lock)
{
	/* Acquire: pairs with the release in raw_write_unlock(). */
	uint32_t word = __atomic_add_fetch(&lock->word, RWLOCK_READER, __ATOMIC_ACQUIRE);

	return likely(!(word & (RWLOCK_WRITER | RWLOCK_WAITING)));
}

static inline void raw_read_unlock(struct raw_rwlock *lock)
{
	/* Release: our reads are done before a writer comes in. Pairs with the writer's acquire. */
	(void)__atomic_fetch_sub(&lock->word, RWLOCK_READER, __ATOMIC_RELEASE);
}

static inline void raw_write_unlock(struct raw_rwlock *lock)
{
	/* Release: pairs with the acquire of readers and writers that come next. */
	__atomic_store_n(&lock->writer, 0, __ATOMIC_RELEASE);
}

struct rwlock {
	struct raw_rwlock raw;
	LOCK_DEBUG_MEMBER
};

#define RWLOCK_INIT(text)                                 \
	{                                                 \
		.raw = {.word = 0}, LOCK_DEBUG_INIT(text) \
	}

#define DEFINE_RWLOCK(name) struct rwlock name = RWLOCK_INIT(#name)

/* Make @lock free and of the class of this place. Nobody else may know it yet. */
#define rwlock_init(lock) ((void)(*(lock) = (struct rwlock)RWLOCK_INIT(#lock)))

/* Behind the macros below, which add the site of the caller. */
void read_lock_contended(struct rwlock *lock, struct lock_site *site);
void write_lock_contended(struct rwlock *lock, struct lock_site *site);

static inline void read_lock_at(struct rwlock *lock, struct lock_site *site) lock_acquires(lock)
{
	preempt_disable();
	lockdep_wait(LOCK_DEBUG(lock), site, LOCK_SHARED);
	if (!raw_read_enter(&lock->raw))
		read_lock_contended(lock, site);
	lockdep_acquired(LOCK_DEBUG(lock), site, LOCK_SHARED);
	lock_acquire(lock);
}

static inline void write_lock_at(struct rwlock *lock, struct lock_site *site) lock_acquires(lock)
{
	preempt_disable();
	lockdep_wait(LOCK_DEBUG(lock), site, LOCK_EXCLUSIVE);
	if (!raw_write_trylock(&lock->raw))
		write_lock_contended(lock, site);
	lockdep_acquired(LOCK_DEBUG(lock), site, LOCK_EXCLUSIVE);
	lock_acquire(lock);
}

static inline bool read_trylock_at(struct rwlock *lock, struct lock_site *site)
{
	preempt_disable();
	if (!raw_read_trylock(&lock->raw)) {
		preempt_enable();
		return false;
	}
	lockdep_acquired(LOCK_DEBUG(lock), site, LOCK_SHARED);
	return true;
}

static inline bool write_trylock_at(struct rwlock *lock, struct lock_site *site)
{
	preempt_disable();
	if (!raw_write_trylock(&lock->raw)) {
		preempt_enable();
		return false;
	}
	lockdep_acquired(LOCK_DEBUG(lock), site, LOCK_EXCLUSIVE);
	return true;
}

static inline unsigned long read_lock_irqsave_at(struct rwlock *lock, struct lock_site *site)
	lock_acquires(lock)
{
	unsigned long flags = irq_save();

	read_lock_at(lock, site);
	return flags;
}

static inline unsigned long write_lock_irqsave_at(struct rwlock *lock, struct lock_site *site)
	lock_acquires(lock)
{
	unsigned long flags = irq_save();

	write_lock_at(lock, site);
	return flags;
}

/* Take a share of @lock, waiting for it. Any context but NMI, by the rules above. */
#define read_lock(lock) read_lock_at(lock, LOCK_SITE())

/* Take @lock alone, waiting for it. Any context but NMI, by the rules above. */
#define write_lock(lock) write_lock_at(lock, LOCK_SITE())

/* Take it if that needs no waiting; whether it was taken. Any context. */
#define read_trylock(lock)  lock_try(read_trylock_at(lock, LOCK_SITE()), lock)
#define write_trylock(lock) lock_try(write_trylock_at(lock, LOCK_SITE()), lock)

/* The same with interrupts off; the word is for the matching _irqrestore(). */
#define read_lock_irqsave(lock)	 read_lock_irqsave_at(lock, LOCK_SITE())
#define write_lock_irqsave(lock) write_lock_irqsave_at(lock, LOCK_SITE())

static inline void read_unlock(struct rwlock *lock) lock_releases(lock)
{
	lockdep_release(LOCK_DEBUG(lock), LOCK_SHARED);
	raw_read_unlock(&lock->raw);
	lock_release(lock);
	preempt_enable();
}

static inline void write_unlock(struct rwlock *lock) lock_releases(lock)
{
	lockdep_release(LOCK_DEBUG(lock), LOCK_EXCLUSIVE);
	raw_write_unlock(&lock->raw);
	lock_release(lock);
	preempt_enable();
}

static inline void read_unlock_irqrestore(struct rwlock *lock, unsigned long flags)
	lock_releases(lock)
{
	lockdep_release(LOCK_DEBUG(lock), LOCK_SHARED);
	raw_read_unlock(&lock->raw);
	lock_release(lock);
	irq_restore(flags);
	preempt_enable();
}

static inline void write_unlock_irqrestore(struct rwlock *lock, unsigned long flags)
	lock_releases(lock)
{
	lockdep_release(LOCK_DEBUG(lock), LOCK_EXCLUSIVE);
	raw_write_unlock(&lock->raw);
	lock_release(lock);
	irq_restore(flags);
	preempt_enable();
}

/* Behind the guards. */
static inline struct rwlock *read_guard_enter(struct rwlock *lock, struct lock_site *site)
{
	read_lock_at(lock, site);
	lock_release(lock);
	return lock;
}

static inline void read_guard_exit(struct rwlock **lock)
{
	lock_acquire(*lock);
	read_unlock(*lock);
}

static inline struct rwlock *write_guard_enter(struct rwlock *lock, struct lock_site *site)
{
	write_lock_at(lock, site);
	lock_release(lock);
	return lock;
}

static inline void write_guard_exit(struct rwlock **lock)
{
	lock_acquire(*lock);
	write_unlock(*lock);
}

/* Hold a share of @lock until the end of the enclosing block, however it is left. */
#define READ_GUARD(lock)                                                                           \
	struct rwlock *GUARD_NAME(read_guard_) __attribute__((cleanup(read_guard_exit), unused)) = \
		read_guard_enter(lock, LOCK_SITE())

/* Hold @lock alone until the end of the enclosing block. */
#define WRITE_GUARD(lock)                                            \
	struct rwlock *GUARD_NAME(write_guard_)                      \
		__attribute__((cleanup(write_guard_exit), unused)) = \
			write_guard_enter(lock, LOCK_SITE())
