/*
 * Function calls on other CPUs over per-CPU lock-free queues.
 *
 * Invariants: a request is pushed within the stretch with interrupts off in which its target was
 * seen online; whoever finds the queue empty interrupts the target, so a queued request is always
 * about to be noticed; a waiter serves its own queue when interrupts cannot. A request for one of
 * many, or an unwaited one, uses the sender's slot for that target: memory of the sender's node,
 * one line each, which target and sender pass to each other once. No locks.
 */
#include <fanga/call.h>
#include <fanga/cpu.h>
#include <fanga/ipi.h>
#include <fanga/mm.h>
#include <fanga/percpu.h>
#include <fanga/preempt.h>
#include <fanga/smp.h>
#include "arch/x86_64/cpu.h"
#include "kernel/smp/call_queue.h"
#include "kernel/smp/kick.h"
#include "lib/errno.h"

/* A sender's request to one target. */
struct call_slot {
	struct call call;
} __cacheline_aligned;

#define SLOTS_PER_CHUNK (PAGE_BYTES / sizeof(struct call_slot))
#define SLOT_CHUNKS	(CPU_MAX / SLOTS_PER_CHUNK)
_Static_assert(CPU_MAX % SLOTS_PER_CHUNK == 0, "the chunks cover every CPU");

static DEFINE_PER_CPU_ALIGNED(struct llist, call_queue);

/* Slots by target, a page each SLOTS_PER_CHUNK targets; filled by call_init(), then constant. */
static DEFINE_PER_CPU(struct call_slot *, call_slots[SLOT_CHUNKS]);

/* Numbers the uses of slots; never 0. */
static DEFINE_PER_CPU(uint32_t, call_ticket);

/*
 * Targets that this CPU has found with an empty queue and not interrupted yet; they are collected
 * so that one ICR write can serve many. Others' requests to them rely on us meanwhile, so no wait
 * may begin on this CPU, in an interrupt either, before they are interrupted: smp_wait_begin() sees
 * to that. Changed by this CPU only; what an interrupt adds it has sent when it returns.
 */
static DEFINE_PER_CPU(struct cpumask, call_unkicked);
static DEFINE_PER_CPU(bool, call_any_unkicked);

int call_init(unsigned cpus)
{
	for (unsigned cpu = 0; cpu < cpus; cpu++) {
		/* No memory for its area: its "copy" is the template of all later ones. */
		if (!percpu_offset[cpu])
			continue;
		for (unsigned chunk = 0; chunk * SLOTS_PER_CHUNK < cpus; chunk++) {
			struct call_slot **slots = per_cpu_ptr(call_slots[chunk], cpu);
			uint64_t phys;

			if (*slots)
				continue;
			phys = early_alloc(per_cpu_ptr(percpu_data, cpu)->node, PAGE_BYTES,
					   PAGE_BYTES);
			if (!phys)
				return -ENOMEM;
			*slots = phys_to_virt(phys);
		}
	}
	return 0;
}

static uint32_t next_ticket(void)
{
	unsigned long flags = irq_save();
	uint32_t ticket = this_cpu_read(call_ticket) + 1;

	if (!ticket)
		ticket = 1;
	this_cpu_write(call_ticket, ticket);
	irq_restore(flags);
	return ticket;
}

/* This CPU's request to @cpu; preemption off. */
static struct call *slot_for(unsigned cpu)
{
	struct call_slot *slots = *raw_cpu_ptr(call_slots[cpu / SLOTS_PER_CHUNK]);

	return &slots[cpu % SLOTS_PER_CHUNK].call;
}

void call_serve_irqoff(void)
{
	(void)call_queue_serve(raw_cpu_ptr(call_queue));
}

static void run_here(call_fn fn, void *arg)
{
	unsigned long flags = irq_save();

	fn(arg);
	irq_restore(flags);
}

/* Push a claimed request if @cpu is online. 1: it needs the interrupt, 0: not, or -ENXIO. */
static int push(unsigned cpu, struct call *call, call_fn fn, void *arg)
{
	unsigned long flags = irq_save();
	int result = -ENXIO;

	if (cpu_is_online(cpu))
		result = call_queue_push(per_cpu_ptr(call_queue, cpu), call, fn, arg);
	irq_restore(flags);
	return result;
}

/* Push a request of its own and interrupt its target. Preemption off. */
static int push_and_kick(unsigned cpu, struct call *call, call_fn fn, void *arg)
{
	unsigned long flags = irq_save();
	int result = push(cpu, call, fn, arg);

	if (result > 0)
		ipi_kick(cpu, IPI_CALL);
	irq_restore(flags);
	return MIN(result, 0);
}

void call_kick_unkicked(void)
{
	struct cpumask *unkicked = raw_cpu_ptr(call_unkicked);
	struct cpumask kick;

	if (!this_cpu_read(call_any_unkicked))
		return;
	/* First send, then clear: an interrupt in between sends again rather than not at all. */
	cpumask_copy(&kick, unkicked);
	ipi_kick_mask(&kick, IPI_CALL);
	cpumask_zero(unkicked);
	this_cpu_write(call_any_unkicked, false);
}

static void wait_for(struct call *call, uint32_t ticket, unsigned cpu, call_fn fn)
{
	struct smp_wait wait;

	smp_wait_begin(&wait, "call", (uintptr_t)fn);
	while (call_in_flight(call, ticket))
		if (smp_wait_turn(&wait, cpu))
			ipi_kick_again(cpu, IPI_CALL);
}

/*
 * Claim this CPU's slot for @cpu and push it; -EBUSY while its last use is in flight. An interrupt
 * that calls between claim and push would wait for the slot for ever: none comes. Preemption off.
 */
static int try_push_slot(unsigned cpu, call_fn fn, void *arg, uint32_t ticket)
{
	struct call *call = slot_for(cpu);
	unsigned long flags = irq_save();
	int result = -EBUSY;

	if (call_claim(call, ticket)) {
		result = push(cpu, call, fn, arg);
		if (result < 0)
			__atomic_store_n(&call->ticket, 0, __ATOMIC_RELAXED); /* was never shared */
		if (result > 0) {
			cpumask_set(raw_cpu_ptr(call_unkicked), cpu);
			this_cpu_write(call_any_unkicked, true);
		}
	}
	irq_restore(flags);
	return MIN(result, 0);
}

static int push_slot(unsigned cpu, call_fn fn, void *arg, uint32_t ticket)
{
	int err = try_push_slot(cpu, fn, arg, ticket);
	struct smp_wait wait;

	if (likely(err != -EBUSY))
		return err;
	smp_wait_begin(&wait, "call", (uintptr_t)fn);
	while (err = try_push_slot(cpu, fn, arg, ticket), err == -EBUSY)
		if (smp_wait_turn(&wait, cpu))
			ipi_kick_again(cpu, IPI_CALL);
	return err;
}

/* Push to all of @mask but this CPU, then interrupt those that need it. Preemption off. */
static int push_mask(const struct cpumask *mask, call_fn fn, void *arg, uint32_t ticket)
{
	unsigned self = current_cpu_id();
	int err = 0;
	unsigned cpu;

	for_each_cpu (cpu, mask) {
		int result = cpu == self ? 0 : push_slot(cpu, fn, arg, ticket);

		if (result)
			err = result;
	}
	call_kick_unkicked();
	return err;
}

/* Interrupt again all of @targets whose use @ticket of our slot is in flight. */
static void kick_missing(const struct cpumask *targets, uint32_t ticket)
{
	unsigned cpu;

	for_each_cpu (cpu, targets)
		if (call_in_flight(slot_for(cpu), ticket))
			ipi_kick_again(cpu, IPI_CALL);
}

static void wait_for_slots(const struct cpumask *targets, uint32_t ticket, call_fn fn)
{
	struct smp_wait wait;
	unsigned cpu;

	smp_wait_begin(&wait, "call", (uintptr_t)fn);
	for_each_cpu (cpu, targets)
		while (call_in_flight(slot_for(cpu), ticket))
			if (smp_wait_turn(&wait, cpu))
				kick_missing(targets, ticket);
}

int call_on_mask(const struct cpumask *mask, call_fn fn, void *arg, bool wait)
{
	struct cpumask targets; /* the caller's may change meanwhile */
	unsigned self, cpu;
	uint32_t ticket;
	int err;

	if (!mask || !fn)
		return -EINVAL;
	cpumask_copy(&targets, mask);
	for_each_cpu (cpu, &targets)
		if (cpu >= cpu_count())
			return -EINVAL;
	preempt_disable();
	self = current_cpu_id();
	ticket = next_ticket();
	err = push_mask(&targets, fn, arg, ticket);
	if (cpumask_test(&targets, self))
		run_here(fn, arg);
	if (wait) {
		cpumask_clear(&targets, self);
		wait_for_slots(&targets, ticket, fn);
	}
	preempt_enable();
	return err;
}

/* The request is on our stack: it is ours again only when its ticket says so. */
static int call_and_wait(unsigned cpu, call_fn fn, void *arg)
{
	struct call call = {.ticket = 1};
	int err = push_and_kick(cpu, &call, fn, arg);

	if (!err)
		wait_for(&call, 1, cpu, fn);
	return err;
}

static int call_unwaited(unsigned cpu, call_fn fn, void *arg)
{
	struct cpumask mask;

	cpumask_only(&mask, cpu);
	return push_mask(&mask, fn, arg, next_ticket());
}

int call_on(unsigned cpu, call_fn fn, void *arg, bool wait)
{
	int err = 0;

	if (cpu >= cpu_count() || !fn)
		return -EINVAL;
	preempt_disable();
	if (cpu == current_cpu_id())
		run_here(fn, arg);
	else if (wait)
		err = call_and_wait(cpu, fn, arg);
	else
		err = call_unwaited(cpu, fn, arg);
	preempt_enable();
	return err;
}

int call_async(unsigned cpu, struct call *call)
{
	int err = 0;

	if (cpu >= cpu_count() || !call || !call->fn)
		return -EINVAL;
	if (!call_claim(call, 1))
		return -EBUSY;
	preempt_disable();
	if (cpu == current_cpu_id()) {
		unsigned long flags = irq_save();

		call_run(call);
		irq_restore(flags);
	} else {
		err = push_and_kick(cpu, call, call->fn, call->arg);
		if (err)
			__atomic_store_n(&call->ticket, 0, __ATOMIC_RELEASE);
	}
	preempt_enable();
	return err;
}

void call_wait(struct call *call, unsigned cpu)
{
	preempt_disable();
	wait_for(call, 1, cpu, call->fn);
	preempt_enable();
}

static void nothing(void *unused)
{
	(void)unused;
}

void call_drain_self_irqoff(void)
{
	/*
	 * Each other CPU's answer says that its stretches with interrupts off which saw our bit are
	 * over. One that goes offline itself does so after us (cpu_stop_self_irqoff()).
	 */
	int err = call_on_mask(cpu_online_mask(), nothing, NULL, true);

	(void)err;
	smp_serve_irqoff();
	while (!llist_empty(raw_cpu_ptr(call_queue)))
		smp_serve_irqoff();
}
