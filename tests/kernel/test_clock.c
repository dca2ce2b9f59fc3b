/* The clock on the machine: against other clocks, and between CPUs. */
#include "arch/x86_64/clock_math.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/hpet.h"
#include "arch/x86_64/pmtimer.h"
#include "fanga/clock.h"
#include "fanga/smp.h"
#include "tests/kernel/ktest.h"

#define WINDOW_NS 500000ull
#define ROUNDS	  4000 /* of all CPUs together */

KTEST(clock, is_calibrated)
{
	KT_CHECK(clock_ns() > 0);
	KT_CHECK(clock_tsc_hz() >= 1000000);
	KT_CHECK(clock_apic_timer_hz() > 0);
	if (clock_is_virtual()) {
		/* A simulator's round number, found to a thousandth of itself. */
		uint64_t off = (clock_tsc_hz() + 500000) % 1000000;

		KT_CHECK(MAX(off, 500000ul) - MIN(off, 500000ul) <= clock_tsc_hz() / 1000);
	}
	ktest_note("tsc %lu Hz against %s, apic timer %lu Hz, %s time", clock_tsc_hz(),
		   clock_reference_name(), clock_apic_timer_hz(), clock_name());
}

/* One moment on the clock and on another counter: the tightest of some readings. */
struct moment {
	uint64_t ns;
	uint32_t counts;
};

static struct moment read_both(uint32_t (*read)(void))
{
	struct moment best = {0};
	uint64_t spread = UINT64_MAX;

	for (unsigned i = 0; i < 16; i++) {
		uint64_t before = clock_ns();
		uint32_t counts = read();
		uint64_t after = clock_ns();

		if (after - before >= spread)
			continue;
		spread = after - before;
		best = (struct moment){.ns = before + spread / 2, .counts = counts};
	}
	return best;
}

static void compare(const char *name, uint32_t (*read)(void), uint32_t mask, uint64_t period_fs)
{
	struct moment start = read_both(read), end;
	uint64_t want_ns, got_ns;

	clock_delay_ns(WINDOW_NS);
	end = read_both(read);
	want_ns = clock_counter_delta(start.counts, end.counts, mask) * period_fs / 1000000;
	got_ns = end.ns - start.ns;
	ktest_note("%s %lu ns, clock %lu ns", name, want_ns, got_ns);
	KT_CHECK(got_ns >= WINDOW_NS);
	KT_CHECK(clock_hz_agree(got_ns, want_ns, 10000)); /* 1 % */
}

KTEST(clock, agrees_with_hpet)
{
	if (!hpet_present())
		KT_SKIP("no HPET");
	compare("hpet", hpet_read, UINT32_MAX, hpet_period_fs());
}

KTEST(clock, agrees_with_pmtimer)
{
	if (!pmtimer_present())
		KT_SKIP("no PM timer");
	compare("pm timer", pmtimer_read, pmtimer_mask(), FS_PER_SECOND / PMTIMER_HZ);
}

KTEST(clock, delay_is_never_short)
{
	for (uint64_t ns = 1; ns < 1000000; ns *= 10) {
		uint64_t start = clock_ns();

		clock_delay_ns(ns);
		KT_CHECK(clock_ns() - start >= ns);
	}
}

KTEST(clock, delay_is_not_long_in_virtual_time)
{
	uint64_t start, elapsed;

	if (!clock_is_virtual())
		KT_SKIP("host time");
	start = clock_ns();
	clock_delay_ns(100000);
	elapsed = clock_ns() - start;
	ktest_note("100000 ns took %lu", elapsed);
	/* One turn of each other CPU at most, and these are idle. */
	KT_CHECK(elapsed < 110000);
}

/* The latest time that any CPU has seen; atomic. */
static uint64_t latest_ns;
static uint64_t backward; /* atomic: readings earlier than what had been published before them */

static void watch_clock(void *arg)
{
	unsigned rounds = ROUNDS / cpu_online_count() + 10;
	uint64_t own = 0;

	(void)arg;
	for (unsigned i = 0; i < rounds; i++) {
		/* Acquire: pairs with the release below; our reading comes after the one published.
		 */
		uint64_t before = __atomic_load_n(&latest_ns, __ATOMIC_ACQUIRE);
		uint64_t now;

		/* RDTSC may be executed before the load above without it. */
		__asm__ volatile("lfence" ::: "memory");
		now = clock_ns();
		if (now < before || now < own)
			__atomic_add_fetch(&backward, 1, __ATOMIC_RELAXED);
		own = now;
		while (before < now &&
		       !__atomic_compare_exchange_n(&latest_ns, &before, now, false,
						    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			;
		cpu_relax();
	}
}

KTEST(clock, never_goes_back_between_cpus)
{
	latest_ns = 0;
	backward = 0;
	KT_EQ(smp_run_on(cpu_online_mask(), watch_clock, NULL), cpu_online_count());
	KT_CHECK(latest_ns > 0);
	KT_EQ(backward, 0);
}
