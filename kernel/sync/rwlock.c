/*
 * The waiting side of readers-writer locks: one queue for both kinds.
 *
 * Invariant: whoever has to wait (but readers in interrupts) takes the `queue` lock first, in the
 * order of arrival, and holds it until it has its share or the lock; so only one CPU at a time
 * waits on the word. A waiting writer sets RWLOCK_WAITING, which sends newcomers to the queue; only
 * the queue's holder sets or clears that bit. Readers that leave and interrupt readers are the only
 * ones that change the word meanwhile. A share counted in the word for a moment by a reader on its
 * way into the queue delays a writer, never lets one in.
 *
 * Context: any but NMI, preemption off.
 */
#include <fanga/clock.h>
#include <fanga/rwlock.h>

/* Wait until no writer has the lock; our share is counted already, so none can take it again. */
static void wait_for_writer(struct raw_rwlock *lock)
{
	/* Acquire: pairs with the release in raw_write_unlock(). */
	while (__atomic_load_n(&lock->word, __ATOMIC_ACQUIRE) & RWLOCK_WRITER)
		cpu_relax();
}

void raw_read_wait(struct raw_rwlock *lock)
{
	if (in_interrupt()) {
		/*
		 * What we interrupted may hold a share: a writer in the queue waits for it, and so
		 * for us. It cannot have come in before us: our share is counted.
		 */
		wait_for_writer(lock);
		return;
	}
	/* Relaxed: we read nothing under the share that is given back here. */
	(void)__atomic_fetch_sub(&lock->word, RWLOCK_READER, __ATOMIC_RELAXED);
	raw_spin_lock(&lock->queue);
	(void)__atomic_fetch_add(&lock->word, RWLOCK_READER, __ATOMIC_RELAXED);
	wait_for_writer(lock);
	raw_spin_unlock(&lock->queue);
}

void raw_write_wait(struct raw_rwlock *lock)
{
	uint32_t word;

	raw_spin_lock(&lock->queue);
	/* Relaxed: it only sends others to the queue, the exchange below takes the lock. */
	(void)__atomic_fetch_or(&lock->word, RWLOCK_WAITING, __ATOMIC_RELAXED);
	for (;;) {
		word = RWLOCK_WAITING;
		/* Acquire: pairs with the releases in raw_read_unlock() and raw_write_unlock(). */
		if (__atomic_load_n(&lock->word, __ATOMIC_RELAXED) == word &&
		    __atomic_compare_exchange_n(&lock->word, &word, RWLOCK_WRITER, false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			break;
		cpu_relax();
	}
	raw_spin_unlock(&lock->queue);
}

void read_lock_contended(struct rwlock *lock, struct lock_site *site)
{
	uint64_t start_ns = clock_ns();

	raw_read_wait(&lock->raw);
	lockstat_record(site, clock_ns() - start_ns);
}

void write_lock_contended(struct rwlock *lock, struct lock_site *site)
{
	uint64_t start_ns = clock_ns();

	raw_write_wait(&lock->raw);
	lockstat_record(site, clock_ns() - start_ns);
}
