/*
 * Interrupts and NMIs: every vector that can be sent, to every CPU, counted once each and
 * acknowledged once each; NMIs in storms; stack walks, out of interrupts and over rubbish.
 */
#include <fanga/call.h>
#include <fanga/check.h>
#include <fanga/clock.h>
#include <fanga/options.h>
#include <fanga/panic.h>
#include <fanga/preempt.h>
#include <fanga/smp.h>
#include <fanga/spinlock.h>
#include "arch/x86_64/apic.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/gdt.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/trap.h"
#include "lib/errno.h"
#include "lib/prng.h"
#include "lib/string.h"
#include "lib/symtab.h"
#include "tests/kernel/ktest.h"

#define WAIT_NS	    1000000000ull
#define SETTLE_NS   50000ull
#define TEST_VECTOR 0x62
#define FIRST_LEGAL 16	 /* lower ones are illegal in a message, SDM 11.5.2 */
#define ILLEGAL_NS  5000 /* waited for one that may come all the same, as in TCG */
#define TARGETS_MAX 8	 /* CPUs that get every vector */
/* NMIs; on the largest machines each costs a simulator a lap over all CPUs. */
#define STORM	   (cpu_count() > 64 ? 500u : 10000u)
#define STORM_CPUS 16 /* a larger machine shows nothing more */

static bool is_handled(unsigned vector)
{
	return (vector >= VECTOR_IPI_GENERIC && vector <= VECTOR_IPI_HALT) ||
	       vector == VECTOR_TIMER || vector == VECTOR_APIC_ERROR || vector == VECTOR_SPURIOUS;
}

static void nothing(void *unused)
{
	(void)unused;
}

/* Once @cpu has run a call sent after an interrupt of a lower class, it has taken that too. */
static void settle(unsigned cpu)
{
	uint64_t start_ns = clock_ns();

	if (cpu != current_cpu_id() && call_on(cpu, nothing, NULL, true))
		return;
	while (clock_ns() - start_ns < SETTLE_NS)
		cpu_relax();
}

static void wait_unhandled(unsigned cpu, uint8_t vector, uint64_t want)
{
	uint64_t start_ns = clock_ns();

	while (irq_unhandled_count(cpu, vector) < want && clock_ns() - start_ns < WAIT_NS)
		cpu_relax();
}

static uint64_t taken_in_all(unsigned cpu)
{
	uint64_t total = 0;

	for (unsigned vector = 0; vector < 256; vector++)
		total += irq_unhandled_count(cpu, (uint8_t)vector);
	return total;
}

/*
 * Those that the APIC ought to refuse. 2 is left out: where it is delivered it cannot be told from
 * an NMI. Whether any came is the hardware's affair; that the CPU lives on is ours.
 */
static void send_illegal_vectors(unsigned cpu)
{
	for (unsigned vector = 0; vector < FIRST_LEGAL; vector++) {
		uint64_t before = irq_unhandled_count(cpu, (uint8_t)vector);

		if (vector == VECTOR_NMI)
			continue;
		KT_EQ(apic_send_ipi(cpu_apic_id(cpu), (uint8_t)vector), 0);
		clock_delay_ns(ILLEGAL_NS);
		KT_CHECK(irq_unhandled_count(cpu, (uint8_t)vector) - before <= 1);
	}
	settle(cpu);
}

KTEST(trap, illegal_vectors_sent_to_each_cpu)
{
	unsigned cpu, targets = 0;
	uint64_t taken = 0, errors = 0;

	for_each_cpu (cpu, cpu_online_mask()) {
		if (targets++ == TARGETS_MAX)
			break;
		taken -= taken_in_all(cpu);
		errors -= per_cpu(apic_counters, cpu).errors;
		send_illegal_vectors(cpu);
		taken += taken_in_all(cpu);
		errors += per_cpu(apic_counters, cpu).errors;
	}
	ktest_note("%lu taken, %lu APIC errors", taken, errors);
}

static void send_each_vector(unsigned cpu)
{
	for (unsigned vector = FIRST_LEGAL; vector < 256; vector++) {
		uint64_t before = irq_unhandled_count(cpu, (uint8_t)vector);

		if (vector == VECTOR_IPI_HALT)
			continue; /* would stop it: the ipi suite does that */
		KT_EQ(apic_send_ipi(cpu_apic_id(cpu), (uint8_t)vector), 0);
		if (is_handled(vector))
			continue;
		wait_unhandled(cpu, (uint8_t)vector, before + 1);
		KT_EQ(irq_unhandled_count(cpu, (uint8_t)vector), before + 1);
	}
}

KTEST(trap, every_vector_sent_to_each_cpu)
{
	unsigned cpu, targets = 0;

	for_each_cpu (cpu, cpu_online_mask()) {
		uint64_t before = taken_in_all(cpu), sent = 0;

		if (targets++ == TARGETS_MAX)
			break;
		send_each_vector(cpu);
		settle(cpu);
		for (unsigned vector = FIRST_LEGAL; vector < 256; vector++)
			sent += !is_handled(vector);
		KT_EQ(taken_in_all(cpu), before + sent); /* each once, nothing else */
	}
}

/* Nothing may stay in service, or lower vectors would never come again. */
static void check_nothing_in_service(void *unused)
{
	(void)unused;
	for (unsigned vector = 0; vector < 256; vector++)
		KT_CHECK(!apic_in_service((uint8_t)vector));
	KT_EQ(preempt_count(), 0);
}

KTEST(trap, every_vector_was_acknowledged)
{
	smp_run_on(cpu_online_mask(), check_nothing_in_service, NULL);
}

/* ---- acknowledgement ---- */

static struct {
	unsigned calls;
	bool in_service_before, in_service_after;
} spurious;

static void raise_spurious(struct trap_frame *frame)
{
	(void)frame;
	spurious.calls++;
	spurious.in_service_before = apic_in_service(TEST_VECTOR);
	/* As a spurious interrupt comes: without being in service. */
	__asm__ volatile("int %0" ::"i"(VECTOR_SPURIOUS) : "memory");
	spurious.in_service_after = apic_in_service(TEST_VECTOR);
}

#ifdef CONFIG_DEBUG
/* The check of handlers' balance does not nest, as interrupts do not; here one does. */
static bool take_unbalanced(enum check_kind kind, const char *text)
{
	(void)text;
	return kind == CHECK_PREEMPT_UNBALANCED;
}
#else
#define check_set_hook(hook) ((void)0)
#endif

KTEST(trap, a_spurious_interrupt_is_not_acknowledged)
{
	uint64_t before = per_cpu(apic_counters, 0).spurious, start_ns = clock_ns();

	spurious.calls = 0;
	check_set_hook(take_unbalanced);
	KT_EQ(irq_register(TEST_VECTOR, raise_spurious), 0);
	KT_EQ(apic_send_self(TEST_VECTOR), 0);
	while (!*(volatile unsigned *)&spurious.calls && clock_ns() - start_ns < WAIT_NS)
		cpu_relax();
	settle(0);
	check_set_hook(NULL);
	irq_unregister(TEST_VECTOR);
	KT_EQ(spurious.calls, 1);
	KT_CHECK(spurious.in_service_before && spurious.in_service_after);
	KT_EQ(per_cpu(apic_counters, 0).spurious, before + 1);
	KT_CHECK(!apic_in_service(TEST_VECTOR));
}

KTEST(trap, handlers_have_one_vector_and_no_exception)
{
	KT_EQ(irq_register(TEST_VECTOR, NULL), -EINVAL);
	KT_EQ(irq_register(VECTOR_PAGE_FAULT, raise_spurious), -EINVAL);
	KT_EQ(irq_register(VECTOR_EXCEPTIONS - 1, raise_spurious), -EINVAL);
	KT_EQ(irq_register(TEST_VECTOR, raise_spurious), 0);
	KT_EQ(irq_register(TEST_VECTOR, raise_spurious), -EBUSY);
	irq_unregister(TEST_VECTOR);
	KT_EQ(irq_register(TEST_VECTOR, raise_spurious), 0);
	irq_unregister(TEST_VECTOR);
	KT_EQ(irq_register(VECTOR_TIMER, raise_spurious), -EBUSY);
}

/* Registers, flags and stack come back as they were. */
KTEST(trap, an_interrupt_leaves_all_registers_alone)
{
	static uint64_t flags; /* no register is left for its address */
	uint64_t sum;

	__asm__ volatile("movq $1, %%rbx\n\tmovq $2, %%rcx\n\tmovq $3, %%rdx\n\t"
			 "movq $4, %%rsi\n\tmovq $5, %%rdi\n\tmovq $6, %%r8\n\t"
			 "movq $7, %%r9\n\tmovq $8, %%r10\n\tmovq $9, %%r11\n\t"
			 "movq $10, %%r12\n\tmovq $11, %%r13\n\tmovq $12, %%r14\n\t"
			 "movq $13, %%r15\n\tmovq $14, %%rax\n\t"
			 "std\n\tstc\n\t"
			 "int %2\n\t"
			 "pushfq\n\tcld\n\t"
			 /* A sum with weights: no two can change places. */
			 "imulq $3, %%rax\n\taddq %%rbx, %%rax\n\timulq $3, %%rax\n\t"
			 "addq %%rcx, %%rax\n\timulq $3, %%rax\n\taddq %%rdx, %%rax\n\t"
			 "imulq $3, %%rax\n\taddq %%rsi, %%rax\n\timulq $3, %%rax\n\t"
			 "addq %%rdi, %%rax\n\timulq $3, %%rax\n\taddq %%r8, %%rax\n\t"
			 "imulq $3, %%rax\n\taddq %%r9, %%rax\n\timulq $3, %%rax\n\t"
			 "addq %%r10, %%rax\n\timulq $3, %%rax\n\taddq %%r11, %%rax\n\t"
			 "imulq $3, %%rax\n\taddq %%r12, %%rax\n\timulq $3, %%rax\n\t"
			 "addq %%r13, %%rax\n\timulq $3, %%rax\n\taddq %%r14, %%rax\n\t"
			 "imulq $3, %%rax\n\taddq %%r15, %%rax\n\t"
			 "popq %1"
			 : "=&a"(sum), "=m"(flags)
			 : "i"(VECTOR_SPURIOUS)
			 : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
			   "r13", "r14", "r15", "cc", "memory");

	uint64_t want = 14;

	for (uint64_t i = 1; i <= 13; i++)
		want = want * 3 + i;
	KT_EQ(sum, want);
	KT_CHECK(flags & BIT(10) && flags & BIT(0) && flags & RFLAGS_IF);
}

/* ---- NMI ---- */

static bool nmi_armed; /* atomic */
static struct {
	uint64_t sp, low, top, outer_pc;
	unsigned cpu, depth;
	bool in_nmi;
} nmi_seen;

static void look_around(struct trap_frame *frame)
{
	uint64_t pcs[16];

	if (!__atomic_exchange_n(&nmi_armed, false, __ATOMIC_ACQUIRE))
		return;
	nmi_seen.sp = (uint64_t)__builtin_frame_address(0);
	(void)gdt_find_stack(nmi_seen.sp, &nmi_seen.low, &nmi_seen.top);
	nmi_seen.cpu = current_cpu_id();
	nmi_seen.in_nmi = in_nmi();
	nmi_seen.depth = stack_walk(frame, pcs, ARRAY_SIZE(pcs));
	nmi_seen.outer_pc = pcs[0];
}

static void check_nmi(unsigned cpu)
{
	uint64_t before = nmi_count(cpu), start_ns = clock_ns();

	KT_EQ(ktest_nmi_offer(look_around), 0);
	memset(&nmi_seen, 0, sizeof(nmi_seen));
	__atomic_store_n(&nmi_armed, true, __ATOMIC_RELEASE);
	KT_EQ(apic_send_nmi(cpu_apic_id(cpu)), 0);
	while (nmi_count(cpu) == before && clock_ns() - start_ns < WAIT_NS)
		cpu_relax();
	settle(cpu);
	KT_EQ(nmi_count(cpu), before + 1);
	KT_EQ(nmi_seen.cpu, cpu);
	KT_CHECK(nmi_seen.in_nmi);
	KT_EQ(nmi_seen.top - nmi_seen.low, IST_BYTES);
	KT_CHECK(nmi_seen.low < nmi_seen.sp && nmi_seen.sp < nmi_seen.top);
	KT_CHECK(trap_is_stack_guard(nmi_seen.low - 8));
	KT_CHECK(nmi_seen.depth >= 2);
	KT_CHECK(nmi_seen.outer_pc >= (uint64_t)image_start &&
		 nmi_seen.outer_pc < (uint64_t)image_text_end);
}

KTEST(trap, an_nmi_has_its_own_guarded_stack)
{
	unsigned cpu;

	for_each_cpu (cpu, cpu_online_mask())
		check_nmi(cpu);
}

static DEFINE_SPINLOCK(storm_lock);
static DEFINE_PER_CPU(uint64_t, storm_own);
static struct cpumask storm_cpus;
static struct {
	uint64_t shared;  /* storm_lock */
	uint64_t turns;	  /* atomic: of all CPUs */
	uint64_t strange; /* atomic: times that something was not as it must be */
	bool over;
} storm;

static void storm_turn(void)
{
	unsigned cpu = current_cpu_id();

	{
		SPIN_IRQ_GUARD(&storm_lock);
		storm.shared++;
	}
	this_cpu_inc(storm_own);
	__atomic_add_fetch(&storm.turns, 1, __ATOMIC_RELAXED);
	if (preempt_count() || !irqs_enabled() || current_cpu_id() != cpu ||
	    rdmsr(MSR_GS_BASE) != percpu_offset[cpu])
		__atomic_add_fetch(&storm.strange, 1, __ATOMIC_RELAXED);
}

static void send_storm(void)
{
	unsigned cpu = 0, others = cpumask_weight(&storm_cpus) - 1;

	for (unsigned i = 0; i < STORM; i++) {
		cpu = cpumask_next(&storm_cpus, cpu);
		if (cpu >= CPU_MAX)
			cpu = others ? cpumask_next(&storm_cpus, 0) : 0;
		(void)apic_send_nmi(cpu_apic_id(cpu));
		/* In turns and in bursts, so that most are taken and some wait. */
		if (i % 4 == 0)
			cpu_relax();
		if (i % 16 == 0)
			storm_turn();
	}
}

static void storm_run(void *unused)
{
	(void)unused;
	this_cpu_write(storm_own, 0);
	if (!current_cpu_id()) {
		send_storm();
		__atomic_store_n(&storm.over, true, __ATOMIC_RELEASE);
	}
	while (!__atomic_load_n(&storm.over, __ATOMIC_ACQUIRE)) {
		storm_turn();
		cpu_relax();
	}
}

KTEST(trap, ten_thousand_nmis_under_load)
{
	uint64_t taken = 0, own = 0;
	unsigned cpu;

	memset(&storm, 0, sizeof(storm));
	cpumask_zero(&storm_cpus);
	for_each_cpu (cpu, cpu_online_mask())
		if (cpumask_weight(&storm_cpus) < STORM_CPUS)
			cpumask_set(&storm_cpus, cpu);
	for_each_cpu (cpu, &storm_cpus)
		taken -= nmi_count(cpu);
	smp_run_on(&storm_cpus, storm_run, NULL);
	for_each_cpu (cpu, &storm_cpus) {
		taken += nmi_count(cpu);
		own += per_cpu(storm_own, cpu);
	}
	ktest_note("%lu of %u NMIs taken, %lu turns of work meanwhile", taken, STORM, storm.turns);
	/* One may wait while one is served; more of them become one (SDM 6.7.1). */
	KT_CHECK(taken > 0 && taken <= STORM);
	KT_EQ(storm.strange, 0);
	KT_EQ(storm.shared, storm.turns);
	KT_EQ(own, storm.turns);
	for_each_cpu (cpu, cpu_online_mask())
		check_nmi(cpu);
	smp_run_on(cpu_online_mask(), check_nothing_in_service, NULL);
}

/* ---- stack walk ---- */

static bool is_in(uint64_t pc, const char *name)
{
	struct symtab_symbol symbol;

	return backtrace_symbol(pc, &symbol) && !strcmp(symbol.name, name);
}

static uint64_t walked[24];
static unsigned walked_depth;

static __noinline void chain_inner(void)
{
	walked_depth = stack_walk(NULL, walked, ARRAY_SIZE(walked));
	__asm__ volatile("");
}

static __noinline void chain_middle(void)
{
	chain_inner();
	__asm__ volatile("");
}

static __noinline void chain_outer(void)
{
	chain_middle();
	__asm__ volatile("");
}

KTEST(trap, a_chain_of_calls_has_its_names)
{
	chain_outer();
	KT_CHECK(walked_depth >= 5);
	KT_CHECK(is_in(walked[0], "chain_inner"));
	KT_CHECK(is_in(walked[1], "chain_middle"));
	KT_CHECK(is_in(walked[2], "chain_outer"));
	KT_CHECK(is_in(walked[3], "ktest_trap_a_chain_of_calls_has_its_names"));
	KT_CHECK(is_in(walked[walked_depth - 2], "boot_on_own_stack"));
	KT_CHECK(is_in(walked[walked_depth - 1] - 1, "kernel_main"));
	/* No more than there is room for. */
	KT_EQ(stack_walk(NULL, walked, 0), 0);
	walked[1] = 0x5eed;
	KT_EQ(stack_walk(NULL, walked, 1), 1);
	KT_EQ(walked[1], 0x5eed);
}

static uint64_t frame_pcs[24], handler_pcs[24];
static unsigned frame_depth, handler_depth;
static bool walk_done;

static void walk_in_handler(struct trap_frame *frame)
{
	frame_depth = stack_walk(frame, frame_pcs, ARRAY_SIZE(frame_pcs));
	handler_depth = stack_walk(NULL, handler_pcs, ARRAY_SIZE(handler_pcs));
	__atomic_store_n(&walk_done, true, __ATOMIC_RELEASE);
}

static __noinline void interrupted_function(void)
{
	uint64_t start_ns = clock_ns();

	(void)apic_send_self(TEST_VECTOR);
	while (!__atomic_load_n(&walk_done, __ATOMIC_ACQUIRE) && clock_ns() - start_ns < WAIT_NS)
		cpu_relax();
}

static __noinline void caller_of_the_interrupted(void)
{
	interrupted_function();
	__asm__ volatile("");
}

static int find_name(const uint64_t *pcs, unsigned count, const char *name)
{
	for (unsigned i = 0; i < count; i++)
		if (is_in(pcs[i], name))
			return (int)i;
	return -1;
}

KTEST(trap, an_interrupt_shows_whom_it_interrupted)
{
	int at;

	walk_done = false;
	KT_EQ(irq_register(TEST_VECTOR, walk_in_handler), 0);
	caller_of_the_interrupted();
	irq_unregister(TEST_VECTOR);
	KT_CHECK(walk_done);
	/* What it interrupted may be a function that that called; its frame is there in any case.
	 */
	at = find_name(frame_pcs, frame_depth, "caller_of_the_interrupted");
	KT_CHECK(at == 1 || at == 2);
	KT_CHECK(is_in(frame_pcs[at - 1], "interrupted_function") ||
		 is_in(frame_pcs[at - 1], "apic_send_self"));
	/* From within the handler the walk goes through the dispatcher to the same functions. */
	KT_CHECK(is_in(handler_pcs[0], "walk_in_handler"));
	KT_CHECK(find_name(handler_pcs, handler_depth, "trap_dispatch") > 0);
	KT_CHECK(find_name(handler_pcs, handler_depth, "caller_of_the_interrupted") >
		 find_name(handler_pcs, handler_depth, "trap_dispatch"));
}

#define RUBBISH_WORDS 64

/* A word that a frame pointer or a saved one may hold. */
static uint64_t rubbish(struct prng *prng, const uint64_t *words)
{
	static const uint64_t bad[] = {0,
				       1,
				       0xfff,
				       0x7ffffffff000,
				       1ul << 47,
				       ~0ul,
				       ~0ul - 7,
				       DIRECT_MAP_BASE,
				       KMAP_BASE + 8,
				       MMIO_BASE,
				       0xdeadbeef00000008ul};
	uint64_t here = (uint64_t)__builtin_frame_address(0);

	switch (prng_below(prng, 6)) {
	case 0:
		return bad[prng_below(prng, ARRAY_SIZE(bad))];
	case 1:
		return prng_u64(prng);
	case 2: /* somewhere on the stack or beyond its ends */
		return here + (prng_below(prng, 40000) - 20000);
	case 3: /* the same, aligned */
		return ALIGN_DOWN(here + (prng_below(prng, 40000) - 20000), 8);
	default:
		return (uint64_t)&words[prng_below(prng, RUBBISH_WORDS)];
	}
}

static void walk_rubbish(void *unused)
{
	volatile uint64_t words[RUBBISH_WORDS];
	struct prng prng;
	uint64_t pcs[32];

	(void)unused;
	prng_seed(&prng, kernel_options()->seed ^ current_cpu_id());
	for (unsigned round = 0; round < 3000; round++) {
		struct trap_frame frame = {.rip = 0x1234};
		unsigned max = (unsigned)prng_below(&prng, ARRAY_SIZE(pcs) - 1);

		if (round % 8 == 0)
			for (unsigned i = 0; i < RUBBISH_WORDS; i++)
				words[i] = rubbish(&prng, (const uint64_t *)words);
		frame.rbp = rubbish(&prng, (const uint64_t *)words);
		pcs[max] = 0x5eed;
		KT_CHECK(stack_walk(&frame, pcs, max) <= max);
		KT_EQ(pcs[max], 0x5eed);
		KT_CHECK(!max || pcs[0] == 0x1234);
	}
}

KTEST(trap, rubbish_on_the_stack_is_survived)
{
	smp_run_on(cpu_online_mask(), walk_rubbish, NULL);
}

KTEST(trap, rings_of_frames_end)
{
	uint64_t ring[4], pcs[24];
	struct trap_frame frame = {.rip = 1, .rbp = (uint64_t)&ring[0]};

	ring[0] = (uint64_t)&ring[2];
	ring[2] = (uint64_t)&ring[0];
	ring[1] = ring[3] = 0x1111;
	KT_CHECK(stack_walk(&frame, pcs, ARRAY_SIZE(pcs)) < ARRAY_SIZE(pcs));
	ring[0] = (uint64_t)&ring[0];
	KT_EQ(stack_walk(&frame, pcs, ARRAY_SIZE(pcs)), 2);
}
