// sources: kernel/sync/spinlock.c kernel/sync/lockstat.c kernel/preempt/counter.c
// kernel/preempt/points.c sources: lib/printf.c lib/json.c
/*
 * The kernel's spinlock with threads as CPUs, under ThreadSanitizer: what the lock protects is
 * written without atomics, so an ordering that is missing shows as a data race.
 */
#include "tests/host/stress_cpus.h"

#include <fanga/spinlock.h>

#define CPUS   STRESS_CPUS
#define ROUNDS 30000u

static DEFINE_SPINLOCK(lock);
static struct spinlock pair[2] = {SPINLOCK_INIT("pair"), SPINLOCK_INIT("pair")};

/* Under `lock`. */
static struct {
	unsigned count;
	unsigned last[4]; /* written one by one, all equal outside */
	unsigned by_cpu[CPUS + 1];
} shared;

static unsigned torn, tried, failed_tries;
static unsigned pair_count[2];

static void shared_write(unsigned cpu)
{
	for (unsigned i = 1; i < ARRAY_SIZE(shared.last); i++)
		if (shared.last[i] != shared.last[0])
			torn++;
	shared.count++;
	shared.by_cpu[cpu]++;
	for (unsigned i = 0; i < ARRAY_SIZE(shared.last); i++)
		shared.last[i] = shared.count;
}

static void work_lock(unsigned cpu)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (i % 3 == 0) {
			SPIN_GUARD(&lock);
			shared_write(cpu);
		} else if (i % 3 == 1) {
			unsigned long flags = spin_lock_irqsave(&lock);

			shared_write(cpu);
			spin_unlock_irqrestore(&lock, flags);
		} else {
			spin_lock(&lock);
			shared_write(cpu);
			spin_unlock(&lock);
		}
	}
}

static void work_try(unsigned cpu)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (i % 2 && spin_trylock(&lock)) {
			tried++;
			shared_write(cpu);
			spin_unlock(&lock);
		} else {
			spin_lock(&lock);
			failed_tries += i % 2;
			shared_write(cpu);
			spin_unlock(&lock);
		}
	}
}

/* One lock held while another is waited for: the node of the first wait is free again by then. */
static void work_pair(unsigned cpu)
{
	(void)cpu;
	for (unsigned i = 0; i < ROUNDS; i++) {
		SPIN_GUARD(&pair[0]);
		pair_count[0]++;
		SPIN_GUARD(&pair[1]);
		pair_count[1]++;
	}
}

static uint64_t contended_sum;

static void add_contended(const struct lock_site *site, void *context)
{
	(void)context;
	contended_sum += site->total.contended;
	assert_true(site->total.wait_ns >= site->total.max_wait_ns);
}

static void excludes(void **state)
{
	(void)state;
	memset(&shared, 0, sizeof(shared));
	stress_run(work_lock);
	assert_int_equal(torn, 0);
	assert_int_equal(shared.count, CPUS * ROUNDS);
	for (unsigned cpu = 1; cpu <= CPUS; cpu++)
		assert_int_equal(shared.by_cpu[cpu], ROUNDS);
	assert_int_equal(lock.raw.word, 0);
	assert_true(lockstat_for_each(1000, add_contended, NULL) > 0);
	assert_true(contended_sum > 0 && contended_sum <= CPUS * ROUNDS);
}

static void tries_exclude(void **state)
{
	(void)state;
	memset(&shared, 0, sizeof(shared));
	stress_run(work_try);
	assert_int_equal(torn, 0);
	assert_int_equal(shared.count, CPUS * ROUNDS);
	assert_int_equal(tried + failed_tries, CPUS * ROUNDS / 2);
	assert_int_equal(lock.raw.word, 0);
}

static void two_locks_exclude(void **state)
{
	(void)state;
	stress_run(work_pair);
	assert_int_equal(pair_count[0], CPUS * ROUNDS);
	assert_int_equal(pair_count[1], CPUS * ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(excludes),
		cmocka_unit_test(tries_exclude),
		cmocka_unit_test(two_locks_exclude),
	};

	stress_prepare();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
