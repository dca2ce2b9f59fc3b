/*
 * Sequence locks on the machine: readers on all CPUs against a writer, and against an interrupt.
 */
#include <fanga/clock.h>
#include <fanga/seqcount.h>
#include <fanga/smp.h>
#include <fanga/timer.h>
#include "arch/x86_64/trap.h"
#include "lib/string.h"
#include "tests/kernel/contention.h"
#include "tests/kernel/ktest.h"

#define WAIT_NS 1000000000ull

static DEFINE_SEQLOCK(lock);

static uint64_t value[4];		/* all equal outside a write; by relaxed accesses */
static unsigned torn, retries, writing; /* atomic */

static void write_once(bool pause)
{
	uint64_t next = READ_RELAXED(value[0]) + 1;

	for (unsigned i = 0; i < ARRAY_SIZE(value); i++) {
		WRITE_RELAXED(value[i], next);
		if (pause && i == 1)
			cpu_relax();
	}
}

/* Returns how often it had to try again. */
static unsigned read_once(bool pause)
{
	uint64_t copy[ARRAY_SIZE(value)];
	unsigned tries = 0;
	uint32_t sequence;

	do {
		sequence = seqlock_read_begin(&lock);
		for (unsigned i = ARRAY_SIZE(value); i-- > 0;) {
			copy[i] = READ_RELAXED(value[i]);
			/* For this long or that, or CPUs that run in step never clash. */
			for (uint64_t n = pause && i == 2 ? rdtsc() / 16 % 64 + 1 : 0; n; n--)
				cpu_relax();
		}
		tries++;
	} while (seqlock_read_retry(&lock, sequence));
	for (unsigned i = 1; i < ARRAY_SIZE(value); i++)
		if (copy[i] != copy[0])
			__atomic_add_fetch(&torn, 1, __ATOMIC_RELAXED);
	return tries - 1;
}

static void read_or_write(void *arg)
{
	unsigned writes = *(unsigned *)arg;

	if (current_cpu_id() != 0) {
		while (__atomic_load_n(&writing, __ATOMIC_RELAXED))
			__atomic_add_fetch(&retries, read_once(true), __ATOMIC_RELAXED);
		return;
	}
	for (unsigned i = 0; i < writes; i++) {
		seqlock_write_lock(&lock);
		write_once(true);
		seqlock_write_unlock(&lock);
		cpu_relax();
	}
	__atomic_store_n(&writing, 0, __ATOMIC_RELAXED);
}

static void reset(void)
{
	memset(value, 0, sizeof(value));
	torn = retries = 0;
}

KTEST(seqcount, undisturbed_read_is_good_at_once)
{
	uint32_t sequence = lock.count.sequence;

	reset();
	KT_EQ(read_once(false), 0);
	seqlock_write_lock(&lock);
	KT_EQ(lock.count.sequence, sequence + 1);
	KT_EQ(preempt_count(), 1);
	write_once(false);
	seqlock_write_unlock(&lock);
	KT_EQ(lock.count.sequence, sequence + 2);
	KT_EQ(preempt_count(), 0);
	KT_CHECK(seqcount_read_retry(&lock.count, sequence));
	KT_CHECK(!seqcount_read_retry(&lock.count, sequence + 2));
	KT_EQ(read_once(false), 0);
	KT_EQ(torn, 0);
}

KTEST(seqcount, readers_never_see_half_a_write)
{
	unsigned writes = 10 * contention_rounds();

	if (cpu_online_count() < 2)
		KT_SKIP("needs two CPUs");
	reset();
	writing = 1;
	(void)smp_run_on(cpu_online_mask(), read_or_write, &writes);
	ktest_note("%u reads were repeated", retries);
	KT_EQ(torn, 0);
	KT_EQ(value[0], writes);
	/* On the host's clock the others may not have run in time. */
	if (clock_is_virtual())
		KT_CHECK(retries > 0);
}

static DEFINE_SEQLOCK(irq_lock);
static unsigned interrupts;

static void write_in_interrupt(struct trap_frame *frame)
{
	(void)frame;
	seqlock_write_lock(&irq_lock);
	interrupts++;
	seqlock_write_unlock(&irq_lock);
}

KTEST(seqcount, read_that_an_interrupt_disturbed_is_repeated)
{
	timer_handler_fn before = timer_set_handler(write_in_interrupt);
	uint64_t start_ns = clock_ns();
	unsigned long flags;
	uint32_t sequence;
	bool is_good_before, is_good_after;

	interrupts = 0;
	sequence = seqlock_read_begin(&irq_lock);
	is_good_before = !seqlock_read_retry(&irq_lock, sequence);
	timer_arm_ns(1000);
	while (!__atomic_load_n(&interrupts, __ATOMIC_RELAXED) && clock_ns() - start_ns < WAIT_NS)
		cpu_relax();
	is_good_after = !seqlock_read_retry(&irq_lock, sequence);
	(void)timer_set_handler(before);
	KT_CHECK(is_good_before);
	KT_EQ(interrupts, 1);
	KT_CHECK(!is_good_after);

	flags = seqlock_write_lock_irqsave(&irq_lock);
	is_good_before = irqs_enabled();
	seqlock_write_unlock_irqrestore(&irq_lock, flags);
	KT_CHECK(!is_good_before);
	KT_CHECK(irqs_enabled());
}
