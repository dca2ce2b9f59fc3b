/*
 * The runner of kernel tests: selection, verdicts, TAP.
 *
 * One test runs at a time, on the boot CPU. Its verdict may be spoilt by any CPU: the first to
 * claim `failed` writes the reason, which is read after the test has returned and its CPUs have
 * finished.
 */
#include "tests/kernel/ktest.h"

#include <fanga/log.h>
#include <fanga/panic.h>
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"

static struct {
	int failed;	     /* claimed by an atomic exchange, once a test */
	const char *skipped; /* the reason, NULL when the test ran */
	char reason[256];    /* owned by the claimer of `failed` until `reason_ready` */
	int reason_ready; /* stored with release after `reason`, loaded with acquire by the runner
			   */
} verdict;

static struct {
	unsigned number, passed, failed, skipped;
} tally;

void ktest_fail(const char *file, int line, const char *fmt, ...)
{
	va_list args;
	int used;

	/* Relaxed: only the claim must be unique; `reason_ready` publishes the text. */
	if (__atomic_exchange_n(&verdict.failed, 1, __ATOMIC_RELAXED))
		return;
	used = fmt_snprintf(verdict.reason, sizeof(verdict.reason), "%s:%d: ", file, line);
	if (used > 0 && (size_t)used < sizeof(verdict.reason)) {
		va_start(args, fmt);
		(void)fmt_vsnprintf(verdict.reason + used, sizeof(verdict.reason) - used, fmt,
				    args);
		va_end(args);
	}
	__atomic_store_n(&verdict.reason_ready, 1, __ATOMIC_RELEASE);
}

void ktest_skip(const char *why)
{
	verdict.skipped = why;
}

void ktest_note(const char *fmt, ...)
{
	char line[192];
	va_list args;

	va_start(args, fmt);
	(void)fmt_vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	log_raw("#   %s", line);
}

static nmi_handler_fn nmi_taker; /* atomic */

static void nmi_pass_on(struct trap_frame *frame)
{
	/* Acquire: pairs with the release in ktest_nmi_offer(). */
	nmi_handler_fn taker = __atomic_load_n(&nmi_taker, __ATOMIC_ACQUIRE);

	if (taker)
		taker(frame);
}

int ktest_nmi_offer(nmi_handler_fn handler)
{
	static bool is_registered;

	if (!is_registered && nmi_register(nmi_pass_on))
		return -ENOSPC;
	is_registered = true;
	/* Release: the handler sees what its test prepared. Pairs with nmi_pass_on(). */
	__atomic_store_n(&nmi_taker, handler, __ATOMIC_RELEASE);
	return 0;
}

/* Whether @suite is one of the comma-separated words of @selection, or that is "all". */
static bool selection_has(const char *selection, const char *suite)
{
	size_t length = strlen(suite);

	if (!strcmp(selection, "all"))
		return true;
	for (const char *word = selection; *word;) {
		size_t n = 0;

		while (word[n] && word[n] != ',')
			n++;
		if (n == length && !memcmp(word, suite, n))
			return true;
		word += n + (word[n] == ',');
	}
	return false;
}

static bool suite_exists(const char *word, size_t length)
{
	for (const struct ktest *const *t = __ktests_start; t < __ktests_end; t++)
		if (strlen((*t)->suite) == length && !memcmp((*t)->suite, word, length))
			return true;
	return false;
}

/* Call @report for each word of @selection that names no suite; returns how many there were. */
static unsigned selection_unknown(const char *selection, void (*report)(const char *, size_t))
{
	unsigned unknown = 0;

	if (!strcmp(selection, "all"))
		return 0;
	for (const char *word = selection;;) {
		size_t n = 0;

		while (word[n] && word[n] != ',')
			n++;
		if (!suite_exists(word, n)) {
			unknown++;
			if (report)
				report(word, n);
		}
		if (!word[n])
			return unknown;
		word += n + 1;
	}
}

static void report_unknown(const char *word, size_t length)
{
	char suites[192];
	size_t used = 0;

	suites[0] = '\0';
	/* A suite's tests stand together: they come from one file. */
	for (const struct ktest *const *t = __ktests_start; t < __ktests_end; t++)
		if (t == __ktests_start || strcmp(t[0]->suite, t[-1]->suite))
			used += fmt_scnprintf(suites + used, sizeof(suites) - used, " %s",
					      (*t)->suite);
	tally.failed++;
	log_raw("not ok %u - %.*s", ++tally.number, (int)length, word);
	log_raw("#   no such suite; there are:%s", suites);
}

static void test_run(const struct ktest *test)
{
	uint64_t warnings = warn_count();

	verdict.skipped = NULL;
	verdict.reason_ready = 0;
	__atomic_store_n(&verdict.failed, 0, __ATOMIC_RELAXED);
	log_raw("# %s.%s", test->suite, test->name);

	test->run();

	/* A warning that nobody expected fails the test in which it came. */
	if (warn_count() != warnings)
		ktest_fail(test->suite, 0, "%u warnings", (unsigned)(warn_count() - warnings));
	tally.number++;
	if (__atomic_load_n(&verdict.failed, __ATOMIC_RELAXED)) {
		tally.failed++;
		log_raw("not ok %u - %s.%s", tally.number, test->suite, test->name);
		/* Pairs with the release in ktest_fail(); a CPU may still be writing the text. */
		if (__atomic_load_n(&verdict.reason_ready, __ATOMIC_ACQUIRE))
			log_raw("#   %s", verdict.reason);
	} else if (verdict.skipped) {
		tally.skipped++;
		log_raw("ok %u - %s.%s # SKIP %s", tally.number, test->suite, test->name,
			verdict.skipped);
	} else {
		tally.passed++;
		log_raw("ok %u - %s.%s", tally.number, test->suite, test->name);
	}
}

int ktest_run(const char *selection)
{
	unsigned planned = selection_unknown(selection, NULL);

	tally.number = tally.passed = tally.failed = tally.skipped = 0;
	for (const struct ktest *const *t = __ktests_start; t < __ktests_end; t++)
		planned += selection_has(selection, (*t)->suite);
	log_raw("1..%u", planned);

	(void)selection_unknown(selection, report_unknown);
	for (const struct ktest *const *t = __ktests_start; t < __ktests_end; t++)
		if (selection_has(selection, (*t)->suite))
			test_run(*t);
	log_raw("# %u passed, %u failed, %u skipped", tally.passed, tally.failed, tally.skipped);
	return tally.failed != 0;
}
