/*
 * Inter-processor interrupts, the receiving side: the vectors, the mailbox, the generic handler.
 *
 * Invariant: a message is handled once, by the CPU it was posted to, with interrupts off; the
 * generic handler changes only while nobody is sending for it. No locks.
 */
#include <fanga/call.h>
#include <fanga/cpu.h>
#include <fanga/ipi.h>
#include <fanga/lockdep.h>
#include <fanga/percpu.h>
#include <fanga/preempt.h>
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/trap.h"
#include "kernel/smp/ipi_private.h"
#include "kernel/smp/kick.h"
#include "lib/errno.h"

static ipi_generic_fn generic_handler; /* changed by register and unregister */
static uint32_t generic_closed;	       /* 1 while unregister waits for the last messages */

static void deliver(const struct mail *mail)
{
	ipi_generic_fn handler;

	if (mail->type == IPI_TLB_FLUSH) {
		if (mail->data == IPI_FLUSH_EVERYTHING)
			tlb_drop_everything_irqoff();
		else
			tlb_drop_page_irqoff(mail->data);
		return;
	}
	/* Acquire: pairs with the release in ipi_generic_register(). */
	handler = __atomic_load_n(&generic_handler, __ATOMIC_ACQUIRE);
	if (handler)
		handler(mail->data, mail->from);
}

void ipi_mail_drain_irqoff(void)
{
	struct mailbox *own = raw_cpu_ptr(ipi_mailbox);
	struct mail mail;

	while (mailbox_take(own, &mail))
		deliver(&mail);
}

int ipi_generic_register(ipi_generic_fn handler)
{
	ipi_generic_fn none = NULL;

	if (!handler)
		return -EINVAL;
	/* Release: what the handler relies on is visible to who runs it. */
	if (!__atomic_compare_exchange_n(&generic_handler, &none, handler, false, __ATOMIC_RELEASE,
					 __ATOMIC_RELAXED))
		return -EBUSY;
	return 0;
}

bool ipi_generic_accepts(void)
{
	/* Acquire, both: pair with the stores in register and unregister. */
	return __atomic_load_n(&generic_handler, __ATOMIC_ACQUIRE) &&
	       !__atomic_load_n(&generic_closed, __ATOMIC_ACQUIRE);
}

static void drain_called(void *unused)
{
	(void)unused;
	ipi_mail_drain_irqoff();
}

/* A CPU that goes offline meanwhile has handled its mail: nothing to do about an error. */
static void drain_everywhere(void)
{
	int err = call_on_mask(cpu_online_mask(), drain_called, NULL, true);

	(void)err;
}

void ipi_generic_unregister(void)
{
	unsigned cpu;

	/*
	 * The calls are the barrier of the senders, which have none of their own: a sender on a CPU
	 * that has answered either sees the flag, or its ipi_sending is seen here and waited for.
	 */
	__atomic_store_n(&generic_closed, 1, __ATOMIC_RELEASE);
	drain_everywhere();
	for_each_cpu (cpu, cpu_online_mask())
		while (__atomic_load_n(per_cpu_ptr(ipi_sending, cpu), __ATOMIC_ACQUIRE))
			cpu_relax();
	drain_everywhere();
	__atomic_store_n(&generic_handler, NULL, __ATOMIC_RELEASE);
	__atomic_store_n(&generic_closed, 0, __ATOMIC_RELEASE);
}

/*
 * Stop this CPU where it is. The context it was in never continues, so what that context counted in
 * per-CPU words is taken back for the CPU's next start. Not so its locks, and its place in the
 * queue of one: who holds or waits for a lock that others use must not be halted.
 */
void ipi_stop_here_irqoff(void)
{
	this_cpu_write(preempt_word, PREEMPT_NO_RESCHED);
	this_cpu_write(ipi_sending, 0);
	lockdep_forget_irqoff();
	cpu_stop_self_irqoff();
}

/* The vectors. Interrupts are off; the dispatcher sends the EOI afterwards. */

static void generic_interrupt(struct trap_frame *frame)
{
	(void)frame;
	this_cpu_inc(ipi_counters.received[IPI_GENERIC]);
	ipi_mail_drain_irqoff();
}

static void reschedule_interrupt(struct trap_frame *frame)
{
	(void)frame;
	set_need_resched();
	this_cpu_inc(ipi_counters.received[IPI_RESCHEDULE]);
}

static void tlb_interrupt(struct trap_frame *frame)
{
	(void)frame;
	tlb_answer_irqoff();
	ipi_mail_drain_irqoff();
	this_cpu_inc(ipi_counters.received[IPI_TLB_FLUSH]);
}

static void call_interrupt(struct trap_frame *frame)
{
	(void)frame;
	this_cpu_inc(ipi_counters.received[IPI_CALL]);
	call_serve_irqoff();
}

static void halt_interrupt(struct trap_frame *frame)
{
	(void)frame;
	this_cpu_inc(ipi_counters.received[IPI_HALT]);
	ipi_stop_here_irqoff();
}

int ipi_init(void)
{
	static const irq_handler_fn handler[IPI_TYPES] = {
		[IPI_GENERIC] = generic_interrupt, [IPI_RESCHEDULE] = reschedule_interrupt,
		[IPI_TLB_FLUSH] = tlb_interrupt,   [IPI_CALL] = call_interrupt,
		[IPI_HALT] = halt_interrupt,
	};

	for (unsigned type = 0; type < IPI_TYPES; type++) {
		int err = irq_register(ipi_vector[type], handler[type]);

		if (err)
			return err;
	}
	return smp_backtrace_init();
}
