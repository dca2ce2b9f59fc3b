/*
 * The debug build's checks on locks: each kind of misuse is reported, with the names that are
 * needed to find it, and proper use is not.
 */
#include <fanga/check.h>
#include <fanga/clock.h>
#include <fanga/ipi.h>
#include <fanga/lockdep.h>
#include <fanga/rwlock.h>
#include <fanga/smp.h>
#include <fanga/spinlock.h>
#include <fanga/timer.h>
#include "arch/x86_64/trap.h"
#include "lib/string.h"
#include "tests/kernel/ktest.h"

#ifdef CONFIG_DEBUG

#define WAIT_NS 1000000000ull

/* What the hook took; it may run on any CPU. */
static struct {
	unsigned count; /* atomic */
	enum check_kind kind;
	char text[1024];
	struct spinlock *to_unlock;
	struct rwlock *to_read_unlock;
} report;

static bool take_report(enum check_kind kind, const char *text)
{
	if (__atomic_fetch_add(&report.count, 1, __ATOMIC_RELAXED))
		return true;
	report.kind = kind;
	(void)string_copy(report.text, sizeof(report.text), text);
	/* Resolve the deadlock that was found, so that the test can go on. */
	if (report.to_unlock)
		spin_unlock(report.to_unlock);
	if (report.to_read_unlock)
		read_unlock(report.to_read_unlock);
	return true;
}

static void expect_report(void)
{
	memset(&report, 0, sizeof(report));
	check_set_hook(take_report);
}

static bool reported(enum check_kind kind, const char *first, const char *second)
{
	check_set_hook(NULL);
	return report.count == 1 && report.kind == kind && strstr(report.text, first) &&
	       strstr(report.text, second);
}

static bool nothing_reported(void)
{
	check_set_hook(NULL);
	return report.count == 0;
}

static void take_both(struct spinlock *first, struct spinlock *second)
{
	spin_lock(first);
	spin_lock(second);
	spin_unlock(second);
	spin_unlock(first);
}

static void take_apple_then_pear(struct spinlock *apple, struct spinlock *pear)
{
	take_both(apple, pear);
}

KTEST(lockdep, order_inversion_names_both_orders)
{
	static DEFINE_SPINLOCK(apple);
	static DEFINE_SPINLOCK(pear);
	unsigned pairs = lockdep_pair_count();

	expect_report();
	take_apple_then_pear(&apple, &pear);
	take_apple_then_pear(&apple, &pear);
	KT_CHECK(nothing_reported());
	KT_EQ(lockdep_pair_count(), pairs + 1);

	expect_report();
	spin_lock(&pear);
	spin_lock(&apple);
	spin_unlock(&apple);
	spin_unlock(&pear);
	KT_CHECK(reported(CHECK_LOCK_ORDER, "apple", "pear"));
	/* Where the order was seen that is broken now, and by whom. */
	KT_CHECK(strstr(report.text, "take_both"));
	KT_CHECK(strstr(report.text, __func__));

	/* Once for a pair. */
	expect_report();
	take_both(&pear, &apple);
	KT_CHECK(nothing_reported());
}

KTEST(lockdep, inversion_over_three_locks_is_found)
{
	static DEFINE_SPINLOCK(one);
	static DEFINE_SPINLOCK(two);
	static DEFINE_RWLOCK(three);

	expect_report();
	take_both(&one, &two);
	spin_lock(&two);
	read_lock(&three);
	read_unlock(&three);
	spin_unlock(&two);
	KT_CHECK(nothing_reported());

	expect_report();
	write_lock(&three);
	spin_lock(&one);
	spin_unlock(&one);
	write_unlock(&three);
	KT_CHECK(reported(CHECK_LOCK_ORDER, "one", "two"));
	KT_CHECK(strstr(report.text, "three"));
}

KTEST(lockdep, one_class_goes_by_address)
{
	static struct spinlock row[2] = {SPINLOCK_INIT("row"), SPINLOCK_INIT("row")};

	expect_report();
	take_both(&row[0], &row[1]);
	KT_CHECK(nothing_reported());
	expect_report();
	take_both(&row[1], &row[0]);
	KT_CHECK(reported(CHECK_LOCK_ORDER, "row", "lower address"));
}

KTEST(lockdep, initialised_at_one_place_is_one_class)
{
	struct spinlock few[4];
	unsigned classes = lockdep_class_count();

	for (unsigned i = 0; i < ARRAY_SIZE(few); i++)
		spin_lock_init(&few[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(few); i++) {
		spin_lock(&few[i]);
		spin_unlock(&few[i]);
	}
	KT_EQ(lockdep_class_count(), classes + 1);
}

KTEST(lockdep, try_does_not_wait_so_has_no_order)
{
	static DEFINE_SPINLOCK(first);
	static DEFINE_SPINLOCK(second);

	expect_report();
	take_both(&first, &second);
	spin_lock(&second);
	if (spin_trylock(&first))
		spin_unlock(&first);
	spin_unlock(&second);
	KT_CHECK(nothing_reported());
}

KTEST(lockdep, recursion_is_caught)
{
	static DEFINE_SPINLOCK(own);

	expect_report();
	report.to_unlock = &own;
	spin_lock(&own);
	spin_lock(&own);
	KT_CHECK(lockdep_is_held(&own.debug));
	spin_unlock(&own);
	KT_CHECK(reported(CHECK_LOCK_RECURSION, "own", __func__));
	KT_EQ(preempt_count(), 0);
	KT_CHECK(!spin_is_locked(&own));
}

KTEST(lockdep, reading_twice_is_recursion)
{
	static DEFINE_RWLOCK(own);

	expect_report();
	report.to_read_unlock = &own;
	read_lock(&own);
	read_lock(&own);
	read_unlock(&own);
	KT_CHECK(reported(CHECK_LOCK_RECURSION, "own", __func__));
	KT_EQ(own.raw.word, 0);
}

static DEFINE_RWLOCK(irq_read);
static unsigned handled; /* atomic */

static void read_in_interrupt(struct trap_frame *frame)
{
	(void)frame;
	read_lock(&irq_read);
	read_unlock(&irq_read);
	__atomic_add_fetch(&handled, 1, __ATOMIC_RELEASE);
}

static void interrupt_once(timer_handler_fn handler)
{
	timer_handler_fn before = timer_set_handler(handler);
	uint64_t start_ns = clock_ns();

	handled = 0;
	timer_arm_ns(1000);
	while (!__atomic_load_n(&handled, __ATOMIC_ACQUIRE) && clock_ns() - start_ns < WAIT_NS)
		cpu_relax();
	(void)timer_set_handler(before);
}

KTEST(lockdep, reading_in_an_interrupt_is_not_recursion)
{
	expect_report();
	read_lock(&irq_read);
	interrupt_once(read_in_interrupt);
	read_unlock(&irq_read);
	KT_CHECK(nothing_reported());
	KT_EQ(handled, 1);

	/* But a writer that the handler could interrupt is wrong. */
	expect_report();
	write_lock(&irq_read);
	write_unlock(&irq_read);
	KT_CHECK(reported(CHECK_LOCK_IRQ, "irq_read", "read_in_interrupt"));
}

static DEFINE_SPINLOCK(irq_outer);
static DEFINE_SPINLOCK(irq_inner);

static void lock_in_interrupt(struct trap_frame *frame)
{
	(void)frame;
	spin_lock(&irq_outer);
	spin_unlock(&irq_outer);
	__atomic_add_fetch(&handled, 1, __ATOMIC_RELEASE);
}

KTEST(lockdep, lock_of_a_handler_with_interrupts_on)
{
	unsigned long flags;

	expect_report();
	interrupt_once(lock_in_interrupt);
	flags = spin_lock_irqsave(&irq_outer);
	spin_lock(&irq_inner);
	spin_unlock(&irq_inner);
	spin_unlock_irqrestore(&irq_outer, flags);
	KT_CHECK(nothing_reported());
	KT_EQ(handled, 1);

	/* Held with interrupts on, while another CPU holds `irq_outer` and waits for it. */
	expect_report();
	spin_lock(&irq_inner);
	spin_unlock(&irq_inner);
	KT_CHECK(reported(CHECK_LOCK_IRQ, "irq_inner", "lock_in_interrupt"));
	KT_CHECK(strstr(report.text, "irq_outer"));
}

static void unlock_elsewhere(void *arg)
{
	if (current_cpu_id() == 1) {
		preempt_disable(); /* which the unlock undoes */
		spin_unlock(arg);
	}
}

KTEST(lockdep, other_owner_is_reported)
{
	static DEFINE_SPINLOCK(mine);

	expect_report();
	preempt_disable();
	spin_unlock(&mine);
	KT_CHECK(reported(CHECK_LOCK_OWNER, "mine", "which it has not"));
	if (cpu_online_count() < 2 || !cpu_is_online(1))
		return;
	expect_report();
	spin_lock(&mine);
	(void)smp_run_on(cpu_online_mask(), unlock_elsewhere, &mine);
	/* The lock is free by now; the entry of this CPU has to go as well. */
	spin_unlock(&mine);
	KT_CHECK(reported(CHECK_LOCK_OWNER, "mine", __func__));
	KT_CHECK(strstr(report.text, "cpu1"));
	KT_EQ(preempt_count(), 0);
}

KTEST(lockdep, held_too_long_is_reported)
{
	static DEFINE_SPINLOCK(slow);
	uint64_t before_ns = lockdep_hold_limit_ns();

	expect_report();
	lockdep_set_hold_limit_ns(60000000000ull);
	spin_lock(&slow);
	clock_delay_ns(200000);
	spin_unlock(&slow);
	lockdep_set_hold_limit_ns(before_ns);
	KT_CHECK(nothing_reported());

	expect_report();
	lockdep_set_hold_limit_ns(100000);
	spin_lock(&slow);
	clock_delay_ns(200000);
	spin_unlock(&slow);
	lockdep_set_hold_limit_ns(0);
	spin_lock(&slow);
	clock_delay_ns(200000);
	spin_unlock(&slow);
	lockdep_set_hold_limit_ns(before_ns);
	KT_CHECK(reported(CHECK_LOCK_HELD_LONG, "slow", __func__));
}

KTEST(lockdep, held_locks_are_known)
{
	static DEFINE_SPINLOCK(held);

	preempt_disable();
	KT_CHECK(!lockdep_is_held(&held.debug));
	spin_lock(&held);
	KT_CHECK(lockdep_is_held(&held.debug));
	KT_EQ(held.debug.owner, current_cpu_id() + 1);
	ASSERT_LOCKED(&held);
	spin_unlock(&held);
	KT_CHECK(!lockdep_is_held(&held.debug));
	KT_EQ(held.debug.owner, 0);
	preempt_enable();
}

static DEFINE_SPINLOCK(lost); /* its holder is halted: never free again */
static DEFINE_SPINLOCK(after);
static bool is_lost_held;

static void hold_and_be_halted(void *unused)
{
	unsigned victim = cpumask_next(cpu_online_mask(), 0);

	(void)unused;
	if (current_cpu_id()) {
		spin_lock(&lost);
		__atomic_store_n(&is_lost_held, true, __ATOMIC_RELEASE);
		for (;;)
			cpu_relax();
	}
	while (!__atomic_load_n(&is_lost_held, __ATOMIC_ACQUIRE))
		cpu_relax();
	KT_EQ(ipi_send(ipi_new(IPI_HALT, IPI_TARGET_CPU(victim))), 0);
	while (__atomic_load_n(&cpu_get(victim)->state, __ATOMIC_ACQUIRE) != CPU_OFFLINE)
		cpu_relax();
}

static void take_after(void *was_held)
{
	spin_lock(&after);
	*(bool *)was_held = lockdep_is_held(&lost.debug);
	spin_unlock(&after);
}

KTEST(lockdep, a_halted_cpu_comes_back_without_locks)
{
	unsigned victim = cpumask_next(cpu_online_mask(), 0), pairs = lockdep_pair_count();
	struct cpumask both = {0};
	bool was_held = true;

	if (is_lost_held || cpu_online_count() < 2)
		KT_SKIP("once only, and needs 2 CPUs");
	expect_report();
	cpumask_set(&both, 0);
	cpumask_set(&both, victim);
	KT_EQ(smp_run_on(&both, hold_and_be_halted, NULL), 2);
	KT_EQ(cpu_bring_online(victim), 0);
	cpumask_clear(&both, 0);
	KT_EQ(smp_run_on(&both, take_after, &was_held), 1);
	KT_CHECK(nothing_reported());
	KT_CHECK(!was_held);
	KT_EQ(lockdep_pair_count(), pairs); /* not `lost` before `after` */
}

#else

KTEST(lockdep, misuse_is_reported)
{
	KT_SKIP("only the debug build checks");
}

#endif
