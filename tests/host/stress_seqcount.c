// sources: kernel/sync/spinlock.c kernel/sync/lockstat.c kernel/preempt/counter.c
// sources: kernel/preempt/points.c lib/printf.c lib/json.c
/*
 * Sequence locks with threads as CPUs: two write, the others read and must never see halves of
 * different writes once the lock has said that the read was good.
 */
#include "tests/host/stress_cpus.h"

#include <fanga/seqcount.h>

#define WRITES 10000u

static DEFINE_SEQLOCK(lock);

static uint64_t value[4];	      /* all equal outside a write; by relaxed accesses */
static unsigned torn, reads, retries; /* atomic */
static unsigned writers_done;	      /* atomic */

/* In the middle of an access now and then, so that the other side gets in between on any host. */
static void rest(unsigned round, unsigned k)
{
	if (round % 16 == 0 && k == 1)
		cpu_relax();
}

static void write_values(void)
{
	for (unsigned i = 0; i < WRITES; i++) {
		unsigned long flags = 0;
		uint64_t next;

		if (i % 2)
			flags = seqlock_write_lock_irqsave(&lock);
		else
			seqlock_write_lock(&lock);
		next = READ_RELAXED(value[0]) + 1;
		for (unsigned k = 0; k < ARRAY_SIZE(value); k++) {
			WRITE_RELAXED(value[k], next);
			rest(i, k);
		}
		if (i % 2)
			seqlock_write_unlock_irqrestore(&lock, flags);
		else
			seqlock_write_unlock(&lock);
	}
	__atomic_add_fetch(&writers_done, 1, __ATOMIC_RELAXED);
}

static void read_values(void)
{
	for (unsigned round = 0; __atomic_load_n(&writers_done, __ATOMIC_RELAXED) < 2; round++) {
		uint64_t copy[ARRAY_SIZE(value)];
		unsigned tries = 0;
		uint32_t sequence;

		do {
			sequence = seqlock_read_begin(&lock);
			for (unsigned k = ARRAY_SIZE(value); k-- > 0;) {
				copy[k] = READ_RELAXED(value[k]);
				rest(round + tries, k);
			}
			tries++;
		} while (seqlock_read_retry(&lock, sequence));
		for (unsigned k = 1; k < ARRAY_SIZE(value); k++)
			if (copy[k] != copy[0])
				__atomic_add_fetch(&torn, 1, __ATOMIC_RELAXED);
		__atomic_add_fetch(&reads, 1, __ATOMIC_RELAXED);
		__atomic_add_fetch(&retries, tries - 1, __ATOMIC_RELAXED);
	}
}

static void work(unsigned cpu)
{
	if (cpu <= 2)
		write_values();
	else
		read_values();
}

static void reads_are_whole(void **state)
{
	(void)state;
	stress_run(work);
	assert_int_equal(torn, 0);
	assert_int_equal(value[0], 2 * WRITES);
	assert_int_equal(lock.count.sequence, 4 * WRITES);
	assert_true(reads > 0);
	/* Otherwise the test has seen no interference. */
	assert_true(retries > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_are_whole),
	};

	stress_prepare();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
