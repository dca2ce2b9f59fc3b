/*
 * A small seeded generator for tests, stress and fair choices: repeatable, never for secrets.
 * xoshiro256** (Blackman and Vigna, 2018), seeded through splitmix64 so that every seed, 0
 * included, is good. The state belongs to one user at a time.
 */
#pragma once

#include "lib/types.h"

struct prng {
	uint64_t state[4];
};

/* One step of splitmix64; also a decent mixer of one number into another. */
static inline uint64_t prng_splitmix64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static inline void prng_seed(struct prng *prng, uint64_t seed)
{
	for (unsigned i = 0; i < ARRAY_SIZE(prng->state); i++)
		prng->state[i] = prng_splitmix64(&seed);
}

static inline uint64_t prng_rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

/* All 2^64 values. */
static inline uint64_t prng_u64(struct prng *prng)
{
	uint64_t *s = prng->state;
	uint64_t result = prng_rotate(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = prng_rotate(s[3], 45);
	return result;
}

/* 0 to limit - 1, each equally likely to within 2^-64 * limit; limit must not be 0. */
static inline uint64_t prng_below(struct prng *prng, uint64_t limit)
{
	return (uint64_t)((unsigned __int128)prng_u64(prng) * limit >> 64);
}
