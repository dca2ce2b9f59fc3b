/*
 * The demo's IPIs and shootdowns: how long until every target has answered.
 */
#include "fanga/cpu.h"
#include "fanga/ipi.h"
#include "fanga/numa.h"
#include "fanga/percpu.h"
#include "fanga/results.h"
#include "fanga/smp.h"
#include "fanga/tlb.h"
#include "kernel/demo/demo.h"
#include "kernel/smp/measure.h"
#include "lib/json.h"

/* Enough for a median; fewer to many targets, of which each has to take its turn in a simulator. */
#define ROUNDS_MAX  500u
#define ROUNDS_MIN  20u
#define ANSWERS_ROW 2000u /* rounds times targets, between the two */
#define ROUNDS_HALT 3u	  /* each stops and restarts its targets */
#define RANGE_PAGES 16u

struct row {
	const char *what;
	const char *target;
	uint64_t rounds, median_ns, worst_ns;
};

static struct row rows[32]; /* five types by four targets, and the shootdowns */
static unsigned row_count;
static struct histogram times; /* 15 KiB; of the row at work */

static unsigned rounds_for(unsigned targets)
{
	return MAX(ROUNDS_MIN, MIN(ROUNDS_MAX, ANSWERS_ROW / targets));
}

static void report_row(const char *what, const char *target)
{
	char median[DEMO_TIME_BYTES], worst[DEMO_TIME_BYTES];
	struct row row = {what, target, times.count, histogram_median(&times), times.max};

	if (row_count < ARRAY_SIZE(rows))
		rows[row_count++] = row;
	results_report("  %-11s %-20s %6lu %14s %14s\n", what, target, row.rounds,
		       demo_time(row.median_ns, median), demo_time(row.worst_ns, worst));
}

void demo_round_trips_json(struct json *json)
{
	json_array_begin(json, "round_trips");
	for (unsigned i = 0; i < row_count; i++) {
		json_object_begin(json, NULL);
		json_string(json, "type", rows[i].what);
		json_string(json, "target", rows[i].target);
		json_u64(json, "rounds", rows[i].rounds);
		json_u64(json, "median_ns", rows[i].median_ns);
		json_u64(json, "worst_ns", rows[i].worst_ns);
		json_object_end(json);
	}
	json_array_end(json);
}

static bool measure_row(enum ipi_type type, struct ipi_target target, const char *name,
			unsigned rounds)
{
	int error;

	histogram_init(&times);
	error = ipi_measure(type, target, type == IPI_HALT ? ROUNDS_HALT : rounds, &times);
	if (error) {
		demo_fault("%s IPI to %s: error %d", ipi_type_name(type), name, error);
		return false;
	}
	report_row(ipi_type_name(type), name);
	return true;
}

/* An online CPU on another node than @self's, or CPU_MAX. */
static unsigned find_far_cpu(unsigned self)
{
	unsigned cpu;

	for_each_cpu (cpu, cpu_online_mask())
		if (cpu_get(cpu)->node != cpu_get(self)->node)
			return cpu;
	return CPU_MAX;
}

bool demo_ipis(void)
{
	unsigned self = current_cpu_id(), others = cpu_online_count() - 1, cpu;
	unsigned near = cpumask_next(cpu_online_mask(), self), far = find_far_cpu(self);
	struct cpumask half = {0};
	bool ok = true;

	if (!others) {
		results_report("\nOne CPU: nobody to interrupt.\n");
		return true;
	}
	for_each_cpu (cpu, cpu_online_mask())
		if (cpu != self && cpu % 2)
			cpumask_set(&half, cpu);
	results_stage("interrupting %u CPUs", others);
	results_report("\nIPIs, from sending until all targets have handled them; medians to 3 %%\n"
		       "  type        target               rounds         median          worst\n");
	for (enum ipi_type type = IPI_GENERIC; type < IPI_TYPES; type++) {
		ok &= measure_row(type, IPI_TARGET_CPU(near), "one CPU", rounds_for(1));
		if (far != CPU_MAX && far != near)
			ok &= measure_row(type, IPI_TARGET_CPU(far), "one CPU, other node",
					  rounds_for(1));
		ok &= measure_row(type, IPI_TARGET_ALL_BUT_SELF, "all but self",
				  rounds_for(others));
		if (others > 1 && !cpumask_empty(&half))
			ok &= measure_row(type, IPI_TARGET_MASK(&half), "mask: odd CPUs",
					  rounds_for(others / 2));
	}
	return ok;
}

static bool shootdown_row(unsigned pages, const char *name)
{
	int error;

	histogram_init(&times);
	error = tlb_measure(pages, rounds_for(cpu_online_count()), &times);
	if (error) {
		demo_fault("shootdown of %s: error %d", name, error);
		return false;
	}
	report_row("shootdown", name);
	return true;
}

bool demo_shootdowns(void)
{
	bool ok;

	results_stage("flushing translations on %u CPUs", cpu_online_count());
	ok = shootdown_row(1, "one page");

	ok &= shootdown_row(RANGE_PAGES, "16 pages");
	ok &= shootdown_row(TLB_RANGE_PAGES_MAX + 1, "34 pages: full");
	ok &= shootdown_row(0, "everything");
	return ok;
}
