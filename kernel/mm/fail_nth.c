/*
 * The countdown to an allocation that fails: one word, counted down by whoever allocates.
 */
#include "kernel/mm/fail_nth.h"

#ifdef CONFIG_DEBUG

#include <fanga/log.h>
#include <fanga/options.h>

uint64_t fail_nth_left;
static uint64_t asked;

static void set_fail_nth(uint64_t value)
{
	asked = value;
}

TEST_HOOK(fail_nth, set_fail_nth);

bool fail_nth_count(void)
{
	uint64_t left = __atomic_load_n(&fail_nth_left, __ATOMIC_RELAXED);

	/* Relaxed: nothing but the count itself hangs on it. A failure leaves the new value in
	 * `left`. */
	while (left && !__atomic_compare_exchange_n(&fail_nth_left, &left, left - 1, true,
						    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return left == 1;
}

uint64_t fail_nth_arm(uint64_t n)
{
	return __atomic_exchange_n(&fail_nth_left, n, __ATOMIC_RELAXED);
}

void fail_nth_begin(void)
{
	if (asked)
		log_warn("allocation %lu from now on will fail, as asked for", asked);
	(void)fail_nth_arm(asked);
}

#endif
