/*
 * Preemption points: where a wish to switch is acted on.
 *
 * Invariant: preempt_resched() is called only with the count zero and interrupts on. No locks.
 */
#include <fanga/preempt.h>

/* Weak: the scheduler defines the real one. */
__attribute__((weak)) void preempt_resched(void)
{
}

bool preempt_check(void)
{
	if (!should_reschedule())
		return false;
	preempt_resched();
	return true;
}
