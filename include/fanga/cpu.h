/*
 * CPUs: who is there, under which numbers, and in which state.
 *
 * `cpu` is our dense number: 0 is the boot CPU, the others follow in firmware order. `apic_id` is
 * the firmware's and the interrupt controller's number. The table only grows; an entry's address
 * never changes. Its `state` changes under the table's lock, and may be read at any time.
 *
 * Work that smp_run_on() has handed to another CPU cannot change the table: two CPUs that wait for
 * the end of each other's work would wait for ever, so every such call returns -EBUSY there.
 */
#pragma once

#include "lib/cpumask.h"
#include "lib/types.h"

enum cpu_state {
	CPU_OFFLINE,	  /* known, not running */
	CPU_INITIALIZING, /* was sent INIT and SIPI, has not answered yet */
	CPU_ONLINE,	  /* runs, takes IPIs */
	CPU_FAILED,	  /* did not answer in time, or cannot be reached; a late one is parked */
};

struct cpu {
	unsigned cpu;	  /* dense number */
	uint32_t apic_id; /* firmware's number */
	unsigned node;	  /* dense memory node, 0 on a uniform machine */
	bool bsp;	  /* the boot CPU */
	enum cpu_state state;
	uint64_t online_ns; /* clock at which it reported, 0 before */
};

/*
 * Called by cpu_bring_online() on the boot path of a CPU and by cpu_take_offline() before it stops
 * taking interrupts, both in thread context on the CPU that asked, with the table locked against
 * other changes. online() may refuse by a negative errno: the CPU is taken down again.
 */
struct cpu_callbacks {
	const char *name;
	int (*online)(unsigned cpu);
	void (*offline)(unsigned cpu);
	struct cpu_callbacks *next; /* owned by the table */
};

/* Enumerate CPUs from the parsed MADT. Returns their number or a negative errno. Boot CPU, once. */
int cpu_detect(void) __must_check;

/* CPUs known, online or not: 1..CPU_MAX. Any context. */
unsigned cpu_count(void);

/* CPUs online: 1..cpu_count(). Any context; stale unless CPUs cannot change. */
unsigned cpu_online_count(void);

/* Information on @cpu, or NULL when there is no such CPU. Any context; valid for ever. */
const struct cpu *cpu_get(unsigned cpu);

/* The CPU with @apic_id, or NULL. Any context. */
const struct cpu *cpu_get_by_apic_id(uint32_t apic_id);

/* The online CPUs. Any context; bits change by atomic operations. */
const struct cpumask *cpu_online_mask(void);
static inline bool cpu_is_online(unsigned cpu)
{
	return cpu < CPU_MAX && cpumask_test(cpu_online_mask(), cpu);
}

/* The APIC id of @cpu, which must be < cpu_count(). Any context. */
uint32_t cpu_apic_id(unsigned cpu);

/* "offline", "initializing", "online" or "failed". */
const char *cpu_state_name(enum cpu_state state);

/*
 * Add a CPU that the tables did not list (a hot-plugged one). Returns its number, or -EEXIST (known
 * already), -EINVAL (a broadcast or unreachable id), -ENOSPC (CPU_MAX), -ENOMEM, -EBUSY (in
 * work). It starts offline. Thread context.
 */
int cpu_add(uint32_t apic_id) __must_check;

/*
 * Start @cpu and wait until it answers, at most 1 s. 0, or -ENODEV (no such CPU, or none that can be
 * reached), -EALREADY (it is online), -ETIMEDOUT (no answer: state is failed), -EBUSY (in work), or a
 * callback's error. Thread context.
 */
int cpu_bring_online(unsigned cpu) __must_check;

/*
 * Stop @cpu: it finishes its work, drains its queues, takes no interrupt any more. 0, or -ENODEV,
 * -EALREADY (not online), -EBUSY (the boot CPU, the caller itself, or in work). Thread context.
 */
int cpu_take_offline(unsigned cpu) __must_check;

/*
 * Take the running CPU out of the machine: leave the online set, drain its queues, halt until
 * cpu_bring_online(). Interrupts off, not in an interrupt that others wait for; the boot CPU only
 * when the machine ends.
 */
_Noreturn void cpu_stop_self_irqoff(void);

/* Have @added called from now on; they are not called for CPUs online already. Boot context. */
void cpu_register_callbacks(struct cpu_callbacks *added);
