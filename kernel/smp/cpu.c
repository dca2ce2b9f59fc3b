/*
 * The table of CPUs and the set of those online.
 *
 * Entries are added under the table's lock and never removed; `cpu_total` is published with release
 * after an entry is complete. A CPU enters and leaves the online set itself, so that it is in there
 * exactly while it takes interrupts. The table's lock is held while CPUs start and stop, which
 * takes milliseconds: waiters pause with interrupts on, and only thread context takes it.
 */
#include "arch/x86_64/apic.h"
#include "arch/x86_64/cpu.h"
#include "fanga/call.h"
#include "fanga/clock.h"
#include "fanga/log.h"
#include "fanga/numa.h"
#include "fanga/panic.h"
#include "fanga/preempt.h"
#include "fanga/smp.h"
#include "fanga/timer.h"
#include "kernel/acpi/machine.h"
#include "kernel/smp/bringup.h"
#include "lib/errno.h"

DEFINE_PER_CPU(struct percpu_data, percpu_data);

static struct cpu cpus[CPU_MAX];
static unsigned cpu_total;
static unsigned online_total;
static struct cpumask online_mask __cacheline_aligned;
static struct cpu_callbacks *callbacks;
static bool table_locked;

unsigned cpu_count(void)
{
	/* Pairs with the release in publish(): the entry below the count is complete. */
	return __atomic_load_n(&cpu_total, __ATOMIC_ACQUIRE);
}

unsigned cpu_online_count(void)
{
	return __atomic_load_n(&online_total, __ATOMIC_RELAXED);
}

const struct cpumask *cpu_online_mask(void)
{
	return &online_mask;
}

struct cpu *cpu_entry(unsigned cpu)
{
	return cpu < cpu_count() ? &cpus[cpu] : NULL;
}

const struct cpu *cpu_get(unsigned cpu)
{
	return cpu_entry(cpu);
}

const struct cpu *cpu_get_by_apic_id(uint32_t apic_id)
{
	for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
		if (cpus[cpu].apic_id == apic_id)
			return &cpus[cpu];
	return NULL;
}

uint32_t cpu_apic_id(unsigned cpu)
{
	return cpus[cpu].apic_id;
}

struct percpu_data *get_cpu_data(unsigned cpu)
{
	return cpu < cpu_count() && percpu_offset[cpu] ? per_cpu_ptr(percpu_data, cpu) : NULL;
}

const char *cpu_state_name(enum cpu_state state)
{
	static const char *const names[] = {
		[CPU_OFFLINE] = "offline",
		[CPU_INITIALIZING] = "initializing",
		[CPU_ONLINE] = "online",
		[CPU_FAILED] = "failed",
	};

	return names[state];
}

void cpu_set_state(struct cpu *cpu, enum cpu_state state)
{
	__atomic_store_n(&cpu->state, state, __ATOMIC_RELEASE);
}

void cpu_table_lock(void)
{
	/* Acquire: pairs with the release below. */
	while (__atomic_exchange_n(&table_locked, true, __ATOMIC_ACQUIRE))
		cpu_relax();
}

void cpu_table_unlock(void)
{
	__atomic_store_n(&table_locked, false, __ATOMIC_RELEASE);
}

void cpu_enter_online(unsigned cpu)
{
	cpus[cpu].online_ns = clock_ns();
	cpumask_set_atomic(&online_mask, cpu);
	__atomic_add_fetch(&online_total, 1, __ATOMIC_RELAXED);
	cpu_set_state(&cpus[cpu], CPU_ONLINE);
}

void cpu_leave_online(unsigned cpu)
{
	cpumask_clear_atomic(&online_mask, cpu);
	__atomic_sub_fetch(&online_total, 1, __ATOMIC_RELAXED);
}

/* Fill the first free entry; nobody sees it until publish(). */
static struct cpu *draft(uint32_t apic_id, unsigned node)
{
	unsigned cpu = cpu_total;

	cpus[cpu] = (struct cpu){
		.cpu = cpu,
		.apic_id = apic_id,
		.node = node,
		.bsp = cpu == 0,
		.state = CPU_OFFLINE,
	};
	if (!apic_id_reachable(apic_id)) {
		log_warn("cpu%u: APIC id %u cannot be reached in %s mode", cpu, apic_id,
			 apic_mode_name());
		cpus[cpu].state = CPU_FAILED;
	}
	return &cpus[cpu];
}

static void publish(const struct cpu *cpu)
{
	/* Release: pairs with the acquire in cpu_count(). */
	__atomic_store_n(&cpu_total, cpu->cpu + 1, __ATOMIC_RELEASE);
}

static void count_tick(void)
{
	this_cpu_inc(percpu_data.total_ticks);
}

int cpu_detect(void)
{
	const struct acpi_info *info = acpi_machine();

	for (unsigned i = 0; i < info->cpu_count; i++)
		publish(draft(info->cpus[i].apic_id, numa_node_for_cpu(i)));
	if (!cpu_total)
		publish(draft(apic_self_id(), 0));

	struct percpu_data *data = per_cpu_ptr(percpu_data, 0);

	data->cpu = 0;
	data->apic_id = cpus[0].apic_id;
	data->node = cpus[0].node;
	timer_set_tick_counter(count_tick);
	cpu_enter_online(0);
	return (int)cpu_total;
}

static int add_locked(uint32_t apic_id)
{
	struct cpu *cpu;

	if (cpu_get_by_apic_id(apic_id))
		return -EEXIST;
	if (cpu_total == CPU_MAX)
		return -ENOSPC;
	cpu = draft(apic_id, numa_node_for_cpu(cpu_total));
	/* All that others need to talk to it comes before its number does. */
	if (ap_prepare(cpu) || call_init(cpu->cpu + 1))
		return -ENOMEM;
	publish(cpu);
	return (int)cpu->cpu;
}

int cpu_add(uint32_t apic_id)
{
	int cpu;

	if (apic_id == APIC_ID_ALL || !apic_id_reachable(apic_id))
		return -EINVAL;
	if (idle_in_work())
		return -EBUSY;
	cpu_table_lock();
	cpu = add_locked(apic_id);
	cpu_table_unlock();
	return cpu;
}

void cpu_register_callbacks(struct cpu_callbacks *added)
{
	cpu_table_lock();
	added->next = callbacks;
	callbacks = added;
	cpu_table_unlock();
}

int cpu_call_online(unsigned cpu)
{
	for (struct cpu_callbacks *c = callbacks; c; c = c->next) {
		int error = c->online ? c->online(cpu) : 0;

		if (!error)
			continue;
		log_warn("cpu%u: %s does not take it: error %d", cpu, c->name, error);
		/* Those before it have taken it: take it back from them. */
		for (struct cpu_callbacks *undo = callbacks; undo != c; undo = undo->next)
			if (undo->offline)
				undo->offline(cpu);
		return error;
	}
	return 0;
}

void cpu_call_offline(unsigned cpu)
{
	for (struct cpu_callbacks *c = callbacks; c; c = c->next)
		if (c->offline)
			c->offline(cpu);
}

const char *panic_context_name(void)
{
	const char *running = this_cpu_read(percpu_data.running);

	return running ? running : "boot";
}

bool percpu_in_interrupt(const struct percpu_data *data)
{
	return preempt_word_in_interrupt(
		__atomic_load_n(per_cpu_ptr(preempt_word, data->cpu), __ATOMIC_RELAXED));
}

bool percpu_preemptible(const struct percpu_data *data)
{
	return !preempt_word_count(
		__atomic_load_n(per_cpu_ptr(preempt_word, data->cpu), __ATOMIC_RELAXED));
}
