/*
 * The demo's first part: CPUs and memory nodes. Many CPUs are shown as runs of neighbours.
 */
#include "fanga/cpu.h"
#include "fanga/mm.h"
#include "fanga/numa.h"
#include "fanga/results.h"
#include "fanga/smp.h"
#include "kernel/demo/demo.h"
#include "lib/printf.h"

#define ROWS_SINGLE 16 /* up to so many CPUs get a row each */
#define NODES_FULL  16 /* up to so many nodes get a full row of distances */

static bool continues(const struct cpu *first, const struct cpu *cpu)
{
	return cpu_count() > ROWS_SINGLE && cpu->cpu != 1 && cpu->node == first->node &&
	       cpu->state == first->state && cpu->apic_id - first->apic_id == cpu->cpu - first->cpu;
}

static void format_span(char *text, size_t bytes, uint64_t first, uint64_t last)
{
	if (first == last)
		(void)fmt_snprintf(text, bytes, "%lu", first);
	else
		(void)fmt_snprintf(text, bytes, "%lu-%lu", first, last);
}

static void report_cpus(void)
{
	char numbers[24], ids[24];
	unsigned next;

	results_report("\n     CPU   APIC id  node  state\n");
	for (unsigned first = 0; first < cpu_count(); first = next) {
		const struct cpu *cpu = cpu_get(first);

		next = first + 1;
		while (next < cpu_count() && continues(cpu, cpu_get(next)))
			next++;
		format_span(numbers, sizeof(numbers), first, next - 1);
		format_span(ids, sizeof(ids), cpu->apic_id, cpu->apic_id + (next - 1 - first));
		results_report("%8s %9s %5u  %s%s\n", numbers, ids, cpu->node,
			       cpu_state_name(cpu->state), cpu->bsp ? " (boot CPU)" : "");
	}
}

unsigned demo_cpus(void)
{
	char time[DEMO_TIME_BYTES];
	unsigned failed = 0;

	results_report("FangaOS on %u of %u CPUs and %u memory node%s\n", cpu_online_count(),
		       cpu_count(), numa_node_count(), numa_node_count() == 1 ? "" : "s");
	report_cpus();
	if (cpu_online_count() > 1)
		results_report("All started together: %u online %s after the first SIPI.\n",
			       cpu_online_count() - 1, demo_time(smp_bringup_ns(), time));
	for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
		failed += cpu_get(cpu)->state != CPU_ONLINE;
	return failed;
}

static bool is_uniform(const struct numa_node *node)
{
	unsigned other = node->node == 0 ? 1 : 0;

	for (unsigned n = 0; n < numa_node_count(); n++)
		if (n != node->node && node->distances[n] != node->distances[other])
			return false;
	return true;
}

static void report_distances(const struct numa_node *node)
{
	if (numa_node_count() > NODES_FULL && is_uniform(node)) {
		results_report("%u here, %u to every other", node->distances[node->node],
			       node->distances[node->node == 0 ? 1 : 0]);
		return;
	}
	for (unsigned n = 0; n < numa_node_count(); n++)
		results_report("%s%u", n ? " " : "", node->distances[n]);
}

void demo_nodes(void)
{
	static char cpus[CPUMASK_TEXT_BYTES]; /* too large for the stack */

	results_report("\n    node      memory        free  distances; CPUs\n");
	for (unsigned n = 0; n < numa_node_count(); n++) {
		const struct numa_node *node = numa_get_node(n);

		(void)cpumask_format(&node->cpus, cpus, sizeof(cpus));
		results_report("%8u %7lu KiB %7lu KiB  ", n, node->memory_bytes >> 10,
			       early_free_bytes(n) >> 10);
		report_distances(node);
		results_report("; %s\n", cpus[0] ? cpus : "none");
	}
}
