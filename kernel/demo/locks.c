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

#define TURNS_EACH 500u
#define TURNS_EACH_MANY \
	40u /* with more CPUs than MANY_CPUS: each hand-over takes all their turns */
#define MANY_CPUS   32u
#define SITES_SHOWN 5u

static DEFINE_SPINLOCK(demo_lock);
static DEFINE_PER_CPU_ALIGNED(uint64_t, demo_turns);
static uint64_t demo_total;   /* under demo_lock */
static uint64_t demo_limit;   /* constant while CPUs run */
static unsigned demo_arrived; /* atomic: all start together */

static void take_turns(void *arg)
{
	unsigned cpus = *(unsigned *)arg;
	bool done = false;

	__atomic_add_fetch(&demo_arrived, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&demo_arrived, __ATOMIC_RELAXED) < cpus)
		cpu_relax();
	while (!done) {
		spin_lock(&demo_lock);
		done = demo_total >= demo_limit;
		if (!done) {
			demo_total++;
			this_cpu_inc(demo_turns);
		}
		spin_unlock(&demo_lock);
		/* Where CPUs take turns, let the others come to the lock too. */
		cpu_relax();
	}
}

bool demo_locks(void)
{
	unsigned cpus = cpu_online_count(), cpu, ran;
	uint64_t fewest = ~0ul, most = 0, sum = 0, start_ns;
	char time[DEMO_TIME_BYTES];

	demo_total = 0;
	demo_limit = (uint64_t)cpus * (cpus > MANY_CPUS ? TURNS_EACH_MANY : TURNS_EACH);
	start_ns = clock_ns();
	ran = smp_run_on(cpu_online_mask(), take_turns, &cpus);
	demo_time(clock_ns() - start_ns, time);
	for_each_cpu (cpu, cpu_online_mask()) {
		uint64_t turns = per_cpu(demo_turns, cpu);

		fewest = MIN(fewest, turns);
		most = MAX(most, turns);
		sum += turns;
	}
	results_report("\nOne spinlock, %u CPU%s: %lu turns in %s; fewest by a CPU %lu, most %lu\n",
		       ran, ran == 1 ? "" : "s", demo_total, time, fewest, most);
	results_report("Locks by time waited: site, contended, total, longest\n");
	lockstat_report(SITES_SHOWN, results_report);
	if (ran != cpus || sum != demo_limit || demo_total != demo_limit) {
		demo_fault("%lu turns counted, %lu taken, %lu wanted", sum, demo_total, demo_limit);
		return false;
	}
	return true;
}
