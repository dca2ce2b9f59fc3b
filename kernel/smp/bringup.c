/*
 * Starting application processors, all together or one by one, and stopping them.
 *
 * A processor and the boot CPU agree over its slot by cmpxchg (trampoline.S takes WANTED to
 * CLAIMED, ap_main() CLAIMED to READY; the boot CPU takes either back when time is up), so a
 * processor that answers late parks and never runs on what was given away. What it needs is
 * allocated before it is asked to start. The table's lock is held throughout.
 */
#include "kernel/smp/bringup.h"
#include "arch/x86_64/apic.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/features.h"
#include "arch/x86_64/gdt.h"
#include "arch/x86_64/percpu.h"
#include "arch/x86_64/trap.h"
#include "boot/trampoline.h"
#include "fanga/call.h"
#include "fanga/clock.h"
#include "fanga/log.h"
#include "fanga/mm.h"
#include "fanga/slab.h"
#include "fanga/smp.h"
#include "fanga/timer.h"
#include "fanga/tlb.h"
#include "kernel/mm/early.h"
#include "kernel/mm/kmap.h"
#include "kernel/smp/kick.h"
#include "lib/errno.h"
#include "lib/string.h"

/* Intel SDM vol. 3 section 9.4.4.1 and its MP start-up example. */
#define INIT_SETTLE_NS	 10000ul    /* what processors of this century need; see RETRY_NS */
#define SECOND_SIPI_NS	 2000000ul  /* after the first, if somebody is missing */
#define OLD_INIT_WAIT_NS 10000000ul /* the documented wait, for whoever is still missing */
#define RETRY_NS	 50000000ul /* when that is tried */
#define POLL_NS		 500000ul   /* of waiting awake: most answer within microseconds */
#define SLEEP_NS	 100000ul   /* then, between two looks */
#define BRINGUP_LIMIT_NS 1000000000ul

struct ap_slot ap_slots[CPU_MAX];
unsigned ap_slot_count;

static unsigned ap_ready_count;
static uint64_t ist_stacks[CPU_MAX];
static uint64_t trampoline_page;  /* 0: no CPU can be started */
static unsigned shorthand_blocks; /* reasons not to use the all-but-self shorthand */
static uint64_t bringup_ns;
static bool is_stopping; /* atomic: a CPU is between its leave of the online set and its last answer */

bool smp_shorthand_safe(void)
{
	return __atomic_load_n(&shorthand_blocks, __ATOMIC_ACQUIRE) == 0;
}

uint64_t smp_bringup_ns(void)
{
	return bringup_ns;
}

int ap_prepare(struct cpu *cpu)
{
	struct ap_slot *slot = &ap_slots[cpu->cpu];
	uint64_t area = early_alloc(cpu->node, percpu_area_bytes(), PAGE_BYTES);
	uint64_t stack = kstack_alloc(cpu->node, KERNEL_STACK_BYTES);

	ist_stacks[cpu->cpu] = kstack_alloc_series(cpu->node, IST_BYTES, IST_STACKS);
	if (!area || !stack || !ist_stacks[cpu->cpu])
		return -ENOMEM;
	percpu_init_area(cpu->cpu, phys_to_virt(area));

	struct percpu_data *data = per_cpu_ptr(percpu_data, cpu->cpu);

	data->cpu = cpu->cpu;
	data->apic_id = cpu->apic_id;
	data->node = cpu->node;
	*slot = (struct ap_slot){
		.apic_id = cpu->apic_id,
		.state = AP_UNWANTED,
		.stack_top = stack,
		.gs_base = percpu_offset[cpu->cpu],
	};
	/* Release: a processor that sees the count sees the slot. */
	if (ap_slot_count <= cpu->cpu)
		__atomic_store_n(&ap_slot_count, cpu->cpu + 1, __ATOMIC_RELEASE);
	return 0;
}

int ap_place_trampoline(void)
{
	uint64_t page = early_low_page();
	uint64_t root = page ? kmap_make_trampoline_root(page) : 0;

	if (!root)
		return -ENOMEM;

	struct trampoline *t = phys_to_virt(page);

	trampoline_page = page;
	memcpy(t, trampoline_start, (size_t)(trampoline_end - trampoline_start));
	t->cr3 = root;
	t->far_offset = (uint32_t)(page + (size_t)(trampoline_code64 - trampoline_start));
	t->far_selector = SELECTOR_KERNEL_CODE;
	t->gdt_limit = 3 * sizeof(uint64_t) - 1;
	t->gdt_base = (uint32_t)(page + TRAMPOLINE_GDT);
	t->entry = (uint64_t)ap_entry;
	return 0;
}

static bool slot_change(struct ap_slot *slot, uint32_t from, uint32_t to)
{
	/* Acquire and release: what either side did before the change is the other's to see. */
	return __atomic_compare_exchange_n(&slot->state, &from, to, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}

/*
 * Sleep till @deadline_ns, or until @target processors are ready. Not by polling throughout: where
 * a simulator makes time out of instructions, a second of it takes minutes. A timer that somebody
 * else has armed is left alone.
 */
static void wait_until_ready(unsigned target, uint64_t deadline_ns)
{
	uint64_t poll_until_ns = clock_ns() + POLL_NS;

	/* Pairs with the release in ap_main(). */
	while (__atomic_load_n(&ap_ready_count, __ATOMIC_ACQUIRE) < target) {
		uint64_t now_ns = clock_ns();

		if (now_ns >= deadline_ns)
			return;
		if (now_ns < poll_until_ns || timer_is_armed()) {
			cpu_relax();
			continue;
		}
		/* Off until the halt: the interrupt must not come before it. */
		irq_disable();
		timer_arm_ns(MIN(SLEEP_NS, deadline_ns - now_ns));
		cpu_sti_hlt();
	}
}

static void sleep_ns(uint64_t ns)
{
	wait_until_ready(~0u, clock_ns() + ns);
}

static void send_init(const struct cpu *only)
{
	if (only)
		(void)apic_send_init(only->apic_id);
	else
		(void)apic_broadcast_init();
}

static void send_startup(const struct cpu *only)
{
	uint8_t page = (uint8_t)(trampoline_page >> PAGE_SHIFT);

	if (only)
		(void)apic_send_startup(only->apic_id, page);
	else
		(void)apic_broadcast_startup(page);
}

/*
 * INIT, then a first SIPI; to one, or to all but the caller. Slots are offered only when INIT has
 * arrived: one that answers to an earlier start could claim its slot and then be reset, which would
 * leave it claimed by nobody. Returns the time of the SIPI.
 */
static uint64_t send_start(const struct cpumask *wanted, const struct cpu *only)
{
	unsigned revived = 0, cpu;
	uint64_t start_ns;

	send_init(only);
	clock_delay_ns(INIT_SETTLE_NS);
	for_each_cpu (cpu, wanted)
		if (__atomic_exchange_n(&ap_slots[cpu].state, AP_WANTED, __ATOMIC_ACQ_REL) ==
		    AP_ABANDONED)
			revived++;
	/* INIT has switched off the interrupt controllers of those that were given up on. */
	__atomic_sub_fetch(&shorthand_blocks, revived, __ATOMIC_RELEASE);
	start_ns = clock_ns();
	send_startup(only);
	return start_ns;
}

/*
 * The documented, slow sequence to each that is missing, with one wait for all of them. Their slots
 * are taken back meanwhile, for the same reason.
 */
static void retry_missing(const struct cpumask *wanted)
{
	struct cpumask missing = {0};
	unsigned cpu;

	for_each_cpu (cpu, wanted) {
		if (!slot_change(&ap_slots[cpu], AP_WANTED, AP_UNWANTED))
			continue;
		cpumask_set(&missing, cpu);
		send_init(cpu_entry(cpu));
	}
	sleep_ns(OLD_INIT_WAIT_NS);
	for_each_cpu (cpu, &missing) {
		__atomic_store_n(&ap_slots[cpu].state, AP_WANTED, __ATOMIC_RELEASE);
		send_startup(cpu_entry(cpu));
	}
}

/* Time is up for @cpu. Whether it was too late to give up. */
static bool give_up(unsigned cpu)
{
	struct ap_slot *slot = &ap_slots[cpu];

	if (slot_change(slot, AP_WANTED, AP_UNWANTED)) {
		log_warn("cpu%u (APIC id %u) did not start", cpu, slot->apic_id);
	} else if (slot_change(slot, AP_CLAIMED, AP_ABANDONED)) {
		/* Its interrupt controller may be on: a shorthand would reach it. */
		__atomic_add_fetch(&shorthand_blocks, 1, __ATOMIC_RELEASE);
		log_warn("cpu%u (APIC id %u) started but did not get ready", cpu, slot->apic_id);
	} else {
		return true;
	}
	cpu_set_state(cpu_entry(cpu), CPU_FAILED);
	return false;
}

unsigned ap_start(const struct cpumask *wanted, const struct cpu *only, uint64_t limit_ns)
{
	unsigned target = cpumask_weight(wanted), ready = 0, cpu;
	uint64_t start_ns;

	__atomic_add_fetch(&shorthand_blocks, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&ap_ready_count, 0, __ATOMIC_RELAXED);
	for_each_cpu (cpu, wanted)
		cpu_set_state(cpu_entry(cpu), CPU_INITIALIZING);
	start_ns = send_start(wanted, only);
	wait_until_ready(target, start_ns + SECOND_SIPI_NS);
	if (__atomic_load_n(&ap_ready_count, __ATOMIC_ACQUIRE) < target) {
		send_startup(only); /* ignored by those that are running */
		wait_until_ready(target, start_ns + RETRY_NS);
	}
	if (__atomic_load_n(&ap_ready_count, __ATOMIC_ACQUIRE) < target) {
		retry_missing(wanted);
		wait_until_ready(target, start_ns + limit_ns);
	}
	for_each_cpu (cpu, wanted) {
		if (__atomic_load_n(&ap_slots[cpu].state, __ATOMIC_ACQUIRE) != AP_READY &&
		    !give_up(cpu))
			continue;
		/* Ready: a few instructions from online, where a halt IPI may stop it again. */
		while (__atomic_load_n(&cpu_entry(cpu)->state, __ATOMIC_ACQUIRE) ==
		       CPU_INITIALIZING)
			cpu_relax();
		ready++;
	}
	bringup_ns = 0;
	for_each_cpu (cpu, wanted)
		if (cpu_entry(cpu)->state == CPU_ONLINE)
			bringup_ns = MAX(bringup_ns, cpu_entry(cpu)->online_ns - start_ns);
	__atomic_sub_fetch(&shorthand_blocks, 1, __ATOMIC_RELEASE);
	return ready;
}

void ap_main(struct ap_slot *slot)
{
	unsigned cpu = current_cpu_id();

	gdt_load((void *)ist_stacks[cpu]);
	gdt_set_kernel_stack(slot->stack_top - KERNEL_STACK_BYTES, slot->stack_top);
	idt_load();
	features_enable();
	apic_init_ap();
	clock_init_ap();
	timer_init_ap();
	if (!slot_change(slot, AP_CLAIMED, AP_READY)) {
		apic_shutdown();
		for (;;)
			cpu_halt();
	}
	idle_reset();
	tlb_cpu_online_irqoff();
	/*
	 * Release: pairs with wait_until_ready(). Before the state changes: ap_start() waits for
	 * that, so that the next start does not count this processor.
	 */
	__atomic_add_fetch(&ap_ready_count, 1, __ATOMIC_RELEASE);
	cpu_enter_online(cpu);
	smp_idle();
}

int smp_init(void)
{
	int error = cpu_detect();

	if (error < 0)
		return error;
	ist_stacks[0] = kstack_alloc_series(cpu_get(0)->node, IST_BYTES, IST_STACKS);
	if (!ist_stacks[0])
		return -ENOMEM;
	gdt_load((void *)ist_stacks[0]);
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		if (ap_prepare(cpu_entry(cpu))) {
			log_warn("cpu%u: no memory for its stacks", cpu);
			cpu_set_state(cpu_entry(cpu), CPU_FAILED);
		}
	}
	if (ap_place_trampoline()) {
		log_warn("no memory below 640 KiB to start processors in: there is one CPU");
		for (unsigned cpu = 1; cpu < cpu_count(); cpu++)
			cpu_set_state(cpu_entry(cpu), CPU_FAILED);
	}
	return 0;
}

int smp_start_application_processors(void)
{
	struct cpumask wanted = {0};
	unsigned cpu;

	cpu_table_lock();
	for (cpu = 1; cpu < cpu_count(); cpu++)
		if (cpu_get(cpu)->state == CPU_OFFLINE)
			cpumask_set(&wanted, cpu);
	if (!cpumask_empty(&wanted))
		ap_start(&wanted, NULL, BRINGUP_LIMIT_NS);
	for_each_cpu (cpu, &wanted)
		if (cpu_is_online(cpu) && cpu_call_online(cpu))
			idle_request_stop(cpu);
	cpu_table_unlock();
	return (int)cpu_online_count();
}

static int bring_online_locked(struct cpu *cpu)
{
	struct cpumask wanted = {0};
	uint64_t keep_ns = bringup_ns;
	int error;

	if (cpu->state == CPU_ONLINE)
		return -EALREADY;
	/* A processor that was given up on may still be on its stack: INIT ends that. */
	if (!trampoline_page || !ap_slots[cpu->cpu].stack_top || !apic_id_reachable(cpu->apic_id))
		return -ENODEV;
	cpumask_set(&wanted, cpu->cpu);
	error = ap_start(&wanted, cpu, BRINGUP_LIMIT_NS) ? 0 : -ETIMEDOUT;
	bringup_ns = keep_ns;
	if (error)
		return error;
	error = cpu_call_online(cpu->cpu);
	if (error)
		idle_request_stop(cpu->cpu);
	return error;
}

int cpu_bring_online(unsigned cpu)
{
	int error = -ENODEV;

	if (idle_in_work())
		return -EBUSY;
	cpu_table_lock();
	if (cpu_entry(cpu))
		error = bring_online_locked(cpu_entry(cpu));
	cpu_table_unlock();
	return error;
}

int cpu_take_offline(unsigned cpu)
{
	int error = 0;

	if (idle_in_work())
		return -EBUSY;
	cpu_table_lock();
	if (!cpu_entry(cpu)) {
		error = -ENODEV;
	} else if (!cpu_is_online(cpu)) {
		error = -EALREADY;
	} else if (cpu == 0 || cpu == current_cpu_id()) {
		error = -EBUSY;
	} else {
		cpu_call_offline(cpu);
		idle_request_stop(cpu);
	}
	cpu_table_unlock();
	return error;
}

void cpu_stop_self_irqoff(void)
{
	unsigned cpu = current_cpu_id();

	timer_stop();
	/*
	 * One at a time (tests/models/call_stop.pml): while a CPU drains it calls those that it saw
	 * online, and one that left meanwhile could not tell when that is over. Acquire: pairs with
	 * the release below.
	 */
	while (__atomic_exchange_n(&is_stopping, true, __ATOMIC_ACQUIRE)) {
		cpu_relax();
		smp_serve_irqoff();
	}
	cpu_leave_online(cpu);
	call_drain_self_irqoff();
	__atomic_store_n(&is_stopping, false, __ATOMIC_RELEASE);
	tlb_cpu_offline_irqoff();
	slab_cpu_offline_irqoff();
	apic_shutdown();
	cpu_set_state(cpu_entry(cpu), CPU_OFFLINE);
	for (;;)
		cpu_halt();
}
