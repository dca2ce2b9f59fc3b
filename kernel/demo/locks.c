/*
 * The demo's contended lock: all CPUs add to one counter under one spinlock until the total is
 * reached. The counter proves the exclusion, the counts of each CPU the fairness.
 */
#include "arch/x86_64/cpu.h"
#include "fanga/clock.h"
#include "fanga/lockstat.h"
#include "fanga/percpu.h"
#include "fanga/results.h"
#include "fanga/smp.h"
#include "fanga/spinlock.h"
#include "kernel/demo/demo.h"
#include "lib/json.h"

#define TURNS_EACH 500u
#define TURNS_EACH_MANY \
	40u /* with more CPUs than MANY_CPUS: each hand-over takes all their turns */
#define MANY_CPUS   32u
#define RUN_NS	    500000000ul /* on the host's clock: several of its time slices */
#define SITES_SHOWN 5u

static DEFINE_SPINLOCK(demo_lock);
static DEFINE_PER_CPU_ALIGNED(uint64_t, demo_turns);
static uint64_t demo_total; /* under demo_lock */
static uint64_t demo_limit; /* turns; constant while CPUs run, as the next */
static uint64_t demo_until_ns;
static uint64_t run_ns;	      /* of the whole */
static unsigned demo_arrived; /* atomic: all start together */

/* Whether the run goes on: by turns where time is virtual, else for a while. Under demo_lock. */
static bool goes_on(void)
{
	if (clock_is_virtual())
		return demo_total < demo_limit;
	return clock_ns() < demo_until_ns;
}

static void take_turns(void *arg)
{
	unsigned cpus = *(unsigned *)arg;
	bool done = false;

	__atomic_add_fetch(&demo_arrived, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&demo_arrived, __ATOMIC_RELAXED) < cpus)
		cpu_relax();
	while (!done) {
		SPIN_GUARD(&demo_lock);
		done = !goes_on();
		if (done)
			continue;
		demo_total++;
		this_cpu_inc(demo_turns);
		/* Where CPUs take turns, the others come and queue while it is held. */
		cpu_relax();
	}
}

void demo_lock_json(struct json *json)
{
	json_object_begin(json, "lock");
	json_u64(json, "turns", demo_total);
	json_u64(json, "run_ns", run_ns);
	json_array_begin(json, "turns_by_cpu");
	for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
		json_u64(json, NULL, get_cpu_data(cpu) ? per_cpu(demo_turns, cpu) : 0);
	json_array_end(json);
	json_object_end(json);
}

bool demo_locks(void)
{
	unsigned cpus = cpu_online_count(), cpu, ran;
	uint64_t fewest = ~0ul, most = 0, sum = 0, start_ns;
	char time[DEMO_TIME_BYTES];

	demo_total = 0;
	demo_limit = (uint64_t)cpus * (cpus > MANY_CPUS ? TURNS_EACH_MANY : TURNS_EACH);
	start_ns = clock_ns();
	demo_until_ns = start_ns + RUN_NS;
	results_stage("one lock, %u CPUs", cpus);
	ran = smp_run_on(cpu_online_mask(), take_turns, &cpus);
	run_ns = clock_ns() - start_ns;
	demo_time(run_ns, time);
	for_each_cpu (cpu, cpu_online_mask()) {
		uint64_t turns = per_cpu(demo_turns, cpu);

		fewest = MIN(fewest, turns);
		most = MAX(most, turns);
		sum += turns;
	}
	results_report("\nOne spinlock, %u CPU%s: %lu turns in %s; fewest by a CPU %lu, most %lu\n",
		       ran, ran == 1 ? "" : "s", demo_total, time, fewest, most);
	results_report("Locks by time waited:\n");
	lockstat_report(SITES_SHOWN, results_report);
	if (ran != cpus || sum != demo_total || (clock_is_virtual() && demo_total != demo_limit)) {
		demo_fault("%u of %u CPUs took %lu turns, but %lu were counted", ran, cpus, sum,
			   demo_total);
		return false;
	}
	return true;
}
