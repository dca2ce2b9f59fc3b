// sources: kernel/sync/rwlock.c kernel/sync/spinlock.c kernel/sync/lockstat.c
// sources: kernel/preempt/counter.c kernel/preempt/points.c lib/printf.c lib/json.c
/*
 * The kernel's readers-writer lock with threads as CPUs, under ThreadSanitizer: what the lock
 * protects is read and written without atomics.
 */
#include "tests/host/stress_cpus.h"

#include <fanga/rwlock.h>
#include "arch/x86_64/trap.h"

#define ROUNDS 60000u

static DEFINE_RWLOCK(lock);

static unsigned value[4];		       /* equal outside a write section; under `lock` */
static unsigned torn, read_tries, write_tries; /* atomic */

static void value_read(void)
{
	for (unsigned i = 1; i < ARRAY_SIZE(value); i++)
		if (value[i] != value[0])
			__atomic_add_fetch(&torn, 1, __ATOMIC_RELAXED);
}

static void value_write(void)
{
	unsigned next = value[0] + 1;

	value_read();
	for (unsigned i = 0; i < ARRAY_SIZE(value); i++)
		value[i] = next;
}

static bool is_write(unsigned cpu, unsigned round)
{
	return (round * 7 + cpu) % 4 == 0;
}

static void work_lock(unsigned cpu)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (is_write(cpu, i)) {
			WRITE_GUARD(&lock);
			value_write();
		} else if (i % 2) {
			READ_GUARD(&lock);
			value_read();
		} else {
			unsigned long flags = read_lock_irqsave(&lock);

			value_read();
			read_unlock_irqrestore(&lock, flags);
		}
	}
}

/* Half of the CPUs read as interrupt handlers do: past the queue. */
static void work_interrupts(unsigned cpu)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (is_write(cpu, i)) {
			unsigned long flags = write_lock_irqsave(&lock);

			value_write();
			write_unlock_irqrestore(&lock, flags);
			continue;
		}
		if (cpu % 2)
			irq_enter();
		read_lock(&lock);
		value_read();
		read_unlock(&lock);
		if (cpu % 2)
			irq_exit();
	}
}

static void work_try(unsigned cpu)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (is_write(cpu, i) && write_trylock(&lock)) {
			value_write();
			write_unlock(&lock);
			__atomic_add_fetch(&write_tries, 1, __ATOMIC_RELAXED);
		} else if (read_trylock(&lock)) {
			value_read();
			read_unlock(&lock);
			__atomic_add_fetch(&read_tries, 1, __ATOMIC_RELAXED);
		} else {
			read_lock(&lock);
			value_read();
			read_unlock(&lock);
		}
	}
}

static unsigned writes_due(void)
{
	unsigned writes = 0;

	for (unsigned cpu = 1; cpu <= STRESS_CPUS; cpu++)
		for (unsigned i = 0; i < ROUNDS; i++)
			writes += is_write(cpu, i);
	return writes;
}

static void check(void (*work)(unsigned cpu))
{
	memset(value, 0, sizeof(value));
	stress_run(work);
	assert_int_equal(torn, 0);
	assert_int_equal(lock.raw.word, 0);
	assert_int_equal(lock.raw.queue.word, 0);
}

static void excludes(void **state)
{
	(void)state;
	check(work_lock);
	assert_int_equal(value[0], writes_due());
}

static void interrupts_exclude(void **state)
{
	(void)state;
	check(work_interrupts);
	assert_int_equal(value[0], writes_due());
}

static void tries_exclude(void **state)
{
	(void)state;
	check(work_try);
	assert_int_equal(value[0], write_tries);
	assert_true(write_tries > 0 && read_tries > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(excludes),
		cmocka_unit_test(interrupts_exclude),
		cmocka_unit_test(tries_exclude),
	};

	stress_prepare();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
