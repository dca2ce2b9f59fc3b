// sources: lib/cpumask.c lib/printf.c
/* Bitmaps, CPU sets, node sets: every operation against a plain array of booleans. */
#include "tests/host/check.h"

#include "lib/cpumask.h"
#include "lib/errno.h"
#include "lib/nodemask.h"
#include "lib/prng.h"

static void bit_tricks(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		assert_int_equal(bits_lowest(~0ull << bit), bit);
		assert_int_equal(bits_highest(~0ull >> (63 - bit)), bit);
		assert_int_equal(bits_weight(~0ull << bit), 64 - bit);
	}
	assert_int_equal(bits_weight(0), 0);
	assert_int_equal(bits_weight(0x8000000000000001ull), 2);
}

static void bitmap_against_model(void **state)
{
	static const unsigned sizes[] = {1, 63, 64, 65, 127, 128, 200};
	struct prng prng;

	(void)state;
	prng_seed(&prng, 1);
	for (unsigned s = 0; s < ARRAY_SIZE(sizes); s++) {
		unsigned bits = sizes[s];
		BITMAP_DECLARE(map, 200) = {0};
		bool model[200] = {false};

		for (unsigned round = 0; round < 500; round++) {
			unsigned bit = (unsigned)prng_below(&prng, bits);
			unsigned weight = 0, seen = 0, next = bits, next_clear = bits, at;

			model[bit] = prng_u64(&prng) & 1;
			if (model[bit])
				bitmap_set(map, bit);
			else
				bitmap_clear(map, bit);
			for (unsigned i = bits; i-- > 0;) {
				weight += model[i];
				if (i >= bit && model[i])
					next = i;
				if (i >= bit && !model[i])
					next_clear = i;
				assert_int_equal(bitmap_test(map, i), model[i]);
			}
			assert_int_equal(bitmap_weight(map, bits), weight);
			assert_int_equal(bitmap_empty(map, bits), !weight);
			assert_int_equal(bitmap_next(map, bits, bit), next);
			assert_int_equal(bitmap_next_clear(map, bits, bit), next_clear);
			bitmap_for_each (at, map, bits) {
				assert_true(model[at]);
				seen++;
			}
			assert_int_equal(seen, weight);
		}
		bitmap_zero(map, bits);
		bitmap_fill(map, bits);
		assert_int_equal(bitmap_weight(map, bits), bits);
		assert_int_equal(bitmap_next_clear(map, bits, 0), bits);
		assert_int_equal(bitmap_next(map, bits, bits), bits);
		assert_int_equal(bitmap_next(map, bits, bits + 1000), bits);
	}
}

static void cpumask_operations(void **state)
{
	struct cpumask a, b, c;
	unsigned cpu, seen = 0;

	(void)state;
	cpumask_fill(&a, 70);
	assert_int_equal(cpumask_weight(&a), 70);
	cpumask_fill(&a, CPU_MAX);
	assert_int_equal(cpumask_weight(&a), CPU_MAX);
	cpumask_zero(&a);
	assert_true(cpumask_empty(&a));
	assert_int_equal(cpumask_first(&a), CPU_MAX);
	for_each_cpu (cpu, &a)
		fail();

	cpumask_set(&a, 0);
	cpumask_set(&a, 63);
	cpumask_set(&a, 64);
	cpumask_set(&a, CPU_MAX - 1);
	assert_int_equal(cpumask_next(&a, 0), 63);
	assert_int_equal(cpumask_next(&a, 64), CPU_MAX - 1);
	assert_int_equal(cpumask_next(&a, CPU_MAX - 1), CPU_MAX);
	for_each_cpu (cpu, &a) {
		cpumask_clear(&a, cpu);
		seen++;
	}
	assert_int_equal(seen, 4);
	assert_true(cpumask_empty(&a));

	cpumask_fill(&a, 10);
	cpumask_only(&b, 5);
	assert_int_equal(cpumask_weight(&b), 1);
	assert_true(cpumask_subset(&b, &a));
	assert_false(cpumask_subset(&a, &b));
	assert_true(cpumask_intersects(&a, &b));
	cpumask_andnot(&c, &a, &b);
	assert_int_equal(cpumask_weight(&c), 9);
	assert_false(cpumask_intersects(&c, &b));
	cpumask_and(&c, &a, &b);
	assert_true(cpumask_equal(&c, &b));
	cpumask_or(&c, &c, &a);
	assert_true(cpumask_equal(&c, &a));
	cpumask_copy(&c, &b);
	assert_true(cpumask_equal(&c, &b));
	cpumask_set(&b, 1000);
	assert_false(cpumask_equal(&c, &b));

	cpumask_zero(&a);
	cpumask_set_atomic(&a, 700);
	assert_true(cpumask_test(&a, 700));
	assert_true(cpumask_test_acquire(&a, 700));
	assert_true(cpumask_test_and_set_atomic(&a, 700));
	assert_false(cpumask_test_and_set_atomic(&a, 701));
	assert_true(cpumask_test_and_clear_atomic(&a, 700));
	assert_false(cpumask_test_and_clear_atomic(&a, 700));
	cpumask_clear_atomic(&a, 701);
	assert_true(cpumask_empty(&a));
}

static void cpumask_text(void **state)
{
	static const struct {
		const char *in, *out;
	} good[] = {
		{"", ""},
		{"0", "0"},
		{"0-3,8", "0-3,8"},
		{"8,0-3", "0-3,8"},
		{"1-2,2-5", "1-5"},
		{"1023", "1023"},
		{"0-1023", "0-1023"},
		{"007", "7"},
		{"63,64,65", "63-65"},
		{"0,2,4", "0,2,4"},
		{"5-5", "5"},
	};
	static const struct {
		const char *in;
		int error;
	} bad[] = {
		{"1024", -ERANGE}, {"0-1024", -ERANGE}, {"99999999999999999999", -ERANGE},
		{"a", -EINVAL},	   {"1,", -EINVAL},	{",1", -EINVAL},
		{"1-", -EINVAL},   {"-1", -EINVAL},	{"3-2", -EINVAL},
		{"1 2", -EINVAL},  {"1--2", -EINVAL},	{"1-2-3", -EINVAL},
	};
	struct cpumask mask, before;
	char text[CPUMASK_TEXT_BYTES], cut[4];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(cpumask_parse(&mask, good[i].in), 0);
		assert_int_equal(cpumask_format(&mask, text, sizeof(text)), strlen(good[i].out));
		assert_string_equal(text, good[i].out);
	}
	cpumask_only(&mask, 9);
	before = mask;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(cpumask_parse(&mask, bad[i].in), bad[i].error);
		assert_true(cpumask_equal(&mask, &before));
	}

	assert_int_equal(cpumask_parse(&mask, "10-20,30"), 0);
	assert_int_equal(cpumask_format(&mask, cut, sizeof(cut)), 8);
	assert_string_equal(cut, "10-");
	assert_int_equal(cpumask_format(&mask, NULL, 0), 8);

	/* The longest text there is: every other CPU. */
	cpumask_zero(&mask);
	for (unsigned cpu = 1; cpu < CPU_MAX; cpu += 2)
		cpumask_set(&mask, cpu);
	assert_true(cpumask_format(&mask, text, sizeof(text)) < (int)sizeof(text));
	assert_int_equal(cpumask_parse(&before, text), 0);
	assert_true(cpumask_equal(&mask, &before));
}

static void cpumask_text_round_trip(void **state)
{
	struct prng prng;
	struct cpumask mask, back;
	char text[CPUMASK_TEXT_BYTES];

	(void)state;
	prng_seed(&prng, 2);
	for (unsigned round = 0; round < 2000; round++) {
		cpumask_zero(&mask);
		for (unsigned n = (unsigned)prng_below(&prng, 20); n > 0; n--) {
			unsigned cpu = (unsigned)prng_below(&prng, CPU_MAX);
			unsigned end = cpu + (unsigned)prng_below(&prng, 100);

			for (; cpu <= end && cpu < CPU_MAX; cpu++)
				cpumask_set(&mask, cpu);
		}
		assert_true(cpumask_format(&mask, text, sizeof(text)) < (int)sizeof(text));
		assert_int_equal(cpumask_parse(&back, text), 0);
		assert_true(cpumask_equal(&mask, &back));
	}
}

static void nodemask_operations(void **state)
{
	struct nodemask mask = NODEMASK_NONE;
	unsigned node, seen = 0;

	(void)state;
	assert_true(nodemask_empty(mask));
	assert_int_equal(nodemask_first(mask), NODE_MAX);
	nodemask_set(&mask, 0);
	nodemask_set(&mask, 63);
	assert_int_equal(nodemask_weight(mask), 2);
	assert_int_equal(nodemask_next(mask, 0), 63);
	assert_int_equal(nodemask_next(mask, 63), NODE_MAX);
	for_each_node (node, mask) {
		assert_true(nodemask_test(mask, node));
		seen++;
	}
	assert_int_equal(seen, 2);
	assert_int_equal(nodemask_weight(nodemask_first_n(64)), 64);
	assert_int_equal(nodemask_weight(nodemask_first_n(63)), 63);
	assert_true(nodemask_empty(nodemask_first_n(0)));
	assert_true(nodemask_equal(nodemask_and(mask, nodemask_first_n(1)), nodemask_first_n(1)));
	assert_int_equal(nodemask_weight(nodemask_or(mask, nodemask_first_n(4))), 5);
	assert_int_equal(nodemask_first(nodemask_andnot(mask, nodemask_first_n(1))), 63);
	nodemask_clear(&mask, 63);
	assert_false(nodemask_test(mask, 63));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bit_tricks),
		cmocka_unit_test(bitmap_against_model),
		cmocka_unit_test(cpumask_operations),
		cmocka_unit_test(cpumask_text),
		cmocka_unit_test(cpumask_text_round_trip),
		cmocka_unit_test(nodemask_operations),
	};

	return cmocka_run_group_tests_name("bitmap", tests, NULL, NULL);
}
