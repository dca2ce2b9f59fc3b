/*
 * Waiting for other CPUs: serve meanwhile, send lost interrupts again, and report who does not
 * answer, with its stack fetched by NMI.
 *
 * Invariants: a waiter that cannot be interrupted serves its own queues in every turn, so a ring of
 * CPUs that wait for each other always moves; no wait gives up, it only reports. A backtrace slot
 * is written by its CPU's NMI handler only, for the request number found there, and read only once
 * the handler has confirmed that number. Locks: none that spin; `backtrace_busy` is a try-flag.
 */
#include <fanga/call.h>
#include <fanga/clock.h>
#include <fanga/cpu.h>
#include <fanga/ipi.h>
#include <fanga/log.h>
#include <fanga/panic.h>
#include <fanga/percpu.h>
#include <fanga/preempt.h>
#include "arch/x86_64/apic.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/trap.h"
#include "kernel/smp/kick.h"
#include "lib/errno.h"

#define WAIT_LIMIT_DEFAULT_NS 1000000000ull
#define WAIT_LIMIT_MIN_NS     1000000ull
#define WAIT_RESEND_SHARE     64 /* of the limit, until an interrupt is taken for lost */
#define WAIT_BACKTRACE_SHARE  16 /* of the limit, until a CPU is taken for dead to NMIs */
#define WAIT_CLOCK_TURNS      16 /* the clock is read in one turn of so many */

#define BACKTRACE_DEPTH 24

struct backtrace {
	uint32_t wanted; /* request number, written by the asking CPU; 0: none yet */
	uint32_t done;	 /* the request that pcs answers, written by the NMI handler */
	unsigned depth;
	uint64_t pcs[BACKTRACE_DEPTH];
};

static DEFINE_PER_CPU_ALIGNED(struct backtrace, backtrace);

static uint64_t wait_limit_ns = WAIT_LIMIT_DEFAULT_NS; /* set before other CPUs run */
static uint64_t wait_reports;			       /* atomic */
static uint64_t wait_reported_ns;  /* atomic: time of the last report, for the rate limit */
static uint32_t backtrace_busy;	   /* atomic: 1 while somebody asks */
static uint32_t backtrace_request; /* owned by who holds backtrace_busy */

void call_wait_limit_set(uint64_t limit_ns)
{
	wait_limit_ns = MAX(limit_ns, WAIT_LIMIT_MIN_NS);
}

uint64_t call_wait_limit_ns(void)
{
	return wait_limit_ns;
}

uint64_t call_wait_reports(void)
{
	return __atomic_load_n(&wait_reports, __ATOMIC_RELAXED);
}

void smp_serve_irqoff(void)
{
	call_serve_irqoff();
	tlb_serve_irqoff();
	ipi_mail_drain_irqoff();
}

/* In interrupt context the APIC holds our vectors back until the EOI, whatever the flag says. */
static bool must_serve(void)
{
	return !irqs_enabled() || in_interrupt();
}

static void serve(void)
{
	unsigned long flags = irq_save();

	smp_serve_irqoff();
	irq_restore(flags);
}

void smp_wait_begin(struct smp_wait *wait, const char *what, uint64_t address)
{
	*wait = (struct smp_wait){
		.what = what,
		.address = address,
		.serves = must_serve(),
	};
	call_kick_unkicked();
}

/* The limit and everything after it is reckoned from the first look at the clock. */
static void wait_start_clock(struct smp_wait *wait, uint64_t now_ns)
{
	wait->since_ns = now_ns;
	wait->resend_after_ns = wait_limit_ns / WAIT_RESEND_SHARE;
	wait->resend_ns = now_ns + wait->resend_after_ns;
	wait->report_ns = now_ns + wait_limit_ns;
}

/*
 * One report per quarter of the limit on the whole machine: when one CPU is stuck, the others soon
 * all wait for it.
 */
static bool may_report(uint64_t now_ns)
{
	uint64_t last = __atomic_load_n(&wait_reported_ns, __ATOMIC_RELAXED);

	if (last && now_ns - last < wait_limit_ns / 4)
		return false;
	return __atomic_compare_exchange_n(&wait_reported_ns, &last, now_ns, false,
					   __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static void wait_report(const struct smp_wait *wait, unsigned cpu, uint64_t now_ns)
{
	int err;

	__atomic_fetch_add(&wait_reports, 1, __ATOMIC_RELAXED);
	if (!may_report(now_ns))
		return;
	log_warn("cpu%u has not answered a %s (0x%llx) of cpu%u for %llu ms", cpu, wait->what,
		 (unsigned long long)wait->address, current_cpu_id(),
		 (unsigned long long)((now_ns - wait->since_ns) / 1000000));
	err = smp_nmi_backtrace(cpu);
	if (err == -ETIMEDOUT)
		log_warn("cpu%u does not answer NMIs either", cpu);
}

bool smp_wait_turn(struct smp_wait *wait, unsigned cpu)
{
	uint64_t now_ns;

	cpu_relax();
	if (wait->serves)
		serve();
	if (wait->turns++ % WAIT_CLOCK_TURNS != 0)
		return false;
	now_ns = clock_ns();
	if (!wait->since_ns)
		wait_start_clock(wait, now_ns);
	if (now_ns >= wait->report_ns) {
		wait_report(wait, cpu, now_ns);
		wait->report_ns = now_ns + wait_limit_ns;
	}
	if (now_ns < wait->resend_ns)
		return false;
	wait->resend_after_ns = MIN(wait->resend_after_ns * 2, wait_limit_ns / 4);
	wait->resend_ns = now_ns + wait->resend_after_ns;
	return true;
}

static void backtrace_nmi(struct trap_frame *frame)
{
	struct backtrace *own = raw_cpu_ptr(backtrace);
	/* Acquire: pairs with the release in backtrace_fetch(); the last reader is done with pcs.
	 */
	uint32_t wanted = __atomic_load_n(&own->wanted, __ATOMIC_ACQUIRE);

	if (wanted == own->done)
		return; /* somebody else's NMI */
	own->depth = stack_walk(frame, own->pcs, BACKTRACE_DEPTH);
	/* Release: pairs with the acquire in backtrace_fetch(); pcs are complete. */
	__atomic_store_n(&own->done, wanted, __ATOMIC_RELEASE);
}

int smp_backtrace_init(void)
{
	return nmi_register(backtrace_nmi);
}

/* Have @cpu fill its slot for a new request. The caller holds backtrace_busy. */
static int backtrace_fetch(unsigned cpu)
{
	struct backtrace *slot = per_cpu_ptr(backtrace, cpu);
	uint32_t request = ++backtrace_request;
	bool serves = must_serve();
	uint64_t until_ns = clock_ns() + wait_limit_ns / WAIT_BACKTRACE_SHARE;
	unsigned long flags;
	int err;

	if (!request)
		request = ++backtrace_request; /* 0 means none */
	/* Release: pairs with the acquire in backtrace_nmi(). */
	__atomic_store_n(&slot->wanted, request, __ATOMIC_RELEASE);
	flags = irq_save();
	ipi_count_nmi();
	err = apic_send_nmi(cpu_apic_id(cpu));
	irq_restore(flags);
	if (err)
		return -ETIMEDOUT;
	/* Acquire: pairs with the release in backtrace_nmi(). */
	while (__atomic_load_n(&slot->done, __ATOMIC_ACQUIRE) != request) {
		if (clock_ns() >= until_ns)
			return -ETIMEDOUT;
		cpu_relax();
		if (serves)
			serve();
	}
	return 0;
}

static void backtrace_log(unsigned cpu, const uint64_t *pcs, unsigned depth)
{
	log_warn("backtrace of cpu%u:", cpu);
	backtrace_print(pcs, depth);
}

int smp_nmi_backtrace(unsigned cpu)
{
	uint64_t pcs[BACKTRACE_DEPTH];
	unsigned depth;
	int err;

	if (cpu >= cpu_count())
		return -EINVAL;
	if (!cpu_is_online(cpu))
		return -ENXIO;
	preempt_disable();
	if (cpu == current_cpu_id()) {
		depth = stack_walk(NULL, pcs, BACKTRACE_DEPTH);
		backtrace_log(cpu, pcs, depth);
		preempt_enable();
		return 0;
	}
	/* Acquire and release: one holder's use of the request number and slots after another's. */
	if (__atomic_exchange_n(&backtrace_busy, 1, __ATOMIC_ACQUIRE)) {
		preempt_enable();
		return -EBUSY;
	}
	err = backtrace_fetch(cpu);
	if (!err)
		backtrace_log(cpu, per_cpu_ptr(backtrace, cpu)->pcs,
			      per_cpu_ptr(backtrace, cpu)->depth);
	__atomic_store_n(&backtrace_busy, 0, __ATOMIC_RELEASE);
	preempt_enable();
	return err;
}
