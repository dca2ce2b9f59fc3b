/*
 * Model of kernel/sync/spinlock.c for spin: one step for each access to shared memory.
 *
 * CPUS threads take lock 0 ROUNDS times each; with IRQS, each CPU can be interrupted at any
 * point, as often, by a handler that takes lock 1. Checked: mutual exclusion; entry in the order of the doorway
 * (the access that fixes a CPU's place); nobody waits for ever (waits are guards and there is no
 * loop, so a lost hand-over is an invalid end state); all nodes given back.
 *
 * Memory is sequentially consistent here. On x86-64 that loses nothing: each place is fixed by a
 * locked instruction, and the stores after it are read by waiters in program order.
 *
 * The MUTATE_ variants break one line each, and must be found (tests/models/run.sh).
 */
#ifndef CPUS
#define CPUS 3
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#ifdef IRQS
#define CONTEXTS 2
#else
#define CONTEXTS 1
#endif

#define NODES (CPUS * CONTEXTS)

typedef queued_lock {
	bit locked;
	bit pending;
	byte tail;		/* node + 1, 0: none */
	byte inside;		/* contexts that think they have it */
	byte doorway, entered;	/* places fixed, places served */
};

queued_lock lock[CONTEXTS];
byte node_next[NODES];		/* node + 1, 0: none */
bit node_is_head[NODES];
byte depth[CPUS];
byte in_irq[CPUS];
byte done;

inline enter(l, ticket)
{
	lock[l].inside++;
	assert(lock[l].inside == 1);
	assert(ticket == lock[l].entered);
	lock[l].entered++;
}

inline pass_on(node)
{
#ifdef MUTATE_NO_LINK_WAIT
	if
	:: node_next[node] != 0 -> node_is_head[node_next[node] - 1] = 1
	:: else -> skip
	fi
#else
	node_next[node] != 0;
	node_is_head[node_next[node] - 1] = 1
#endif
}

inline wait_queued(l, cpu)
{
#ifdef MUTATE_LATE_CLAIM
	node = cpu * CONTEXTS + depth[cpu];
#else
	node = cpu * CONTEXTS + depth[cpu];
	depth[cpu]++;
#endif
	node_next[node] = 0;
	node_is_head[node] = 0;
#ifdef MUTATE_TAIL_NOT_EXCHANGED
	before = lock[l].tail;
	d_step { lock[l].tail = node + 1; ticket = lock[l].doorway; lock[l].doorway++ }
#else
	d_step {
		before = lock[l].tail;
		lock[l].tail = node + 1;
		ticket = lock[l].doorway;
		lock[l].doorway++
	}
#endif
#ifdef MUTATE_LATE_CLAIM
	depth[cpu]++;
#endif
	if
	:: before != 0 ->
		node_next[before - 1] = node + 1;
		node_is_head[node] == 1
	:: else -> skip
	fi;
#ifdef MUTATE_HEAD_IGNORES_PENDING
	atomic { lock[l].locked == 0; is_last = (lock[l].tail == node + 1) };
#else
	atomic {
		lock[l].locked == 0 && lock[l].pending == 0;
		is_last = (lock[l].tail == node + 1)
	};
#endif
#ifdef MUTATE_NOT_COMPARED
	if
	:: is_last -> d_step { lock[l].tail = 0; lock[l].pending = 0; lock[l].locked = 1 }
	:: else -> lock[l].locked = 1; pass_on(node)
	fi;
#else
	d_step {
		is_last = is_last && lock[l].locked == 0 && lock[l].pending == 0 &&
			  lock[l].tail == node + 1;
		if
		:: is_last -> lock[l].tail = 0; lock[l].locked = 1
		:: else -> skip
		fi
	};
	if
	:: is_last -> skip
	:: else -> lock[l].locked = 1; pass_on(node)
	fi;
#endif
	depth[cpu]--
}

inline acquire(l, cpu)
{
	d_step {
		got = (lock[l].locked == 0 && lock[l].pending == 0 && lock[l].tail == 0);
		if
		:: got -> lock[l].locked = 1; ticket = lock[l].doorway; lock[l].doorway++
		:: else -> skip
		fi
	};
	if
	:: got -> skip
	:: else ->
		d_step {
			had_pending = lock[l].pending;
			had_queue = (lock[l].tail != 0);
			lock[l].pending = 1;
			if
			:: !had_pending && !had_queue ->
				ticket = lock[l].doorway;
				lock[l].doorway++
			:: else -> skip
			fi
		};
		if
		:: had_pending || had_queue ->
			if
#ifdef MUTATE_PENDING_LEFT
			:: skip
#else
			:: !had_pending -> lock[l].pending = 0
			:: else -> skip
#endif
			fi;
			wait_queued(l, cpu)
		:: else ->
			lock[l].locked == 0;
#ifdef MUTATE_PENDING_IN_TWO_STEPS
			lock[l].pending = 0;
			lock[l].locked = 1
#else
			d_step { lock[l].pending = 0; lock[l].locked = 1 }
#endif
		fi
	fi;
	d_step { enter(l, ticket) }
}

inline release(l)
{
	lock[l].inside--;
	lock[l].locked = 0
}

proctype thread(byte cpu) provided (in_irq[cpu] == 0)
{
	byte round, node, before, ticket;
	bit got, had_pending, had_queue, is_last;

	do
	:: round < ROUNDS ->
		acquire(0, cpu);
		release(0);
		round++
	:: else -> break
	od;
	done++
}

#ifdef IRQS
proctype handler(byte cpu)
{
	byte round, node, before, ticket;
	bit got, had_pending, had_queue, is_last;

	do
	:: round < ROUNDS ->
		in_irq[cpu] = 1;
		acquire(1, cpu);
		release(1);
		in_irq[cpu] = 0;
		round++
	:: else -> break
	od;
	done++
}
#endif

init {
	byte i;

	atomic {
		for (i : 0 .. CPUS - 1) {
			run thread(i);
#ifdef IRQS
			run handler(i);
#endif
		}
	};
	done == CPUS * CONTEXTS;
	for (i : 0 .. CONTEXTS - 1) {
		assert(!lock[i].locked && !lock[i].pending && lock[i].tail == 0);
	}
	for (i : 0 .. CPUS - 1) {
		assert(depth[i] == 0);
	}
}
