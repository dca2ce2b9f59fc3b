/*
 * Model of kernel/smp/tlb.c for spin: generations, acknowledgements, laziness and switches of
 * spaces. One step for each access to shared memory; sequentially consistent, as the places that
 * need it are locked instructions.
 *
 * One space S (number 1) has PAGES pages; a page table entry is a version number. FLUSHERS CPUs
 * each change their own page ROUNDS times, flush it, and then free the old version: nobody may use
 * a version below oldest[page]. USERS CPUs use S, go lazy and come back, switch to space T (2) and
 * back, in any order, STEPS times; S may be filled into their TLBs at any time its CR3 is loaded.
 * With TABLES the flush is for page-table pages: then not even a speculative walk (lazy CPUs do
 * them) may use an old version. RECENT words remember what the last generations flushed.
 *
 * The MUTATE_ variants break one line each, and must be found (tests/models/run.sh).
 */
#ifndef USERS
#define USERS 1
#endif
#ifndef FLUSHERS
#define FLUSHERS 1
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#ifndef STEPS
#define STEPS 3
#endif
#define RECENT 1
#define PAGES FLUSHERS
#define NONE 0
#define S 1
#define T 2
#define T_GENERATION 100 /* T's, far ahead of S's */

byte pte[PAGES] = 1;
byte oldest[PAGES] = 1;	/* versions below are freed */
byte generation;
byte recent_generation[RECENT], recent_page[RECENT];
bit in_mask[USERS];	/* S's mask */

byte cr3[USERS];
byte space[USERS], seen[USERS];
bit lazy[USERS];
bit ipi[USERS];
bit irq_off[USERS], in_irq[USERS];

typedef tlb_type { byte version[PAGES] } /* 0: no entry */
tlb_type tlb[USERS];
byte flushed;

inline drop_all(c)
{
	d_step {
		k = 0;
		do
		:: k < PAGES -> tlb[c].version[k] = 0; k++
		:: else -> break
		od;
		k = 0
	}
}

/* catch_up_irqoff() */
inline catch_up(c)
{
	now = generation;
	if
	:: seen[c] == now -> skip
	:: else ->
#ifdef MUTATE_ACK_BEFORE_FLUSH
		old = seen[c];
		seen[c] = now;
#else
		old = seen[c];
#endif
		/* one word, read at once; another generation's means everything */
		d_step { word_generation = recent_generation[now % RECENT];
			 word_page = recent_page[now % RECENT] };
		if
#ifdef MUTATE_RECENT_UNCHECKED
		:: now - old == 1 -> tlb[c].version[word_page] = 0
		:: else -> drop_all(c)
#else
#ifdef MUTATE_RECENT_SKIPS
		:: word_generation == now -> tlb[c].version[word_page] = 0
#else
		:: now - old == 1 && word_generation == now -> tlb[c].version[word_page] = 0
#endif
		:: else -> drop_all(c)
#endif
		fi;
		seen[c] = now
	fi
}

inline leave_lazy(c)
{
#ifdef MUTATE_LAZY_READS_FIRST
	irq_off[c] = 1;
	catch_up(c);
	lazy[c] = 0;
	irq_off[c] = 0
#else
	lazy[c] = 0;
#ifndef MUTATE_LAZY_NO_COMPARE
	irq_off[c] = 1;
	catch_up(c);
	irq_off[c] = 0
#endif
#endif
}

inline switch_to_T(c)
{
	irq_off[c] = 1;
	lazy[c] = 0;
#ifndef MUTATE_SEEN_TORN
	space[c] = NONE;
#endif
	seen[c] = T_GENERATION;
	space[c] = T;
#ifdef MUTATE_BIT_CLEARED_EARLY
	in_mask[c] = 0;
#endif
	cr3[c] = T;
	drop_all(c);
	in_mask[c] = 0;
	irq_off[c] = 0
}

inline switch_to_S(c)
{
	irq_off[c] = 1;
	lazy[c] = 0;
	space[c] = NONE;
#ifndef MUTATE_BIT_SET_LATE
	in_mask[c] = 1;
#endif
	now = generation;
	seen[c] = now;
#ifdef MUTATE_SPACE_PUBLISHED_LATE
	/* with a has_acked() that takes a CPU with another space for one that has left */
	cr3[c] = S;
	drop_all(c);
	space[c] = S;
#else
	space[c] = S;
	cr3[c] = S;
	drop_all(c);
#ifdef MUTATE_BIT_SET_LATE
	in_mask[c] = 1;
#endif
#endif
	irq_off[c] = 0
}

/* A load from S by the thread. */
inline use(c)
{
	k = 0;
	do
	:: k < PAGES ->
		atomic {
			if
			:: tlb[c].version[k] == 0 -> tlb[c].version[k] = pte[k]
			:: else -> skip
			fi;
			assert(tlb[c].version[k] >= oldest[k])
		};
		k++
	:: else -> break
	od;
	k = 0
}

proctype user(byte c) provided (!in_irq[c])
{
	byte step, k, now, old, word_generation, word_page;

	switch_to_S(c);
	do
	:: step < STEPS ->
		if
		:: space[c] == S && !lazy[c] -> use(c)
		:: space[c] == S && !lazy[c] -> lazy[c] = 1
		:: space[c] == S && lazy[c] -> leave_lazy(c)
		:: space[c] == S -> switch_to_T(c)
		:: space[c] == T -> switch_to_S(c)
		fi;
		step++
	:: else -> break
	od;
	if
	:: space[c] == S && !lazy[c] -> use(c)
	:: else -> skip
	fi
}

proctype interrupt(byte c) provided (!irq_off[c])
{
	byte k, now, old, word_generation, word_page;

end:	do
	:: atomic { ipi[c] -> in_irq[c] = 1; ipi[c] = 0 }
		if
		:: space[c] == S -> catch_up(c)
		:: else -> skip
		fi;
		in_irq[c] = 0
	od
}

/* The processor walks the tables of what CR3 names whenever it likes. */
proctype walker(byte c)
{
	byte k;

end:	do
	:: atomic {
		cr3[c] == S ->
		if
		:: k = 0
		:: PAGES > 1 -> k = PAGES - 1
		fi;
		if
		:: tlb[c].version[k] == 0 -> tlb[c].version[k] = pte[k]
		:: else -> skip
		fi;
#ifdef TABLES
		assert(tlb[c].version[k] >= oldest[k])
#endif
	   }
	od
}

#ifdef TABLES
#ifdef MUTATE_TABLES_SPARE_LAZY
#define SPARED(c) (lazy[c])
#else
#define SPARED(c) (false)
#endif
#else
#define SPARED(c) (lazy[c])
#endif

inline wait_for_ack(c)
{
	do
	:: !in_mask[c] -> break
	:: SPARED(c) -> break
#ifdef MUTATE_SPACE_PUBLISHED_LATE
	:: space[c] != S -> break
#endif
	:: space[c] == S ->
		if
		:: seen[c] >= my_generation ->
#ifdef MUTATE_SEEN_TORN
			break
#else
			if
			:: space[c] == S -> break
			:: else -> skip
			fi
#endif
		:: else -> skip
		fi
	od
}

proctype flusher(byte page)
{
	byte round, c, my_generation;
	bit target[USERS];

	do
	:: round < ROUNDS ->
#ifdef MUTATE_GENERATION_FIRST
		d_step { generation++; my_generation = generation };
		pte[page]++;
#else
		pte[page]++;
		d_step { generation++; my_generation = generation };
#endif
		d_step { recent_generation[my_generation % RECENT] = my_generation;
			 recent_page[my_generation % RECENT] = page };
		c = 0;
		do
		:: c < USERS ->
			target[c] = in_mask[c];
			if
			:: target[c] && SPARED(c) -> target[c] = 0
			:: else -> skip
			fi;
			if
			:: target[c] -> ipi[c] = 1
			:: else -> skip
			fi;
			c++
		:: else -> break
		od;
#ifndef MUTATE_FREED_EARLY
		c = 0;
		do
		:: c < USERS && target[c] -> wait_for_ack(c); c++
		:: c < USERS && !target[c] -> c++
		:: c == USERS -> break
		od;
#endif
		oldest[page] = pte[page];
		round++
	:: else -> break
	od;
	flushed++
}

init {
	byte c;

	atomic {
		for (c : 0 .. USERS - 1) {
			run user(c);
			run interrupt(c);
			run walker(c)
		};
		for (c : 0 .. FLUSHERS - 1) {
			run flusher(c)
		}
	};
	flushed == FLUSHERS
}
