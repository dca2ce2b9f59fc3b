/*
 * Starting and stopping processors: what cpu.c, bringup.c and boot/trampoline.S share.
 */
#pragma once

#include "fanga/cpu.h"
#include "lib/types.h"

/* Of a slot; trampoline.S knows WANTED and CLAIMED. */
enum ap_state {
	AP_UNWANTED, /* whoever has this APIC id parks */
	AP_WANTED,   /* by the boot CPU: the processor may claim it */
	AP_CLAIMED,  /* by the processor: the stack is its */
	AP_READY,    /* by the processor: it is set up and about to go idle */
	AP_ABANDONED, /* by the boot CPU, of a claimed slot: it must park on its stack */
};

/* One per CPU; read by trampoline.S without a stack. */
struct ap_slot {
	uint32_t apic_id;
	uint32_t state; /* enum ap_state, changed by cmpxchg */
	uint64_t stack_top;
	uint64_t gs_base;
};
_Static_assert(sizeof(struct ap_slot) == 24, "trampoline.S");
_Static_assert(offsetof(struct ap_slot, state) == 4, "trampoline.S");
_Static_assert(offsetof(struct ap_slot, stack_top) == 8, "trampoline.S");
_Static_assert(offsetof(struct ap_slot, gs_base) == 16, "trampoline.S");

/* By CPU; trampoline.S searches the first ap_slot_count of them for its APIC id. */
extern struct ap_slot ap_slots[CPU_MAX];
extern unsigned ap_slot_count;

#define KERNEL_STACK_BYTES 16384ul

/* Called by trampoline.S on the claimed slot's stack. */
_Noreturn void ap_main(struct ap_slot *slot);

/* Where the trampoline sends processors. */
extern const char ap_entry[];

/* Give @cpu its per-CPU area and stacks on its node, and its slot. 0 or -ENOMEM. Once per CPU. */
int ap_prepare(struct cpu *cpu) __must_check;

/* Copy the trampoline below 1 MiB and make its page tables. 0 or -ENOMEM. Boot CPU, once. */
int ap_place_trampoline(void) __must_check;

/*
 * Send INIT and SIPI to @cpu alone, or to all but the caller (NULL), then wait until every wanted
 * slot of @wanted is ready or @limit_ns have passed. Those that are not are failed. Returns how many
 * became ready. Table locked, interrupts on.
 */
unsigned ap_start(const struct cpumask *wanted, const struct cpu *only, uint64_t limit_ns);

/* Changes to the CPU table; thread context. */
void cpu_table_lock(void);
void cpu_table_unlock(void);

/* The writable entry of @cpu, for the rooms's own files. */
struct cpu *cpu_entry(unsigned cpu);

/* Set @cpu's state; release: what was done for it before is seen with it. */
void cpu_set_state(struct cpu *cpu, enum cpu_state state);

/* Enter or leave the online set. On @cpu itself. */
void cpu_enter_online(unsigned cpu);
void cpu_leave_online(unsigned cpu);

/* Call the subsystems. */
int cpu_call_online(unsigned cpu);
void cpu_call_offline(unsigned cpu);

/* Register for the NMI that stops a CPU when another panics. 0 or -ENOSPC. Boot CPU, once. */
int stop_init(void) __must_check;

/* Forget what the running CPU was to do before it was stopped. Before it is online. */
void idle_reset(void);

/* Whether this CPU runs work that another's smp_run_on() has handed it. Thread context. */
bool idle_in_work(void);

/* Have the idle loop of @cpu stop itself; idle.c. */
void idle_request_stop(unsigned cpu);
