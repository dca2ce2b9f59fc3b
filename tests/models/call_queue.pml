/*
 * Model of kernel/smp/call.c and call_queue.h for spin: who interrupts whom, and that nobody waits
 * for ever. One step for each access to shared memory.
 *
 * Each of CPUS CPUs is a thread and its interrupts; the thread calls CPU 0 (that one: CPU 1) and
 * waits. With IRQS_OFF threads call the next CPU, in a ring, with interrupts off. With COLLECT
 * CPU 0 calls CPUs 1 and 2 at once with interrupts on, and one interrupt on it (at any point) calls
 * CPU 1, which calls CPU 2 with interrupts off. Requests are bits in the target's queue;
 * order does not matter here. Checked: no invalid end state (a lost wake-up or a ring of waiters is
 * one), and a request is not touched once its owner may have reused it.
 *
 * The MUTATE_ variants break one line each, and must be found (tests/models/run.sh).
 */
#ifndef CPUS
#define CPUS 3
#endif

#define TIMER CPUS /* the request that CPU 0's interrupt makes */
#define REQUESTS (CPUS + 1 + CPUS) /* by thread, by the timer, CPU 0's slots by target */
#define SLOT(t) (CPUS + 1 + (t))

typedef request { bit alive; bit done }

request req[REQUESTS];
short queue[CPUS];	/* bit r: request r */
bit ipi[CPUS];		/* pending in the APIC */
bit unkicked[CPUS];	/* CPU 0's */
bit irq_on[CPUS];
byte in_irq[CPUS];
bit timer_due, is_timer;
byte finished;

/* The inlines use the caller's variables chain, i, t and was. */

/* Run everything queued on CPU self. */
inline serve(self)
{
#ifdef MUTATE_TAKE_ONE
	atomic { /* the newest only */
		i = 0;
		do
		:: i < REQUESTS && !(queue[self] & (1 << i)) -> i++
		:: else -> break
		od;
		chain = (i < REQUESTS -> 1 << i : 0);
		queue[self] = queue[self] & ~chain
	};
#else
	d_step { chain = queue[self]; queue[self] = 0 };
#endif
	do
	:: chain != 0 ->
		d_step {
			i = 0;
			do
			:: (chain & (1 << i)) == 0 -> i++
			:: else -> break
			od;
			chain = chain & ~(1 << i);
			assert(req[i].alive);
			req[i].done = 1
		};
#ifdef MUTATE_TOUCH_AFTER_DONE
		assert(req[i].alive);
#endif
		i = 0
	:: else -> break
	od
}

/* Push request id to CPU to; `was` tells whether the queue was not empty. */
inline push(to, id)
{
	d_step { req[id].done = 0; req[id].alive = 1 };
#ifdef MUTATE_EMPTY_BEFORE_PUSH
	was = (queue[to] != 0);
	queue[to] = queue[to] | (1 << id)
#else
	d_step { was = (queue[to] != 0); queue[to] = queue[to] | (1 << id) }
#endif
}

/* Wait for request id with interrupts off on CPU self. */
inline wait_serving(self, id)
{
	do
	:: req[id].done -> break
#ifndef MUTATE_NO_SERVE
	:: !req[id].done && queue[self] != 0 -> serve(self)
#endif
	od;
	req[id].alive = 0
}

inline kick_unkicked()
{
	t = 1;
	do
	:: t < CPUS && unkicked[t] -> ipi[t] = 1; t++
	:: t < CPUS && !unkicked[t] -> t++
	:: t == CPUS -> break
	od;
	skip; /* spin wants no jump into the next step */
	d_step { unkicked[1] = 0; unkicked[2] = 0; t = 0 }
}

inline kick_if_was_empty(to)
{
	if
	:: !was -> ipi[to] = 1
	:: else -> skip
	fi
}

proctype thread(byte c) provided (in_irq[c] == 0)
{
	byte i, t;
	short chain;
	bit was;

#ifdef COLLECT
	if
	:: c == 0 ->
		timer_due = 1;
		t = 1;
		do
		:: t < CPUS ->
			/* one stretch with interrupts off, the mask is this CPU's own */
			atomic {
				push(t, SLOT(t));
				unkicked[t] = unkicked[t] || !was
			};
			t++
		:: else -> break
		od;
		kick_unkicked();
		t = 1;
		do
		:: t < CPUS && req[SLOT(t)].done -> req[SLOT(t)].alive = 0; t++
		:: t == CPUS -> break
		od
	:: c == 1 ->
		irq_on[c] = 0;
		t = 2;
		push(t, c);
		kick_if_was_empty(t);
		wait_serving(c, c);
		irq_on[c] = 1
	:: c == 2 -> skip
	fi;
#else
#ifdef IRQS_OFF
	irq_on[c] = 0;
	t = (c + 1) % CPUS;
	push(t, c);
	kick_if_was_empty(t);
	wait_serving(c, c);
	irq_on[c] = 1;
#else
	t = (c == 0 -> 1 : 0);
	push(t, c);
	kick_if_was_empty(t);
	req[c].done;
	req[c].alive = 0;
#endif
#endif
	finished++
}

proctype interrupt(byte c) provided (irq_on[c])
{
	byte i, t;
	short chain;
	bit was;

end:	do
	:: atomic { ipi[c] -> in_irq[c] = 1 }
#ifdef MUTATE_ACK_AFTER_TAKE
		serve(c);
		ipi[c] = 0;
#else
		ipi[c] = 0;
		serve(c);
#endif
		in_irq[c] = 0
#ifdef COLLECT
	:: atomic { c == 0 && timer_due -> in_irq[c] = 1; timer_due = 0 }
		push(1, TIMER);
		kick_if_was_empty(1);
#ifndef MUTATE_NO_KICK_BEFORE_WAIT
		kick_unkicked();
#endif
		wait_serving(c, TIMER);
		in_irq[c] = 0
#endif
	od
}

init {
	byte c;

	atomic {
		for (c : 0 .. CPUS - 1) {
			irq_on[c] = 1
		};
		for (c : 0 .. CPUS - 1) {
			run thread(c);
			run interrupt(c)
		}
	};
	finished == CPUS
}
