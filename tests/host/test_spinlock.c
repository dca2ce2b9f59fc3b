// sources: kernel/sync/spinlock.c kernel/sync/lockstat.c kernel/preempt/counter.c
// kernel/preempt/points.c sources: lib/printf.c lib/json.c
/*
 * Waits inside waits of one CPU, with signals as its interrupts, to the last node and beyond; and
 * the statistics' sums and output.
 */
#include "tests/host/check.h"

#include <pthread.h>
#include <signal.h>

#include <fanga/clock.h>
#include <fanga/cpu.h>
#include <fanga/spinlock.h>
#include "lib/json.h"

#define CPUS   3u
#define LEVELS 5u /* one more than there are nodes */

unsigned cpu_count(void)
{
	return CPUS;
}

uint64_t clock_ns(void)
{
	return 0;
}

static struct raw_spinlock lock[LEVELS];
static unsigned level, got[LEVELS], order; /* atomic; `level` is the innermost wait */

static void wait_at(unsigned at)
{
	raw_spin_lock(&lock[at]);
	got[at] = __atomic_add_fetch(&order, 1, __ATOMIC_RELAXED);
	raw_spin_unlock(&lock[at]);
	__atomic_sub_fetch(&level, 1, __ATOMIC_RELEASE);
}

static void interrupt(int signal)
{
	(void)signal;
	wait_at(__atomic_add_fetch(&level, 1, __ATOMIC_RELAXED) - 1);
}

static void *cpu_one(void *arg)
{
	(void)arg;
	host_cpu_attach(1);
	interrupt(0);
	return NULL;
}

/* The wait at @at is in place: it queued, or, without a node, it has begun. */
static void wait_until_there(unsigned at)
{
	while (__atomic_load_n(&level, __ATOMIC_RELAXED) <= at ||
	       (at < 4 && !__atomic_load_n(&lock[at].tail, __ATOMIC_RELAXED)))
		cpu_relax();
}

static void waits_nest_beyond_the_last_node(void **state)
{
	struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_NODEFER};
	pthread_t thread;

	(void)state;
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	/* Held, and somebody is first waiter: who comes has to queue. */
	for (unsigned i = 0; i < LEVELS; i++)
		lock[i].word = SPIN_LOCKED | SPIN_PENDING;
	assert_int_equal(pthread_create(&thread, NULL, cpu_one, NULL), 0);
	wait_until_there(0);
	for (unsigned i = 1; i < LEVELS; i++) {
		assert_int_equal(pthread_kill(thread, SIGUSR1), 0);
		wait_until_there(i);
	}
	/* Each on a node of its own; the last has none and its lock no queue. */
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(lock[i].tail, 2u << 2 | i);
	assert_int_equal(lock[4].tail, 0);
	for (unsigned i = LEVELS; i-- > 0;) {
		__atomic_store_n(&lock[i].locked_pending, 0, __ATOMIC_RELEASE);
		while (__atomic_load_n(&level, __ATOMIC_ACQUIRE) > i)
			cpu_relax();
		assert_int_equal(__atomic_load_n(&lock[i].word, __ATOMIC_RELAXED), 0);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (unsigned i = 0; i < LEVELS; i++)
		assert_int_equal(got[i], LEVELS - i);
}

static void fill(struct lock_site *site, unsigned cpu, struct lock_stat stat)
{
	*per_cpu_ptr(*site->stat, cpu) = stat;
}

static struct lock_site *busy_site(void)
{
	return LOCK_SITE();
}

static struct lock_site *calm_site(void)
{
	return LOCK_SITE();
}

static void sums_over_cpus(void **state)
{
	struct lock_stat sum;

	(void)state;
	fill(busy_site(), 0, (struct lock_stat){2, 30, 20});
	fill(busy_site(), 1, (struct lock_stat){1, 500, 500});
	fill(busy_site(), 2, (struct lock_stat){4, 8, 3});
	sum = lockstat_sum(busy_site());
	assert_int_equal(sum.contended, 7);
	assert_int_equal(sum.wait_ns, 538);
	assert_int_equal(sum.max_wait_ns, 500);
}

static char output[1024];
static size_t used;

static int keep(void *context, const void *data, size_t bytes)
{
	(void)context;
	assert_true(used + bytes < sizeof(output));
	memcpy(output + used, data, bytes);
	used += bytes;
	output[used] = '\0';
	return 0;
}

static void json_lists_the_longest_wait_first(void **state)
{
	char expected[512];
	struct json json;

	(void)state;
	fill(calm_site(), 2, (struct lock_stat){1, 537, 537});
	snprintf(expected, sizeof(expected),
		 "[{\"site\":\"busy_site "
		 "%s:%u\",\"contended\":7,\"wait_ns\":538,\"max_wait_ns\":500},"
		 "{\"site\":\"calm_site "
		 "%s:%u\",\"contended\":1,\"wait_ns\":537,\"max_wait_ns\":537}]",
		 __FILE__, busy_site()->line, __FILE__, calm_site()->line);
	used = 0;
	json_init(&json, keep, NULL);
	lockstat_json(&json, NULL);
	assert_int_equal(json_finish(&json), 0);
	assert_string_equal(output, expected);
}

static void print(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	used += (size_t)vsnprintf(output + used, sizeof(output) - used, fmt, args);
	va_end(args);
}

static void report_has_the_first_ones(void **state)
{
	(void)state;
	used = 0;
	lockstat_report(1, print);
	assert_non_null(strstr(output, "538           500  busy_site"));
	assert_null(strstr(output, "calm_site"));
	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		fill(busy_site(), cpu, (struct lock_stat){0});
		fill(calm_site(), cpu, (struct lock_stat){0});
	}
	used = 0;
	lockstat_report(9, print);
	assert_non_null(strstr(output, "none"));
}

static void records_on_the_own_cpu(void **state)
{
	(void)state;
	lockstat_record(busy_site(), 5);
	lockstat_record(busy_site(), 9);
	lockstat_record(busy_site(), 2);
	assert_int_equal(per_cpu_ptr(*busy_site()->stat, 0)->contended, 3);
	assert_int_equal(per_cpu_ptr(*busy_site()->stat, 0)->wait_ns, 16);
	assert_int_equal(per_cpu_ptr(*busy_site()->stat, 0)->max_wait_ns, 9);
	assert_int_equal(per_cpu_ptr(*busy_site()->stat, 1)->contended, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_nest_beyond_the_last_node),
		cmocka_unit_test(sums_over_cpus),
		cmocka_unit_test(json_lists_the_longest_wait_first),
		cmocka_unit_test(report_has_the_first_ones),
		cmocka_unit_test(records_on_the_own_cpu),
	};

	for (unsigned cpu = 1; cpu < CPUS; cpu++)
		host_cpu_prepare(cpu);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
