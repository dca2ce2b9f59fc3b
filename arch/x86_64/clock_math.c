/* Arithmetic of clocks, see clock_math.h. Pure: compiles for the host. */
#include "arch/x86_64/clock_math.h"

#define MHZ 1000000ull

struct clock_scale clock_scale_to_ns(uint64_t hz)
{
	/* 10^9 * 2^32 < 2^62; rounding to nearest halves the error. */
	uint64_t numerator = NS_PER_SECOND << CLOCK_SCALE_SHIFT;

	return (struct clock_scale){.multiplier = (numerator + hz / 2) / hz};
}

struct clock_scale clock_scale_from_ns(uint64_t hz)
{
	uint64_t whole = hz / NS_PER_SECOND;
	uint64_t rest = hz % NS_PER_SECOND;

	return (struct clock_scale){
		.multiplier = (whole << CLOCK_SCALE_SHIFT) +
			      ((rest << CLOCK_SCALE_SHIFT) + NS_PER_SECOND - 1) / NS_PER_SECOND};
}

uint64_t clock_scale_apply_up(struct clock_scale scale, uint64_t count)
{
	unsigned __int128 product = (unsigned __int128)count * scale.multiplier;

	product += BIT(CLOCK_SCALE_SHIFT) - 1; /* no carry out: both factors are below 2^64 */
	product >>= CLOCK_SCALE_SHIFT;
	return product > UINT64_MAX ? UINT64_MAX : (uint64_t)product;
}

uint64_t clock_mul_div(uint64_t a, uint64_t b, uint64_t c)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	uint64_t low = (uint64_t)product;
	uint64_t rest = (uint64_t)(product >> 64);
	uint64_t quotient = 0;

	if (rest >= c)
		return UINT64_MAX;
	/* Schoolbook division by bits; `carry` is the 65th bit of the running remainder. */
	for (int bit = 63; bit >= 0; bit--) {
		uint64_t carry = rest >> 63;

		rest = rest << 1 | (low >> bit & 1);
		if (carry || rest >= c) {
			rest -= c;
			quotient |= BIT(bit);
		}
	}
	return quotient;
}

uint64_t clock_window_hz(const struct clock_window *window)
{
	/* At most 2^32 * 2^32 fs, which is 5 hours: the product fits. */
	uint64_t elapsed_fs = window->reference * window->reference_fs;

	if (elapsed_fs == 0)
		return 0;
	return clock_mul_div(window->counts, FS_PER_SECOND, elapsed_fs);
}

bool clock_hz_agree(uint64_t a, uint64_t b, uint32_t ppm)
{
	uint64_t larger = MAX(a, b);

	return larger - MIN(a, b) <= clock_mul_div(larger, ppm, MHZ);
}

static uint64_t median(const uint64_t *values, unsigned n)
{
	uint64_t sorted[CLOCK_TRIES_MAX] = {0};

	for (unsigned i = 0; i < n; i++) {
		unsigned at = i;

		for (; at > 0 && sorted[at - 1] > values[i]; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = values[i];
	}
	return sorted[n / 2];
}

uint64_t clock_choose_hz(const uint64_t *hz, unsigned n, uint32_t ppm, bool *steady)
{
	for (unsigned i = 1; i < n; i++) {
		for (unsigned j = 0; j < i; j++) {
			if (!hz[i] || !clock_hz_agree(hz[i], hz[j], ppm))
				continue;
			*steady = true;
			return hz[j] / 2 + hz[i] / 2 + (hz[i] & hz[j] & 1);
		}
	}
	*steady = false;
	return median(hz, n);
}

uint64_t clock_round_hz(uint64_t hz, uint64_t uncertain_hz)
{
	uint64_t rounded = (hz + MHZ / 2) / MHZ * MHZ;

	return MAX(hz, rounded) - MIN(hz, rounded) <= uncertain_hz ? rounded : hz;
}
