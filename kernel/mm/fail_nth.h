/*
 * Making an allocation fail on purpose, in the debug build: the nth from now on, of pages and
 * objects together, then none until it is armed again.
 */
#pragma once

#include "lib/types.h"

#ifdef CONFIG_DEBUG

extern uint64_t fail_nth_left;

/* Behind fail_nth_hit(). */
bool fail_nth_count(void);

/* Have the @n-th allocation from now fail (1: the next); 0: none. Returns what was left, 0: it hit.
 */
uint64_t fail_nth_arm(uint64_t n);

/* Boot is over: arm what `hook.fail_nth=N` of the command line asks for. */
void fail_nth_begin(void);

/* Whether this allocation is to fail. Any context. */
static inline bool fail_nth_hit(void)
{
	return unlikely(__atomic_load_n(&fail_nth_left, __ATOMIC_RELAXED)) && fail_nth_count();
}

#else

static inline bool fail_nth_hit(void)
{
	return false;
}

static inline void fail_nth_begin(void)
{
}

#endif
