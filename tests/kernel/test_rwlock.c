/*
 * Readers-writer locks on the machine: sharing, exclusion, fairness both ways, interrupts.
 */
#include <fanga/clock.h>
#include <fanga/rwlock.h>
#include <fanga/smp.h>
#include <fanga/timer.h>
#include "arch/x86_64/trap.h"
#include "lib/string.h"
#include "tests/kernel/contention.h"
#include "tests/kernel/ktest.h"

#define WAIT_NS 30000000000ull

static DEFINE_RWLOCK(lock);

/* Whether *@value gets to be at least @want. */
static bool wait_for(const unsigned *value, unsigned want)
{
	uint64_t start_ns = clock_ns();

	while (__atomic_load_n(value, __ATOMIC_ACQUIRE) < want) {
		if (clock_ns() - start_ns > WAIT_NS)
			return false;
		cpu_relax();
	}
	return true;
}

static void advance(unsigned *value)
{
	__atomic_add_fetch(value, 1, __ATOMIC_RELEASE);
}

static void read_together(void *arg)
{
	unsigned *inside = arg;

	READ_GUARD(&lock);
	advance(inside);
	/* Nobody leaves before all are in. */
	KT_CHECK(wait_for(inside, cpu_online_count()));
}

KTEST(rwlock, readers_share)
{
	unsigned inside = 0;

	(void)smp_run_on(cpu_online_mask(), read_together, &inside);
	KT_EQ(inside, cpu_online_count());
	KT_EQ(lock.raw.word, 0);
}

/* Written under the lock held for writing, plain on purpose; all equal outside. */
static unsigned value[4];
static unsigned torn; /* atomic */

static void value_check(void)
{
	for (unsigned i = 1; i < ARRAY_SIZE(value); i++)
		if (value[i] != value[0])
			__atomic_add_fetch(&torn, 1, __ATOMIC_RELAXED);
}

static void value_write(void)
{
	unsigned next = value[0] + 1;

	value_check();
	for (unsigned i = 0; i < ARRAY_SIZE(value); i++) {
		value[i] = next;
		/* Ends the turn in the middle of it under icount. */
		if (i == 1 && next % 4 == 0)
			cpu_relax();
	}
}

static void mix(void *arg)
{
	unsigned rounds = *(unsigned *)arg;

	for (unsigned i = 0; i < rounds; i++) {
		if ((i + current_cpu_id()) % 4 == 0) {
			WRITE_GUARD(&lock);
			value_write();
		} else if (i % 3 == 0 && read_trylock(&lock)) {
			value_check();
			read_unlock(&lock);
		} else {
			READ_GUARD(&lock);
			value_check();
		}
	}
	KT_EQ(preempt_count(), 0);
}

KTEST(rwlock, writers_exclude_all)
{
	unsigned rounds = contention_rounds();

	memset(value, 0, sizeof(value));
	torn = 0;
	(void)smp_run_on(cpu_online_mask(), mix, &rounds);
	KT_EQ(torn, 0);
	KT_EQ(value[0], rounds / 4 * cpu_online_count());
	KT_EQ(lock.raw.word, 0);
	KT_EQ(lock.raw.queue.word, 0);
}

KTEST(rwlock, tries_fail_when_they_must)
{
	bool reader_shares, writer_beside_reader, reader_beside_writer, writer_beside_writer;
	bool reader_past_waiting;

	KT_CHECK(read_trylock(&lock));
	reader_shares = raw_read_trylock(&lock.raw);
	if (reader_shares)
		raw_read_unlock(&lock.raw);
	writer_beside_reader = raw_write_trylock(&lock.raw);
	__atomic_fetch_or(&lock.raw.word, RWLOCK_WAITING, __ATOMIC_RELAXED);
	reader_past_waiting = raw_read_trylock(&lock.raw);
	__atomic_fetch_and(&lock.raw.word, ~RWLOCK_WAITING, __ATOMIC_RELAXED);
	read_unlock(&lock);
	KT_CHECK(reader_shares);
	KT_CHECK(!writer_beside_reader);
	KT_CHECK(!reader_past_waiting);

	KT_CHECK(write_trylock(&lock));
	reader_beside_writer = read_trylock(&lock);
	writer_beside_writer = write_trylock(&lock);
	write_unlock(&lock);
	KT_CHECK(!reader_beside_writer);
	KT_CHECK(!writer_beside_writer);
	KT_EQ(lock.raw.word, 0);
	KT_EQ(preempt_count(), 0);
}

KTEST(rwlock, irq_variants_restore_what_was)
{
	unsigned long flags = read_lock_irqsave(&lock);
	bool off_read = !irqs_enabled(), off_write;

	read_unlock_irqrestore(&lock, flags);
	KT_CHECK(off_read);
	KT_CHECK(irqs_enabled());
	flags = write_lock_irqsave(&lock);
	off_write = !irqs_enabled();
	write_unlock_irqrestore(&lock, flags);
	KT_CHECK(off_write);
	KT_CHECK(irqs_enabled());
	KT_EQ(preempt_count(), 0);
}

/*
 * CPU 0 reads, CPU 1 comes to write, then CPU 2 to read: the writer is served before that reader.
 * And while the writer waits, an interrupt on CPU 0 reads: past the queue, or nobody would go on.
 */
static DEFINE_RWLOCK(fair_lock);
static unsigned step;					  /* atomic */
static unsigned served, writer_at, reader_at, handler_at; /* atomic */

static void read_in_interrupt(struct trap_frame *frame)
{
	(void)frame;
	read_lock(&fair_lock);
	__atomic_store_n(&handler_at, __atomic_add_fetch(&served, 1, __ATOMIC_RELAXED),
			 __ATOMIC_RELEASE);
	read_unlock(&fair_lock);
}

static void hold_and_interrupt(void)
{
	const uint32_t *word = &fair_lock.raw.word;
	uint64_t start_ns = clock_ns();
	bool is_waiting;

	read_lock(&fair_lock);
	advance(&step);
	while (!(is_waiting = __atomic_load_n(word, __ATOMIC_RELAXED) & RWLOCK_WAITING) &&
	       clock_ns() - start_ns < WAIT_NS)
		cpu_relax();
	if (is_waiting) {
		timer_arm_ns(1000);
		(void)wait_for(&handler_at, 1);
		advance(&step);
		/* CPU 2 has queued behind the writer when the queue's word says so. */
		while (cpu_online_count() > 2 &&
		       !(__atomic_load_n(&fair_lock.raw.queue.word, __ATOMIC_RELAXED) &
			 SPIN_PENDING) &&
		       clock_ns() - start_ns < WAIT_NS)
			cpu_relax();
	}
	read_unlock(&fair_lock);
	KT_CHECK(is_waiting);
	KT_EQ(handler_at, 1);
}

static void take_part(void *arg)
{
	(void)arg;
	switch (current_cpu_id()) {
	case 0:
		hold_and_interrupt();
		break;
	case 1: {
		(void)wait_for(&step, 1);
		unsigned long flags = write_lock_irqsave(&fair_lock);

		writer_at = __atomic_add_fetch(&served, 1, __ATOMIC_RELAXED);
		write_unlock_irqrestore(&fair_lock, flags);
		break;
	}
	case 2:
		(void)wait_for(&step, 2);
		read_lock(&fair_lock);
		reader_at = __atomic_add_fetch(&served, 1, __ATOMIC_RELAXED);
		read_unlock(&fair_lock);
		break;
	}
}

KTEST(rwlock, waiting_writer_goes_first_but_for_interrupts)
{
	timer_handler_fn before;
	struct cpumask mask;

	if (cpu_online_count() < 2 || !cpu_is_online(1) ||
	    (cpu_online_count() > 2 && !cpu_is_online(2)))
		KT_SKIP("needs two CPUs");
	step = served = writer_at = reader_at = handler_at = 0;
	before = timer_set_handler(read_in_interrupt);
	cpumask_fill(&mask, 3);
	(void)smp_run_on(&mask, take_part, NULL);
	(void)timer_set_handler(before);
	KT_EQ(handler_at, 1);
	KT_EQ(writer_at, 2);
	if (cpu_online_count() > 2)
		KT_EQ(reader_at, 3);
	KT_EQ(fair_lock.raw.word, 0);
}
