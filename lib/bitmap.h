/*
 * Sets of small numbers as arrays of 64-bit words. Bits at or above `bits` in the last word are
 * kept zero by every function here, so whole-word operations need no masking. Not atomic unless the
 * name says so. Any context.
 */
#pragma once

#include "lib/types.h"

#define BITMAP_WORDS(bits)	   (((bits) + 63u) / 64u)
#define BITMAP_DECLARE(name, bits) uint64_t name[BITMAP_WORDS(bits)]

/* Number of one bits. Written out because without -mpopcnt the builtin calls libgcc, which the
 * kernel lacks. */
static inline unsigned bits_weight(uint64_t word)
{
	word -= (word >> 1) & 0x5555555555555555ull;
	word = (word & 0x3333333333333333ull) + ((word >> 2) & 0x3333333333333333ull);
	word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (unsigned)((word * 0x0101010101010101ull) >> 56);
}

/* Index of the lowest one bit; `word` must not be 0. */
static inline unsigned bits_lowest(uint64_t word)
{
	return (unsigned)__builtin_ctzll(word);
}

/* Index of the highest one bit; `word` must not be 0. */
static inline unsigned bits_highest(uint64_t word)
{
	return 63u - (unsigned)__builtin_clzll(word);
}

static inline void bitmap_set(uint64_t *map, unsigned bit)
{
	map[bit / 64] |= BIT(bit % 64);
}

static inline void bitmap_clear(uint64_t *map, unsigned bit)
{
	map[bit / 64] &= ~BIT(bit % 64);
}

static inline bool bitmap_test(const uint64_t *map, unsigned bit)
{
	return map[bit / 64] >> (bit % 64) & 1;
}

static inline void bitmap_zero(uint64_t *map, unsigned bits)
{
	for (unsigned i = 0; i < BITMAP_WORDS(bits); i++)
		map[i] = 0;
}

/* Set bits 0 to bits - 1. */
static inline void bitmap_fill(uint64_t *map, unsigned bits)
{
	for (unsigned i = 0; i < bits / 64; i++)
		map[i] = ~0ull;
	if (bits % 64)
		map[bits / 64] = BIT(bits % 64) - 1;
}

static inline bool bitmap_empty(const uint64_t *map, unsigned bits)
{
	for (unsigned i = 0; i < BITMAP_WORDS(bits); i++)
		if (map[i])
			return false;
	return true;
}

static inline unsigned bitmap_weight(const uint64_t *map, unsigned bits)
{
	unsigned weight = 0;

	for (unsigned i = 0; i < BITMAP_WORDS(bits); i++)
		weight += bits_weight(map[i]);
	return weight;
}

/* The lowest bit at or above `from` that is set; `bits` when there is none. `from` may be `bits` or
 * larger. */
static inline unsigned bitmap_next(const uint64_t *map, unsigned bits, unsigned from)
{
	unsigned word = from / 64;
	uint64_t rest;

	if (from >= bits)
		return bits;
	rest = map[word] & (~0ull << (from % 64));
	while (!rest) {
		if (++word >= BITMAP_WORDS(bits))
			return bits;
		rest = map[word];
	}
	return word * 64 + bits_lowest(rest);
}

/* The lowest bit at or above `from` that is clear; `bits` when there is none. */
static inline unsigned bitmap_next_clear(const uint64_t *map, unsigned bits, unsigned from)
{
	while (from < bits) {
		uint64_t rest = ~map[from / 64] & (~0ull << (from % 64));

		if (rest) {
			unsigned bit = from / 64 * 64 + bits_lowest(rest);

			return bit < bits ? bit : bits;
		}
		from = (from / 64 + 1) * 64;
	}
	return bits;
}

/* `bit` takes each set bit in ascending order. The body may clear bits of the map. */
#define bitmap_for_each(bit, map, bits)                             \
	for ((bit) = bitmap_next((map), (bits), 0); (bit) < (bits); \
	     (bit) = bitmap_next((map), (bits), (bit) + 1))
