/*
 * Model of kernel/sync/rwlock.c for spin: one step for each access to the word.
 *
 * READERS and WRITERS threads; with IRQS, handlers that read interrupt the readers at any point once.
 * The queue lock is any fair lock (tests/models/spinlock.pml). Checked: a writer is alone; nobody
 * waits for ever (ROUNDS bounded: a lost hand-over is an invalid end state); with ENDLESS, readers
 * and writers that come again and again do not starve a writer that waits at the queue's head
 * (writer_gets_in) nor a reader there (reader_gets_in), given weak fairness.
 *
 * The MUTATE_ variants break one line each, and must be found (tests/models/run.sh).
 */
#ifndef READERS
#define READERS 2
#endif
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif

bit writer, waiting;
byte shares;
bit queue;
byte reading, writing;
bit in_irq[READERS];
bit head_writes, head_reads;	/* who waits at the queue's head */

inline read_enter(is_irq)
{
	d_step { shares++; blocked = (writer || waiting) };
	if
	:: !blocked -> skip
	:: else ->
		if
#ifndef MUTATE_IRQ_QUEUES
		:: is_irq -> writer == 0
#endif
		:: else ->
			shares--;
			atomic { queue == 0; queue = 1 };
#ifdef MUTATE_SHARE_AFTER_WAIT
			writer == 0;
			shares++;
#else
			d_step { shares++; head_reads = 1 };
			writer == 0;
			head_reads = 0;
#endif
			queue = 0
		fi
	fi;
	d_step { reading++; assert(writing == 0) }
}

inline read_leave()
{
	reading--;
	shares--
}

inline write_enter()
{
	d_step {
		blocked = (writer || waiting || shares > 0);
		if
		:: !blocked -> writer = 1
		:: else -> skip
		fi
	};
	if
	:: !blocked -> skip
	:: else ->
		atomic { queue == 0; queue = 1 };
#ifdef MUTATE_WAITING_UNSEEN
		head_writes = 1;
		atomic { !writer && shares == 0; writer = 1; head_writes = 0 };
#else
		d_step { waiting = 1; head_writes = 1 };
#ifdef MUTATE_WRITER_IGNORES_SHARES
		atomic { !writer; waiting = 0; writer = 1; head_writes = 0 };
#else
		atomic { !writer && shares == 0; waiting = 0; writer = 1; head_writes = 0 };
#endif
#endif
		queue = 0
	fi;
	d_step { writing++; assert(writing == 1 && reading == 0) }
}

inline write_leave()
{
	writing--;
#ifdef MUTATE_WRITER_CLEARS_WORD
	d_step { writer = 0; waiting = 0; shares = 0 }
#else
	writer = 0
#endif
}

proctype reader(byte number) provided (in_irq[number] == 0)
{
	bit blocked;
	byte round;

	do
#ifdef ENDLESS
	:: read_enter(false); read_leave()
#else
	:: round < ROUNDS -> read_enter(false); read_leave(); round++
	:: else -> break
#endif
	od
}

proctype handler(byte number)
{
	bit blocked;

	in_irq[number] = 1;
	read_enter(true);
	read_leave();
	in_irq[number] = 0
}

proctype write_thread()
{
	bit blocked;
	byte round;

	do
#ifdef ENDLESS
	:: write_enter(); write_leave()
#else
	:: round < ROUNDS -> write_enter(); write_leave(); round++
	:: else -> break
#endif
	od
}

init {
	byte i;

	atomic {
		for (i : 0 .. READERS - 1) {
			run reader(i);
#ifdef IRQS
			run handler(i);
#endif
		}
		for (i : 1 .. WRITERS) {
			run write_thread();
		}
	}
}

#ifdef ENDLESS
ltl writer_gets_in { [] (head_writes -> <> !head_writes) }
ltl reader_gets_in { [] (head_reads -> <> !head_reads) }
#endif
