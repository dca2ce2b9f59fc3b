/*
 * Spinlocks on the machine: exclusion and order over all CPUs, tries, interrupts, nested waits.
 */
#include <fanga/clock.h>
#include <fanga/smp.h>
#include <fanga/spinlock.h>
#include <fanga/timer.h>
#include "arch/x86_64/apic.h"
#include "arch/x86_64/trap.h"
#include "lib/string.h"
#include "tests/kernel/contention.h"
#include "tests/kernel/ktest.h"

#define LAPS_MAX 50u
#define WAIT_NS	 1000000000ull

static DEFINE_SPINLOCK(lock);

/* Under `lock`; plain on purpose. */
static struct {
	unsigned inside, count;
	unsigned torn;
} shared;

static void shared_write(void)
{
	unsigned count = shared.count;

	shared.torn += shared.inside++ != 0;
	/* The pause ends the CPU's turn under icount: others come to the lock meanwhile. */
	if (count % 8 == 0)
		cpu_relax();
	shared.count = count + 1;
	shared.inside--;
}

static void lock_often(void *arg)
{
	unsigned rounds = *(unsigned *)arg;

	for (unsigned i = 0; i < rounds; i++) {
		if (i % 3 == 0) {
			SPIN_GUARD(&lock);
			shared_write();
		} else if (i % 3 == 1) {
			SPIN_IRQ_GUARD(&lock);
			shared_write();
		} else if (!spin_trylock(&lock)) {
			spin_lock(&lock);
			shared_write();
			spin_unlock(&lock);
		} else {
			shared_write();
			spin_unlock(&lock);
		}
	}
	KT_EQ(preempt_count(), 0);
	KT_CHECK(irqs_enabled());
}

KTEST(spinlock, all_cpus_exclude_each_other)
{
	unsigned rounds = contention_rounds();

	memset(&shared, 0, sizeof(shared));
	(void)smp_run_on(cpu_online_mask(), lock_often, &rounds);
	KT_EQ(shared.torn, 0);
	KT_EQ(shared.count, rounds * cpu_online_count());
	KT_EQ(lock.raw.word, 0);
}

KTEST(spinlock, is_four_bytes)
{
	KT_EQ(sizeof(struct raw_spinlock), 4);
#ifndef CONFIG_DEBUG
	KT_EQ(sizeof(struct spinlock), 4);
#endif
}

static unsigned order[CPU_MAX], order_count; /* under `lock` */

/* CPU n comes to the lock when it sees that CPU n - 1 waits; CPU 0 holds it until all do. */
static void arrive_in_order(void *arg)
{
	unsigned cpu = current_cpu_id(), last = cpu_online_count() - 1;
	uint32_t *word = &lock.raw.word;

	(void)arg;
	if (cpu == 0) {
		spin_lock(&lock);
		while (last == 1 && !(__atomic_load_n(word, __ATOMIC_RELAXED) & SPIN_PENDING))
			cpu_relax();
		while (last > 1 &&
		       __atomic_load_n(word, __ATOMIC_RELAXED) >> (SPIN_TAIL_SHIFT + 2) != last + 1)
			cpu_relax();
		spin_unlock(&lock);
		return;
	}
	while (cpu == 1 && !(__atomic_load_n(word, __ATOMIC_RELAXED) & SPIN_LOCKED))
		cpu_relax();
	while (cpu == 2 && !(__atomic_load_n(word, __ATOMIC_RELAXED) & SPIN_PENDING))
		cpu_relax();
	while (cpu > 2 && __atomic_load_n(word, __ATOMIC_RELAXED) >> (SPIN_TAIL_SHIFT + 2) != cpu)
		cpu_relax();
	spin_lock(&lock);
	order[order_count++] = cpu;
	spin_unlock(&lock);
}

static bool cpus_are_dense(void)
{
	unsigned cpu, expected = 0;

	for_each_cpu (cpu, cpu_online_mask())
		if (cpu != expected++)
			return false;
	return true;
}

KTEST(spinlock, first_come_first_served)
{
	unsigned cpus = cpu_online_count();

	if (cpus < 2 || !cpus_are_dense())
		KT_SKIP("needs CPUs 0 and 1, and no gap in the numbers");
	order_count = 0;
	(void)smp_run_on(cpu_online_mask(), arrive_in_order, NULL);
	KT_EQ(order_count, cpus - 1);
	for (unsigned i = 0; i < order_count; i++)
		KT_EQ(order[i], i + 1);
}

/* Under `lock`: laps of each CPU, CPUs through with each lap, laps that all are through with. */
static unsigned laps[CPU_MAX], through[LAPS_MAX + 1], laps_of_all, laps_spread;

static void note_lap(unsigned cpu)
{
	through[++laps[cpu]]++;
	while (laps_of_all < LAPS_MAX && through[laps_of_all + 1] == cpu_online_count())
		laps_of_all++;
	laps_spread = MAX(laps_spread, laps[cpu] - laps_of_all);
}

struct race {
	unsigned waiting; /* atomic */
	unsigned laps;
};

static void run_laps(void *arg)
{
	struct race *race = arg;

	__atomic_add_fetch(&race->waiting, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&race->waiting, __ATOMIC_RELAXED) < cpu_online_count())
		cpu_relax();
	for (unsigned i = 0; i < race->laps; i++) {
		spin_lock(&lock);
		note_lap(current_cpu_id());
		cpu_relax();
		spin_unlock(&lock);
	}
}

KTEST(spinlock, contention_is_fair)
{
	struct race race = {.laps = MIN(contention_rounds(), LAPS_MAX)};

	if (cpu_online_count() < 2)
		KT_SKIP("needs two CPUs");
	memset(laps, 0, sizeof(laps));
	memset(through, 0, sizeof(through));
	laps_of_all = laps_spread = 0;
	(void)smp_run_on(cpu_online_mask(), run_laps, &race);
	ktest_note("one CPU was at most %u of %u laps ahead of another", laps_spread, race.laps);
	KT_EQ(laps_of_all, race.laps);
	/* On the host's clock a CPU may not run at all while others do laps. */
	if (clock_is_virtual())
		KT_CHECK(laps_spread <= 3);
}

KTEST(spinlock, try_fails_while_held)
{
	unsigned long flags = 0;
	bool again, again_off, waited;

	KT_CHECK(spin_trylock(&lock));
	KT_EQ(preempt_count(), 1);
	KT_CHECK(spin_is_locked(&lock));
	again = spin_trylock(&lock);
	again_off = spin_trylock_irqsave(&lock, &flags);
	KT_CHECK(irqs_enabled());
	spin_unlock(&lock);
	KT_CHECK(!again);
	KT_CHECK(!again_off);
	KT_EQ(preempt_count(), 0);

	/* Free, but others are before us. */
	lock.raw.word = SPIN_PENDING;
	waited = spin_trylock(&lock);
	lock.raw.word = 5u << SPIN_TAIL_SHIFT;
	waited |= spin_trylock(&lock);
	lock.raw.word = 0;
	KT_CHECK(!waited);
	KT_CHECK(spin_trylock_irqsave(&lock, &flags));
	KT_CHECK(!irqs_enabled());
	spin_unlock_irqrestore(&lock, flags);
	KT_CHECK(irqs_enabled());
	KT_EQ(preempt_count(), 0);
}

KTEST(spinlock, irq_variants_restore_what_was)
{
	unsigned long outer, inner;
	bool off_inside, off_between;

	outer = irq_save();
	inner = spin_lock_irqsave(&lock);
	off_inside = !irqs_enabled();
	spin_unlock_irqrestore(&lock, inner);
	off_between = !irqs_enabled();
	irq_restore(outer);
	KT_CHECK(off_inside);
	KT_CHECK(off_between);
	KT_CHECK(irqs_enabled());

	spin_lock_irq(&lock);
	off_inside = !irqs_enabled();
	spin_unlock_irq(&lock);
	KT_CHECK(off_inside);
	KT_CHECK(irqs_enabled());
	KT_EQ(preempt_count(), 0);
}

static bool leave_early(bool early)
{
	SPIN_GUARD(&lock);
	if (early)
		return spin_is_locked(&lock);
	shared.count++;
	return spin_is_locked(&lock);
}

KTEST(spinlock, guards_release_on_every_way_out)
{
	KT_CHECK(leave_early(true));
	KT_CHECK(!spin_is_locked(&lock));
	KT_CHECK(leave_early(false));
	KT_CHECK(!spin_is_locked(&lock));
	for (unsigned i = 0; i < 2; i++) {
		SPIN_IRQ_GUARD(&lock);
		if (i == 0)
			continue;
		KT_CHECK(!irqs_enabled());
		break;
	}
	KT_CHECK(!spin_is_locked(&lock));
	KT_CHECK(irqs_enabled());
	KT_EQ(preempt_count(), 0);
}

/* A lock that handlers take has interrupts off everywhere, so it is not `lock`. */
static DEFINE_SPINLOCK(irq_lock);
static unsigned interrupts; /* under `irq_lock`, as is `shared` here */

static void lock_in_interrupt(struct trap_frame *frame)
{
	(void)frame;
	SPIN_GUARD(&irq_lock);
	interrupts++;
	shared_write();
}

static void lock_under_ticks(void *arg)
{
	unsigned rounds = contention_rounds();
	uint64_t start_ns = clock_ns();
	unsigned *done = arg, i;

	/* All CPUs' handlers together must leave time for work: virtual time is one for all. */
	KT_EQ(tick_start(MIN(80000 / cpu_online_count(), 20000u)), 0);
	/* And on until some tick has found some CPU at it. */
	for (i = 0; i < rounds || (__atomic_load_n(&interrupts, __ATOMIC_RELAXED) < 20 &&
				   clock_ns() - start_ns < WAIT_NS);
	     i++) {
		unsigned long flags = spin_lock_irqsave(&irq_lock);

		shared_write();
		spin_unlock_irqrestore(&irq_lock, flags);
	}
	tick_stop();
	__atomic_add_fetch(done, i, __ATOMIC_RELAXED);
}

KTEST(spinlock, interrupt_handlers_share_the_lock)
{
	timer_handler_fn before = timer_set_handler(lock_in_interrupt);
	unsigned done = 0;

	memset(&shared, 0, sizeof(shared));
	interrupts = 0;
	(void)smp_run_on(cpu_online_mask(), lock_under_ticks, &done);
	(void)timer_set_handler(before);
	ktest_note("%u interrupts took the lock among %u others", interrupts, done);
	KT_CHECK(interrupts >= 20);
	KT_EQ(shared.torn, 0);
	KT_EQ(shared.count, done + interrupts);
}

/*
 * Waits inside waits: CPU 1 queues for the first lock as a thread, for the second in an interrupt,
 * for the third in an NMI. Locked and pending by nobody, so that who comes must queue. CPU 0 frees
 * the innermost first. Each wait needs a node of its own.
 */
#define NESTED 3u

static struct raw_spinlock nested[NESTED];
static unsigned nested_got[NESTED], nested_order; /* atomic */
static bool nested_nmi;

static void nested_wait(unsigned level)
{
	raw_spin_lock(&nested[level]);
	nested_got[level] = __atomic_add_fetch(&nested_order, 1, __ATOMIC_RELAXED);
	raw_spin_unlock(&nested[level]);
}

static void nested_interrupt(struct trap_frame *frame)
{
	(void)frame;
	nested_wait(1);
}

static void nested_in_nmi(struct trap_frame *frame)
{
	(void)frame;
	if (!__atomic_exchange_n(&nested_nmi, false, __ATOMIC_RELAXED))
		return;
	nested_wait(2);
}

static bool wait_queued(unsigned level)
{
	uint64_t start_ns = clock_ns();

	while (!__atomic_load_n(&nested[level].tail, __ATOMIC_RELAXED))
		if (clock_ns() - start_ns > 30 * WAIT_NS)
			return false;
		else
			cpu_relax();
	return true;
}

/* What CPU 0 does: get CPU 1 into all the waits, check that they are in place, end them. */
static void nested_direct(void)
{
	uint16_t tails[NESTED];
	bool all = wait_queued(0) && wait_queued(1);

	if (all) {
		__atomic_store_n(&nested_nmi, true, __ATOMIC_RELAXED);
		apic_send_nmi(cpu_apic_id(1));
		all = wait_queued(2);
	}
	for (unsigned i = 0; i < NESTED; i++)
		tails[i] = nested[i].tail;
	for (unsigned i = NESTED; i-- > 0;) {
		__atomic_store_n(&nested[i].locked_pending, 0, __ATOMIC_RELEASE);
		while (all && __atomic_load_n(&nested[i].word, __ATOMIC_ACQUIRE))
			cpu_relax();
	}
	KT_CHECK(all);
	for (unsigned i = 0; i < NESTED; i++)
		KT_EQ(tails[i], 2u << 2 | i);
}

static void nested_run(void *arg)
{
	(void)arg;
	if (current_cpu_id() == 0) {
		nested_direct();
		return;
	}
	timer_arm_ns(clock_is_virtual() ? 100000 : 20000000);
	PREEMPT_GUARD();
	nested_wait(0);
}

KTEST(spinlock, waits_nest_in_interrupts)
{
	timer_handler_fn before;
	struct cpumask mask;

	if (cpu_online_count() < 2 || !cpu_is_online(1))
		KT_SKIP("needs two CPUs");
	KT_EQ(ktest_nmi_offer(nested_in_nmi), 0);
	for (unsigned i = 0; i < NESTED; i++)
		nested[i].word = SPIN_LOCKED | SPIN_PENDING;
	nested_order = 0;
	before = timer_set_handler(nested_interrupt);
	cpumask_fill(&mask, 2);
	(void)smp_run_on(&mask, nested_run, NULL);
	(void)timer_set_handler(before);
	for (unsigned i = 0; i < NESTED; i++)
		KT_EQ(nested_got[i], NESTED - i);
}

KTEST(spinlock, cost_uncontended)
{
	const unsigned rounds = 1000;
	uint64_t start_ns, empty_ns, lock_ns;
	static DEFINE_SPINLOCK(own);

	start_ns = clock_ns();
	for (unsigned i = 0; i < rounds; i++)
		__asm__ volatile("" ::: "memory");
	empty_ns = clock_ns() - start_ns;
	start_ns = clock_ns();
	for (unsigned i = 0; i < rounds; i++) {
		spin_lock(&own);
		spin_unlock(&own);
	}
	lock_ns = clock_ns() - start_ns;
	ktest_note("lock and unlock without contention: %llu.%03llu ns",
		   (unsigned long long)(lock_ns - empty_ns) / rounds,
		   (unsigned long long)(lock_ns - empty_ns) % rounds);
#ifndef CONFIG_DEBUG
	/* One virtual nanosecond is one instruction; an interrupt in between has room. */
	if (clock_is_virtual())
		KT_CHECK((lock_ns - empty_ns) / rounds <= 12);
#endif
}
