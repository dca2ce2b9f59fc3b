/*
 * The local timer: that it fires, once, when it should, and on every CPU. In virtual time lateness
 * has exact bounds; on the host's clock it has none, and only order and number are judged.
 */
#include "arch/x86_64/cpu.h"
#include "fanga/clock.h"
#include "fanga/smp.h"
#include "fanga/timer.h"
#include "lib/errno.h"
#include "tests/kernel/ktest.h"

#define WAIT_NS 1000000000ull
/* On an idle machine in virtual time: 2,000 instructions, whatever one of them lasts. */
#define LATE_MAX_NS (2000 * (1000000000 / clock_tsc_hz()))

static unsigned fired;	     /* atomic */
static uint64_t fired_at_ns; /* of the last, atomic */

static void note_fired(struct trap_frame *frame)
{
	(void)frame;
	__atomic_store_n(&fired_at_ns, clock_ns(), __ATOMIC_RELAXED);
	__atomic_add_fetch(&fired, 1, __ATOMIC_RELEASE);
}

static unsigned fired_count(void)
{
	return __atomic_load_n(&fired, __ATOMIC_ACQUIRE);
}

static timer_handler_fn begin(void)
{
	__atomic_store_n(&fired, 0, __ATOMIC_RELAXED);
	return timer_set_handler(note_fired);
}

static void wait_fired(unsigned want)
{
	uint64_t start = clock_ns();

	while (fired_count() < want && clock_ns() - start < WAIT_NS)
		cpu_relax();
}

KTEST(timer, fires_once_and_in_time)
{
	static const uint64_t delays_ns[] = {1000, 50000, 333333};

	ktest_note("mode %s", timer_mode_name());
	for (unsigned i = 0; i < ARRAY_SIZE(delays_ns); i++) {
		timer_handler_fn before = begin();
		uint64_t due_ns = clock_ns() + delays_ns[i];
		uint64_t late_ns;

		timer_arm_ns(delays_ns[i]);
		wait_fired(1);
		late_ns = fired_at_ns - due_ns;
		clock_delay_ns(100000);
		(void)timer_set_handler(before);
		KT_EQ(fired_count(), 1);
		KT_CHECK(fired_at_ns >= due_ns);
		ktest_note("%lu ns armed, %lu ns late", delays_ns[i], late_ns);
		if (clock_is_virtual())
			KT_CHECK(late_ns <= LATE_MAX_NS);
	}
}

KTEST(timer, zero_fires_at_once)
{
	timer_handler_fn before = begin();

	timer_arm_ns(0);
	wait_fired(1);
	(void)timer_set_handler(before);
	KT_EQ(fired_count(), 1);
}

KTEST(timer, stopped_does_not_fire)
{
	timer_handler_fn before = begin();
	unsigned long flags = irq_save(); /* a host that takes the CPU away here must not decide */

	timer_arm_ns(50000);
	timer_stop();
	irq_restore(flags);
	clock_delay_ns(100000);
	(void)timer_set_handler(before);
	KT_EQ(fired_count(), 0);
}

KTEST(timer, stopped_with_the_interrupt_pending_does_not_fire)
{
	timer_handler_fn before = begin();
	unsigned long flags = irq_save();

	timer_arm_ns(10000);
	clock_delay_ns(100000);
	timer_stop();
	irq_restore(flags);
	clock_delay_ns(100000);
	(void)timer_set_handler(before);
	KT_EQ(fired_count(), 0);
}

KTEST(timer, arming_again_replaces)
{
	timer_handler_fn before = begin();
	/* Off: the first may run out in between, but its interrupt must then find nothing due. */
	unsigned long flags = irq_save();
	uint64_t due_ns;

	timer_arm_ns(50000);
	due_ns = clock_ns() + 300000;
	timer_arm_ns(300000);
	irq_restore(flags);
	wait_fired(1);
	clock_delay_ns(100000);
	(void)timer_set_handler(before);
	KT_EQ(fired_count(), 1);
	KT_CHECK(fired_at_ns >= due_ns);
}

/* 2^32 counts of a 1 GHz APIC timer are 4.3 s, which virtual time passes asleep. */
KTEST(timer, longer_than_the_hardware_counts)
{
	const uint64_t delay_ns = 4400000000ull;
	timer_handler_fn before;
	uint64_t due_ns, ticks;

	/* 4.4 s are 220,000 bounded turns, and a simulator looks at every CPU at the end of each.
	 */
	if (!clock_is_virtual() || cpu_count() > 4)
		KT_SKIP("takes long on the host's clock and with many CPUs");
	before = begin();
	ticks = get_cpu_data(0)->total_ticks;
	due_ns = clock_ns() + delay_ns;
	timer_arm_ns(delay_ns);
	irq_disable();
	while (!fired_count() && clock_ns() < due_ns + WAIT_NS) {
		cpu_sti_hlt();
		irq_disable();
	}
	irq_enable();
	(void)timer_set_handler(before);
	KT_EQ(fired_count(), 1);
	KT_CHECK(fired_at_ns >= due_ns && fired_at_ns - due_ns <= LATE_MAX_NS);
	ktest_note("%lu timer interrupts", get_cpu_data(0)->total_ticks - ticks);
}

#define TICK_HZ	   10000u
#define TICKS_WANT 5u

struct tick_result {
	uint64_t ticks;
	uint64_t elapsed_ns;
	bool is_started;
};

static struct tick_result tick_results[CPU_MAX];

static void take_ticks(void *arg)
{
	struct percpu_data *data = get_cpu_data(current_cpu_id());
	struct tick_result *result = &tick_results[current_cpu_id()];
	uint64_t before = __atomic_load_n(&data->total_ticks, __ATOMIC_RELAXED);
	uint64_t start = clock_ns();

	(void)arg;
	result->is_started = tick_start(TICK_HZ) == 0;
	do {
		cpu_relax();
		result->ticks = __atomic_load_n(&data->total_ticks, __ATOMIC_RELAXED) - before;
		result->elapsed_ns = clock_ns() - start;
	} while (result->ticks < TICKS_WANT && result->elapsed_ns < WAIT_NS * 10);
	tick_stop();
}

KTEST(timer, total_ticks_rises_on_every_cpu)
{
	unsigned cpu;

	KT_EQ(smp_run_on(cpu_online_mask(), take_ticks, NULL), cpu_online_count());
	for_each_cpu (cpu, cpu_online_mask()) {
		KT_CHECK(tick_results[cpu].is_started);
		KT_CHECK(tick_results[cpu].ticks >= TICKS_WANT);
		/* Ticks of 100 us; late ones are skipped, never delivered early. */
		KT_CHECK(tick_results[cpu].elapsed_ns >= TICKS_WANT * 100000ull);
	}
}

KTEST(timer, ticks_stop_when_told)
{
	uint64_t ticks;

	KT_EQ(tick_start(TICK_HZ), 0);
	clock_delay_ns(250000);
	tick_stop();
	ticks = get_cpu_data(0)->total_ticks;
	clock_delay_ns(250000);
	KT_EQ(get_cpu_data(0)->total_ticks, ticks);
}

KTEST(timer, ticks_do_not_drift)
{
	/* 7 kHz: a period of 142857 1/7 ns. */
	timer_handler_fn before = begin();
	uint64_t start_ns = clock_ns();
	uint64_t missed = tick_missed();

	KT_EQ(tick_start(7000), 0);
	wait_fired(14);
	tick_stop();
	(void)timer_set_handler(before);
	if (!clock_is_virtual())
		KT_SKIP("host time");
	KT_EQ(tick_missed(), missed);
	KT_EQ(fired_count(), 14);
	KT_CHECK(fired_at_ns - start_ns >= 2000000);
	KT_CHECK(fired_at_ns - start_ns <= 2000000 + LATE_MAX_NS);
}

KTEST(timer, ticks_that_come_too_late_are_counted)
{
	uint64_t missed = tick_missed();
	unsigned long flags;

	flags = irq_save();
	KT_EQ(tick_start(TICK_HZ), 0);
	clock_delay_ns(1050000);
	irq_restore(flags);
	clock_delay_ns(20000);
	tick_stop();
	/* Ten were due, one was taken. */
	KT_CHECK(tick_missed() - missed >= 9);
	if (clock_is_virtual())
		KT_EQ(tick_missed() - missed, 9);
}

KTEST(timer, rates_out_of_range_are_refused)
{
	KT_EQ(tick_start(0), -EINVAL);
	KT_EQ(tick_start(20001), -EINVAL);
}
