/*
 * Model of a CPU that goes offline while others call it (call_drain_self_irqoff()), for spin.
 *
 * SENDERS CPUs each test the online bit and push within one stretch with interrupts off, then wait
 * for the call. The target clears its bit, has every sender answer a call, drains its queue and
 * halts for good. Checked: a sender that pushed is answered (else it is left waiting: an invalid end
 * state). Senders answer the target's call where interrupts are on and in their waits.
 *
 * The MUTATE_ variants break one line each, and must be found (tests/models/run.sh).
 */
#ifndef SENDERS
#define SENDERS 3
#endif

bit online = 1;
bit queued[SENDERS];	/* in the target's queue */
bit done[SENDERS];
bit asked[SENDERS], answered[SENDERS]; /* the target's call to each sender */
bit ipi, halted;

inline drain()
{
	s = 0;
	do
	:: s < SENDERS && queued[s] -> queued[s] = 0; done[s] = 1; s++
	:: s < SENDERS && !queued[s] -> s++
	:: s == SENDERS -> break
	od;
	s = 0
}

proctype sender(byte c)
{
	bit seen;

	/* Interrupts are on here, or not: both are tried. */
	if
	:: skip
	:: asked[c] -> answered[c] = 1
	fi;
	seen = online;
	if
	:: seen ->
#ifdef MUTATE_IRQS_ON
		if
		:: asked[c] && !answered[c] -> answered[c] = 1
		:: skip
		fi;
#endif
		queued[c] = 1;
		ipi = 1;
		do
		:: done[c] -> break
		:: asked[c] && !answered[c] -> answered[c] = 1
		od
	:: else -> skip
	fi;
end:	do
	:: asked[c] && !answered[c] -> answered[c] = 1
	od
}

proctype target()
{
	byte s;

	/* It may serve some before it decides to go. */
	do
	:: ipi -> ipi = 0; drain()
	:: break
	od;
#ifdef MUTATE_DRAIN_BEFORE_CLEAR
	drain();
#endif
	online = 0;
#ifndef MUTATE_NO_HANDSHAKE
	for (s : 0 .. SENDERS - 1) {
		asked[s] = 1
	};
	for (s : 0 .. SENDERS - 1) {
		answered[s]
	};
#endif
#ifndef MUTATE_DRAIN_BEFORE_CLEAR
	drain();
#endif
	halted = 1
}

init {
	byte c;

	atomic {
		run target();
		for (c : 0 .. SENDERS - 1) {
			run sender(c)
		}
	}
}
