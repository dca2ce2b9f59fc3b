// sources: lib/histogram.c
/* Histogram: bucket bounds over all 64 bits, and the stated error of quantiles against sorting. */
#include "tests/host/check.h"

#include "lib/histogram.h"
#include "lib/prng.h"

static struct histogram h, other;

static void buckets_tile_the_range(void **state)
{
	uint64_t expected_first = 0;

	(void)state;
	for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
		uint64_t max = histogram_bucket_max(bucket);

		assert_true(max >= expected_first);
		assert_int_equal(histogram_bucket(expected_first), bucket);
		assert_int_equal(histogram_bucket(max), bucket);
		/* The stated error: width at most 1/32 of the smallest value. */
		assert_true(max - expected_first <= expected_first / HISTOGRAM_SUB);
		expected_first = max + 1;
	}
	/* The last bucket ended at 2^64 - 1. */
	assert_int_equal(expected_first, 0);
}

static void empty_and_single(void **state)
{
	(void)state;
	histogram_init(&h);
	assert_int_equal(histogram_quantile(&h, 0), 0);
	assert_int_equal(histogram_median(&h), 0);
	assert_int_equal(histogram_mean(&h), 0);
	histogram_add(&h, 1234567);
	for (unsigned per_mille = 0; per_mille <= 1000; per_mille++)
		assert_int_equal(histogram_quantile(&h, per_mille), 1234567);
	assert_int_equal(h.min, 1234567);
	assert_int_equal(h.max, 1234567);
	assert_int_equal(histogram_mean(&h), 1234567);
	histogram_add(&h, UINT64_MAX);
	assert_int_equal(histogram_quantile(&h, 1000), UINT64_MAX);
	assert_int_equal(histogram_quantile(&h, 0), 1234567);
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void quantiles_against_sorting(void **state)
{
	static uint64_t values[3000];
	struct prng prng;

	(void)state;
	prng_seed(&prng, 9);
	for (unsigned round = 0; round < 200; round++) {
		unsigned count = 1 + (unsigned)prng_below(&prng, ARRAY_SIZE(values));
		unsigned shift = (unsigned)prng_below(&prng, 60);
		uint64_t sum = 0;

		histogram_init(&h);
		for (unsigned i = 0; i < count; i++) {
			values[i] = prng_u64(&prng) >> shift >> prng_below(&prng, 4);
			sum += values[i];
			histogram_add(&h, values[i]);
		}
		qsort(values, count, sizeof(values[0]), ascending);
		assert_int_equal(h.count, count);
		assert_int_equal(h.sum, sum);
		assert_int_equal(h.min, values[0]);
		assert_int_equal(h.max, values[count - 1]);
		for (unsigned per_mille = 0; per_mille <= 1000; per_mille += 25) {
			unsigned rank = (unsigned)(((uint64_t)count * per_mille + 999) / 1000);
			uint64_t truth = values[rank ? rank - 1 : 0];
			uint64_t value = histogram_quantile(&h, per_mille);

			assert_true(value >= truth);
			assert_true(value - truth <= truth / HISTOGRAM_SUB);
		}
	}
}

static void merging_is_adding(void **state)
{
	static struct histogram both;
	struct prng prng;

	(void)state;
	prng_seed(&prng, 10);
	histogram_init(&h);
	histogram_init(&other);
	histogram_init(&both);
	histogram_merge(&h, &other);
	assert_memory_equal(&h, &both, sizeof(h));
	for (unsigned i = 0; i < 5000; i++) {
		uint64_t value = prng_u64(&prng) >> prng_below(&prng, 64);

		histogram_add(i % 3 ? &h : &other, value);
		histogram_add(&both, value);
	}
	histogram_merge(&h, &other);
	assert_memory_equal(&h, &both, sizeof(h));
	histogram_init(&other);
	histogram_merge(&other, &h);
	assert_memory_equal(&other, &both, sizeof(h));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_tile_the_range),
		cmocka_unit_test(empty_and_single),
		cmocka_unit_test(quantiles_against_sorting),
		cmocka_unit_test(merging_is_adding),
	};

	return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
