/*
 * Arithmetic of clocks: counts to nanoseconds and back, frequencies from measurements. Pure,
 * without 128-bit division (the kernel has no compiler runtime library).
 */
#pragma once

#include "lib/types.h"

#define NS_PER_SECOND 1000000000ull
#define FS_PER_SECOND 1000000000000000ull

/*
 * A ratio as multiplier / 2^32. The product has 128 bits, so nothing overflows for any count whose
 * result fits 64 bits: 584 years of nanoseconds.
 */
struct clock_scale {
	uint64_t multiplier;
};

#define CLOCK_SCALE_SHIFT 32

static inline uint64_t clock_scale_apply(struct clock_scale scale, uint64_t count)
{
	return (uint64_t)((unsigned __int128)count * scale.multiplier >> CLOCK_SCALE_SHIFT);
}

/* Counts at @hz to nanoseconds; @hz from 1. Up to 10 GHz the error is below 2 * 10^-9. */
struct clock_scale clock_scale_to_ns(uint64_t hz);

/*
 * Nanoseconds to counts at @hz, below 10^18. Never too few, as befits times to wait: too many by
 * less than one in @hz * 4.
 */
struct clock_scale clock_scale_from_ns(uint64_t hz);

/* As clock_scale_apply() but rounded up, UINT64_MAX where it does not fit: for times to wait. */
uint64_t clock_scale_apply_up(struct clock_scale scale, uint64_t count);

/* @a * @b / @c rounded down; UINT64_MAX where it does not fit or @c is 0. */
uint64_t clock_mul_div(uint64_t a, uint64_t b, uint64_t c);

/* Counts from @before to @after of a counter with valid bits @mask that wrapped at most once. */
static inline uint32_t clock_counter_delta(uint32_t before, uint32_t after, uint32_t mask)
{
	return (after - before) & mask;
}

/* Both ends of a window, read at the same moments: of the counter to be calibrated and the
 * reference. */
struct clock_window {
	uint64_t counts;	   /* of the counter */
	uint64_t reference;	   /* counts of the reference */
	uint32_t reference_fs;	   /* femtoseconds per count of it */
	uint64_t uncertain_counts; /* how far apart "the same moments" may be, both ends together */
};

/* Frequency of the counter, or 0 when the window is empty. */
uint64_t clock_window_hz(const struct clock_window *window);

/* Whether two frequencies differ by at most @ppm millionths of the larger. */
bool clock_hz_agree(uint64_t a, uint64_t b, uint32_t ppm);

/*
 * The frequency that @n (1..CLOCK_TRIES_MAX) measured ones stand for: the mean of the first two
 * that agree within @ppm, with *@steady true; else their median, with *@steady false.
 */
#define CLOCK_TRIES_MAX 5
uint64_t clock_choose_hz(const uint64_t *hz, unsigned n, uint32_t ppm, bool *steady);

/* The nearest multiple of 1 MHz if it is at most @uncertain_hz away, else @hz. */
uint64_t clock_round_hz(uint64_t hz, uint64_t uncertain_hz);
