/*
 * The local APIC on the machine: modes, every way to send, what arrives where and how often.
 * Handlers count by CPU; a test waits until the counts are there, with a bound, and then a little
 * longer to see that nothing comes twice.
 */
#include "arch/x86_64/apic.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/trap.h"
#include "fanga/clock.h"
#include "fanga/smp.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "tests/kernel/ktest.h"
#include "tests/kernel/smp_test.h"

#define TEST_VECTOR   0x60
#define NESTED_VECTOR 0x61
#define WAIT_NS	      1000000000ull
#define SETTLE_NS     20000ull

static unsigned hits[CPU_MAX];	      /* atomic, of TEST_VECTOR by CPU */
static unsigned nested_hits[CPU_MAX]; /* atomic, of NESTED_VECTOR */

static void count_hit(struct trap_frame *frame)
{
	(void)frame;
	__atomic_add_fetch(&hits[current_cpu_id()], 1, __ATOMIC_RELAXED);
}

static void count_nested_hit(struct trap_frame *frame)
{
	(void)frame;
	__atomic_add_fetch(&nested_hits[current_cpu_id()], 1, __ATOMIC_RELAXED);
}

static unsigned hits_of(unsigned cpu)
{
	return __atomic_load_n(&hits[cpu], __ATOMIC_RELAXED);
}

static bool begin(void)
{
	for (unsigned cpu = 0; cpu < CPU_MAX; cpu++)
		__atomic_store_n(&hits[cpu], 0, __ATOMIC_RELAXED);
	return irq_register(TEST_VECTOR, count_hit) == 0;
}

/* Wait until all of @mask have @want hits, then a little for those that must not come. */
static void settle(const struct cpumask *mask, unsigned want)
{
	uint64_t start = clock_ns();
	unsigned cpu;

	for_each_cpu (cpu, mask)
		while (hits_of(cpu) < want && clock_ns() - start < WAIT_NS)
			cpu_relax();
	clock_delay_ns(SETTLE_NS);
}

static void check_hits(const struct cpumask *mask, unsigned want)
{
	for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
		KT_EQ(hits_of(cpu), cpumask_test(mask, cpu) ? want : 0);
}

/* The last online CPU, which is another one where there is any. */
static unsigned other_cpu(void)
{
	unsigned cpu, last = 0;

	for_each_cpu (cpu, cpu_online_mask())
		last = cpu;
	return last;
}

static void check_identity(void *arg)
{
	(void)arg;
	KT_EQ(apic_self_id(), cpu_apic_id(current_cpu_id()));
	KT_EQ(apic_boot_id(), apic_self_id());
}

KTEST(apic, ids_are_those_of_the_table)
{
	KT_EQ(smp_run_on(cpu_online_mask(), check_identity, NULL), cpu_online_count());
}

KTEST(apic, mode_is_what_cpuid_offers)
{
	bool is_offered = cpuid(1, 0).ecx & BIT(21);

	KT_EQ(apic_is_x2apic(), is_offered);
	KT_EQ((rdmsr(MSR_APIC_BASE) >> 10 & 3), is_offered ? 3 : 2);
	ktest_note("%s", apic_mode_name());
}

KTEST(apic, self_ipi_arrives)
{
	struct cpumask self = {0};

	cpumask_set(&self, current_cpu_id());
	KT_CHECK(begin());
	KT_EQ(apic_send_self(TEST_VECTOR), 0);
	settle(&self, 1);
	irq_unregister(TEST_VECTOR);
	check_hits(&self, 1);
}

KTEST(apic, self_ipi_waits_for_interrupts_on)
{
	struct cpumask self = {0};
	unsigned long flags;
	unsigned while_off;

	cpumask_set(&self, current_cpu_id());
	KT_CHECK(begin());
	flags = irq_save();
	KT_EQ(apic_send_self(TEST_VECTOR), 0);
	clock_delay_ns(SETTLE_NS);
	while_off = hits_of(current_cpu_id());
	irq_restore(flags);
	settle(&self, 1);
	irq_unregister(TEST_VECTOR);
	KT_EQ(while_off, 0);
	check_hits(&self, 1);
}

KTEST(apic, ipi_reaches_the_one_named)
{
	unsigned cpu;

	for_each_cpu (cpu, cpu_online_mask()) {
		struct cpumask one = {0};

		if (!visits_cpu(cpu))
			continue;
		cpumask_set(&one, cpu);
		KT_CHECK(begin());
		KT_EQ(apic_send_ipi(cpu_apic_id(cpu), TEST_VECTOR), 0);
		settle(&one, 1);
		irq_unregister(TEST_VECTOR);
		check_hits(&one, 1);
	}
}

KTEST(apic, shorthands_reach_all)
{
	struct cpumask others;

	cpumask_copy(&others, cpu_online_mask());
	cpumask_clear(&others, current_cpu_id());
	KT_CHECK(begin());
	KT_EQ(apic_send_all_but_self(TEST_VECTOR), 0);
	settle(&others, 1);
	irq_unregister(TEST_VECTOR);
	check_hits(&others, 1);

	KT_CHECK(begin());
	KT_EQ(apic_send_all(TEST_VECTOR), 0);
	settle(cpu_online_mask(), 1);
	irq_unregister(TEST_VECTOR);
	check_hits(cpu_online_mask(), 1);
}

/* The fewest writes that reach all online CPUs. */
static unsigned fewest_writes(void)
{
	uint64_t clusters = 0; /* xAPIC ids and those of our machines are below 1024 */
	unsigned writes = 0, flat = 0, cpu;

	for_each_cpu (cpu, cpu_online_mask()) {
		uint32_t apic_id = cpu_apic_id(cpu);

		if (apic_is_x2apic())
			clusters |= BIT(apic_id / 16 % 64);
		else if (apic_id < 8)
			flat = 1;
		else
			writes++;
	}
	return writes + flat + bits_weight(clusters);
}

KTEST(apic, many_arrive_once_each_in_few_writes)
{
	static uint32_t apic_ids[CPU_MAX];
	unsigned n = 0, writes, cpu;

	for_each_cpu (cpu, cpu_online_mask())
		apic_ids[n++] = cpu_apic_id(cpu);
	KT_CHECK(begin());
	writes = apic_send_many(apic_ids, n, TEST_VECTOR);
	settle(cpu_online_mask(), 1);
	irq_unregister(TEST_VECTOR);
	check_hits(cpu_online_mask(), 1);
	KT_EQ(writes, fewest_writes());
	ktest_note("%u CPUs in %u writes", n, writes);
}

KTEST(apic, ids_out_of_reach_are_refused)
{
	uint64_t refused = this_cpu_read(apic_counters.refused);
	uint32_t first = apic_is_x2apic() ? APIC_ID_ALL : APIC_ID_ALL_XAPIC;
	uint32_t ids[] = {first, APIC_ID_ALL};

	KT_EQ(apic_send_ipi(first, TEST_VECTOR), -ERANGE);
	KT_EQ(apic_send_nmi(first), -ERANGE);
	KT_EQ(apic_send_init(first), -ERANGE);
	KT_EQ(apic_send_startup(first, 8), -ERANGE);
	KT_EQ(apic_send_many(ids, ARRAY_SIZE(ids), TEST_VECTOR), 0);
	KT_EQ(this_cpu_read(apic_counters.refused) - refused, 6);
}

/* Sent as messages: what is tested is that the handlers are there and count. */
static void check_counted(uint8_t vector, const uint64_t *counter)
{
	uint64_t before = __atomic_load_n(counter, __ATOMIC_RELAXED);
	uint64_t start = clock_ns();

	KT_EQ(apic_send_self(vector), 0);
	while (__atomic_load_n(counter, __ATOMIC_RELAXED) == before && clock_ns() - start < WAIT_NS)
		cpu_relax();
	KT_EQ(__atomic_load_n(counter, __ATOMIC_RELAXED), before + 1);
}

KTEST(apic, error_interrupts_are_counted)
{
	check_counted(VECTOR_APIC_ERROR, &raw_cpu_ptr(apic_counters)->errors);
	KT_EQ(raw_cpu_ptr(apic_counters)->error_bits, 0);
}

KTEST(apic, spurious_interrupts_are_counted)
{
	/* Bochs ignores the EOI of one that came as a message: it would block all others for ever.
	 */
	if (apic_is_x2apic())
		KT_SKIP("the simulator with x2APIC cannot end it");
	check_counted(VECTOR_SPURIOUS, &raw_cpu_ptr(apic_counters)->spurious);
}

/* ---- NMI ---- */

static unsigned nmis_expected; /* atomic; claimed by the handler */
static unsigned nmis_seen;     /* atomic */
static bool nmi_sends;	       /* atomic: the handler sends NESTED_VECTOR to nested_target */
static uint32_t nested_target;

static void take_nmi(struct trap_frame *frame)
{
	(void)frame;
	if (!__atomic_load_n(&nmis_expected, __ATOMIC_ACQUIRE))
		return;
	if (__atomic_load_n(&nmi_sends, __ATOMIC_ACQUIRE))
		(void)apic_send_ipi(nested_target, NESTED_VECTOR);
	__atomic_add_fetch(&nmis_seen, 1, __ATOMIC_RELEASE);
}

static bool prepare_nmis(void)
{
	static bool is_registered;

	if (!is_registered && nmi_register(take_nmi))
		return false;
	is_registered = true;
	__atomic_store_n(&nmis_seen, 0, __ATOMIC_RELAXED);
	return true;
}

KTEST(apic, nmi_arrives_with_interrupts_off)
{
	uint64_t start = clock_ns();
	unsigned long flags;

	KT_CHECK(prepare_nmis());
	__atomic_store_n(&nmis_expected, 1, __ATOMIC_RELEASE);
	flags = irq_save();
	KT_EQ(apic_send_nmi(apic_self_id()), 0);
	while (!__atomic_load_n(&nmis_seen, __ATOMIC_ACQUIRE) && clock_ns() - start < WAIT_NS)
		cpu_relax();
	irq_restore(flags);
	__atomic_store_n(&nmis_expected, 0, __ATOMIC_RELEASE);
	KT_EQ(__atomic_load_n(&nmis_seen, __ATOMIC_ACQUIRE), 1);
}

#define STORM_NMIS 100

static void send_nmi_storm(void *arg)
{
	uint32_t target = *(uint32_t *)arg;

	for (unsigned i = 0; i < STORM_NMIS; i++) {
		(void)apic_send_nmi(target);
		/* One at a time: an NMI that comes while one is handled is merged with the next. */
		while (__atomic_load_n(&nmis_seen, __ATOMIC_ACQUIRE) <= i)
			cpu_relax();
	}
	__atomic_store_n(&nmis_expected, 0, __ATOMIC_RELEASE);
}

/*
 * NMIs that send IPIs themselves, on a CPU that does nothing but send IPIs to somebody else: an IPI
 * that lands on the wrong CPU shows that the ICR's halves were mixed up.
 */
static void send_during_storm(void *arg)
{
	uint32_t target = *(uint32_t *)arg;
	unsigned sent = 0;

	/* No pause: in virtual time a turn must end, and the NMI come, anywhere in the sending. */
	while (__atomic_load_n(&nmis_expected, __ATOMIC_ACQUIRE)) {
		(void)apic_send_ipi(target, TEST_VECTOR);
		sent++;
		/* Uneven rounds, or turns could always end at the same place of one. */
		for (volatile unsigned i = 0; i < sent % 13; i++)
			;
	}
	ktest_note("%u IPIs sent under %u NMIs", sent, STORM_NMIS);
}

struct storm {
	unsigned sender;
	uint32_t victim_id, storm_target_id;
};

static void storm_work(void *arg)
{
	struct storm *storm = arg;

	if (current_cpu_id() == storm->sender)
		send_nmi_storm(&storm->victim_id);
	else
		send_during_storm(&storm->storm_target_id);
}

KTEST(apic, nmi_between_the_icr_halves_does_no_harm)
{
	struct storm storm = {.sender = 1, .victim_id = apic_self_id()};
	uint64_t nested = this_cpu_read(apic_counters.nested_sends);
	struct cpumask two = {0};
	unsigned last = other_cpu();

	if (cpu_online_count() < 4 || !cpu_is_online(1) || !cpu_is_online(2))
		KT_SKIP("needs four CPUs");
	KT_CHECK(begin());
	KT_EQ(irq_register(NESTED_VECTOR, count_nested_hit), 0);
	KT_CHECK(prepare_nmis());
	for (unsigned cpu = 0; cpu < CPU_MAX; cpu++)
		__atomic_store_n(&nested_hits[cpu], 0, __ATOMIC_RELAXED);
	storm.storm_target_id = cpu_apic_id(2);
	nested_target = cpu_apic_id(last);
	__atomic_store_n(&nmi_sends, true, __ATOMIC_RELEASE);
	__atomic_store_n(&nmis_expected, STORM_NMIS, __ATOMIC_RELEASE);
	cpumask_set(&two, current_cpu_id());
	cpumask_set(&two, storm.sender);
	KT_EQ(smp_run_on(&two, storm_work, &storm), 2);
	__atomic_store_n(&nmi_sends, false, __ATOMIC_RELEASE);
	clock_delay_ns(SETTLE_NS);
	irq_unregister(TEST_VECTOR);
	irq_unregister(NESTED_VECTOR);

	KT_EQ(nmis_seen, STORM_NMIS);
	for (unsigned cpu = 0; cpu < cpu_count(); cpu++) {
		KT_EQ(hits_of(cpu) != 0, cpu == 2);
		KT_EQ(nested_hits[cpu] != 0, cpu == last);
	}
	KT_EQ(per_cpu(apic_counters, 0).send_timeouts, 0);
	ktest_note("%lu NMIs between the halves",
		   this_cpu_read(apic_counters.nested_sends) - nested);
	if (!apic_is_x2apic() && clock_is_virtual())
		KT_CHECK(this_cpu_read(apic_counters.nested_sends) > nested);
}
