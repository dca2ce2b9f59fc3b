/*
 * I/O APIC pins, with the old interval timer as the device that interrupts: ISA interrupt 0, which
 * an override usually moves.
 */
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/hpet.h"
#include "arch/x86_64/ioapic.h"
#include "arch/x86_64/trap.h"
#include "fanga/clock.h"
#include "fanga/smp.h"
#include "kernel/acpi/machine.h"
#include "lib/errno.h"
#include "tests/kernel/ktest.h"

#define TEST_VECTOR   0x60
#define PIT_CHANNEL_0 0x40
#define PIT_COMMAND   0x43
#define PIT_MODE_2    0x34 /* channel 0, rate generator */
#define PIT_MODE_0    0x30 /* channel 0, one shot; counts only once it is given a value */
#define PIT_DIVISOR   119  /* 10 kHz */
#define SEE_NS	      500000ull
#define WAIT_NS	      1000000000ull

static unsigned hits[CPU_MAX]; /* atomic */

static void count_hit(struct trap_frame *frame)
{
	(void)frame;
	__atomic_add_fetch(&hits[current_cpu_id()], 1, __ATOMIC_RELAXED);
}

static unsigned all_hits(void)
{
	unsigned sum = 0;

	for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
		sum += __atomic_load_n(&hits[cpu], __ATOMIC_RELAXED);
	return sum;
}

static void clear_hits(void)
{
	for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
		__atomic_store_n(&hits[cpu], 0, __ATOMIC_RELAXED);
}

static void pit_run(void)
{
	outb(PIT_COMMAND, PIT_MODE_2);
	outb(PIT_CHANNEL_0, PIT_DIVISOR & 0xff);
	outb(PIT_CHANNEL_0, PIT_DIVISOR >> 8);
}

static void wait_hits(unsigned want)
{
	uint64_t start = clock_ns();

	while (all_hits() < want && clock_ns() - start < WAIT_NS)
		cpu_relax();
}

static bool is_nmi_source(uint32_t gsi)
{
	const struct acpi_madt *madt = &acpi_machine()->madt;

	for (unsigned i = 0; i < madt->nmi_source_count; i++)
		if (madt->nmi_sources[i].gsi == gsi)
			return true;
	return false;
}

KTEST(ioapic, pins_start_masked)
{
	unsigned seen = 0;

	if (!ioapic_count())
		KT_SKIP("no I/O APIC");
	for (uint32_t gsi = 0; gsi < 1024; gsi++) {
		seen += ioapic_has_gsi(gsi);
		KT_CHECK(ioapic_is_masked(gsi) || is_nmi_source(gsi));
	}
	KT_EQ(seen, ioapic_pin_count());
	ktest_note("%u I/O APICs, %u pins", ioapic_count(), ioapic_pin_count());
}

KTEST(ioapic, masked_pin_never_delivers)
{
	struct irq_signal signal;
	uint32_t gsi = ioapic_isa_gsi(0, &signal);
	unsigned masked_before, masked_after, open;

	if (!ioapic_has_gsi(gsi))
		KT_SKIP("no pin for the interval timer");
	clear_hits();
	KT_EQ(irq_register(TEST_VECTOR, count_hit), 0);
	KT_EQ(ioapic_route(gsi, signal, TEST_VECTOR, apic_self_id()), 0);
	pit_run();
	clock_delay_ns(SEE_NS);
	masked_before = all_hits();

	KT_EQ(ioapic_unmask(gsi), 0);
	wait_hits(3);
	KT_EQ(ioapic_mask(gsi), 0);
	open = all_hits();
	clock_delay_ns(SEE_NS);
	masked_after = all_hits();
	outb(PIT_COMMAND, PIT_MODE_0);
	irq_unregister(TEST_VECTOR);

	KT_EQ(masked_before, 0);
	KT_CHECK(open >= 3); /* so the timer did run, and it was the mask that held it back */
	KT_EQ(masked_after, open);
	KT_EQ(hits[current_cpu_id()], open);
}

KTEST(ioapic, route_names_the_cpu)
{
	struct irq_signal signal;
	uint32_t gsi = ioapic_isa_gsi(0, &signal);
	unsigned target = 0, cpu;

	for_each_cpu (cpu, cpu_online_mask())
		if (cpu_apic_id(cpu) < APIC_ID_ALL_XAPIC)
			target = cpu;
	if (!ioapic_has_gsi(gsi) || target == 0)
		KT_SKIP("needs a second CPU and a pin");
	clear_hits();
	KT_EQ(irq_register(TEST_VECTOR, count_hit), 0);
	KT_EQ(ioapic_route(gsi, signal, TEST_VECTOR, cpu_apic_id(target)), 0);
	KT_EQ(ioapic_unmask(gsi), 0);
	pit_run();
	wait_hits(3);
	KT_EQ(ioapic_mask(gsi), 0);
	outb(PIT_COMMAND, PIT_MODE_0);
	clock_delay_ns(SEE_NS);
	irq_unregister(TEST_VECTOR);
	KT_CHECK(all_hits() >= 3);
	KT_EQ(hits[target], all_hits());
}

KTEST(ioapic, wrong_routes_are_refused)
{
	struct irq_signal signal = {0};

	if (!ioapic_has_gsi(5))
		KT_SKIP("no I/O APIC");
	KT_EQ(ioapic_route(1u << 20, signal, TEST_VECTOR, 0), -ENOENT);
	KT_EQ(ioapic_route(5, signal, 31, 0), -EINVAL);
	KT_EQ(ioapic_route(5, signal, TEST_VECTOR, 255), -ERANGE);
	KT_EQ(ioapic_unmask(1u << 20), -ENOENT);
	KT_EQ(ioapic_set_override(16, 16, signal), -EINVAL);
	KT_CHECK(ioapic_is_masked(5));
}

/* Of a free pin, on which nothing happens meanwhile. */
KTEST(ioapic, an_nmi_source_is_routed_to_the_boot_cpu)
{
	uint64_t entry, dest = (uint64_t)apic_self_id() << 56;
	uint64_t status = 1u << 12 | 1u << 14; /* read-only: pending, remote IRR */

	if (!ioapic_has_gsi(5) || is_nmi_source(5) || apic_self_id() >= APIC_ID_ALL_XAPIC)
		KT_SKIP("no free pin");
	KT_EQ(ioapic_route_nmi(5, false, apic_self_id()), 0);
	KT_EQ(ioapic_read_entry(5, &entry), 0);
	KT_EQ(entry & ~status, dest | 0x400);
	KT_EQ(ioapic_route_nmi(5, true, apic_self_id()), 0);
	KT_EQ(ioapic_read_entry(5, &entry), 0);
	KT_EQ(entry & ~status, dest | 0x2400);
	KT_CHECK(!ioapic_is_masked(5));
	KT_EQ(ioapic_mask(5), 0);
	KT_EQ(ioapic_route_nmi(1u << 20, false, 0), -ENOENT);
	KT_EQ(ioapic_route_nmi(5, false, APIC_ID_ALL_XAPIC), -ERANGE);
	KT_EQ(ioapic_read_entry(1u << 20, &entry), -ENOENT);
	KT_CHECK(ioapic_is_masked(5));
}

/* What the tables of this machine say: usually nothing. */
KTEST(ioapic, nmi_sources_of_the_tables_are_open)
{
	const struct acpi_madt *madt = &acpi_machine()->madt;
	unsigned open = 0;
	uint64_t entry;

	for (unsigned i = 0; i < madt->nmi_source_count; i++) {
		if (ioapic_read_entry(madt->nmi_sources[i].gsi, &entry))
			continue;
		KT_EQ(entry & 0x10700, 0x400);
		open++;
	}
	if (!open)
		KT_SKIP("the tables name none");
}

KTEST(ioapic, turn_bound_uses_a_masked_pin)
{
	int gsi = hpet_turn_bound_gsi();

	if (!clock_is_virtual() || !hpet_present())
		KT_SKIP("turns are bounded in virtual time with an HPET only");
	KT_CHECK(gsi >= 0);
	KT_CHECK(ioapic_has_gsi((uint32_t)gsi));
	KT_CHECK(ioapic_is_masked((uint32_t)gsi));
}
