/*
 * What the boot has made of the machine: the CPUs of the tables under their numbers, all of them
 * started, in time. Other suites may have added CPUs behind these, and leave these as they were.
 */
#include <fanga/clock.h>
#include <fanga/numa.h>
#include <fanga/smp.h>
#include "arch/x86_64/apic.h"
#include "kernel/acpi/machine.h"
#include "tests/kernel/ktest.h"

#define FEW_CPUS     64
#define FEW_LIMIT_NS 20000000ul
#define LIMIT_NS     100000000ul

/* CPUs that the tables name; the boot CPU is one whatever they say. */
static unsigned listed(void)
{
	return MAX(acpi_machine()->cpu_count, 1u);
}

KTEST(smp, cpus_are_those_of_the_tables)
{
	const struct acpi_info *info = acpi_machine();

	KT_CHECK(cpu_count() >= listed());
	for (unsigned i = 0; i < info->cpu_count; i++) {
		KT_EQ(cpu_get(i)->cpu, i);
		KT_EQ(cpu_get(i)->apic_id, info->cpus[i].apic_id);
		KT_EQ(cpu_get(i)->node, numa_node_for_cpu(i));
	}
	KT_EQ(cpu_get(0)->apic_id, apic_self_id());
}

/* One that is not there has failed; none has been forgotten. */
KTEST(smp, all_were_started)
{
	for (unsigned i = 0; i < MIN(listed(), cpu_count()); i++)
		if (apic_id_reachable(cpu_apic_id(i)))
			KT_CHECK(cpu_get(i)->state == CPU_ONLINE ||
				 cpu_get(i)->state == CPU_FAILED);
	KT_CHECK(cpu_online_count() <= 1 || smp_bringup_ns() > 0);
}

KTEST(smp, starting_takes_no_longer_than_it_may)
{
	uint64_t took_ns = smp_bringup_ns();

	if (!clock_is_virtual())
		KT_SKIP("on the host's clock the host decides");
	ktest_note("%u CPUs online %lu us after the first SIPI", cpu_online_count(),
		   took_ns / 1000);
	KT_CHECK(took_ns <= (cpu_online_count() <= FEW_CPUS ? FEW_LIMIT_NS : LIMIT_NS));
}
