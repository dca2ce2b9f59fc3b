/*
 * A set of CPUs by dense number, 0 to CPU_MAX - 1. Plain operations need the caller's lock; those
 * that end in
 * `_atomic` touch one word with one locked instruction and may race with each other and with
 * readers (see each for its ordering). Any context.
 */
#pragma once

#include "lib/bitmap.h"

#define CPU_MAX	      1024
#define CPUMASK_WORDS BITMAP_WORDS(CPU_MAX)

struct cpumask {
	uint64_t bits[CPUMASK_WORDS];
};

static inline void cpumask_set(struct cpumask *mask, unsigned cpu)
{
	bitmap_set(mask->bits, cpu);
}

static inline void cpumask_clear(struct cpumask *mask, unsigned cpu)
{
	bitmap_clear(mask->bits, cpu);
}

/* Relaxed single-word read, so it may be used against masks that others change atomically. */
static inline bool cpumask_test(const struct cpumask *mask, unsigned cpu)
{
	return __atomic_load_n(&mask->bits[cpu / 64], __ATOMIC_RELAXED) >> (cpu % 64) & 1;
}

static inline void cpumask_zero(struct cpumask *mask)
{
	bitmap_zero(mask->bits, CPU_MAX);
}

/* The set {0, ..., count - 1}; count at most CPU_MAX. */
static inline void cpumask_fill(struct cpumask *mask, unsigned count)
{
	bitmap_zero(mask->bits, CPU_MAX);
	bitmap_fill(mask->bits, count);
}

/* The set that has just `cpu`. */
static inline void cpumask_only(struct cpumask *mask, unsigned cpu)
{
	bitmap_zero(mask->bits, CPU_MAX);
	bitmap_set(mask->bits, cpu);
}

/* A copy word by word: each word is read once, so it may be taken of a mask that others change
 * atomically. */
static inline void cpumask_copy(struct cpumask *to, const struct cpumask *from)
{
	for (unsigned i = 0; i < CPUMASK_WORDS; i++)
		to->bits[i] = __atomic_load_n(&from->bits[i], __ATOMIC_RELAXED);
}

/* to = a & b. Any of the three may be the same mask, here and in the next two. */
static inline void cpumask_and(struct cpumask *to, const struct cpumask *a, const struct cpumask *b)
{
	for (unsigned i = 0; i < CPUMASK_WORDS; i++)
		to->bits[i] = a->bits[i] & b->bits[i];
}

static inline void cpumask_or(struct cpumask *to, const struct cpumask *a, const struct cpumask *b)
{
	for (unsigned i = 0; i < CPUMASK_WORDS; i++)
		to->bits[i] = a->bits[i] | b->bits[i];
}

/* to = a without b. */
static inline void cpumask_andnot(struct cpumask *to, const struct cpumask *a,
				  const struct cpumask *b)
{
	for (unsigned i = 0; i < CPUMASK_WORDS; i++)
		to->bits[i] = a->bits[i] & ~b->bits[i];
}

static inline bool cpumask_empty(const struct cpumask *mask)
{
	return bitmap_empty(mask->bits, CPU_MAX);
}

static inline bool cpumask_equal(const struct cpumask *a, const struct cpumask *b)
{
	for (unsigned i = 0; i < CPUMASK_WORDS; i++)
		if (a->bits[i] != b->bits[i])
			return false;
	return true;
}

/* Every CPU of `a` is in `b`. */
static inline bool cpumask_subset(const struct cpumask *a, const struct cpumask *b)
{
	for (unsigned i = 0; i < CPUMASK_WORDS; i++)
		if (a->bits[i] & ~b->bits[i])
			return false;
	return true;
}

static inline bool cpumask_intersects(const struct cpumask *a, const struct cpumask *b)
{
	for (unsigned i = 0; i < CPUMASK_WORDS; i++)
		if (a->bits[i] & b->bits[i])
			return true;
	return false;
}

static inline unsigned cpumask_weight(const struct cpumask *mask)
{
	return bitmap_weight(mask->bits, CPU_MAX);
}

/* The lowest CPU; CPU_MAX when the set is empty. */
static inline unsigned cpumask_first(const struct cpumask *mask)
{
	return bitmap_next(mask->bits, CPU_MAX, 0);
}

/* The lowest CPU above `cpu`; CPU_MAX when there is none. */
static inline unsigned cpumask_next(const struct cpumask *mask, unsigned cpu)
{
	return bitmap_next(mask->bits, CPU_MAX, cpu + 1);
}

/* `cpu` (an unsigned variable) takes each member in ascending order. The body may clear bits of the
 * mask. */
#define for_each_cpu(cpu, mask) \
	for ((cpu) = cpumask_first(mask); (cpu) < CPU_MAX; (cpu) = cpumask_next((mask), (cpu)))

/*
 * Release: what this CPU wrote before is seen by whoever finds the bit changed with an acquire read
 * (cpumask_test_acquire or one of the test_and operations).
 */
static inline void cpumask_set_atomic(struct cpumask *mask, unsigned cpu)
{
	__atomic_fetch_or(&mask->bits[cpu / 64], BIT(cpu % 64), __ATOMIC_RELEASE);
}

static inline void cpumask_clear_atomic(struct cpumask *mask, unsigned cpu)
{
	__atomic_fetch_and(&mask->bits[cpu / 64], ~BIT(cpu % 64), __ATOMIC_RELEASE);
}

/* Fully ordered; returns whether the bit was set before. */
static inline bool cpumask_test_and_set_atomic(struct cpumask *mask, unsigned cpu)
{
	return __atomic_fetch_or(&mask->bits[cpu / 64], BIT(cpu % 64), __ATOMIC_SEQ_CST) >>
		       (cpu % 64) &
	       1;
}

static inline bool cpumask_test_and_clear_atomic(struct cpumask *mask, unsigned cpu)
{
	return __atomic_fetch_and(&mask->bits[cpu / 64], ~BIT(cpu % 64), __ATOMIC_SEQ_CST) >>
		       (cpu % 64) &
	       1;
}

/* Pairs with the release of the set and clear above. */
static inline bool cpumask_test_acquire(const struct cpumask *mask, unsigned cpu)
{
	return __atomic_load_n(&mask->bits[cpu / 64], __ATOMIC_ACQUIRE) >> (cpu % 64) & 1;
}

/*
 * The text form, ascending ranges with commas: "0-3,8"; "" for the empty set. At most size - 1
 * bytes and a NUL; returns the length of the whole text, so a result >= size says that it was cut.
 * CPUMASK_TEXT_BYTES is always enough.
 */
#define CPUMASK_TEXT_BYTES 3072
int cpumask_format(const struct cpumask *mask, char *buffer, size_t size);

/*
 * Read the text form. Ranges may come in any order and overlap; no spaces; the empty text is the
 * empty set. 0, -EINVAL when it is malformed or a range runs backwards, -ERANGE when a CPU is
 * CPU_MAX or above; then the mask is unchanged.
 */
int cpumask_parse(struct cpumask *mask, const char *text) __must_check;
