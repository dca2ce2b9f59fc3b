/*
 * The table of CPUs: numbers, states, adding, stopping and starting, alone and under load.
 *
 * `add_one_that_is_not_there` leaves a failed CPU in the table for all tests after it, which have to
 * live with that as the kernel has. Callbacks cannot be taken back either: `watch` and `refuser`
 * stay registered and do nothing unless armed.
 */
#include <fanga/call.h>
#include <fanga/clock.h>
#include <fanga/ipi.h>
#include <fanga/preempt.h>
#include <fanga/smp.h>
#include "arch/x86_64/apic.h"
#include "arch/x86_64/cpu.h"
#include "lib/errno.h"
#include "tests/kernel/ktest.h"
#include "tests/kernel/smp_test.h"

#define CYCLES	  5
#define CYCLED_MAX 16 /* CPUs stopped and started one by one */
#define ANSWER_NS 1000000000ull

static unsigned last_online(void)
{
	unsigned cpu, last = 0;

	for_each_cpu (cpu, cpu_online_mask())
		last = cpu;
	return last;
}

KTEST(cpu, table_is_consistent)
{
	unsigned online = 0;

	KT_CHECK(cpu_count() >= 1 && cpu_count() <= CPU_MAX);
	for (unsigned i = 0; i < cpu_count(); i++) {
		const struct cpu *cpu = cpu_get(i);

		KT_CHECK(cpu);
		KT_EQ(cpu->cpu, i);
		KT_EQ(cpu->bsp, i == 0);
		KT_EQ(cpu_apic_id(i), cpu->apic_id);
		KT_CHECK(cpu_get_by_apic_id(cpu->apic_id) == cpu); /* so ids are unique */
		KT_EQ(cpu_is_online(i), cpu->state == CPU_ONLINE);
		KT_CHECK(cpu->state != CPU_ONLINE || i == 0 || cpu->online_ns);
		online += cpu->state == CPU_ONLINE;
	}
	KT_EQ(cpu_online_count(), online);
	KT_EQ(cpumask_weight(cpu_online_mask()), online);
	KT_EQ(cpu_get(0)->state, CPU_ONLINE);
	KT_EQ(cpu_get(0)->apic_id, apic_self_id());
	KT_CHECK(!cpu_get(cpu_count()) && !cpu_get(~0u));
	KT_CHECK(!cpu_get_by_apic_id(APIC_ID_ALL));
	KT_CHECK(!cpu_is_online(CPU_MAX) && !cpu_is_online(~0u));
}

KTEST(cpu, states_have_names)
{
	KT_CHECK(cpu_state_name(CPU_OFFLINE)[1] == 'f');
	KT_CHECK(cpu_state_name(CPU_INITIALIZING)[0] == 'i');
	KT_CHECK(cpu_state_name(CPU_ONLINE)[1] == 'n');
	KT_CHECK(cpu_state_name(CPU_FAILED)[0] == 'f');
}

static void note_cpu(void *arg)
{
	__atomic_store_n((unsigned *)arg, current_cpu_id(), __ATOMIC_RELAXED);
}

/* @cpu answers a call and a work order. */
static void check_works(unsigned cpu)
{
	struct cpumask only = {0};
	unsigned seen = ~0u;

	cpumask_set(&only, cpu);
	KT_EQ(call_on(cpu, note_cpu, &seen, true), 0);
	KT_EQ(seen, cpu);
	seen = ~0u;
	KT_EQ(smp_run_on(&only, note_cpu, &seen), 1);
	KT_EQ(seen, cpu);
}

/* @cpu is offline and nobody can use it. */
static void check_unreachable(unsigned cpu)
{
	struct cpumask only = {0};
	unsigned seen = ~0u;

	cpumask_set(&only, cpu);
	KT_CHECK(!cpu_is_online(cpu));
	KT_EQ(call_on(cpu, note_cpu, &seen, true), -ENXIO);
	KT_EQ(ipi_send(ipi_new(IPI_RESCHEDULE, IPI_TARGET_CPU(cpu))), -ENXIO);
	KT_EQ(smp_run_on(&only, note_cpu, &seen), 0);
	KT_EQ(seen, ~0u);
}

static void stop_and_start(unsigned cpu)
{
	unsigned online = cpu_online_count();
	uint64_t ticks = get_cpu_data(cpu)->total_ticks, area = percpu_offset[cpu];

	KT_EQ(cpu_take_offline(cpu), 0);
	KT_EQ(cpu_get(cpu)->state, CPU_OFFLINE);
	KT_EQ(cpu_online_count(), online - 1);
	check_unreachable(cpu);
	KT_EQ(cpu_take_offline(cpu), -EALREADY);
	KT_EQ(cpu_bring_online(cpu), 0);
	KT_EQ(cpu_get(cpu)->state, CPU_ONLINE);
	KT_CHECK(cpu_is_online(cpu));
	KT_EQ(cpu_online_count(), online);
	KT_EQ(cpu_bring_online(cpu), -EALREADY);
	KT_EQ(percpu_offset[cpu], area);
	KT_CHECK(get_cpu_data(cpu)->total_ticks >= ticks);
	check_works(cpu);
}

KTEST(cpu, each_cpu_stops_and_starts)
{
	unsigned cpu, cycled = 0;

	if (cpu_online_count() < 2)
		KT_SKIP("needs 2 CPUs");
	for_each_cpu (cpu, cpu_online_mask()) {
		if (!cpu || !visits_cpu(cpu) || cycled >= CYCLED_MAX)
			continue;
		cycled++;
		for (unsigned i = 0; i < (cpu_count() > 64 ? 1 : CYCLES); i++)
			stop_and_start(cpu);
	}
}

KTEST(cpu, all_but_the_boot_cpu_stop_and_start)
{
	unsigned online = cpu_online_count(), cpu;
	struct cpumask all;

	cpumask_copy(&all, cpu_online_mask());
	for_each_cpu (cpu, &all)
		if (!cpu || !visits_cpu(cpu))
			cpumask_clear(&all, cpu);
	for_each_cpu (cpu, &all)
		KT_EQ(cpu_take_offline(cpu), 0);
	KT_EQ(cpu_online_count(), online - cpumask_weight(&all));
	KT_EQ(ipi_send(ipi_new(IPI_RESCHEDULE, IPI_TARGET_ALL_BUT_SELF)), 0);
	for_each_cpu (cpu, &all)
		KT_EQ(cpu_bring_online(cpu), 0);
	for_each_cpu (cpu, &all)
		check_works(cpu);
}

KTEST(cpu, wrong_requests_are_refused)
{
	unsigned online = cpu_online_count();

	KT_EQ(cpu_take_offline(0), -EBUSY);
	KT_EQ(cpu_take_offline(cpu_count()), -ENODEV);
	KT_EQ(cpu_take_offline(~0u), -ENODEV);
	KT_EQ(cpu_bring_online(0), -EALREADY);
	KT_EQ(cpu_bring_online(cpu_count()), -ENODEV);
	KT_EQ(cpu_bring_online(~0u), -ENODEV);
	KT_EQ(cpu_online_count(), online);
}

struct changes {
	unsigned cpu;
	int offline, online, add;
};

static void change_table(void *arg)
{
	struct changes *changes = arg;

	changes->offline = cpu_take_offline(changes->cpu);
	changes->online = cpu_bring_online(changes->cpu);
	changes->add = cpu_add(cpu_apic_id(changes->cpu));
}

KTEST(cpu, work_cannot_change_the_table)
{
	unsigned worker = cpumask_next(cpu_online_mask(), 0), online = cpu_online_count();
	struct changes changes = {.cpu = last_online()};
	struct cpumask only = {0};

	if (online < 3)
		KT_SKIP("needs 3 CPUs");
	cpumask_set(&only, worker);
	KT_EQ(smp_run_on(&only, change_table, &changes), 1);
	KT_EQ(changes.offline, -EBUSY);
	KT_EQ(changes.online, -EBUSY);
	KT_EQ(changes.add, -EBUSY);
	KT_EQ(cpu_online_count(), online);
	/* The part of the work that its caller does itself is no such work. */
	cpumask_only(&only, 0);
	KT_EQ(smp_run_on(&only, change_table, &changes), 1);
	KT_EQ(changes.offline, 0);
	KT_EQ(changes.online, 0);
	KT_EQ(changes.add, -EEXIST);
	KT_EQ(cpu_online_count(), online);
}

static void stop_myself(void *result)
{
	*(int *)result = cpu_take_offline(current_cpu_id());
}

KTEST(cpu, nobody_stops_itself)
{
	struct cpumask only = {0};
	int result = 0;

	if (cpu_online_count() < 2)
		KT_SKIP("needs 2 CPUs");
	cpumask_set(&only, last_online());
	smp_run_on(&only, stop_myself, &result);
	KT_EQ(result, -EBUSY);
	check_works(last_online());
}

/* ---- callbacks ---- */

static struct {
	bool armed;
	unsigned cpu, online, offline; /* the last CPU, and how often each was called */
} watched;

static int watch_online(unsigned cpu)
{
	if (watched.armed) {
		watched.cpu = cpu;
		watched.online++;
	}
	return 0;
}

static void watch_offline(unsigned cpu)
{
	if (watched.armed) {
		watched.cpu = cpu;
		watched.offline++;
	}
}

static int refusal;

static int refuse_online(unsigned cpu)
{
	(void)cpu;
	return refusal;
}

static struct cpu_callbacks watch = {
	.name = "watch", .online = watch_online, .offline = watch_offline};
static struct cpu_callbacks refuser = {.name = "refuser", .online = refuse_online};
static struct cpu_callbacks watch_too = {
	.name = "watch too", .online = watch_online, .offline = watch_offline};

KTEST(cpu, callbacks_see_each_change_and_may_refuse)
{
	unsigned cpu = last_online();
	unsigned online = cpu_online_count();

	if (!cpu)
		KT_SKIP("needs 2 CPUs");
	cpu_register_callbacks(&watch);
	cpu_register_callbacks(&refuser);
	cpu_register_callbacks(&watch_too);
	watched.armed = true;
	KT_EQ(cpu_take_offline(cpu), 0);
	KT_EQ(watched.offline, 2);
	KT_EQ(watched.cpu, cpu);
	KT_EQ(watched.online, 0);
	KT_EQ(cpu_bring_online(cpu), 0);
	KT_EQ(watched.online, 2);
	KT_EQ(cpu_take_offline(cpu), 0);

	/* One of the two comes before the refusal and has to be told that it was in vain. */
	watched.online = watched.offline = 0;
	refusal = -ENOMEM;
	KT_EQ(cpu_bring_online(cpu), -ENOMEM);
	refusal = 0;
	KT_EQ(watched.online, 1);
	KT_EQ(watched.offline, 1);
	KT_EQ(cpu_get(cpu)->state, CPU_OFFLINE);
	KT_EQ(cpu_online_count(), online - 1);
	watched.armed = false;
	KT_EQ(cpu_bring_online(cpu), 0);
	check_works(cpu);
}

/* ---- under load ---- */

#define LOAD_CYCLES  (cpu_count() > 64 ? 3u : 20u)
#define SENDERS_MAX  8

static struct {
	unsigned victim;
	bool over;
	uint64_t called, ran;	  /* synchronous calls that returned 0, and executions */
	uint64_t posted, handled; /* generic IPIs likewise */
	uint64_t refused;	  /* -ENXIO of either */
	uint64_t wrong;		  /* any other result, or executed elsewhere */
} load;

static void count(uint64_t *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

static void load_called(void *unused)
{
	(void)unused;
	count(current_cpu_id() == load.victim ? &load.ran : &load.wrong);
}

static void load_handle(uint64_t data, unsigned from)
{
	(void)from;
	count(data == 0xfa11 && current_cpu_id() == load.victim ? &load.handled : &load.wrong);
}

static void load_send(void)
{
	int error = call_on(load.victim, load_called, NULL, true);

	count(!error ? &load.called : error == -ENXIO ? &load.refused : &load.wrong);
	error = ipi_send(ipi_with_data(IPI_GENERIC, IPI_TARGET_CPU(load.victim), 0xfa11));
	count(!error ? &load.posted : error == -ENXIO ? &load.refused : &load.wrong);
}

static void load_run(void *unused)
{
	(void)unused;
	if (current_cpu_id()) {
		while (!__atomic_load_n(&load.over, __ATOMIC_ACQUIRE)) {
			load_send();
			cpu_relax();
		}
		return;
	}
	for (unsigned i = 0; i < LOAD_CYCLES; i++) {
		/* Some are sent while it is up, some while it is down. */
		clock_delay_ns(20000);
		count(cpu_take_offline(load.victim) ? &load.wrong : &(uint64_t){0});
		clock_delay_ns(20000);
		count(cpu_bring_online(load.victim) ? &load.wrong : &(uint64_t){0});
	}
	__atomic_store_n(&load.over, true, __ATOMIC_RELEASE);
}

KTEST(cpu, nothing_sent_to_a_stopping_cpu_is_lost)
{
	struct cpumask senders = {0};
	unsigned victim = last_online(), cpu;

	if (cpu_online_count() < 3)
		KT_SKIP("needs 3 CPUs");
	load.victim = victim;
	load.over = false;
	load.called = load.ran = load.posted = load.handled = load.refused = load.wrong = 0;
	KT_EQ(ipi_generic_register(load_handle), 0);
	for_each_cpu (cpu, cpu_online_mask())
		if (cpu != victim && cpumask_weight(&senders) <= SENDERS_MAX)
			cpumask_set(&senders, cpu);
	smp_run_on(&senders, load_run, NULL);
	ipi_generic_unregister();
	ktest_note("%lu calls, %lu messages, %lu refused", load.called, load.posted, load.refused);
	KT_EQ(load.wrong, 0);
	KT_CHECK(load.called && load.posted && load.refused);
	KT_EQ(load.ran, load.called);
	KT_EQ(load.handled, load.posted);
	check_works(victim);
}

static unsigned begun; /* atomic: CPUs that began to wait */

static void wait_until_told(void *go)
{
	__atomic_add_fetch(&begun, 1, __ATOMIC_RELAXED);
	while (!__atomic_load_n((bool *)go, __ATOMIC_ACQUIRE))
		cpu_relax();
}

static void halt_one(void *arg)
{
	bool *go = arg;
	unsigned victim;

	if (current_cpu_id()) {
		wait_until_told(go);
		return;
	}
	victim = last_online();
	while (__atomic_load_n(&begun, __ATOMIC_RELAXED) < cpu_online_count() - 1)
		cpu_relax();
	KT_EQ(ipi_send(ipi_new(IPI_HALT, IPI_TARGET_CPU(victim))), 0);
	while (__atomic_load_n(&cpu_get(victim)->state, __ATOMIC_ACQUIRE) != CPU_OFFLINE)
		cpu_relax();
	__atomic_store_n(go, true, __ATOMIC_RELEASE);
}

/* What a halted CPU worked on is lost, but neither waits for it for ever nor begins again. */
KTEST(cpu, halted_in_the_middle_of_work)
{
	unsigned victim = last_online(), online = cpu_online_count();
	bool go = false;

	if (!victim)
		KT_SKIP("needs 2 CPUs");
	__atomic_store_n(&begun, 0, __ATOMIC_RELAXED);
	KT_EQ(smp_run_on(cpu_online_mask(), halt_one, &go), online);
	check_unreachable(victim);
	KT_EQ(cpu_bring_online(victim), 0);
	check_works(victim);
	KT_EQ(begun, online - 1);
	stop_and_start(victim);
}

/* ---- adding ---- */

KTEST(cpu, add_refuses_known_and_impossible_ids)
{
	unsigned count_before = cpu_count();

	for (unsigned cpu = 0; cpu < count_before; cpu++)
		KT_EQ(cpu_add(cpu_apic_id(cpu)), -EEXIST);
	KT_EQ(cpu_add(APIC_ID_ALL), -EINVAL);
	if (!apic_is_x2apic()) {
		KT_EQ(cpu_add(APIC_ID_ALL_XAPIC), -EINVAL);
		KT_EQ(cpu_add(0x12345), -EINVAL);
	}
	KT_EQ(cpu_count(), count_before);
}

static int unused_apic_id(void)
{
	for (int id = APIC_ID_ALL_XAPIC - 1; id >= 0; id--)
		if (!cpu_get_by_apic_id((uint32_t)id))
			return id;
	return -1;
}

KTEST(cpu, add_one_that_is_not_there)
{
	unsigned count_before = cpu_count(), online = cpu_online_count();
	int id = unused_apic_id();
	uint64_t start_ns;
	int cpu;

	if (id < 0 || count_before == CPU_MAX)
		KT_SKIP("no APIC id is free");
	cpu = cpu_add((uint32_t)id);
	KT_EQ(cpu, count_before);
	KT_EQ(cpu_count(), count_before + 1);
	KT_EQ(cpu_get(cpu)->apic_id, id);
	KT_EQ(cpu_get(cpu)->state, CPU_OFFLINE);
	KT_CHECK(!cpu_get(cpu)->bsp && cpu_get_by_apic_id(id) == cpu_get(cpu));
	KT_EQ(get_cpu_data(cpu)->cpu, cpu);
	KT_EQ(get_cpu_data(cpu)->apic_id, id);
	KT_EQ(cpu_take_offline(cpu), -EALREADY);
	check_unreachable(cpu);
	KT_EQ(cpu_add((uint32_t)id), -EEXIST);

	start_ns = clock_ns();
	KT_EQ(cpu_bring_online(cpu), -ETIMEDOUT);
	KT_CHECK(clock_ns() - start_ns < ANSWER_NS + ANSWER_NS / 10);
	KT_EQ(cpu_get(cpu)->state, CPU_FAILED);
	KT_EQ(cpu_online_count(), online);
	check_unreachable(cpu);
	for (unsigned other = 0; other < count_before; other++)
		if (cpu_is_online(other) && other < CYCLED_MAX)
			check_works(other);
	KT_CHECK(smp_shorthand_safe());
}
