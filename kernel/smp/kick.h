/*
 * Inside the smp room: the interrupt behind a call or a shootdown, and the wait for its effect.
 *
 * The queues and generations in memory say what is to be done; the interrupt only makes the target
 * look. So a kick may hit a CPU twice, early or (resent) late without harm, and one that reaches a
 * CPU which has just gone offline is ignored there: it emptied its queues first.
 */
#pragma once

#include <fanga/ipi.h>
#include "lib/types.h"

/* Interrupt @cpu, or all of @mask, with @type's vector. Counted. Preemption off. */
void ipi_kick(unsigned cpu, enum ipi_type type);
void ipi_kick_mask(const struct cpumask *mask, enum ipi_type type);

/* Count an IPI to @cpu as sent again, and send it. Preemption off. */
void ipi_kick_again(unsigned cpu, enum ipi_type type);

/* Count an NMI sent by this CPU. */
void ipi_count_nmi(void);

/* Run what other CPUs want of this one: calls, flushes, mail. Interrupts off. */
void smp_serve_irqoff(void);

/* Handle the mail of this CPU; interrupts off. */
void ipi_mail_drain_irqoff(void);

/* Drop one translation, or everything, global pages included, on this CPU. Interrupts off. */
void tlb_drop_page_irqoff(uint64_t va);
void tlb_drop_everything_irqoff(void);

/* Catch up with the flushes that concern this CPU, by hand or in their IPI; interrupts off. */
void tlb_serve_irqoff(void);
void tlb_answer_irqoff(void);

/* Run the calls queued on this CPU; interrupts off. */
void call_serve_irqoff(void);

/* Send the call interrupts that this CPU has put off. Preemption off. */
void call_kick_unkicked(void);

/* A wait for other CPUs. Created by smp_wait_begin(), good for several CPUs one after the other. */
struct smp_wait {
	const char *what;	  /* "call", "TLB flush" */
	uint64_t address;	  /* function or first address, for the report */
	uint64_t since_ns;	  /* clock at the first look, 0 before */
	uint64_t resend_ns;	  /* when to send again */
	uint64_t resend_after_ns; /* doubles each time */
	uint64_t report_ns;	  /* when to report */
	uint32_t turns;
	bool serves; /* interrupts cannot come: serve by hand */
};

void smp_wait_begin(struct smp_wait *wait, const char *what, uint64_t address);

/*
 * One turn of a waiting loop for @cpu: pause, serve own queues when interrupts cannot, and watch
 * the time. True: it is time to send the interrupt again (at most once per doubling interval).
 */
bool smp_wait_turn(struct smp_wait *wait, unsigned cpu) __must_check;

/* Answer to a backtrace request, from the NMI handler of this room. */
int smp_backtrace_init(void) __must_check;
