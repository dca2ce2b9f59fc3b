/*
 * Per-CPU variables on the machine: initial values and places of every copy, the one-instruction
 * accessors in each width, what an interrupt between two of them may do, and the debug build's
 * check of unprotected use. `initial_*` are never written: they show the template.
 */
#include <fanga/check.h>
#include <fanga/clock.h>
#include <fanga/mm.h>
#include <fanga/numa.h>
#include <fanga/preempt.h>
#include <fanga/smp.h>
#include <fanga/timer.h>
#include "arch/x86_64/apic.h"
#include "arch/x86_64/cpu.h"
#include "tests/kernel/ktest.h"

#define CACHE_LINE    64
#define TICK_HZ	      20000
#define TICKS	      100
#define TICK_LIMIT_NS 2000000000ull

struct line {
	uint64_t word[8];
};

static DEFINE_PER_CPU(uint64_t, initial_word) = 0x0123456789abcdefull;
static DEFINE_PER_CPU(uint8_t, initial_byte) = 0x5a;
static DEFINE_PER_CPU(uint32_t, initial_array[3]) = {7, 8, 9};
static DEFINE_PER_CPU(uint64_t, initial_zero);
static DEFINE_PER_CPU_ALIGNED(struct line, initial_line) = {.word = {1, 2, 3, 4, 5, 6, 7, 8}};

static DEFINE_PER_CPU(uint64_t, guard_before);
static DEFINE_PER_CPU(uint64_t, word64);
static DEFINE_PER_CPU(uint64_t, guard_after);
static DEFINE_PER_CPU(uint8_t, word8);
static DEFINE_PER_CPU(uint16_t, word16);
static DEFINE_PER_CPU(uint32_t, word32);

KTEST(percpu, initial_values_on_each_cpu)
{
	unsigned cpu;

	for_each_cpu (cpu, cpu_online_mask()) {
		KT_EQ(per_cpu(initial_word, cpu), 0x0123456789abcdefull);
		KT_EQ(per_cpu(initial_byte, cpu), 0x5a);
		KT_EQ(per_cpu(initial_zero, cpu), 0);
		for (unsigned i = 0; i < 3; i++)
			KT_EQ((*per_cpu_ptr(initial_array, cpu))[i], 7 + i);
		for (unsigned i = 0; i < 8; i++)
			KT_EQ(per_cpu_ptr(initial_line, cpu)->word[i], 1 + i);
	}
}

static void check_identity(void *unused)
{
	PREEMPT_GUARD();

	unsigned cpu = current_cpu_id();
	const struct percpu_data *own = current_cpu_data();

	(void)unused;
	KT_CHECK(cpu < cpu_count());
	KT_EQ(this_cpu_read(percpu_self_offset), percpu_offset[cpu]);
	KT_EQ(rdmsr(MSR_GS_BASE), percpu_offset[cpu]);
	KT_CHECK(own == get_cpu_data(cpu));
	KT_EQ(own->cpu, cpu);
	KT_EQ(own->apic_id, apic_self_id());
	KT_EQ(own->apic_id, cpu_apic_id(cpu));
	KT_EQ(own->node, numa_node_for_cpu(cpu));
	KT_EQ(this_cpu_read(initial_word), 0x0123456789abcdefull);
}

KTEST(percpu, each_cpu_is_itself)
{
	KT_EQ(smp_run_on(cpu_online_mask(), check_identity, NULL), cpu_online_count());
	KT_CHECK(!get_cpu_data(cpu_count()));
	KT_CHECK(!get_cpu_data(~0u));
}

KTEST(percpu, areas_lie_apart_on_their_own_nodes)
{
	size_t bytes = percpu_area_bytes();
	unsigned cpu, other;

	KT_CHECK(bytes % CACHE_LINE == 0);
	for_each_cpu (cpu, cpu_online_mask()) {
		uint64_t low = (uint64_t)per_cpu_ptr(initial_word, cpu) - (uint64_t)&initial_word;

		KT_CHECK((uint64_t)per_cpu_ptr(initial_line, cpu) % CACHE_LINE == 0);
		for_each_cpu (other, cpu_online_mask()) {
			uint64_t apart = percpu_offset[other] - percpu_offset[cpu];

			KT_CHECK(cpu == other || apart >= bytes);
			KT_CHECK(cpu == other || -apart >= bytes);
		}
		KT_EQ(low, percpu_offset[cpu]);
		/* CPU 0's is part of the image. */
		if (cpu)
			KT_EQ(numa_node_for_address(virt_to_phys(per_cpu_ptr(initial_word, cpu))),
			      numa_memory_node(cpu_get(cpu)->node));
	}
}

static void write_own(void *unused)
{
	uint64_t value = 1000 + current_cpu_id();

	(void)unused;
	this_cpu_write(word64, value);
	this_cpu_write(word8, (uint8_t)current_cpu_id());
	this_cpu_write(word16, (uint16_t)(3 * current_cpu_id()));
	this_cpu_write(word32, 5 * current_cpu_id());
}

KTEST(percpu, copies_are_independent)
{
	unsigned cpu;

	for_each_cpu (cpu, cpu_online_mask()) {
		per_cpu(guard_before, cpu) = ~0ull;
		per_cpu(guard_after, cpu) = ~0ull;
	}
	smp_run_on(cpu_online_mask(), write_own, NULL);
	for_each_cpu (cpu, cpu_online_mask()) {
		KT_EQ(per_cpu(word64, cpu), 1000 + cpu);
		KT_EQ(per_cpu(word8, cpu), (uint8_t)cpu);
		KT_EQ(per_cpu(word16, cpu), (uint16_t)(3 * cpu));
		KT_EQ(per_cpu(word32, cpu), 5 * cpu);
		KT_EQ(per_cpu(guard_before, cpu), ~0ull);
		KT_EQ(per_cpu(guard_after, cpu), ~0ull);
	}
}

/* All accessors in one width; @max is all ones in it. */
#define CHECK_OPERATIONS(var, max)                     \
	do {                                           \
		this_cpu_write(var, 5);                \
		this_cpu_add(var, 3);                  \
		KT_EQ(this_cpu_read(var), 8);          \
		this_cpu_sub(var, 9);                  \
		KT_EQ(this_cpu_read(var), max);        \
		this_cpu_inc(var);                     \
		KT_EQ(this_cpu_read(var), 0);          \
		this_cpu_dec(var);                     \
		KT_EQ(this_cpu_read(var), max);        \
		this_cpu_and(var, 0x31);               \
		KT_EQ(this_cpu_read(var), 0x31);       \
		this_cpu_or(var, 0x42);                \
		KT_EQ(this_cpu_read(var), 0x73);       \
		this_cpu_write(var, 2);                \
		KT_CHECK(!this_cpu_dec_and_test(var)); \
		KT_CHECK(this_cpu_dec_and_test(var));  \
		KT_CHECK(!this_cpu_dec_and_test(var)); \
		KT_EQ(this_cpu_read(var), max);        \
	} while (0)

static void check_operations(void *unused)
{
	(void)unused;
	CHECK_OPERATIONS(word8, 0xff);
	CHECK_OPERATIONS(word16, 0xffff);
	CHECK_OPERATIONS(word32, 0xffffffffu);
	CHECK_OPERATIONS(word64, ~0ull);
	/* More than an immediate operand holds. */
	this_cpu_write(word64, 0x1122334455667788ull);
	this_cpu_add(word64, 0x1000000000000001ull);
	KT_EQ(this_cpu_read(word64), 0x2122334455667789ull);
	KT_EQ(*raw_cpu_ptr(word64), 0x2122334455667789ull);
}

KTEST(percpu, operations_in_each_width)
{
	smp_run_on(cpu_online_mask(), check_operations, NULL);
}

static DEFINE_PER_CPU(uint64_t, shared_count);
static DEFINE_PER_CPU(uint64_t, handler_runs);

static void count_in_handler(struct trap_frame *frame)
{
	(void)frame;
	this_cpu_inc(shared_count);
	this_cpu_inc(handler_runs);
}

static void count_against_ticks(void *unused)
{
	uint64_t own = 0, start_ns = clock_ns();

	(void)unused;
	this_cpu_write(shared_count, 0);
	this_cpu_write(handler_runs, 0);
	KT_EQ(tick_start(TICK_HZ), 0);
	/* Without a pause: the increments are to be most of what an interrupt can hit. */
	while (this_cpu_read(handler_runs) < TICKS && clock_ns() - start_ns < TICK_LIMIT_NS) {
		for (unsigned i = 0; i < 5000; i++)
			this_cpu_inc(shared_count);
		own += 5000;
		cpu_relax();
	}
	tick_stop();
	KT_CHECK(this_cpu_read(handler_runs) >= TICKS);
	KT_EQ(this_cpu_read(shared_count), own + this_cpu_read(handler_runs));
}

KTEST(percpu, no_increment_is_lost_to_interrupts)
{
	timer_handler_fn before = timer_set_handler(count_in_handler);

	smp_run_on(cpu_online_mask(), count_against_ticks, NULL);
	(void)timer_set_handler(before);
}

static void check_ticks(void *unused)
{
	PREEMPT_GUARD();

	(void)unused;
	for (unsigned i = 0; i < 5; i++) {
		uint64_t before = current_cpu_data()->total_ticks, start_ns = clock_ns();
		volatile uint64_t *ticks = &current_cpu_data()->total_ticks;

		timer_arm_ns(20000);
		while (*ticks == before && clock_ns() - start_ns < TICK_LIMIT_NS)
			cpu_relax();
		KT_EQ(*ticks, before + 1);
	}
}

KTEST(percpu, total_ticks_count_timer_interrupts_of_that_cpu)
{
	uint64_t before[CPU_MAX];
	unsigned cpu;

	for_each_cpu (cpu, cpu_online_mask())
		before[cpu] = get_cpu_data(cpu)->total_ticks;
	smp_run_on(cpu_online_mask(), check_ticks, NULL);
	for_each_cpu (cpu, cpu_online_mask())
		KT_EQ(get_cpu_data(cpu)->total_ticks, before[cpu] + 5);
}

#ifdef CONFIG_DEBUG
static unsigned unbound_reports;

static bool take_unbound(enum check_kind kind, const char *text)
{
	(void)text;
	unbound_reports += kind == CHECK_PERCPU_UNBOUND;
	return kind == CHECK_PERCPU_UNBOUND;
}

KTEST(percpu, unprotected_use_is_reported)
{
	unsigned long flags;

	unbound_reports = 0;
	check_set_hook(take_unbound);
	(void)this_cpu_ptr(word64);
	KT_EQ(unbound_reports, 1);
	preempt_disable();
	(void)this_cpu_ptr(word64);
	preempt_enable();
	flags = irq_save();
	(void)this_cpu_ptr(word64);
	irq_restore(flags);
	(void)raw_cpu_ptr(word64);
	KT_EQ(unbound_reports, 1);
	(void)current_cpu_data();
	KT_EQ(unbound_reports, 2);
	check_set_hook(NULL);
}
#endif
