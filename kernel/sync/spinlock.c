/*
 * The waiting side of spinlocks: the first waiter is pending, the others queue (MCS).
 *
 * Invariant: the lock passes to the pending CPU, then along the queue in the order in which CPUs
 * exchanged the tail; at most one CPU is pending, and only the queue's head and the pending CPU
 * look at the lock word. A queued CPU spins on its own node, which one other CPU writes once.
 *
 * Context: any, preemption off. A CPU has one node for each context that can interrupt another, so
 * nested waits use different nodes and are undone in reverse order. No other locks are involved.
 */
#include <fanga/clock.h>
#include <fanga/spinlock.h>

/* Thread, soft interrupt, interrupt, NMI. */
#define SPIN_NODES	4
#define SPIN_INDEX_BITS 2
#define SPIN_INDEX_MASK (SPIN_NODES - 1u)

_Static_assert(1u << SPIN_INDEX_BITS == SPIN_NODES, "the index fits its bits");
_Static_assert(CPU_MAX << SPIN_INDEX_BITS <= UINT16_MAX - SPIN_INDEX_MASK, "the tail fits 16 bits");

struct spin_node {
	struct spin_node *next; /* written by the CPU that queues behind; NULL until then */
	uint32_t is_head;	/* written by the CPU in front as it leaves */
};

struct spin_nodes {
	struct spin_node node[SPIN_NODES];
};

static DEFINE_PER_CPU_ALIGNED(struct spin_nodes, spin_nodes);

/* Nodes of this CPU in use; an interrupt leaves it as it was. */
static DEFINE_PER_CPU(uint32_t, spin_depth);

static uint16_t tail_encode(unsigned cpu, unsigned index)
{
	return (uint16_t)((cpu + 1) << SPIN_INDEX_BITS | index);
}

static struct spin_node *tail_decode(uint16_t tail)
{
	unsigned cpu = (tail >> SPIN_INDEX_BITS) - 1u;

	return &per_cpu_ptr(spin_nodes, cpu)->node[tail & SPIN_INDEX_MASK];
}

/*
 * Try to be the first waiter, and then to take the lock. False when there are waiters already: the
 * caller has to queue.
 */
static bool wait_pending(struct raw_spinlock *lock)
{
	/* Acquire: if the lock is free now, this pairs with the release that freed it. */
	uint32_t before = __atomic_fetch_or(&lock->word, SPIN_PENDING, __ATOMIC_ACQUIRE);

	if (before & ~SPIN_LOCKED) {
		/* If the bit was clear we set it, in front of a queue: take it back. */
		if (!(before & SPIN_PENDING))
			__atomic_store_n(&lock->pending, 0, __ATOMIC_RELAXED);
		return false;
	}
	/* Acquire: pairs with the release in raw_spin_unlock(). */
	while (__atomic_load_n(&lock->locked, __ATOMIC_ACQUIRE))
		cpu_relax();
	/*
	 * Nobody else can take it: pending keeps trylock and the queue's head away. Relaxed, as the
	 * acquire above ordered what follows; both bytes at once, so that they never read as free.
	 */
	__atomic_store_n(&lock->locked_pending, SPIN_LOCKED, __ATOMIC_RELAXED);
	return true;
}

/* Line up behind @previous, the queue's last node until now, and return when it has left. */
static void wait_behind(struct spin_node *previous, struct spin_node *node)
{
	/* Release: our node was prepared before it is found here. Pairs with pass_on()'s acquire.
	 */
	__atomic_store_n(&previous->next, node, __ATOMIC_RELEASE);
	/* Acquire: pairs with the release in pass_on(). */
	while (!__atomic_load_n(&node->is_head, __ATOMIC_ACQUIRE))
		cpu_relax();
}

/* Make the CPU behind @node, which exists, the queue's head. */
static void pass_on(struct spin_node *node)
{
	struct spin_node *next;

	/* It has exchanged the tail, and will link itself in a moment. Pairs with wait_behind(). */
	while (!(next = __atomic_load_n(&node->next, __ATOMIC_ACQUIRE)))
		cpu_relax();
	/* Release: our node is free for reuse only after this. Pairs with wait_behind(). */
	__atomic_store_n(&next->is_head, 1, __ATOMIC_RELEASE);
}

/* As the queue's head with @tail: take the lock when the holder and the pending CPU are through. */
static void take_as_head(struct raw_spinlock *lock, struct spin_node *node, uint16_t tail)
{
	uint32_t word;

	/* Acquire: pairs with the release in raw_spin_unlock(). */
	while ((word = __atomic_load_n(&lock->word, __ATOMIC_ACQUIRE)) & SPIN_LOCKED_PENDING)
		cpu_relax();

	/* The queue ends with us: take the lock and remove the queue as one step. */
	if (word >> SPIN_TAIL_SHIFT == tail &&
	    __atomic_compare_exchange_n(&lock->word, &word, SPIN_LOCKED, false, __ATOMIC_RELAXED,
					__ATOMIC_RELAXED))
		return;
	/*
	 * Somebody is behind us, or set pending for a moment, will see our tail, and then be behind
	 * us. While the tail is not zero nobody else takes the lock: a byte store will do. Relaxed:
	 * the acquire above ordered what follows.
	 */
	__atomic_store_n(&lock->locked, 1, __ATOMIC_RELAXED);
	pass_on(node);
}

static void wait_queued(struct raw_spinlock *lock)
{
	unsigned index = this_cpu_read(spin_depth);
	struct spin_node *node;
	uint16_t tail, before;

	if (unlikely(index >= SPIN_NODES)) {
		/* A machine check inside an NMI: no node left, so take turns by luck. */
		while (!raw_spin_trylock(lock))
			cpu_relax();
		return;
	}
	/* Claimed before it is touched: an interrupt from here on uses the next one. */
	this_cpu_inc(spin_depth);
	node = &raw_cpu_ptr(spin_nodes)->node[index];
	__atomic_store_n(&node->next, NULL, __ATOMIC_RELAXED);
	__atomic_store_n(&node->is_head, 0, __ATOMIC_RELAXED);

	/*
	 * Release: the node is prepared before the tail names it. Acquire: the previous node, which
	 * we link to, was prepared too. Each pairs with the other in this exchange on another CPU.
	 */
	tail = tail_encode(current_cpu_id(), index);
	before = __atomic_exchange_n(&lock->tail, tail, __ATOMIC_ACQ_REL);
	if (before)
		wait_behind(tail_decode(before), node);
	take_as_head(lock, node, tail);
	this_cpu_dec(spin_depth);
}

void raw_spin_wait(struct raw_spinlock *lock)
{
	if (!wait_pending(lock))
		wait_queued(lock);
}

void spin_lock_contended(struct spinlock *lock, struct lock_site *site)
{
	uint64_t start_ns = clock_ns();

	raw_spin_wait(&lock->raw);
	lockstat_record(site, clock_ns() - start_ns);
}
