/*
 * Inter-processor interrupts, the sending side: who is a target, how the interrupt gets there.
 *
 * Invariant: an IPI is sent within the stretch with interrupts off in which its target was seen
 * online; data lies in the target's mailbox before the interrupt is sent. Counters and mailbox
 * heads are written by their own CPU only. No locks.
 */
#include <fanga/cpu.h>
#include <fanga/ipi.h>
#include <fanga/percpu.h>
#include <fanga/preempt.h>
#include <fanga/smp.h>
#include "arch/x86_64/apic.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/vectors.h"
#include "kernel/smp/ipi_private.h"
#include "kernel/smp/kick.h"
#include "lib/errno.h"
#include "lib/json.h"

/* Targets taken at a time with interrupts off: two x2APIC clusters. */
#define SEND_CHUNK 32

DEFINE_PER_CPU(struct ipi_counts, ipi_counters);
DEFINE_PER_CPU(struct mailbox, ipi_mailbox);

DEFINE_PER_CPU(uint32_t, ipi_sending);

const uint8_t ipi_vector[IPI_TYPES] = {
	[IPI_GENERIC] = VECTOR_IPI_GENERIC, [IPI_RESCHEDULE] = VECTOR_IPI_RESCHEDULE,
	[IPI_TLB_FLUSH] = VECTOR_IPI_TLB,   [IPI_CALL] = VECTOR_IPI_CALL,
	[IPI_HALT] = VECTOR_IPI_HALT,
};

static const char *const type_name[IPI_TYPES] = {
	[IPI_GENERIC] = "generic", [IPI_RESCHEDULE] = "reschedule",
	[IPI_TLB_FLUSH] = "tlb",   [IPI_CALL] = "call",
	[IPI_HALT] = "halt",
};

const char *ipi_type_name(enum ipi_type type)
{
	return (unsigned)type < IPI_TYPES ? type_name[type] : "?";
}

#ifdef CONFIG_DEBUG
static uint32_t hook_drop_every;
static uint64_t hook_drop_seen;
static uint64_t hook_drop_count;

void ipi_hook_drop(unsigned n)
{
	__atomic_store_n(&hook_drop_every, n, __ATOMIC_RELAXED);
}

uint64_t ipi_hook_dropped(void)
{
	return __atomic_load_n(&hook_drop_count, __ATOMIC_RELAXED);
}

/* The hook loses single interrupts, so none may hide in a broadcast. */
static bool hook_is_set(void)
{
	return unlikely(__atomic_load_n(&hook_drop_every, __ATOMIC_RELAXED));
}

static bool hook_drops(enum ipi_type type)
{
	uint32_t every = __atomic_load_n(&hook_drop_every, __ATOMIC_RELAXED);

	if (likely(!every) || (type != IPI_CALL && type != IPI_TLB_FLUSH))
		return false;
	if (__atomic_add_fetch(&hook_drop_seen, 1, __ATOMIC_RELAXED) % every)
		return false;
	__atomic_fetch_add(&hook_drop_count, 1, __ATOMIC_RELAXED);
	return true;
}
#else
static bool hook_is_set(void)
{
	return false;
}

static bool hook_drops(enum ipi_type type)
{
	(void)type;
	return false;
}
#endif

/* Sends of this CPU that its APIC did not carry out. Interrupts off. */
static uint64_t apic_failures(void)
{
	struct apic_counters *own = raw_cpu_ptr(apic_counters);

	return own->send_timeouts + own->refused;
}

static void count_sent(enum ipi_type type, unsigned targets, unsigned icr_writes)
{
	this_cpu_add(ipi_counters.sent[type], targets);
	this_cpu_add(ipi_counters.icr_writes, icr_writes);
}

void ipi_count_nmi(void)
{
	this_cpu_inc(ipi_counters.nmi);
	this_cpu_inc(ipi_counters.icr_writes);
}

/* Interrupt one CPU. Interrupts off, or preemption for the kinds that are sent again when lost. */
static void send_one(unsigned cpu, enum ipi_type type)
{
	count_sent(type, 1, 1);
	if (hook_drops(type))
		return;
	/* A failure is counted by the APIC: see apic_failures(), or sent again by who waits. */
	(void)apic_send_ipi(cpu_apic_id(cpu), ipi_vector[type]);
}

/* 0, or -EIO when the APIC did not carry all of it out. Interrupts off. */
static int send_chunk(const uint32_t *apic_ids, unsigned n, enum ipi_type type)
{
	uint64_t failures = apic_failures();
	unsigned kept = 0;
	uint32_t ids[SEND_CHUNK];

	for (unsigned i = 0; i < n; i++)
		if (!hook_drops(type))
			ids[kept++] = apic_ids[i];
	count_sent(type, n, kept ? apic_send_many(ids, kept, ipi_vector[type]) : 0);
	return apic_failures() == failures ? 0 : -EIO;
}

/*
 * All online CPUs but this one: one write with the shorthand reaches them, if nobody else listens.
 * The online mask is read with interrupts off here: a CPU that comes online meanwhile gets an
 * interrupt without content, which every handler tolerates.
 */
static bool send_shorthand(const struct cpumask *mask, enum ipi_type type)
{
	struct cpumask others;
	unsigned count;

	if (!smp_shorthand_safe() || hook_is_set())
		return false;
	cpumask_copy(&others, cpu_online_mask());
	cpumask_clear(&others, current_cpu_id());
	if (!cpumask_equal(&others, mask))
		return false;
	count = cpumask_weight(mask);
	if (count < 2)
		return false;
	if (apic_send_all_but_self(ipi_vector[type]))
		return false;
	count_sent(type, count, 1);
	return true;
}

/*
 * Interrupt all of @mask; with @online_only, leave out who is not online any more. 0, -ENXIO when
 * somebody was left out, -EIO when the APIC failed. Interrupts are off for one chunk at a time,
 * whatever the size of the machine; what interrupts between them send is not our failure.
 */
static int send_mask(const struct cpumask *mask, enum ipi_type type, bool online_only)
{
	unsigned long flags = irq_save();
	uint32_t ids[SEND_CHUNK];
	bool complete = true;
	unsigned n = 0;
	unsigned cpu;
	int err = 0;

	if (send_shorthand(mask, type)) {
		irq_restore(flags);
		return 0;
	}
	for_each_cpu (cpu, mask) {
		if (online_only && !cpu_is_online(cpu)) {
			complete = false;
			continue;
		}
		ids[n++] = cpu_apic_id(cpu);
		if (n < SEND_CHUNK)
			continue;
		if (send_chunk(ids, n, type))
			err = -EIO;
		n = 0;
		irq_restore(flags);
		flags = irq_save();
	}
	if (n && send_chunk(ids, n, type))
		err = -EIO;
	irq_restore(flags);
	return err || complete ? err : -ENXIO;
}

void ipi_kick(unsigned cpu, enum ipi_type type)
{
	send_one(cpu, type);
}

void ipi_kick_mask(const struct cpumask *mask, enum ipi_type type)
{
	(void)send_mask(mask, type, false);
}

void ipi_kick_again(unsigned cpu, enum ipi_type type)
{
	this_cpu_inc(ipi_counters.resent);
	send_one(cpu, type);
}

/* Halt and reschedule say all by arriving; the others bring a message. */
static bool has_mail(enum ipi_type type)
{
	return type == IPI_GENERIC || type == IPI_TLB_FLUSH;
}

/*
 * Put the message into @cpu's mailbox: 0, -ENXIO or -EAGAIN. The mask is tested and the message put
 * in within one stretch with interrupts off, so that a CPU which goes offline finds it.
 */
static int try_post(unsigned cpu, struct mail mail)
{
	unsigned long flags = irq_save();
	int err = -ENXIO;

	if (cpu_is_online(cpu))
		err = mailbox_post(per_cpu_ptr(ipi_mailbox, cpu), mail) ? 0 : -EAGAIN;
	irq_restore(flags);
	return err;
}

/* The same, waiting for room. */
static int post(unsigned cpu, const struct ipi *ipi)
{
	struct mail mail = {.data = ipi->data, .type = (uint16_t)ipi->type};
	struct smp_wait wait;
	int err;

	if (ipi->type == IPI_TLB_FLUSH && !ipi->has_data)
		mail.data = IPI_FLUSH_EVERYTHING;
	mail.from = (uint16_t)current_cpu_id();
	err = try_post(cpu, mail);
	if (likely(err != -EAGAIN))
		return err;
	smp_wait_begin(&wait, "message", ipi->data);
	wait.serves |= cpu == current_cpu_id();
	ipi_kick(cpu, ipi->type); /* the senders of what is there may not have come to it */
	while (err = try_post(cpu, mail), err == -EAGAIN)
		if (smp_wait_turn(&wait, cpu))
			ipi_kick_again(cpu, ipi->type);
	return err;
}

static int send_to_cpu(const struct ipi *ipi, unsigned cpu)
{
	unsigned long flags;
	uint64_t failures;
	int err = 0;

	if (has_mail(ipi->type)) {
		err = post(cpu, ipi);
		if (err)
			return err;
	}
	flags = irq_save();
	failures = apic_failures();
	if (!cpu_is_online(cpu))
		err = has_mail(ipi->type) ? 0 : -ENXIO; /* mail has been taken */
	else
		send_one(cpu, ipi->type);
	if (apic_failures() != failures)
		err = -EIO;
	irq_restore(flags);
	return err;
}

static int send_to_mask(const struct ipi *ipi, const struct cpumask *mask)
{
	struct cpumask posted = *mask;
	bool complete = true;
	unsigned cpu;
	int err;

	if (has_mail(ipi->type)) {
		for_each_cpu (cpu, mask) {
			if (post(cpu, ipi)) {
				cpumask_clear(&posted, cpu);
				complete = false;
			}
		}
	}
	err = send_mask(&posted, ipi->type, true);
	if (err == -ENXIO && has_mail(ipi->type))
		err = 0; /* mail has been taken */
	return err || complete ? err : -ENXIO;
}

/* The set that @target means, in @mask. Preemption off. */
static int resolve(const struct ipi_target *target, struct cpumask *mask)
{
	unsigned cpu;

	switch (target->scope) {
	case IPI_SCOPE_CPU:
		if (target->cpu >= cpu_count())
			return -EINVAL;
		cpumask_only(mask, target->cpu);
		break;
	case IPI_SCOPE_ALL:
	case IPI_SCOPE_ALL_BUT_SELF:
		cpumask_copy(mask, cpu_online_mask());
		if (target->scope == IPI_SCOPE_ALL_BUT_SELF)
			cpumask_clear(mask, current_cpu_id());
		return 0;
	case IPI_SCOPE_MASK:
		if (!target->mask)
			return -EINVAL;
		cpumask_copy(mask, target->mask);
		if (cpumask_empty(mask))
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	for_each_cpu (cpu, mask)
		if (cpu >= cpu_count())
			return -EINVAL;
	return cpumask_subset(mask, cpu_online_mask()) ? 0 : -ENXIO;
}

static int check_type(const struct ipi *ipi)
{
	if ((unsigned)ipi->type >= IPI_TYPES)
		return -EINVAL;
	if (ipi->has_data && !has_mail(ipi->type))
		return -EINVAL;
	if (ipi->type == IPI_GENERIC && !ipi_generic_accepts())
		return -ENOENT;
	return 0;
}

/* As ipi_send(); preemption off. */
static int send(const struct ipi *ipi)
{
	struct cpumask mask;
	bool halts_self;
	int err = check_type(ipi);

	if (!err)
		err = resolve(&ipi->target, &mask);
	if (err)
		return err;
	/* The caller stops last, having stopped the others. */
	halts_self = ipi->type == IPI_HALT && cpumask_test(&mask, current_cpu_id());
	if (halts_self)
		cpumask_clear(&mask, current_cpu_id());
	if (ipi->target.scope == IPI_SCOPE_CPU && !halts_self)
		err = send_to_cpu(ipi, ipi->target.cpu);
	else if (!cpumask_empty(&mask))
		err = send_to_mask(ipi, &mask);
	if (halts_self) {
		count_sent(IPI_HALT, 1, 0);
		irq_disable();
		ipi_stop_here_irqoff();
	}
	return err;
}

int ipi_send(struct ipi ipi)
{
	int err;

	preempt_disable();
	this_cpu_inc(ipi_sending);
	err = send(&ipi);
	this_cpu_dec(ipi_sending);
	preempt_enable();
	return err;
}

void ipi_counts_get(unsigned cpu, struct ipi_counts *counts)
{
	*counts = per_cpu(ipi_counters, cpu);
}

void ipi_json(struct json *json, void *unused)
{
	(void)unused;
	json_array_begin(json, NULL);
	for (unsigned cpu = 0; cpu < cpu_count(); cpu++) {
		struct ipi_counts counts;
		uint64_t received = 0;

		ipi_counts_get(cpu, &counts);
		json_object_begin(json, NULL);
		json_u64(json, "cpu", cpu);
		for (unsigned type = 0; type < IPI_TYPES; type++) {
			json_u64(json, type_name[type], counts.sent[type]);
			received += counts.received[type];
		}
		json_u64(json, "nmi", counts.nmi);
		json_u64(json, "received", received);
		json_object_end(json);
	}
	json_array_end(json);
}
