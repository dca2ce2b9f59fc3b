/*
 * Sequence counters and locks: readers write nothing and try again when a writer interfered.
 *
 *	do {
 *		seq = seqcount_read_begin(&count);
 *		copy = data;                      by READ_RELAXED() or word by word
 *	} while (seqcount_read_retry(&count, seq));
 *
 * The count is odd while a writer is at work. Readers may see data half written, so they copy first
 * and use after the retry said no; data is read and written by single relaxed accesses, and nothing
 * that could be freed is followed. A writer excludes other writers and stays on its CPU; if readers
 * run in interrupts, it has interrupts off, lest one wait for the writer that it interrupted.
 *
 * struct seqcount leaves excluding writers to the caller; struct seqlock brings a spinlock for it.
 */
#pragma once

#include <fanga/panic.h>
#include <fanga/spinlock.h>

/* Read or write one shared variable of at most eight bytes, whole, without ordering. */
#define READ_RELAXED(variable)	       __atomic_load_n(&(variable), __ATOMIC_RELAXED)
#define WRITE_RELAXED(variable, value) __atomic_store_n(&(variable), value, __ATOMIC_RELAXED)

struct seqcount {
	uint32_t sequence;
};

#define SEQCOUNT_INIT         \
	{                     \
		.sequence = 0 \
	}

/* Begin to read: waits while a writer is at work. Any context, by the rules above. */
static inline uint32_t seqcount_read_begin(const struct seqcount *count)
{
	uint32_t sequence;

	/* Acquire: the data is read after the count. Pairs with the release in write_end. */
	while ((sequence = __atomic_load_n(&count->sequence, __ATOMIC_ACQUIRE)) & 1)
		cpu_relax();
	return sequence;
}

/* Whether what was read since seqcount_read_begin() returned @sequence must be thrown away. */
static inline bool __must_check seqcount_read_retry(const struct seqcount *count, uint32_t sequence)
{
	/* The data was read before the count is read again. Pairs with the fence in write_begin. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&count->sequence, __ATOMIC_RELAXED) != sequence;
}

/* Begin to write; other writers are excluded by the caller, who stays on this CPU until the end. */
static inline void seqcount_write_begin(struct seqcount *count)
{
	ASSERT(!preemptible());
	WRITE_RELAXED(count->sequence, count->sequence + 1);
	/* The count is odd before any data changes. Pairs with the fence in read_retry. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void seqcount_write_end(struct seqcount *count)
{
	/* Release: the data is complete before the count is even. Pairs with read_begin. */
	__atomic_store_n(&count->sequence, count->sequence + 1, __ATOMIC_RELEASE);
}

struct seqlock {
	struct seqcount count;
	struct spinlock lock;
};

#define DEFINE_SEQLOCK(name) struct seqlock name = {.lock = SPINLOCK_INIT(#name)}

#define seqlock_init(seqlock) \
	((void)(*(seqlock) = (struct seqlock){.lock = SPINLOCK_INIT(#seqlock)}))

static inline uint32_t seqlock_read_begin(const struct seqlock *seqlock)
{
	return seqcount_read_begin(&seqlock->count);
}

static inline bool __must_check seqlock_read_retry(const struct seqlock *seqlock, uint32_t sequence)
{
	return seqcount_read_retry(&seqlock->count, sequence);
}

/* Behind the macros below, which add the site of the caller. */
static inline void seqlock_write_lock_at(struct seqlock *seqlock, struct lock_site *site)
	lock_acquires(&seqlock->lock)
{
	spin_lock_at(&seqlock->lock, site);
	seqcount_write_begin(&seqlock->count);
}

static inline unsigned long seqlock_write_lock_irqsave_at(struct seqlock *seqlock,
							  struct lock_site *site)
	lock_acquires(&seqlock->lock)
{
	unsigned long flags = spin_lock_irqsave_at(&seqlock->lock, site);

	seqcount_write_begin(&seqlock->count);
	return flags;
}

/* Begin to write, excluding other writers. Any context, by the rules above. */
#define seqlock_write_lock(seqlock) seqlock_write_lock_at(seqlock, LOCK_SITE())

/* The same with interrupts off, where readers run in interrupts. */
#define seqlock_write_lock_irqsave(seqlock) seqlock_write_lock_irqsave_at(seqlock, LOCK_SITE())

static inline void seqlock_write_unlock(struct seqlock *seqlock) lock_releases(&seqlock->lock)
{
	seqcount_write_end(&seqlock->count);
	spin_unlock(&seqlock->lock);
}

static inline void seqlock_write_unlock_irqrestore(struct seqlock *seqlock, unsigned long flags)
	lock_releases(&seqlock->lock)
{
	seqcount_write_end(&seqlock->count);
	spin_unlock_irqrestore(&seqlock->lock, flags);
}
