// sources: kernel/preempt/counter.c kernel/preempt/points.c
/*
 * The preempt count: nesting, predicates, and when the scheduler's hook is called.
 */
#include "tests/host/check.h"

#include <fanga/preempt.h>
#include "arch/x86_64/trap.h"

static unsigned switches;

/* Takes the place of the weak one. */
void preempt_resched(void)
{
	assert_int_equal(preempt_count(), 0);
	assert_true(irqs_enabled());
	assert_true(need_resched());
	switches++;
	clear_need_resched();
}

static int reset(void **state)
{
	(void)state;
	switches = 0;
	host_cpu_prepare(0);
	irq_enable();
	return 0;
}

static void starts_enabled(void **state)
{
	(void)state;
	assert_int_equal(this_cpu_read(preempt_word), PREEMPT_NO_RESCHED);
	assert_int_equal(preempt_count(), 0);
	assert_true(preemptible());
	assert_false(need_resched());
	assert_false(in_interrupt());
}

static void nests(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 255; i++) {
		preempt_disable();
		assert_int_equal(preempt_count(), i);
	}
	assert_false(preemptible());
	assert_false(in_interrupt());
	for (unsigned i = 255; i-- > 0;) {
		preempt_enable();
		assert_int_equal(preempt_count(), i);
	}
	assert_true(preemptible());
	assert_int_equal(switches, 0);
}

static void last_enable_switches_once(void **state)
{
	(void)state;
	preempt_disable();
	preempt_disable();
	set_need_resched();
	assert_false(should_reschedule());
	preempt_enable();
	assert_int_equal(switches, 0);
	preempt_enable();
	assert_int_equal(switches, 1);
	preempt_disable();
	preempt_enable();
	assert_int_equal(switches, 1);
}

static void enabling_without_looking_does_not_switch(void **state)
{
	(void)state;
	preempt_disable();
	set_need_resched();
	preempt_enable_no_resched();
	assert_int_equal(switches, 0);
	assert_true(should_reschedule());
	preempt_point();
	assert_int_equal(switches, 1);
	preempt_point();
	assert_int_equal(switches, 1);
}

static void interrupts_off_hold_the_switch_back(void **state)
{
	(void)state;
	irq_disable();
	preempt_disable();
	set_need_resched();
	preempt_enable();
	preempt_point();
	assert_false(preempt_check());
	assert_false(preemptible());
	assert_int_equal(switches, 0);
	irq_enable();
	assert_true(preempt_check());
	assert_int_equal(switches, 1);
}

static void interrupts_count_in_and_out(void **state)
{
	(void)state;
	irq_enter();
	assert_true(in_interrupt());
	assert_false(in_nmi());
	assert_int_equal(preempt_count(), PREEMPT_HARDIRQ_ONE);
	nmi_enter();
	assert_true(in_nmi());
	preempt_disable();
	set_need_resched();
	preempt_enable();
	preempt_point();
	nmi_exit();
	assert_false(in_nmi());
	assert_false(preempt_check());
	irq_exit();
	assert_false(in_interrupt());
	assert_int_equal(preempt_count(), 0);
	assert_int_equal(switches, 0);
	assert_true(preempt_check());
	assert_int_equal(switches, 1);
}

static void wish_is_one_bit(void **state)
{
	(void)state;
	preempt_disable();
	set_need_resched();
	set_need_resched();
	assert_int_equal(preempt_count(), 1);
	clear_need_resched();
	clear_need_resched();
	preempt_enable();
	assert_int_equal(switches, 0);
	assert_int_equal(this_cpu_read(preempt_word), PREEMPT_NO_RESCHED);
}

static void guard(bool early)
{
	PREEMPT_GUARD();
	assert_int_equal(preempt_count(), 1);
	if (early)
		return;
	PREEMPT_GUARD();
	assert_int_equal(preempt_count(), 2);
}

static void guards_end_with_their_block(void **state)
{
	(void)state;
	guard(true);
	assert_int_equal(preempt_count(), 0);
	guard(false);
	assert_int_equal(preempt_count(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(starts_enabled, reset),
		cmocka_unit_test_setup(nests, reset),
		cmocka_unit_test_setup(last_enable_switches_once, reset),
		cmocka_unit_test_setup(enabling_without_looking_does_not_switch, reset),
		cmocka_unit_test_setup(interrupts_off_hold_the_switch_back, reset),
		cmocka_unit_test_setup(interrupts_count_in_and_out, reset),
		cmocka_unit_test_setup(wish_is_one_bit, reset),
		cmocka_unit_test_setup(guards_end_with_their_block, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
