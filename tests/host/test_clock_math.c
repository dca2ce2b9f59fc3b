// sources: arch/x86_64/clock_math.c
/* Clock arithmetic against exact 128-bit arithmetic, from 1 MHz to 10 GHz and over decades. */
#include "tests/host/check.h"

#include "arch/x86_64/clock_math.h"
#include "arch/x86_64/pmtimer.h"
#include "lib/prng.h"

static const uint64_t frequencies[] = {
	1000000,    1193182,	3579545,    14318180,	24000000,    99999999,
	100000000,  999999999,	1000000000, 1000000001, 2294608000,  2899999999,
	4294967295, 4294967296, 5300000000, 9999999999, 10000000000,
};

#define YEAR_SECONDS (365ull * 86400)
#define YEARS	     30 /* a 64-bit counter at 10 GHz lasts 58 */

static uint64_t exact(uint64_t a, uint64_t b, uint64_t c)
{
	return (uint64_t)((unsigned __int128)a * b / c);
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static void scale_is_close_over_decades(void **state)
{
	(void)state;
	for (unsigned f = 0; f < ARRAY_SIZE(frequencies); f++) {
		uint64_t hz = frequencies[f];
		struct clock_scale to_ns = clock_scale_to_ns(hz);

		for (uint64_t seconds = 0; seconds <= YEARS * YEAR_SECONDS;
		     seconds = seconds * 3 + 1) {
			uint64_t counts = seconds * hz + hz / 3;
			uint64_t want = exact(counts, NS_PER_SECOND, hz);

			assert_true(distance(clock_scale_apply(to_ns, counts), want) <=
				    want / 500000000 + 1);
		}
	}
}

static void scale_is_exact_at_one_gigahertz(void **state)
{
	struct clock_scale scale = clock_scale_to_ns(1000000000);

	(void)state;
	assert_int_equal(clock_scale_apply(scale, 1), 1);
	assert_int_equal(clock_scale_apply(scale, UINT64_MAX), UINT64_MAX);
	assert_int_equal(clock_scale_apply(clock_scale_from_ns(1000000000), 123456789), 123456789);
}

static void scale_never_goes_back(void **state)
{
	struct prng prng;

	(void)state;
	prng_seed(&prng, 7);
	for (unsigned f = 0; f < ARRAY_SIZE(frequencies); f++) {
		struct clock_scale to_ns = clock_scale_to_ns(frequencies[f]);
		uint64_t counts = prng_u64(&prng) >> 8, last = 0;

		for (unsigned i = 0; i < 10000; i++) {
			uint64_t ns = clock_scale_apply(to_ns, counts);

			assert_true(ns >= last);
			last = ns;
			counts += prng_below(&prng, 4);
		}
	}
}

static void waiting_is_never_short(void **state)
{
	(void)state;
	for (unsigned f = 0; f < ARRAY_SIZE(frequencies); f++) {
		struct clock_scale from_ns = clock_scale_from_ns(frequencies[f]);
		struct clock_scale to_ns = clock_scale_to_ns(frequencies[f]);

		for (uint64_t ns = 1; ns < 1000 * NS_PER_SECOND; ns = ns * 7 + 3) {
			uint64_t counts = clock_scale_apply_up(from_ns, ns);
			uint64_t want = exact(ns, frequencies[f], NS_PER_SECOND);

			assert_true(counts >= 1);
			assert_true(clock_scale_apply(to_ns, counts) + ns / 100000000 + 1 >= ns);
			assert_true(counts >= want);
			assert_true(counts <= want + ns / 4000000000 + 2);
		}
	}
	assert_int_equal(clock_scale_apply_up(clock_scale_from_ns(10000000000), UINT64_MAX),
			 UINT64_MAX);
}

static void mul_div_against_exact(void **state)
{
	struct prng prng;

	(void)state;
	prng_seed(&prng, 3);
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t a = prng_u64(&prng) >> prng_below(&prng, 64);
		uint64_t b = prng_u64(&prng) >> prng_below(&prng, 64);
		uint64_t c = prng_u64(&prng) >> prng_below(&prng, 64);
		unsigned __int128 want;

		if (c == 0)
			continue;
		want = (unsigned __int128)a * b / c;
		assert_true(clock_mul_div(a, b, c) ==
			    (want > UINT64_MAX ? UINT64_MAX : (uint64_t)want));
	}
	assert_true(clock_mul_div(1, 1, 0) == UINT64_MAX);
	assert_true(clock_mul_div(UINT64_MAX, UINT64_MAX, UINT64_MAX) == UINT64_MAX);
	assert_true(clock_mul_div(UINT64_MAX, 2, 1) == UINT64_MAX);
}

static void window_gives_frequency(void **state)
{
	/* 1 ms at 2.4 GHz against a 14.318 MHz HPET, a 100 MHz one, the PM timer. */
	struct clock_window window = {
		.counts = 2400000, .reference = 14318, .reference_fs = 69841279};

	(void)state;
	assert_true(clock_hz_agree(clock_window_hz(&window), 2400000000, 100));
	window.reference = 100000;
	window.reference_fs = 10000000;
	assert_int_equal(clock_window_hz(&window), 2400000000);
	window.reference = 0;
	assert_int_equal(clock_window_hz(&window), 0);
	window = (struct clock_window){UINT64_MAX, UINT32_MAX, UINT32_MAX, 0};
	assert_true(clock_window_hz(&window) != 0);
}

static void agreement_has_a_limit(void **state)
{
	(void)state;
	assert_true(clock_hz_agree(1000000, 1000000, 0));
	assert_false(clock_hz_agree(1000000, 1000001, 0));
	assert_true(clock_hz_agree(1000000, 1000001, 1));
	assert_true(clock_hz_agree(3000000000, 3001499999, 500));
	assert_false(clock_hz_agree(3000000000, 3002000000, 500));
}

static void choice_takes_the_two_that_agree(void **state)
{
	uint64_t disturbed[] = {2400000000, 1200000000, 2400100000};
	uint64_t wild[] = {5000000000, 1000000000, 3000000000, 2000000000, 4000000000};
	uint64_t broken[] = {0, 0};
	bool steady;

	(void)state;
	assert_int_equal(clock_choose_hz(disturbed, 3, 500, &steady), 2400050000);
	assert_true(steady);
	assert_int_equal(clock_choose_hz(disturbed, 1, 500, &steady), 2400000000);
	assert_false(steady);
	assert_int_equal(clock_choose_hz(wild, 5, 500, &steady), 3000000000);
	assert_false(steady);
	assert_int_equal(clock_choose_hz(broken, 2, 500, &steady), 0);
	assert_false(steady);
}

static void rounding_needs_doubt(void **state)
{
	(void)state;
	assert_int_equal(clock_round_hz(999998700, 2000), 1000000000);
	assert_int_equal(clock_round_hz(999998700, 1000), 999998700);
	assert_int_equal(clock_round_hz(1000001300, 2000), 1000000000);
	assert_int_equal(clock_round_hz(2294608000, 20000), 2294608000);
}

static void counters_wrap_once(void **state)
{
	const uint32_t wide = UINT32_MAX, narrow = 0xffffff, pit = 0xffff;

	(void)state;
	assert_int_equal(clock_counter_delta(0xfffff0, 0x10, narrow), 0x20);
	assert_int_equal(clock_counter_delta(0xfffffff0, 0x10, wide), 0x20);
	assert_int_equal(clock_counter_delta(0xfff0, 0x10, pit), 0x20);
	assert_int_equal(clock_counter_delta(5, 5, narrow), 0);
	/* A full turn of the 24-bit timer but one count. */
	assert_int_equal(clock_counter_delta(1, 0, narrow), 0xffffff);
	assert_true(0xffffffull * 1000 / PMTIMER_HZ > 4000); /* ms: windows are far shorter */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scale_is_close_over_decades),
		cmocka_unit_test(scale_is_exact_at_one_gigahertz),
		cmocka_unit_test(scale_never_goes_back),
		cmocka_unit_test(waiting_is_never_short),
		cmocka_unit_test(mul_div_against_exact),
		cmocka_unit_test(window_gives_frequency),
		cmocka_unit_test(agreement_has_a_limit),
		cmocka_unit_test(choice_takes_the_two_that_agree),
		cmocka_unit_test(rounding_needs_doubt),
		cmocka_unit_test(counters_wrap_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
