/*
 * The preempt count on the machine: nesting, real interrupts and NMIs counted in and out, one word
 * for each CPU; in the debug build, that misuse is reported.
 */
#include <fanga/check.h>
#include <fanga/clock.h>
#include <fanga/preempt.h>
#include <fanga/smp.h>
#include <fanga/timer.h>
#include "arch/x86_64/apic.h"
#include "arch/x86_64/trap.h"
#include "lib/string.h"
#include "tests/kernel/ktest.h"

#define WAIT_NS 1000000000ull

KTEST(preempt, starts_enabled)
{
	KT_EQ(preempt_count(), 0);
	KT_CHECK(preemptible());
	KT_CHECK(!in_interrupt());
	KT_CHECK(!in_nmi());
}

KTEST(preempt, disable_nests)
{
	for (unsigned depth = 1; depth <= 200; depth++) {
		preempt_disable();
		KT_EQ(preempt_count(), depth);
		KT_CHECK(!preemptible());
	}
	for (unsigned depth = 200; depth-- > 0;) {
		if (depth % 2)
			preempt_enable();
		else
			preempt_enable_no_resched();
		KT_EQ(preempt_count(), depth);
	}
	KT_CHECK(preemptible());
}

KTEST(preempt, interrupts_off_is_not_preemptible)
{
	unsigned long flags = irq_save();
	bool off = preemptible();

	irq_restore(flags);
	KT_CHECK(!off);
	KT_CHECK(preemptible());
}

static unsigned count_in_guard(bool leave_early)
{
	PREEMPT_GUARD();
	if (leave_early)
		return preempt_count();
	PREEMPT_GUARD();
	return preempt_count();
}

KTEST(preempt, guard_ends_with_its_block)
{
	KT_EQ(count_in_guard(true), 1);
	KT_EQ(preempt_count(), 0);
	KT_EQ(count_in_guard(false), 2);
	KT_EQ(preempt_count(), 0);
	{
		PREEMPT_GUARD();
		KT_EQ(preempt_count(), 1);
	}
	KT_EQ(preempt_count(), 0);
}

KTEST(preempt, wanted_switch_waits_until_it_is_allowed)
{
	bool wanted, early, checked_off, checked;

	KT_CHECK(!need_resched());
	KT_CHECK(!preempt_check());
	preempt_disable();
	set_need_resched();
	set_need_resched();
	wanted = need_resched();
	early = should_reschedule() || preempt_check();
	preempt_enable_no_resched();

	irq_disable();
	checked_off = should_reschedule() || preempt_check();
	irq_enable();
	checked = should_reschedule() && preempt_check();
	clear_need_resched();
	KT_CHECK(wanted);
	KT_CHECK(!early);
	KT_CHECK(!checked_off);
	KT_CHECK(checked);
	KT_CHECK(!should_reschedule());
	KT_EQ(preempt_count(), 0);
}

/* What a handler saw; written in the interrupt, read after it. */
static struct {
	unsigned taken;
	unsigned count;
	bool in_interrupt, in_nmi, preemptible;
} seen;

static void look(void)
{
	seen.count = preempt_count();
	seen.in_interrupt = in_interrupt();
	seen.in_nmi = in_nmi();
	seen.preemptible = preemptible();
	__atomic_add_fetch(&seen.taken, 1, __ATOMIC_RELAXED);
}

static void look_in_interrupt(struct trap_frame *frame)
{
	(void)frame;
	look();
	set_need_resched();
}

static void wait_seen(unsigned want)
{
	uint64_t start_ns = clock_ns();

	while (__atomic_load_n(&seen.taken, __ATOMIC_RELAXED) < want &&
	       clock_ns() - start_ns < WAIT_NS)
		cpu_relax();
}

KTEST(preempt, interrupt_counts_itself)
{
	timer_handler_fn before = timer_set_handler(look_in_interrupt);
	bool wanted;

	memset(&seen, 0, sizeof(seen));
	preempt_disable();
	timer_arm_ns(1000);
	wait_seen(1);
	wanted = need_resched();
	clear_need_resched();
	preempt_enable();
	(void)timer_set_handler(before);

	KT_EQ(seen.taken, 1);
	KT_EQ(seen.count, PREEMPT_HARDIRQ_ONE + 1);
	KT_CHECK(seen.in_interrupt);
	KT_CHECK(!seen.in_nmi);
	KT_CHECK(!seen.preemptible);
	KT_CHECK(wanted);
	KT_EQ(preempt_count(), 0);
}

static bool nmi_expected;

static void look_in_nmi(struct trap_frame *frame)
{
	(void)frame;
	if (!nmi_expected)
		return;
	look();
}

KTEST(preempt, nmi_counts_itself)
{
	KT_EQ(ktest_nmi_offer(look_in_nmi), 0);
	memset(&seen, 0, sizeof(seen));
	nmi_expected = true;
	irq_disable();
	apic_send_nmi(apic_self_id());
	wait_seen(1);
	irq_enable();
	nmi_expected = false;

	KT_EQ(seen.taken, 1);
	KT_EQ(seen.count, PREEMPT_NMI_ONE);
	KT_CHECK(seen.in_nmi);
	KT_CHECK(seen.in_interrupt);
	KT_EQ(preempt_count(), 0);
}

static void disable_everywhere(void *arg)
{
	unsigned *arrived = arg;
	unsigned cpu = current_cpu_id();

	KT_EQ(preempt_count(), 0);
	KT_CHECK(!need_resched());
	KT_CHECK(preemptible());
	for (unsigned i = 0; i <= cpu % 7; i++)
		preempt_disable();
	__atomic_add_fetch(arrived, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(arrived, __ATOMIC_RELAXED) < cpu_online_count())
		cpu_relax();
	KT_EQ(preempt_count(), cpu % 7 + 1);
	for (unsigned i = 0; i <= cpu % 7; i++)
		preempt_enable();
	KT_EQ(preempt_count(), 0);
}

KTEST(preempt, every_cpu_has_its_own)
{
	unsigned arrived = 0;

	KT_EQ(smp_run_on(cpu_online_mask(), disable_everywhere, &arrived), cpu_online_count());
	KT_EQ(arrived, cpu_online_count());
}

#ifdef CONFIG_DEBUG

static unsigned reports;
static enum check_kind report_kind;

/* Takes the report, and makes good what was found, so that the kernel can go on. */
static bool take_report(enum check_kind kind, const char *text)
{
	(void)text;
	reports++;
	report_kind = kind;
	if (kind == CHECK_PREEMPT_UNDERFLOW)
		preempt_disable();
	else if (kind == CHECK_PREEMPT_OVERFLOW)
		preempt_enable_no_resched();
	return true;
}

static void expect_reports(void)
{
	reports = 0;
	check_set_hook(take_report);
}

KTEST(preempt, underflow_is_reported)
{
	expect_reports();
	preempt_enable();
	check_set_hook(NULL);
	KT_EQ(reports, 1);
	KT_EQ(report_kind, CHECK_PREEMPT_UNDERFLOW);
	KT_EQ(preempt_count(), 0);
}

KTEST(preempt, overflow_is_reported)
{
	expect_reports();
	for (unsigned i = 0; i < 256; i++)
		preempt_disable();
	for (unsigned i = 0; i < 255; i++)
		preempt_enable();
	check_set_hook(NULL);
	KT_EQ(reports, 1);
	KT_EQ(report_kind, CHECK_PREEMPT_OVERFLOW);
	KT_EQ(preempt_count(), 0);
}

static void unbalanced_handler(struct trap_frame *frame)
{
	(void)frame;
	preempt_disable();
	look();
}

KTEST(preempt, unbalanced_handler_is_reported)
{
	timer_handler_fn before = timer_set_handler(unbalanced_handler);
	unsigned left;

	memset(&seen, 0, sizeof(seen));
	expect_reports();
	timer_arm_ns(1000);
	wait_seen(1);
	check_set_hook(NULL);
	(void)timer_set_handler(before);
	left = preempt_count();
	if (left)
		preempt_enable();
	KT_EQ(seen.taken, 1);
	KT_EQ(left, 1);
	KT_EQ(reports, 1);
	KT_EQ(report_kind, CHECK_PREEMPT_UNBALANCED);
}

KTEST(preempt, unbound_percpu_access_is_reported)
{
	unsigned unbound, bound;

	expect_reports();
	(void)this_cpu_ptr(percpu_data);
	unbound = reports;
	preempt_disable();
	(void)this_cpu_ptr(percpu_data);
	preempt_enable();
	irq_disable();
	(void)this_cpu_ptr(percpu_data);
	irq_enable();
	bound = reports - unbound;
	check_set_hook(NULL);
	KT_EQ(unbound, 1);
	KT_EQ(report_kind, CHECK_PERCPU_UNBOUND);
	KT_EQ(bound, 0);
}

#else

KTEST(preempt, misuse_is_reported)
{
	KT_SKIP("only the debug build checks");
}

#endif
