/*
 * Inter-processor interrupts: wake, interrupt or stop other CPUs, and count what was sent.
 *
 * An IPI goes to online CPUs only. Sending never sleeps. A send that returns 0 has an effect on
 * every target: a CPU that goes offline takes what was sent to it while it was online first
 * (call_drain_self_irqoff() in <fanga/call.h> says how). Intel SDM vol. 3 section 11.6.
 */
#pragma once

#include "lib/cpumask.h"
#include "lib/types.h"

struct json;

enum ipi_type {
	IPI_GENERIC,	/* the registered handler, once per send and target, with its data */
	IPI_RESCHEDULE, /* set need-resched there; several that are pending at once are one */
	IPI_TLB_FLUSH,	/* drop the translation of address `data`; without data, all of them */
	IPI_CALL,	/* look at the call queue (<fanga/call.h> sends it where needed) */
	IPI_HALT,	/* leave the online set and halt, until brought online again (ipi_send()) */
	IPI_TYPES,
};

enum ipi_scope {
	IPI_SCOPE_CPU,
	IPI_SCOPE_ALL_BUT_SELF,
	IPI_SCOPE_ALL,
	IPI_SCOPE_MASK,
};

struct ipi_target {
	enum ipi_scope scope;
	unsigned cpu;		    /* IPI_SCOPE_CPU */
	const struct cpumask *mask; /* IPI_SCOPE_MASK; borrowed for the duration of the send */
};

#define IPI_TARGET_CPU(cpu_)	((struct ipi_target){.scope = IPI_SCOPE_CPU, .cpu = (cpu_)})
#define IPI_TARGET_ALL_BUT_SELF ((struct ipi_target){.scope = IPI_SCOPE_ALL_BUT_SELF})
#define IPI_TARGET_ALL		((struct ipi_target){.scope = IPI_SCOPE_ALL})
#define IPI_TARGET_MASK(mask_)	((struct ipi_target){.scope = IPI_SCOPE_MASK, .mask = (mask_)})

struct ipi {
	enum ipi_type type;
	struct ipi_target target;
	bool has_data;
	uint64_t data;
};

static inline struct ipi ipi_new(enum ipi_type type, struct ipi_target target)
{
	return (struct ipi){.type = type, .target = target};
}

static inline struct ipi ipi_with_data(enum ipi_type type, struct ipi_target target, uint64_t data)
{
	return (struct ipi){.type = type, .target = target, .has_data = true, .data = data};
}

/*
 * Send @ipi. Does not wait for the targets, with one exception: a generic or TLB IPI waits for room
 * when a target has 64 of them unread (serving this CPU's own queues meanwhile).
 *
 * 0          every target was online and has been sent it; with "all but self" on a lone CPU there
 *            is no target and nothing to do
 * -EINVAL    unknown type or scope, a CPU number >= cpu_count(), an empty mask, or data for a type
 *            that takes none (reschedule, call, halt)
 * -ENOENT    generic, and no handler is registered
 * -ENXIO     a target is not online: nothing was sent, unless it went offline during the send, in
 *            which case the other targets were sent it
 * -EIO       the interrupt controller did not take it for every target
 *
 * Any context but NMI; halt is allowed there too. For a type with data no lock may be held that a
 * handler or a cross-called function takes. Halt stops a CPU where it is: what ran there never
 * continues and locks it held stay held, so it is for idle CPUs and for the end of the machine.
 * Sent to a target that includes the caller it does not return.
 */
int ipi_send(struct ipi ipi) __must_check;

/*
 * What a generic IPI runs on the target, with interrupts off: @data (0 when none was given) and the
 * CPU that sent it. Messages of one sender arrive in order.
 */
typedef void (*ipi_generic_fn)(uint64_t data, unsigned from);

/* Install the generic handler. 0, -EINVAL (NULL) or -EBUSY (there is one). Thread context. */
int ipi_generic_register(ipi_generic_fn handler) __must_check;

/*
 * Take the generic handler away. When this returns every message sent before has been handled and
 * no CPU runs the handler. Thread context, interrupts on.
 */
void ipi_generic_unregister(void);

/* Interrupts by CPU, written by that CPU alone. */
struct ipi_counts {
	uint64_t sent[IPI_TYPES];     /* by this CPU, one per target, resent ones included */
	uint64_t received[IPI_TYPES]; /* interrupts taken; several sends may coalesce into one */
	uint64_t nmi;		      /* NMIs sent by this CPU, one per target */
	uint64_t resent;	      /* sent again because the target did not answer in time */
	uint64_t icr_writes;	      /* writes to the interrupt command register for all of this */
};

/* A snapshot of @cpu's counters, @cpu < cpu_count(). Any context. */
void ipi_counts_get(unsigned cpu, struct ipi_counts *counts);

/* "generic", "reschedule", "tlb", "call", "halt". */
const char *ipi_type_name(enum ipi_type type);

/* The value of run.json's "ipi", a row per CPU known; a writer for results_section(). Thread
 * context. */
void ipi_json(struct json *json, void *unused);

/*
 * Have @cpu walk its stack in an NMI and print it here. 0; -EINVAL (no such CPU), -ENXIO (not
 * online), -EBUSY (another backtrace is being taken), -ETIMEDOUT (no answer within a sixteenth of
 * the wait limit: the CPU is gone or its NMIs are blocked). Any context but NMI; waits, bounded.
 */
int smp_nmi_backtrace(unsigned cpu);

/* Install the vectors of all types. Boot CPU, before any other CPU runs. */
int ipi_init(void) __must_check;

#ifdef CONFIG_DEBUG
/* Test hook: lose one in @n of the TLB and call IPIs at the sender; 0 loses none. */
void ipi_hook_drop(unsigned n);

/* IPIs lost by the hook since boot. */
uint64_t ipi_hook_dropped(void);
#endif
