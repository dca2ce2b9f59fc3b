/*
 * IPIs: each type to each target arrives, once per CPU where it must, with its data; what cannot be
 * sent is refused. The tests run on the boot CPU while the others are idle.
 */
#include <fanga/ipi.h>
#include <fanga/log.h>
#include <fanga/mm.h>
#include <fanga/percpu.h>
#include <fanga/preempt.h>
#include <fanga/smp.h>
#include <fanga/tlb.h>
#include "arch/x86_64/apic.h"
#include "arch/x86_64/trap.h"
#include "kernel/smp/measure.h"
#include "lib/errno.h"
#include "lib/json.h"
#include "lib/string.h"
#include "tests/kernel/ktest.h"
#include "tests/kernel/smp_test.h"

#define DATA 0x0123456789abcdefull

struct arrivals {
	uint64_t count;
	uint64_t sum;
	uint64_t disorder; /* messages of a sender out of order */
	uint64_t last[CPU_MAX];
	unsigned from;
};

static struct arrivals arrived[CPU_MAX]; /* by receiver, which alone writes it */
static struct ipi_counts before[CPU_MAX];
static bool go;

static void note(uint64_t data, unsigned from)
{
	struct arrivals *mine = &arrived[current_cpu_id()];

	mine->sum += data;
	mine->from = from;
	if (data < mine->last[from])
		mine->disorder++;
	mine->last[from] = data;
	__atomic_store_n(&mine->count, mine->count + 1, __ATOMIC_RELEASE);
}

static uint64_t arrivals_of(unsigned cpu)
{
	return __atomic_load_n(&arrived[cpu].count, __ATOMIC_ACQUIRE);
}

static uint64_t arrivals_total(void)
{
	uint64_t total = 0;

	for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
		total += arrivals_of(cpu);
	return total;
}

static uint64_t received(unsigned cpu, enum ipi_type type)
{
	struct ipi_counts now;

	ipi_counts_get(cpu, &now);
	return now.received[type] - before[cpu].received[type];
}

static uint64_t sent_here(enum ipi_type type)
{
	struct ipi_counts now;

	ipi_counts_get(current_cpu_id(), &now);
	return now.sent[type] - before[current_cpu_id()].sent[type];
}

static void start_counting(void)
{
	for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
		ipi_counts_get(cpu, &before[cpu]);
	memset(arrived, 0, sizeof(arrived));
}

static void expect(const struct ipi *ipi, const struct cpumask *targets)
{
	unsigned self = current_cpu_id();
	unsigned cpu;

	start_counting();
	KT_EQ(ipi_send(*ipi), 0);
	for_each_cpu (cpu, targets)
		KT_CHECK(COMES_TRUE(received(cpu, ipi->type) == 1));
	KT_EQ(sent_here(ipi->type), cpumask_weight(targets));
	for_each_cpu (cpu, cpu_online_mask())
		KT_EQ(received(cpu, ipi->type), cpumask_test(targets, cpu));
	if (ipi->type != IPI_GENERIC)
		return;
	for_each_cpu (cpu, targets) {
		KT_CHECK(COMES_TRUE(arrivals_of(cpu) == 1));
		KT_EQ(arrived[cpu].sum, ipi->data);
		KT_EQ(arrived[cpu].from, self);
	}
	KT_EQ(arrivals_total(), cpumask_weight(targets));
}

/* @type, with data or without, to every kind of target. */
static void expect_everywhere(enum ipi_type type, bool has_data)
{
	struct ipi ipi = has_data ? ipi_with_data(type, IPI_TARGET_ALL, DATA)
				  : ipi_new(type, IPI_TARGET_ALL);
	struct cpumask targets;
	unsigned cpu;

	cpumask_copy(&targets, cpu_online_mask());
	expect(&ipi, &targets);
	cpumask_clear(&targets, current_cpu_id());
	ipi.target = IPI_TARGET_ALL_BUT_SELF;
	expect(&ipi, &targets);
	for_each_cpu (cpu, cpu_online_mask()) {
		if (cpu > 8 && cpu % 16 != 15)
			continue; /* a sample of a large machine */
		cpumask_only(&targets, cpu);
		ipi.target = IPI_TARGET_CPU(cpu);
		expect(&ipi, &targets);
	}
	cpumask_zero(&targets);
	for_each_cpu (cpu, cpu_online_mask())
		if (cpu % 3 != 1)
			cpumask_set(&targets, cpu);
	ipi.target = IPI_TARGET_MASK(&targets);
	expect(&ipi, &targets);
}

KTEST(ipi, generic_arrives_once_at_every_target)
{
	KT_EQ(ipi_generic_register(note), 0);
	expect_everywhere(IPI_GENERIC, false);
	expect_everywhere(IPI_GENERIC, true);
	ipi_generic_unregister();
}

KTEST(ipi, reschedule_arrives_at_every_target)
{
	expect_everywhere(IPI_RESCHEDULE, false);
	KT_CHECK(need_resched()); /* the boot CPU was a target and does not switch yet */
	clear_need_resched();
}

KTEST(ipi, tlb_flush_arrives_at_every_target)
{
	struct tlb_counts first, last;

	tlb_counts_get(last_cpu(), &first);
	expect_everywhere(IPI_TLB_FLUSH, true);
	tlb_counts_get(last_cpu(), &last);
	KT_CHECK(last.pages > first.pages);
	KT_EQ(last.full, first.full);
	expect_everywhere(IPI_TLB_FLUSH, false);
	tlb_counts_get(last_cpu(), &last);
	KT_CHECK(last.full > first.full);
}

KTEST(ipi, call_arrives_at_every_target)
{
	expect_everywhere(IPI_CALL, false);
}

/* The address in the data is what the target forgets: a stale translation is gone after it. */
KTEST(ipi, tlb_flush_with_data_drops_that_page)
{
	uint64_t va = kmap_reserve(PAGE_BYTES);
	uint64_t phys = early_alloc(NODE_ANY, PAGE_BYTES, PAGE_BYTES);

	KT_CHECK(va && phys);
	KT_EQ(kmap_map(va, phys, PAGE_BYTES, MAP_WRITE), 0);
	*(volatile uint64_t *)va = DATA;
	KT_EQ(kmap_unmap(va, PAGE_BYTES), 1);
	start_counting();
	KT_EQ(ipi_send(ipi_with_data(IPI_TLB_FLUSH, IPI_TARGET_CPU(current_cpu_id()), va)), 0);
	KT_CHECK(COMES_TRUE(received(current_cpu_id(), IPI_TLB_FLUSH) == 1));
	KT_EQ(kmap_map(va, phys, PAGE_BYTES, 0), 0);
	KT_EQ(*(volatile uint64_t *)va, DATA);
	KT_EQ(kmap_unmap(va, PAGE_BYTES), 1);
	tlb_flush_range(&tlb_kernel_space, va, va + PAGE_BYTES);
	early_free(phys, PAGE_BYTES);
}

KTEST(ipi, halt_stops_and_the_cpu_comes_back)
{
	unsigned cpu = last_cpu();

	if (!cpu)
		KT_SKIP("one CPU");
	start_counting();
	KT_EQ(ipi_send(ipi_new(IPI_HALT, IPI_TARGET_CPU(cpu))), 0);
	KT_CHECK(COMES_TRUE(cpu_get(cpu)->state == CPU_OFFLINE));
	KT_EQ(received(cpu, IPI_HALT), 1);
	KT_EQ(sent_here(IPI_HALT), 1);
	KT_CHECK(!cpu_is_online(cpu));
	KT_EQ(ipi_send(ipi_new(IPI_RESCHEDULE, IPI_TARGET_CPU(cpu))), -ENXIO);
	KT_EQ(cpu_bring_online(cpu), 0);
	KT_EQ(ipi_send(ipi_new(IPI_RESCHEDULE, IPI_TARGET_CPU(cpu))), 0);
	KT_CHECK(COMES_TRUE(received(cpu, IPI_RESCHEDULE) == 1));
}

KTEST(ipi, wrong_requests_are_refused)
{
	struct cpumask mask = {0};
	unsigned self = current_cpu_id();

	start_counting();
	KT_EQ(ipi_send(ipi_new(IPI_TYPES, IPI_TARGET_ALL)), -EINVAL);
	KT_EQ(ipi_send(ipi_new(IPI_CALL, (struct ipi_target){.scope = 99})), -EINVAL);
	KT_EQ(ipi_send(ipi_new(IPI_CALL, IPI_TARGET_CPU(cpu_count()))), -EINVAL);
	KT_EQ(ipi_send(ipi_new(IPI_CALL, IPI_TARGET_CPU(~0u))), -EINVAL);
	KT_EQ(ipi_send(ipi_new(IPI_CALL, IPI_TARGET_MASK(NULL))), -EINVAL);
	KT_EQ(ipi_send(ipi_new(IPI_CALL, IPI_TARGET_MASK(&mask))), -EINVAL);
	cpumask_set(&mask, CPU_MAX - 1);
	KT_EQ(ipi_send(ipi_new(IPI_CALL, IPI_TARGET_MASK(&mask))), -EINVAL);
	KT_EQ(ipi_send(ipi_with_data(IPI_RESCHEDULE, IPI_TARGET_CPU(self), 1)), -EINVAL);
	KT_EQ(ipi_send(ipi_with_data(IPI_CALL, IPI_TARGET_CPU(self), 1)), -EINVAL);
	KT_EQ(ipi_send(ipi_with_data(IPI_HALT, IPI_TARGET_ALL_BUT_SELF, 1)), -EINVAL);
	KT_EQ(ipi_send(ipi_new(IPI_GENERIC, IPI_TARGET_CPU(self))), -ENOENT);
	KT_EQ(ipi_generic_register(NULL), -EINVAL);
	KT_EQ(ipi_generic_register(note), 0);
	KT_EQ(ipi_generic_register(note), -EBUSY);
	ipi_generic_unregister();
	KT_EQ(ipi_send(ipi_new(IPI_GENERIC, IPI_TARGET_CPU(self))), -ENOENT);
	for (unsigned type = 0; type < IPI_TYPES; type++)
		if (type != IPI_CALL) /* unregister calls */
			KT_EQ(sent_here(type), 0);
}

KTEST(ipi, offline_cpus_are_refused_and_left_out)
{
	unsigned cpu = last_cpu();
	struct cpumask all;

	if (!cpu)
		KT_SKIP("one CPU");
	cpumask_copy(&all, cpu_online_mask());
	KT_EQ(cpu_take_offline(cpu), 0);
	start_counting();
	KT_EQ(ipi_send(ipi_new(IPI_RESCHEDULE, IPI_TARGET_CPU(cpu))), -ENXIO);
	KT_EQ(ipi_send(ipi_new(IPI_RESCHEDULE, IPI_TARGET_MASK(&all))), -ENXIO);
	KT_EQ(sent_here(IPI_RESCHEDULE), 0);
	KT_EQ(ipi_send(ipi_new(IPI_RESCHEDULE, IPI_TARGET_ALL)), 0);
	KT_EQ(sent_here(IPI_RESCHEDULE), cpu_online_count());
	KT_EQ(smp_nmi_backtrace(cpu), -ENXIO);
	KT_EQ(cpu_bring_online(cpu), 0);
	KT_EQ(received(cpu, IPI_RESCHEDULE), 0);
	clear_need_resched();
}

static void hold_until_go(void *held)
{
	__atomic_store_n((bool *)held, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE))
		cpu_relax();
}

/* All messages come though one interrupt brings them: the target cannot take any for a while. */
KTEST(ipi, data_survives_coalescing)
{
	struct call hold = CALL_INIT(hold_until_go, NULL);
	unsigned cpu = last_cpu();
	bool held = false;

	if (!cpu)
		KT_SKIP("one CPU");
	KT_EQ(ipi_generic_register(note), 0);
	start_counting();
	go = false;
	hold.arg = &held;
	KT_EQ(call_async(cpu, &hold), 0);
	KT_CHECK(COMES_TRUE(__atomic_load_n(&held, __ATOMIC_ACQUIRE)));
	for (uint64_t i = 1; i <= 60; i++)
		KT_EQ(ipi_send(ipi_with_data(IPI_GENERIC, IPI_TARGET_CPU(cpu), i)), 0);
	KT_EQ(arrivals_of(cpu), 0);
	__atomic_store_n(&go, true, __ATOMIC_RELEASE);
	KT_CHECK(COMES_TRUE(arrivals_of(cpu) == 60));
	KT_EQ(arrived[cpu].sum, 60 * 61 / 2);
	KT_EQ(arrived[cpu].disorder, 0);
	KT_CHECK(received(cpu, IPI_GENERIC) < 60);
	call_wait(&hold, cpu);
	ipi_generic_unregister();
}

#define STORM_ROUNDS 100u

static void storm(void *unused)
{
	(void)unused;
	for (uint64_t i = 1; i <= STORM_ROUNDS; i++)
		KT_EQ(ipi_send(ipi_with_data(IPI_GENERIC, IPI_TARGET_CPU(0), i)), 0);
}

/* More than a mailbox holds, from all CPUs at once, to one that sends as well. */
KTEST(ipi, no_message_is_lost_in_a_storm)
{
	uint64_t total = (uint64_t)STORM_ROUNDS * cpu_online_count();

	KT_EQ(ipi_generic_register(note), 0);
	start_counting();
	KT_EQ(smp_run_on(cpu_online_mask(), storm, NULL), cpu_online_count());
	ipi_generic_unregister(); /* all that was sent has been handled after this */
	KT_EQ(arrivals_of(0), total);
	KT_EQ(arrived[0].sum, cpu_online_count() * (STORM_ROUNDS * (STORM_ROUNDS + 1ull) / 2));
	KT_EQ(arrived[0].disorder, 0);
}

static void count_failure(void *unused)
{
	(void)unused;
	raw_cpu_ptr(apic_counters)->refused++;
}

#define FAILURES 20u

static uint64_t refused_before;
static unsigned false_failures;

static uint64_t refused_now(void)
{
	return __atomic_load_n(&raw_cpu_ptr(apic_counters)->refused, __ATOMIC_RELAXED);
}

static void fail_on_boot_cpu(void *unused)
{
	struct cpumask mask = {0};

	(void)unused;
	if (current_cpu_id()) {
		while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE))
			KT_EQ(call_on(0, count_failure, NULL, true), 0);
		return;
	}
	cpumask_set(&mask, 0);
	cpumask_set(&mask, last_cpu());
	while (refused_now() - refused_before < FAILURES) {
		false_failures += ipi_send(ipi_new(IPI_RESCHEDULE, IPI_TARGET_MASK(&mask))) != 0;
		cpu_relax();
	}
	__atomic_store_n(&go, true, __ATOMIC_RELEASE);
}

/* A send of an interrupt that failed is not a failure of the send that it interrupted. */
KTEST(ipi, failures_are_of_the_send_that_failed)
{
	struct cpumask two = {0};

	if (!last_cpu())
		KT_SKIP("one CPU");
	cpumask_set(&two, 0);
	cpumask_set(&two, last_cpu());
	__atomic_store_n(&go, false, __ATOMIC_RELEASE);
	refused_before = refused_now();
	false_failures = 0;
	KT_EQ(smp_run_on(&two, fail_on_boot_cpu, NULL), 2);
	raw_cpu_ptr(apic_counters)->refused = refused_before;
	KT_EQ(false_failures, 0);
	clear_need_resched();
}

static void nothing(void *unused)
{
	(void)unused;
}

static bool is_expected(unsigned vector)
{
	switch (vector) {
	case VECTOR_IPI_GENERIC:
	case VECTOR_IPI_RESCHEDULE:
	case VECTOR_IPI_TLB:
	case VECTOR_IPI_CALL:
	case VECTOR_TIMER:
	case VECTOR_APIC_ERROR:
	case VECTOR_SPURIOUS:
		return true;
	default:
		return false;
	}
}

static void send_all_vectors(unsigned cpu)
{
	uint64_t unhandled;

	for (unsigned vector = VECTOR_EXCEPTIONS; vector < 256; vector++) {
		if (vector == VECTOR_IPI_HALT)
			continue; /* would do what it says */
		unhandled = irq_unhandled_count(cpu, (uint8_t)vector);
		KT_EQ(apic_send_ipi(cpu_apic_id(cpu), (uint8_t)vector), 0);
		if (!is_expected(vector))
			KT_CHECK(COMES_TRUE(irq_unhandled_count(cpu, (uint8_t)vector) ==
					    unhandled + 1));
	}
	KT_EQ(call_on(cpu, nothing, NULL, true), 0); /* still there */
}

KTEST(ipi, every_vector_is_counted_on_every_cpu)
{
	unsigned cpu;

	for_each_cpu (cpu, cpu_online_mask())
		send_all_vectors(cpu);
	clear_need_resched();
}

static char log_text[LOG_RING_BYTES + 1];

static bool log_has(const char *text)
{
	size_t length = strlen(text);
	size_t bytes = log_ring_copy(log_text, LOG_RING_BYTES);

	for (size_t i = 0; i + length <= bytes; i++)
		if (!memcmp(log_text + i, text, length))
			return true;
	return false;
}

/* Not static: the backtrace must name it. */
void ipi_test_spin_for_backtrace(void *held);

__noinline void ipi_test_spin_for_backtrace(void *held)
{
	hold_until_go(held);
}

KTEST(ipi, backtrace_by_nmi_names_what_runs)
{
	struct call spin = CALL_INIT(ipi_test_spin_for_backtrace, NULL);
	unsigned cpu = last_cpu();
	struct ipi_counts counts;
	bool held = false;

	KT_EQ(smp_nmi_backtrace(cpu_count()), -EINVAL);
	KT_EQ(smp_nmi_backtrace(current_cpu_id()), 0);
	if (!cpu)
		KT_SKIP("one CPU");
	start_counting();
	go = false;
	spin.arg = &held;
	KT_EQ(call_async(cpu, &spin), 0);
	KT_CHECK(COMES_TRUE(__atomic_load_n(&held, __ATOMIC_ACQUIRE)));
	KT_EQ(smp_nmi_backtrace(cpu), 0);
	__atomic_store_n(&go, true, __ATOMIC_RELEASE);
	call_wait(&spin, cpu);
	KT_CHECK(log_has("ipi_test_spin_for_backtrace"));
	ipi_counts_get(current_cpu_id(), &counts);
	KT_EQ(counts.nmi - before[current_cpu_id()].nmi, 1);
}

static uint32_t stuck_cpu_plus_one;

static void stay_in_nmi(struct trap_frame *frame)
{
	(void)frame;
	if (__atomic_load_n(&stuck_cpu_plus_one, __ATOMIC_ACQUIRE) != current_cpu_id() + 1)
		return;
	__atomic_store_n(&stuck_cpu_plus_one, 0, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE))
		cpu_relax();
}

/* A CPU that sits in an NMI takes no other one. The wait is bounded, its late answer harmless. */
KTEST(ipi, backtrace_of_a_dead_cpu_times_out)
{
	uint64_t limit_ns = call_wait_limit_ns();
	unsigned cpu = last_cpu();
	int err;

	if (!cpu)
		KT_SKIP("one CPU");
	KT_EQ(ktest_nmi_offer(stay_in_nmi), 0);
	go = false;
	__atomic_store_n(&stuck_cpu_plus_one, cpu + 1, __ATOMIC_RELEASE);
	KT_EQ(apic_send_nmi(cpu_apic_id(cpu)), 0);
	KT_CHECK(COMES_TRUE(!__atomic_load_n(&stuck_cpu_plus_one, __ATOMIC_ACQUIRE)));
	shorten_wait_limit();
	err = smp_nmi_backtrace(cpu);
	call_wait_limit_set(limit_ns);
	__atomic_store_n(&go, true, __ATOMIC_RELEASE);
	KT_EQ(err, -ETIMEDOUT);
	KT_EQ(call_on(cpu, nothing, NULL, true), 0);
	KT_EQ(smp_nmi_backtrace(cpu), 0);
}

static uint32_t nmis_seen;

static void see_nmi(struct trap_frame *frame)
{
	(void)frame;
	__atomic_add_fetch(&nmis_seen, 1, __ATOMIC_RELAXED);
}

/* NMIs merge, so one that is meant for a handler may come as another's. */
KTEST(ipi, every_handler_is_offered_every_nmi)
{
	unsigned cpu = last_cpu();

	if (!cpu)
		KT_SKIP("one CPU");
	KT_EQ(ktest_nmi_offer(see_nmi), 0);
	__atomic_store_n(&nmis_seen, 0, __ATOMIC_RELAXED);
	KT_EQ(smp_nmi_backtrace(cpu), 0);
	/* It may still be in the handlers behind the one that answered. */
	KT_CHECK(COMES_TRUE(__atomic_load_n(&nmis_seen, __ATOMIC_RELAXED) == 1));
}

struct text {
	char bytes[256];
	size_t length;
};

/* Keeps the beginning. */
static int keep_text(void *context, const void *data, size_t bytes)
{
	struct text *text = context;

	bytes = MIN(bytes, sizeof(text->bytes) - 1 - text->length);
	memcpy(text->bytes + text->length, data, bytes);
	text->length += bytes;
	return 0;
}

KTEST(ipi, counters_are_written_as_the_contract_says)
{
	static const char begin[] = "[{\"cpu\":0,\"generic\":";
	struct text text = {.length = 0};
	struct json json;

	json_init(&json, keep_text, &text);
	ipi_json(&json, NULL);
	KT_EQ(json_finish(&json), 0);
	KT_CHECK(!memcmp(text.bytes, begin, sizeof(begin) - 1));
}

KTEST(ipi, shorthand_and_clusters_spare_writes)
{
	struct ipi_counts now;

	if (cpu_online_count() < 3)
		KT_SKIP("fewer than three CPUs");
	start_counting();
	KT_EQ(ipi_send(ipi_new(IPI_RESCHEDULE, IPI_TARGET_ALL_BUT_SELF)), 0);
	ipi_counts_get(current_cpu_id(), &now);
	KT_EQ(now.sent[IPI_RESCHEDULE] - before[current_cpu_id()].sent[IPI_RESCHEDULE],
	      cpu_online_count() - 1);
	if (smp_shorthand_safe())
		KT_EQ(now.icr_writes - before[current_cpu_id()].icr_writes, 1);
}

static struct histogram round_trips;

static void measure_one(enum ipi_type type, struct ipi_target target)
{
	memset(&round_trips, 0, sizeof(round_trips));
	KT_EQ(ipi_measure(type, target, 5, &round_trips), 0);
	KT_EQ(round_trips.count, 5);
	KT_CHECK(round_trips.min > 0);
	ktest_note("%s: median %llu ns, worst %llu ns", ipi_type_name(type),
		   (unsigned long long)histogram_median(&round_trips),
		   (unsigned long long)round_trips.max);
}

KTEST(ipi, round_trips_are_measured)
{
	unsigned cpu = last_cpu();

	KT_EQ(ipi_measure(IPI_CALL, IPI_TARGET_CPU(current_cpu_id()), 1, &round_trips), -EINVAL);
	KT_EQ(ipi_measure(IPI_CALL, IPI_TARGET_CPU(cpu_count()), 1, &round_trips), -EINVAL);
	if (!cpu)
		KT_SKIP("one CPU");
	for (enum ipi_type type = IPI_GENERIC; type < IPI_HALT; type++) {
		measure_one(type, IPI_TARGET_CPU(cpu));
		measure_one(type, IPI_TARGET_ALL_BUT_SELF);
	}
	measure_one(IPI_HALT, IPI_TARGET_CPU(cpu));
}
