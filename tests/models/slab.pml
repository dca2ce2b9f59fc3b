/*
 * Model of a slab's life, kernel/mm/slab.c and slab_node.c, for spin: who may link it, take it and
 * give it back. One step for each access to shared memory; a successful compare-and-swap is one.
 *
 * CPUS CPUs do OPS operations each on one slab of CELLS cells, which CPU 0 holds at first: allocate,
 * free, give up what is held, shrink. Whether the node's list has another slab is anybody's guess
 * each time. Checked: nobody touches the slab once it was given back, it is given back only when all
 * its cells are free and it is on no list, it is linked once, no cell is lost, and at rest a slab
 * with free cells is held or listed.
 *
 * The MUTATE_ variants break one line each, and must be found (tests/models/run.sh).
 */
#ifndef CPUS
#define CPUS 3
#endif
#ifndef OPS
#define OPS 3
#endif
#ifndef CELLS
#define CELLS 2
#endif

mtype = { HELD, FULL, UNLISTED, LISTED, EMPTY };

bit alive = 1, listed, locked;
mtype state = HELD; /* with `count`, the word */
byte count;
byte out;	  /* cells at callers */
bit held[CPUS];
byte own[CPUS]; /* cells on the CPU's list */
byte finished;

inline lock() { atomic { !locked -> locked = 1 } }
inline unlock() { locked = 0 }

inline destroy()
{
	atomic {
		assert(alive && !listed && count == CELLS && !out);
		alive = 0
	}
}

/* link_unlisted() */
inline link()
{
	lock();
	assert(alive && !listed);
	if
	:: has_others = 0
	:: has_others = 1
	fi;
	atomic {
		spare = has_others && count == CELLS;
		state = (spare -> EMPTY : LISTED)
	}
	if
	:: !spare -> listed = 1
	:: else
	fi;
	unlock();
	if
	:: spare -> destroy()
	:: else
	fi
}

/* settle_empty() */
inline settle()
{
	lock();
	assert(alive && listed && state == EMPTY);
	if
	:: state = LISTED; spare = 0
	:: listed = 0; spare = 1
	fi;
	unlock();
	if
	:: spare -> destroy()
	:: else
	fi
}

/* slab_push() of one cell */
inline push()
{
	atomic {
		assert(alive);
		was = state;
		count++;
		assert(count <= CELLS);
		if
#ifdef MUTATE_FULL_TO_LISTED
		:: state == FULL -> state = LISTED
#else
		:: state == FULL -> state = UNLISTED
#endif
#ifdef MUTATE_UNLISTED_TO_EMPTY
		:: state == UNLISTED && count == CELLS -> state = EMPTY
#endif
		:: state == LISTED && count == CELLS -> state = EMPTY
		:: else
		fi;
		now = state
	}
	if
	:: was == FULL -> link()
	:: was != FULL && now == EMPTY -> settle()
	:: else
	fi
}

/* slab_take_listed() */
inline take_listed()
{
	lock();
	if
#ifdef MUTATE_TAKE_EMPTY
	:: atomic { listed && (state == LISTED || state == EMPTY) ->
#else
	:: atomic { listed && state == LISTED ->
#endif
			state = HELD; cells = count; count = 0 }
		listed = 0;
		unlock();
		held[_pid] = 1;
		own[_pid] = cells
	:: else -> unlock()
	fi
}

/* slab_take_cell() */
inline take_cell()
{
	lock();
	if
	:: atomic { listed && state == LISTED ->
			count--;
			state = (count -> LISTED : FULL);
			spare = (count == 0);
			out++ }
		if
		:: spare -> listed = 0
		:: else
		fi
	:: else
	fi;
	unlock()
}

/* refill_from_held() */
inline refill()
{
	if
	:: atomic { count -> own[_pid] = count; count = 0 }
#ifdef MUTATE_LET_GO_UNCHECKED
	:: !count -> state = FULL; held[_pid] = 0
#else
	:: atomic { !count -> state = FULL }
		held[_pid] = 0
#endif
	fi
}

/* slab_flush_irqoff() */
inline flush()
{
	atomic { count = count + own[_pid]; own[_pid] = 0 }
	atomic {
		held[_pid] = 0;
		state = (count -> UNLISTED : FULL);
		now = state
	}
	if
	:: now == UNLISTED -> link()
	:: else
	fi
}

/* slab_release_free() */
inline shrink()
{
	lock();
	if
	:: atomic { listed && state == LISTED && count == CELLS -> state = EMPTY; listed = 0 }
		unlock();
		destroy()
	:: else -> unlock()
	fi
}

active [CPUS] proctype cpu()
{
	byte op, cells;
	bit spare, has_others;
	mtype was, now;

	if
	:: _pid == 0 -> atomic { held[0] = 1; own[0] = CELLS }
	:: else
	fi;
	do
	:: op < OPS ->
		op++;
		if
		:: atomic { held[_pid] && own[_pid] -> own[_pid]--; out++ }
		:: held[_pid] && !own[_pid] -> refill()
		:: !held[_pid] && listed -> take_listed()
		:: listed -> take_cell()
		:: atomic { out && held[_pid] -> out--; own[_pid]++ }
		:: atomic { out && !held[_pid] -> out-- }
			push()
		:: held[_pid] -> flush()
		:: listed -> shrink()
		:: else
		fi
	:: else -> break
	od;
	atomic {
		finished++;
		if
		:: finished == CPUS && alive ->
			op = 0;
			cells = count + out;
			do
			:: op < CPUS -> cells = cells + own[op]; op++
			:: else -> break
			od;
			assert(cells == CELLS);
			assert(state != EMPTY && state != UNLISTED);
			assert(listed == (state == LISTED));
			assert(!(state == FULL && count))
		:: else
		fi
	}
}
