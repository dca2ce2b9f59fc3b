/*
 * The local APIC timer of each CPU: one-shot and tick. See include/fanga/timer.h.
 *
 * Per CPU one time is due at most (`due_ns`, clock_ns() time). The hardware is only ever told a
 * distance from now; whether the time has come is decided by the clock, so a hardware count that
 * ran out early, or that was too short for the distance, is just armed again. State is the owner
 * CPU's and changes with interrupts off; handlers are set at boot.
 */
#include "fanga/timer.h"

#include "arch/x86_64/apic_regs.h"
#include "arch/x86_64/clock_math.h"
#include "arch/x86_64/trap.h"
#include "fanga/clock.h"
#include "fanga/percpu.h"
#include "lib/errno.h"

#define CPUID_1_ECX_DEADLINE BIT(24)
#define TICK_HZ_MAX	     20000u
#define NOT_ARMED	     UINT64_MAX

struct timer_state {
	uint64_t due_ns;  /* NOT_ARMED, or when the handler is to run */
	uint32_t tick_hz; /* 0: one-shot */
	/* A period is period_ns + period_rest / tick_hz nanoseconds; `rest` collects the parts. */
	uint32_t period_rest;
	uint32_t rest;
	uint64_t period_ns;
	uint64_t missed;
};

static DEFINE_PER_CPU(struct timer_state, timer_state) = {.due_ns = NOT_ARMED};

static bool uses_deadline;
static struct clock_scale ns_to_counts; /* of the TSC in deadline mode, else of the APIC timer */
static timer_handler_fn fired_handler;
static void (*tick_counter)(void);

/* ---- hardware ---- */

static void hardware_arm(uint64_t delay_ns)
{
	uint64_t counts = clock_scale_apply_up(ns_to_counts, delay_ns);
	uint64_t now;

	if (!uses_deadline) {
		/* 0 would stop it; what does not fit is armed again when it has run out. */
		apic_write(APIC_TIMER_INITIAL, (uint32_t)MIN(MAX(counts, 1ul), UINT32_MAX));
		return;
	}
	/*
	 * No fence although this WRMSR serialises nothing (SDM 9.3): the handler runs on this CPU,
	 * which sees its own stores in order. A deadline in the past fires at once; 0 would disarm.
	 */
	now = rdtsc();
	wrmsr(MSR_TSC_DEADLINE, counts > UINT64_MAX - now ? UINT64_MAX : now + counts);
}

static void hardware_stop(void)
{
	if (uses_deadline)
		wrmsr(MSR_TSC_DEADLINE, 0);
	else
		apic_write(APIC_TIMER_INITIAL, 0);
}

void timer_init_ap(void)
{
	if (!uses_deadline) {
		apic_write(APIC_TIMER_DIVIDE, APIC_DIVIDE_BY_1);
		apic_write(APIC_LVT_TIMER, APIC_LVT_TIMER_ONE_SHOT | VECTOR_TIMER);
		return;
	}
	apic_write(APIC_LVT_TIMER, APIC_LVT_TIMER_DEADLINE | VECTOR_TIMER);
	/*
	 * In xAPIC mode the mode change is a store, and a deadline written before it arrives is
	 * lost: MFENCE pairs it with the WRMSR of hardware_arm() (SDM 11.5.4.1). In x2APIC mode
	 * both are WRMSRs, which the processor keeps in order.
	 */
	if (!apic_uses_msrs)
		__asm__ volatile("mfence" ::: "memory");
}

/* ---- what is due ---- */

/* Move the due time by @n periods. */
static void advance(struct timer_state *state, uint64_t n)
{
	uint64_t rest = state->rest + n * state->period_rest;

	state->due_ns += n * state->period_ns + rest / state->tick_hz;
	state->rest = (uint32_t)(rest % state->tick_hz);
}

/* The tick after the one at due_ns: the first that is still to come. */
static void next_tick(struct timer_state *state, uint64_t now_ns)
{
	advance(state, 1);
	if (state->due_ns <= now_ns) {
		uint64_t late = (now_ns - state->due_ns) / (state->period_ns + 1) + 1;

		advance(state, late);
		state->missed += late;
	}
	/* The division took the period for up to 1 ns longer than it is: a few may be left. */
	while (state->due_ns <= now_ns) {
		advance(state, 1);
		state->missed++;
	}
}

static void handle_timer(struct trap_frame *frame)
{
	struct timer_state *state = raw_cpu_ptr(timer_state);
	uint64_t now_ns = clock_ns();
	timer_handler_fn handler;

	if (tick_counter)
		tick_counter();
	if (state->due_ns == NOT_ARMED)
		return; /* stopped while the interrupt was on its way */
	if (now_ns < state->due_ns) {
		hardware_arm(state->due_ns - now_ns);
		return;
	}
	if (state->tick_hz) {
		next_tick(state, now_ns);
		hardware_arm(state->due_ns - now_ns);
	} else {
		state->due_ns = NOT_ARMED;
	}
	handler = __atomic_load_n(&fired_handler, __ATOMIC_RELAXED);
	if (handler)
		handler(frame);
}

int timer_init_bsp(void)
{
	uses_deadline = cpuid(1, 0).ecx & CPUID_1_ECX_DEADLINE;
	if (!uses_deadline && !clock_apic_timer_hz())
		return -ENODEV;
	ns_to_counts = clock_scale_from_ns(uses_deadline ? clock_tsc_hz() : clock_apic_timer_hz());
	timer_init_ap();
	return irq_register(VECTOR_TIMER, handle_timer);
}

timer_handler_fn timer_set_handler(timer_handler_fn handler)
{
	/* Relaxed: nothing is published with it but the code, which was always there. */
	return __atomic_exchange_n(&fired_handler, handler, __ATOMIC_RELAXED);
}

void timer_set_tick_counter(void (*count)(void))
{
	tick_counter = count;
}

void timer_arm_ns(uint64_t delay_ns)
{
	unsigned long flags = irq_save();
	struct timer_state *state = raw_cpu_ptr(timer_state);
	uint64_t now_ns = clock_ns();

	state->tick_hz = 0;
	state->due_ns = delay_ns < NOT_ARMED - 1 - now_ns ? now_ns + delay_ns : NOT_ARMED - 1;
	hardware_arm(delay_ns);
	irq_restore(flags);
}

void timer_stop(void)
{
	unsigned long flags = irq_save();
	struct timer_state *state = raw_cpu_ptr(timer_state);

	state->tick_hz = 0;
	state->due_ns = NOT_ARMED;
	hardware_stop();
	irq_restore(flags);
}

bool timer_is_armed(void)
{
	return this_cpu_read(timer_state.due_ns) != NOT_ARMED;
}

int tick_start(unsigned hz)
{
	unsigned long flags;
	struct timer_state *state;

	if (hz == 0 || hz > TICK_HZ_MAX)
		return -EINVAL;
	flags = irq_save();
	state = raw_cpu_ptr(timer_state);
	state->tick_hz = hz;
	state->period_ns = NS_PER_SECOND / hz;
	state->period_rest = (uint32_t)(NS_PER_SECOND % hz);
	state->rest = 0;
	state->due_ns = clock_ns() + state->period_ns;
	hardware_arm(state->period_ns);
	irq_restore(flags);
	return 0;
}

void tick_stop(void)
{
	timer_stop();
}

uint64_t tick_missed(void)
{
	return this_cpu_read(timer_state.missed);
}

const char *timer_mode_name(void)
{
	return uses_deadline ? "tsc-deadline" : "apic";
}
