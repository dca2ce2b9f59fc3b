/*
 * Quantiles and merging of log-linear histograms; adding is inline in the header. The histogram
 * belongs to the caller.
 */
#include "lib/histogram.h"
#include "lib/string.h"

void histogram_init(struct histogram *h)
{
	memset(h, 0, sizeof(*h));
}

uint64_t histogram_bucket_max(unsigned bucket)
{
	unsigned shift;
	uint64_t top;

	if (bucket < 2 * HISTOGRAM_SUB)
		return bucket;
	/* The inverse of histogram_bucket: bucket = shift * SUB + top with SUB <= top < 2 * SUB. */
	shift = bucket / HISTOGRAM_SUB - 1;
	top = bucket - shift * HISTOGRAM_SUB;
	return (top << shift) + ((1ull << shift) - 1);
}

uint64_t histogram_quantile(const struct histogram *h, unsigned per_mille)
{
	/* ceil(count * per_mille / 1000) without overflow of the product. */
	uint64_t rank = h->count / 1000 * per_mille + (h->count % 1000 * per_mille + 999) / 1000;
	uint64_t seen = 0;

	if (!h->count)
		return 0;
	if (!rank)
		return h->min;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->buckets[i];
		if (seen >= rank) {
			uint64_t value = histogram_bucket_max(i);

			if (value < h->min)
				return h->min;
			return value < h->max ? value : h->max;
		}
	}
	/* Only when a writer on another CPU has counted a sample that is not in its bucket yet. */
	return h->max;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	if (!from->count)
		return;
	if (!into->count || from->min < into->min)
		into->min = from->min;
	if (from->max > into->max)
		into->max = from->max;
	into->count += from->count;
	into->sum += from->sum;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
}
