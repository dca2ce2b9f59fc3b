/*
 * Lock statistics on the machine: a site's counters rise when its lock was taken, and only then.
 */
#include <fanga/clock.h>
#include <fanga/lockstat.h>
#include <fanga/rwlock.h>
#include <fanga/smp.h>
#include <fanga/spinlock.h>
#include "lib/json.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "tests/kernel/ktest.h"

#define ROUNDS 20u

static DEFINE_SPINLOCK(lock);
static DEFINE_RWLOCK(rwlock);

KTEST(lockstat, uncontended_writes_nothing)
{
	struct lock_site *site = LOCK_SITE(), *write_site = LOCK_SITE(), *read_site = LOCK_SITE();

	for (unsigned i = 0; i < 1000; i++) {
		spin_lock_at(&lock, site);
		spin_unlock(&lock);
		write_lock_at(&rwlock, write_site);
		write_unlock(&rwlock);
		read_lock_at(&rwlock, read_site);
		read_unlock(&rwlock);
	}
	KT_EQ(lockstat_sum(site).contended, 0);
	KT_EQ(lockstat_sum(site).wait_ns, 0);
	KT_EQ(lockstat_sum(write_site).contended, 0);
	KT_EQ(lockstat_sum(read_site).contended, 0);
}

/*
 * CPU 0 takes the lock, CPU 1 comes to it; when it is seen waiting, CPU 0 lets it wait some more
 * and gives the lock back. So every acquisition of CPU 1 is contended, and none of CPU 0's is.
 */
static struct lock_site *holder_site, *waiter_site;
static unsigned turn; /* atomic: rounds begun, odd while CPU 0 holds the lock */

static void hold_rounds(void)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != 2 * i ||
		       __atomic_load_n(&lock.raw.word, __ATOMIC_ACQUIRE))
			cpu_relax();
		spin_lock_at(&lock, holder_site);
		__atomic_store_n(&turn, 2 * i + 1, __ATOMIC_RELEASE);
		while (!(__atomic_load_n(&lock.raw.word, __ATOMIC_RELAXED) & SPIN_PENDING))
			cpu_relax();
		clock_delay_ns(2000);
		spin_unlock(&lock);
	}
}

static void hold_or_wait(void *arg)
{
	(void)arg;
	if (current_cpu_id() == 0) {
		hold_rounds();
		return;
	}
	for (unsigned i = 0; i < ROUNDS; i++) {
		while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != 2 * i + 1)
			cpu_relax();
		spin_lock_at(&lock, waiter_site);
		spin_unlock(&lock);
		__atomic_store_n(&turn, 2 * i + 2, __ATOMIC_RELEASE);
	}
}

KTEST(lockstat, contended_is_counted_where_it_waited)
{
	struct lock_stat stat;
	struct cpumask mask;

	if (cpu_online_count() < 2 || !cpu_is_online(1))
		KT_SKIP("needs two CPUs");
	holder_site = LOCK_SITE();
	waiter_site = LOCK_SITE();
	turn = 0;
	cpumask_fill(&mask, 2);
	(void)smp_run_on(&mask, hold_or_wait, NULL);
	KT_EQ(lockstat_sum(holder_site).contended, 0);
	stat = lockstat_sum(waiter_site);
	ktest_note("%u waits, %llu ns together, longest %llu ns", (unsigned)stat.contended,
		   (unsigned long long)stat.wait_ns, (unsigned long long)stat.max_wait_ns);
	KT_EQ(stat.contended, ROUNDS);
	/* CPU 1 was seen waiting before each of the delays began. */
	KT_CHECK(stat.wait_ns >= ROUNDS * 2000);
	KT_CHECK(stat.max_wait_ns >= 2000 && stat.max_wait_ns <= stat.wait_ns);
	KT_EQ(per_cpu_ptr(*waiter_site->stat, 1)->contended, ROUNDS);
	KT_EQ(per_cpu_ptr(*waiter_site->stat, 0)->contended, 0);
}

KTEST(lockstat, sums_and_sorts)
{
	struct lock_site *slow = LOCK_SITE(), *fast = LOCK_SITE();
	struct lock_stat stat;

	PREEMPT_GUARD();
	lockstat_record(slow, 5);
	lockstat_record(slow, 7);
	lockstat_record(slow, 6);
	lockstat_record(fast, 1);
	stat = lockstat_sum(slow);
	KT_EQ(stat.contended % 3, 0);
	KT_EQ(stat.wait_ns, 6 * stat.contended);
	KT_EQ(stat.max_wait_ns, 7);
}

struct order {
	const struct lock_site *last;
	unsigned sorted, visited;
};

static void check_order(const struct lock_site *site, void *context)
{
	struct order *order = context;

	order->sorted += !order->last || order->last->total.wait_ns >= site->total.wait_ns;
	order->visited++;
	order->last = site;
}

KTEST(lockstat, report_has_the_longest_wait_first)
{
	struct lock_site *site = LOCK_SITE();
	struct order order = {0}, first = {0};
	unsigned visited;

	preempt_disable();
	lockstat_record(site, 1000000000000ull);
	preempt_enable();
	visited = lockstat_for_each(UINT32_MAX, check_order, &order);
	KT_CHECK(visited > 0);
	KT_EQ(order.visited, visited);
	KT_EQ(order.sorted, visited);
	KT_EQ(lockstat_for_each(1, check_order, &first), 1);
	KT_CHECK(first.last == site);
	/* Leave no trace of a wait that was none. */
	*per_cpu_ptr(*site->stat, current_cpu_id()) = (struct lock_stat){0};
}

struct text {
	char bytes[4096];
	size_t used;
};

static int keep(void *context, const void *data, size_t bytes)
{
	struct text *text = context;

	if (bytes > sizeof(text->bytes) - 1 - text->used)
		bytes = sizeof(text->bytes) - 1 - text->used;
	memcpy(text->bytes + text->used, data, bytes);
	text->used += bytes;
	return 0;
}

KTEST(lockstat, json_names_site_and_figures)
{
	static struct text text;
	struct lock_site *site = LOCK_SITE();
	char expected[200];
	struct json json;

	(void)fmt_snprintf(expected, sizeof(expected),
			   "[{\"site\":\"%s %s:%u\",\"contended\":1,\"wait_ns\":2000000000000,"
			   "\"max_wait_ns\":2000000000000}",
			   __func__, __FILE__, site->line);
	memset(&text, 0, sizeof(text));
	preempt_disable();
	lockstat_record(site, 2000000000000ull);
	preempt_enable();
	json_init(&json, keep, &text);
	lockstat_json(&json, NULL);
	*per_cpu_ptr(*site->stat, current_cpu_id()) = (struct lock_stat){0};
	KT_EQ(json_finish(&json), 0);
	KT_CHECK(!strncmp(text.bytes, expected, strlen(expected)));
}
