/* The header-only pieces: alignment macros, generator, checksum, channel layout. */
#include "tests/host/check.h"

#include "lib/channel.h"
#include "lib/checksum.h"
#include "lib/prng.h"

static void macros(void **state)
{
	struct outer {
		int a;
		long member;
	} outer;

	(void)state;
	assert_int_equal(ALIGN_UP(0ull, 4096), 0);
	assert_int_equal(ALIGN_UP(1ull, 4096), 4096);
	assert_int_equal(ALIGN_UP(4096ull, 4096), 4096);
	/* The mask takes the type of the value: no upper bits are lost. */
	assert_int_equal(ALIGN_UP(0xffff800000000001ull, 0x1000u), 0xffff800000001000ull);
	assert_int_equal(ALIGN_DOWN(0xffff800000001fffull, 0x1000u), 0xffff800000001000ull);
	assert_true(IS_ALIGNED(0x200000ull, 0x200000));
	assert_false(IS_ALIGNED(0x201000ull, 0x200000));
	assert_int_equal(DIV_ROUND_UP(9, 4), 3);
	assert_int_equal(DIV_ROUND_UP(8, 4), 2);
	assert_int_equal(MIN(3, 5) + MAX(3, 5), 8);
	assert_ptr_equal(container_of(&outer.member, struct outer, member), &outer);
	assert_int_equal(BIT(63), 0x8000000000000000ull);
}

/* Reference values computed from the published definitions, by hand for splitmix64's first. */
static void generator(void **state)
{
	struct prng a, b;
	uint64_t seed = 0;
	unsigned counts[10] = {0};

	(void)state;
	assert_int_equal(prng_splitmix64(&seed), 0xe220a8397b1dcdafull);
	assert_int_equal(prng_splitmix64(&seed), 0x6e789e6aa1b965f4ull);
	prng_seed(&a, 42);
	prng_seed(&b, 42);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(prng_u64(&a), prng_u64(&b));
	prng_seed(&b, 43);
	assert_true(prng_u64(&a) != prng_u64(&b));
	for (unsigned i = 0; i < 100000; i++)
		counts[prng_below(&a, 10)]++;
	for (unsigned i = 0; i < 10; i++)
		assert_in_range(counts[i], 9500, 10500);
	assert_int_equal(prng_below(&a, 1), 0);
	for (unsigned i = 0; i < 1000; i++)
		assert_true(prng_below(&a, 1ull << 63) < 1ull << 63);
}

static void checksum(void **state)
{
	uint8_t bytes[] = {0xff, 0x02, 0xff};

	(void)state;
	assert_int_equal(checksum_sum8(bytes, 0), 0);
	assert_int_equal(checksum_sum8(bytes, 2), 1);
	assert_int_equal(checksum_sum8(bytes, 3), 0);
}

static void channel(void **state)
{
	uint64_t magic = CHANNEL_MAGIC;
	uint32_t sync = CHANNEL_RECORD_SYNC;

	(void)state;
	assert_memory_equal(&magic, "FANGACH1", 8);
	assert_memory_equal(&sync, "FREC", 4);
	assert_int_equal(channel_record_bytes(0), 16);
	assert_int_equal(channel_record_bytes(1), 24);
	assert_int_equal(channel_record_bytes(8), 24);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(macros),
		cmocka_unit_test(generator),
		cmocka_unit_test(checksum),
		cmocka_unit_test(channel),
	};

	return cmocka_run_group_tests_name("small", tests, NULL, NULL);
}
