// sources: kernel/log/log.c lib/printf.c
/*
 * The kernel log from several threads under ThreadSanitizer: lines arrive whole in the sink and in
 * the ring, each thread's in order, while another thread copies the ring.
 */
#include "tests/host/check.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "arch/x86_64/cpu.h"
#include "fanga/log.h"
#include "fanga/percpu.h"

#define WRITERS 4
#define LINES	1000

static unsigned next[WRITERS + 1]; /* under the log's output lock */
static unsigned broken;
static unsigned finished; /* atomic */

/*
 * The log gives up waiting after a second or 4 million turns, and goes on without the lock. On a
 * busy computer the holder's thread may be off its core for that long: no clock here, and a turn
 * hands on the core, so that no wait comes near to the limit.
 */
uint64_t log_clock_ns(void)
{
	return 0;
}

void log_irq_restore(unsigned long flags)
{
	irq_restore(flags);
	sched_yield();
}

static void check_line(const char *text, size_t bytes)
{
	unsigned cpu, writer, number;
	char line[LOG_LINE_BYTES + 1];

	memcpy(line, text, bytes);
	line[bytes] = '\0';
	if (sscanf(line, "[%*[^]]] cpu%u info: writer %u line %u\n", &cpu, &writer, &number) != 3 ||
	    cpu != writer || writer > WRITERS || number != next[writer]++)
		broken++;
}

static void *write_lines(void *arg)
{
	unsigned writer = (unsigned)(uintptr_t)arg;

	host_cpu_attach(writer);
	for (unsigned i = 0; i < LINES; i++)
		log_info("writer %u line %u", writer, i);
	__atomic_fetch_add(&finished, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void lines_stay_whole(void **state)
{
	static char copy[LOG_RING_BYTES];
	pthread_t threads[WRITERS + 1];

	(void)state;
	for (uintptr_t i = 1; i <= WRITERS; i++)
		host_cpu_prepare((unsigned)i);
	assert_int_equal(log_sink_add(check_line), 0);
	for (uintptr_t i = 1; i <= WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines, (void *)i), 0);
	while (__atomic_load_n(&finished, __ATOMIC_ACQUIRE) < WRITERS) {
		size_t bytes = log_ring_copy(copy, sizeof(copy));

		if (bytes) {
			assert_int_equal(copy[0], '[');
			assert_int_equal(copy[bytes - 1], '\n');
		}
		/* A copy holds the lock for long; leave most of the time to the writers. */
		usleep(2000);
	}
	for (unsigned i = 1; i <= WRITERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(next[i], LINES);
	}
	assert_int_equal(broken, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(lines_stay_whole)};

	return cmocka_run_group_tests_name("log stress", tests, NULL, NULL);
}
