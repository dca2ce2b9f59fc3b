/*
 * The idle loop of application processors, and the work that smp_run_on() hands them.
 *
 * Each CPU has one mailbox, filled by the one caller that is `run_owner` and emptied by its
 * owner. The owner checks it with interrupts off and halts by `sti; hlt`, so the IPI that follows a
 * filling cannot be lost.
 */
#include "arch/x86_64/cpu.h"
#include "fanga/ipi.h"
#include "fanga/log.h"
#include "fanga/panic.h"
#include "fanga/preempt.h"
#include "fanga/smp.h"
#include "kernel/smp/bringup.h"
#include "lib/errno.h"

struct idle_mailbox {
	void (*fn)(void *arg); /* NULL: empty */
	void *arg;
	bool stop;    /* the CPU is to take itself offline */
	bool in_work; /* its own: it runs fn */
};

static DEFINE_PER_CPU_ALIGNED(struct idle_mailbox, idle_mailbox);
static unsigned run_owner; /* atomic: cpu + 1 of the caller whose turn it is, 0: nobody's */

/* Run what is in the mailbox. Whether there was anything. Entered and left with interrupts off. */
static bool run_mailbox(struct idle_mailbox *mailbox)
{
	/* Acquire: pairs with the release in smp_run_on(). */
	void (*fn)(void *) = __atomic_load_n(&mailbox->fn, __ATOMIC_ACQUIRE);

	if (!fn)
		return false;
	this_cpu_write(percpu_data.running, "work");
	mailbox->in_work = true;
	irq_enable();
	fn(mailbox->arg);
	irq_disable();
	mailbox->in_work = false;
	this_cpu_write(percpu_data.running, "idle");
	/* Release: pairs with the acquire in has_returned(); the work is done. */
	__atomic_store_n(&mailbox->fn, NULL, __ATOMIC_RELEASE);
	return true;
}

void idle_reset(void)
{
	*raw_cpu_ptr(idle_mailbox) = (struct idle_mailbox){0};
}

bool idle_in_work(void)
{
	return this_cpu_read(idle_mailbox.in_work);
}

void smp_idle(void)
{
	struct idle_mailbox *mailbox = raw_cpu_ptr(idle_mailbox);

	this_cpu_write(percpu_data.running, "idle");
	for (;;) {
		irq_disable();
		clear_need_resched();
		if (run_mailbox(mailbox))
			continue;
		if (__atomic_load_n(&mailbox->stop, __ATOMIC_ACQUIRE)) {
			mailbox->stop = false;
			this_cpu_write(percpu_data.running, "stopped");
			cpu_stop_self_irqoff();
		}
		cpu_sti_hlt();
	}
}

static void kick(const struct cpumask *mask)
{
	int error = ipi_send(ipi_new(IPI_RESCHEDULE, IPI_TARGET_MASK(mask)));
	unsigned cpu;

	/* The table's lock keeps them online; but one was halted, and then nobody was sent it. */
	if (error == -ENXIO)
		for_each_cpu (cpu, mask)
			error = ipi_send(ipi_new(IPI_RESCHEDULE, IPI_TARGET_CPU(cpu)));
	WARN_ON(error && error != -ENXIO);
}

/* Whether @cpu is done with its work, or was stopped in it by a halt IPI and never will be. */
static bool has_returned(unsigned cpu)
{
	enum cpu_state state = __atomic_load_n(&cpu_get(cpu)->state, __ATOMIC_ACQUIRE);

	/* Acquire: pairs with the release in run_mailbox(). */
	return !__atomic_load_n(&per_cpu_ptr(idle_mailbox, cpu)->fn, __ATOMIC_ACQUIRE) ||
	       (state != CPU_ONLINE && state != CPU_INITIALIZING);
}

void idle_request_stop(unsigned cpu)
{
	struct cpumask only = {0};

	cpumask_set(&only, cpu);
	__atomic_store_n(&per_cpu_ptr(idle_mailbox, cpu)->stop, true, __ATOMIC_RELEASE);
	kick(&only);
	while (__atomic_load_n(&cpu_get(cpu)->state, __ATOMIC_ACQUIRE) != CPU_OFFLINE)
		cpu_relax();
}

static bool take_run(unsigned owner)
{
	unsigned nobody = 0;

	/* Acquire: pairs with the release at the end of smp_run_on(). */
	return __atomic_compare_exchange_n(&run_owner, &nobody, owner, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

unsigned smp_run_on(const struct cpumask *mask, void (*fn)(void *arg), void *arg)
{
	struct cpumask others;
	unsigned self = current_cpu_id(), count, cpu;
	bool is_here = cpumask_test(mask, self);

	/* Of either kind of work: its turn is not over before this returns. */
	if (idle_in_work() || __atomic_load_n(&run_owner, __ATOMIC_RELAXED) == self + 1)
		return 0;
	while (!take_run(self + 1))
		cpu_relax();
	/* A CPU that is told to stop after this empties its mailbox first. */
	cpu_table_lock();
	cpumask_and(&others, mask, cpu_online_mask());
	cpumask_clear(&others, self);
	count = cpumask_weight(&others);
	for_each_cpu (cpu, &others) {
		struct idle_mailbox *mailbox = per_cpu_ptr(idle_mailbox, cpu);

		mailbox->arg = arg;
		__atomic_store_n(&mailbox->fn, fn, __ATOMIC_RELEASE);
	}
	if (count)
		kick(&others);
	cpu_table_unlock();
	if (is_here)
		fn(arg);
	for_each_cpu (cpu, &others)
		while (!has_returned(cpu))
			cpu_relax();
	__atomic_store_n(&run_owner, 0, __ATOMIC_RELEASE);
	return count + is_here;
}
