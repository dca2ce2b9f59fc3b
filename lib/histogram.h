/*
 * Log-linear histogram of 64-bit values in fixed memory: values below 32 have a bucket each, every
 * octave above has 32 of equal width. Count, sum, minimum and maximum are exact; a quantile is at
 * most 1/32 (3.2 %) above the true one and never below it. One writer at a time; a reader on
 * another CPU may see the last addition half done.
 */
#pragma once

#include "lib/types.h"

#define HISTOGRAM_SUB_BITS 5
#define HISTOGRAM_SUB	   (1u << HISTOGRAM_SUB_BITS)
#define HISTOGRAM_BUCKETS  ((64 - HISTOGRAM_SUB_BITS + 1) * HISTOGRAM_SUB)

/* 15 KiB: static, per-CPU or allocated, never on a kernel stack. All zero is the empty histogram.
 */
struct histogram {
	uint64_t count;
	uint64_t sum; /* modulo 2^64 */
	uint64_t min; /* valid when count > 0 */
	uint64_t max;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* The bucket that holds `value`. */
static inline unsigned histogram_bucket(uint64_t value)
{
	unsigned shift;

	if (value < HISTOGRAM_SUB)
		return (unsigned)value;
	/* The highest bit is at shift + SUB_BITS; the SUB_BITS bits below it choose the bucket in
	 * the octave. */
	shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
	return (shift << HISTOGRAM_SUB_BITS) + (unsigned)(value >> shift);
}

static inline void histogram_add(struct histogram *h, uint64_t value)
{
	if (!h->count || value < h->min)
		h->min = value;
	if (value > h->max)
		h->max = value;
	h->count++;
	h->sum += value;
	h->buckets[histogram_bucket(value)]++;
}

void histogram_init(struct histogram *h);

/* The largest value that falls into `bucket` (0 to HISTOGRAM_BUCKETS - 1). */
uint64_t histogram_bucket_max(unsigned bucket);

/*
 * The value that at least `per_mille` thousandths (0 to 1000) of the samples do not exceed: the
 * upper end of its bucket, cut to the exact minimum and maximum. 500 is the (lower) median, 0 the
 * exact minimum, 1000 the exact maximum. 0 when the histogram is empty.
 */
uint64_t histogram_quantile(const struct histogram *h, unsigned per_mille);

static inline uint64_t histogram_median(const struct histogram *h)
{
	return histogram_quantile(h, 500);
}

/* Arithmetic mean, rounded down; 0 when empty. */
static inline uint64_t histogram_mean(const struct histogram *h)
{
	return h->count ? h->sum / h->count : 0;
}

/* Add all samples of `from` to `into`. */
void histogram_merge(struct histogram *into, const struct histogram *from);
