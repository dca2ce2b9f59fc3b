/*
 * Model of CPUs that stop at the same time, as a halt IPI to many makes them (cpu_stop_self_irqoff()),
 * for spin.
 *
 * Each of CPUS CPUs clears its online bit, calls every other one that it sees online (test and push
 * are two steps of one stretch with interrupts off), waits for the answers while it serves its own
 * queue, drains that and halts for good. A CPU that has cleared its bit is called by nobody, so
 * nothing tells it that another's stretch, which saw the bit, is over: stops must not overlap.
 * Checked: every CPU comes to its halt (one that waits for ever is an invalid end state).
 *
 * MUTATE_TOGETHER lets them stop at once, and must be found (tests/models/run.sh).
 */
#ifndef CPUS
#define CPUS 3
#endif

typedef row {
	bit from[CPUS]
}

bit online[CPUS];
row queued[CPUS];	/* queued[t].from[c]: c's request lies in t's queue */
bit stopping;		/* somebody is about to stop */

byte waiting[CPUS];	/* requests in each queue */

/* Answer the requests in the own queue, by taking them; only if there are any, so that a CPU with
 * nothing to do but wait for ever is seen. */
inline serve(c)
{
	atomic {
		waiting[c] > 0;
		i = 0;
		do
		:: i < CPUS -> queued[c].from[i] = 0; i++
		:: i == CPUS -> break
		od;
		i = 0;
		waiting[c] = 0
	}
}

proctype cpu(byte c)
{
	byte t, i;
	bit seen;

#ifndef MUTATE_TOGETHER
	do
	:: atomic { !stopping -> stopping = 1; break }
	:: serve(c)
	od;
#endif
	online[c] = 0;
	t = 0;
	do
	:: t == CPUS -> break
	:: t < CPUS && t == c -> t++
	:: t < CPUS && t != c ->
		seen = online[t];
		if
		:: seen -> atomic { queued[t].from[c] = 1; waiting[t]++ }
		:: else -> skip
		fi;
		t++
	od;
	t = 0;
	do
	:: t == CPUS -> break
	:: t < CPUS && !queued[t].from[c] -> t++
	:: t < CPUS && queued[t].from[c] -> (!queued[t].from[c] || waiting[c] > 0);
		if
		:: waiting[c] > 0 -> serve(c)
		:: else -> skip
		fi
	od;
	if
	:: waiting[c] > 0 -> serve(c)
	:: else -> skip
	fi;
#ifndef MUTATE_TOGETHER
	stopping = 0
#endif
}

/* A CPU that stays: it answers, and so does nothing for those that stop. */
proctype other(byte c)
{
	byte i;

end:	do
	:: serve(c)
	od
}

init {
	byte c;

	atomic {
		for (c : 0 .. CPUS - 1) {
			online[c] = 1
		};
		run other(0);
		for (c : 1 .. CPUS - 1) {
			run cpu(c)
		}
	}
}
