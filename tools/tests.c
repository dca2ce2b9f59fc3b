/*
 * fanga test: the rings' suites as jobs that share the host's CPUs, a line for each, and the sum.
 */
#include "tools/tests.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/exits.h"
#include "tools/jobs.h"
#include "tools/kernel_shapes.h"
#include "tools/memory.h"
#include "tools/options.h"
#include "tools/say.h"
#include "tools/suites.h"
#include "tools/tap.h"

#define RESULTS_FOLDER	 "build/test-results"
#define HOST_LIMIT_S	 1200.0
#define SYSTEM_LIMIT_S	 300.0
#define FUZZ_DEFAULT_S	 30u
#define FUZZ_EXTRA_S	 300.0 /* over the time that the targets were given */
#define DETAIL_BYTES_MAX 4000

struct plan {
	const char *root;
	bool has_ring[RING_COUNT];
	struct arguments suites[RING_COUNT]; /* empty: all of the ring */
	unsigned fuzz_s;
	struct job *jobs;
	size_t job_count;
};

/* What a job is about, and where its verdicts stand. */
struct subject {
	enum ring ring;
	char *name;
	char *tap_path; /* TAP or the sum is in this file */
};

static struct {
	unsigned passed, failed, skipped;
} total;

/* --- usage --- */

static int usage(const char *what, const char *word, const struct arguments *allowed)
{
	struct bytes line = {0};

	for (size_t i = 0; allowed && i < allowed->count; i++) {
		bytes_add_text(&line, " ");
		bytes_add_text(&line, allowed->words[i]);
	}
	bytes_add(&line, "", 1);
	say("test: %s '%s'; allowed are%s", what, word,
	    allowed ? line.data : " host, kernel, system, fuzz, all, and --time S");
	free(line.data);
	return EXIT_USAGE;
}

/* A ring's name: choose it. False if it is none. */
static bool choose_ring(struct plan *plan, const char *word)
{
	bool is_all = !strcmp(word, "all"), is_found = is_all;

	for (int ring = 0; ring < RING_COUNT; ring++) {
		if (is_all || !strcmp(word, ring_name((enum ring)ring)))
			plan->has_ring[ring] = is_found = true;
	}
	return is_found;
}

/* A suite of the chosen rings, or of any ring if none is chosen. */
static int choose_suite(struct plan *plan, const char *word, bool is_ring_given)
{
	struct arguments known = {0};
	bool is_found = false;
	int status;

	for (int ring = 0; ring < RING_COUNT; ring++) {
		struct arguments suites = {0};

		if (is_ring_given && !plan->has_ring[ring])
			continue;
		suites_list(&suites, plan->root, (enum ring)ring);
		if (arguments_have(&suites, word)) {
			arguments_add(&plan->suites[ring], word);
			is_found = true;
		}
		for (size_t i = 0; i < suites.count; i++)
			if (!arguments_have(&known, suites.words[i]))
				arguments_add(&known, suites.words[i]);
		arguments_free(&suites);
	}
	status = is_found ? 0 : usage("there is no suite", word, &known);
	arguments_free(&known);
	return status;
}

static int read_time(struct plan *plan, const char *text)
{
	double seconds;

	if (text && !options_seconds(text, &seconds) && seconds >= 1 && seconds < 1e6) {
		plan->fuzz_s = (unsigned)seconds;
		return 0;
	}
	say("test: --time '%s' is not a number of seconds from 1 to 999999", text ? text : "");
	return EXIT_USAGE;
}

/* A ring at most, then suites, and --time anywhere. */
static int read_words(struct plan *plan, int argc, char **argv)
{
	bool is_ring_given = false, is_suite_given = false;
	int status = 0;

	for (int i = 1; i < argc && !status; i++) {
		const char *word = argv[i];

		if (!strcmp(word, "--time")) {
			status = read_time(plan, ++i < argc ? argv[i] : NULL);
		} else if (!strncmp(word, "--time=", 7)) {
			status = read_time(plan, word + 7);
		} else if (*word == '-') {
			status = usage("unknown option", word, NULL);
		} else if (!strcmp(word, "user")) {
			say("test: user is not available yet; allowed are host, kernel, system, "
			    "fuzz, all");
			status = EXIT_USAGE;
		} else if (!is_ring_given && !is_suite_given && choose_ring(plan, word)) {
			is_ring_given = true;
		} else {
			status = choose_suite(plan, word, is_ring_given);
			is_suite_given = true;
		}
	}
	/* Suites name their rings; nothing named is everything. */
	for (int ring = 0; ring < RING_COUNT && !status; ring++) {
		if (is_suite_given)
			plan->has_ring[ring] = plan->suites[ring].count > 0;
		else if (!is_ring_given)
			plan->has_ring[ring] = true;
	}
	return status;
}

/* --- verdicts --- */

static struct bytes read_file(const char *path)
{
	struct bytes content = {0};
	FILE *file = fopen(path, "re");
	char chunk[65536];
	size_t count;

	while (file && (count = fread(chunk, 1, sizeof(chunk), file)) > 0)
		bytes_add(&content, chunk, count);
	if (file)
		fclose(file);
	return content;
}

/* The log's end, for a job that has not said what failed. */
static void add_log_tail(struct tap *tap, const char *path)
{
	struct bytes log = read_file(path);
	size_t start = log.length > DETAIL_BYTES_MAX ? log.length - DETAIL_BYTES_MAX : 0;

	for (size_t i = start; i < log.length;) {
		const char *line = log.data + i;
		const char *end = memchr(line, '\n', log.length - i);
		size_t length = end ? (size_t)(end - line) : log.length - i;

		bytes_add_text(&tap->failures, "    ");
		bytes_add(&tap->failures, line, length);
		bytes_add_text(&tap->failures, "\n");
		i += length + 1;
	}
	free(log.data);
}

static void add_failure(struct tap *tap, const struct job *job, const char *fmt, ...)
	__printf(3, 4);

/* One more failure that no test has reported. */
static void add_failure(struct tap *tap, const struct job *job, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = memory_vformat(fmt, args);
	va_end(args);
	tap->failed++;
	bytes_add_text(&tap->failures, "    ");
	bytes_add_text(&tap->failures, text);
	bytes_add_text(&tap->failures, "\n");
	free(text);
	add_log_tail(tap, job->log);
}

/* Verdicts, and whether the job did all that it had planned and then ended well. */
static void judge(struct tap *tap, const struct job *job, const struct subject *subject)
{
	struct bytes output = read_file(subject->tap_path);
	bool is_sum = subject->ring == RING_HOST || subject->ring == RING_FUZZ;
	unsigned seen;

	if (is_sum && !tap_read_sum(tap, output.data, output.length))
		add_failure(tap, job, "ended with status %d and without a result", job->status);
	else if (is_sum && tap->failed)
		add_log_tail(tap, job->log);
	if (!is_sum)
		tap_read(tap, output.data, output.length);
	seen = tap->passed + tap->failed + tap->skipped;
	if (job->is_late)
		add_failure(tap, job, "stopped at its limit of %.0f s", job->limit_s);
	else if (!is_sum && (!tap->has_plan || seen != tap->planned))
		add_failure(tap, job, "ended with status %d after %u of %u tests", job->status,
			    seen, tap->planned);
	else if (job->status && !tap->failed)
		add_failure(tap, job, "ended with status %d", job->status);
	free(output.data);
}

static void report(struct job *job)
{
	struct subject *subject = job->context;
	struct tap tap = {0};

	judge(&tap, job, subject);
	printf("%-4s  %-6s  %-18s %5u passed", tap.failed ? "FAIL" : "ok", ring_name(subject->ring),
	       subject->name, tap.passed);
	if (tap.failed)
		printf(", %u failed", tap.failed);
	if (tap.skipped)
		printf(", %u skipped", tap.skipped);
	printf("  (%.1f s)\n", job->seconds);
	if (tap.failures.length)
		fwrite(tap.failures.data, 1, tap.failures.length, stdout);
	fflush(stdout);
	total.passed += tap.passed;
	total.failed += tap.failed;
	total.skipped += tap.skipped;
	free(tap.failures.data);
}

/* --- jobs --- */

static struct job *add_job(struct plan *plan, enum ring ring, const char *name, double limit_s)
{
	struct subject *subject = memory_resize(NULL, sizeof(*subject));
	struct job *job;
	char *file = memory_string(name);

	for (char *c = file; *c; c++)
		if (*c == '/')
			*c = '-';
	plan->jobs = memory_resize(plan->jobs, (plan->job_count + 1) * sizeof(*job));
	job = &plan->jobs[plan->job_count++];
	*job = (struct job){
		.log = memory_format("%s/" RESULTS_FOLDER "/%s-%s.log", plan->root, ring_name(ring),
				     file),
		.limit_s = limit_s,
		.ended = report,
		.context = subject,
	};
	*subject = (struct subject){ring, memory_string(name), memory_string(job->log)};
	free(file);
	return job;
}

/* A machine of its own for each shape: `fanga run` with the kernel that has checks built in. */
static void add_kernel_job(struct plan *plan, const struct kernel_shape *shape, const char *suites)
{
	struct job *job = add_job(plan, RING_KERNEL, shape->name, shape->limit_s);
	struct subject *subject = job->context;
	char *folder = memory_format("%.*s", (int)strlen(job->log) - 4, job->log);
	char *options = memory_string(shape->options), *rest = options;

	arguments_add(&job->command, "env");
	arguments_addf(&job->command, "FANGA_KERNEL=%s/build/debug/fanga.elf", plan->root);
	arguments_addf(&job->command, "%s/build/host/fanga", plan->root);
	arguments_add(&job->command, "run");
	arguments_add(&job->command, "-q");
	for (char *word; (word = strsep(&rest, " "));)
		arguments_add(&job->command, word);
	arguments_add(&job->command, "--out");
	arguments_add(&job->command, folder);
	arguments_add(&job->command, "--append");
	arguments_addf(&job->command, "test=%s", suites);
	free(subject->tap_path);
	subject->tap_path = memory_format("%s/console.log", folder);
	free(options);
	free(folder);
}

static void add_kernel_jobs(struct plan *plan)
{
	struct bytes suites = {0};

	for (size_t i = 0; i < plan->suites[RING_KERNEL].count; i++) {
		if (i)
			bytes_add_text(&suites, ",");
		bytes_add_text(&suites, plan->suites[RING_KERNEL].words[i]);
	}
	bytes_add(&suites, "", 1);
	for (size_t i = 0; i < kernel_shape_count; i++) {
		const struct kernel_shape *shape = &kernel_shapes[i];
		const char *usual = shape->suites ? shape->suites : "all";

		add_kernel_job(plan, shape, suites.data[0] ? suites.data : usual);
	}
	free(suites.data);
}

static void add_runner_job(struct plan *plan, enum ring ring, double limit_s)
{
	struct job *job = add_job(plan, ring, "all suites", limit_s);

	arguments_addf(&job->command, "%s/tests/%s/run", plan->root, ring_name(ring));
	if (ring == RING_FUZZ) {
		arguments_add(&job->command, "--time");
		arguments_addf(&job->command, "%u", plan->fuzz_s);
	}
	for (size_t i = 0; i < plan->suites[ring].count; i++)
		arguments_add(&job->command, plan->suites[ring].words[i]);
}

static void add_system_jobs(struct plan *plan)
{
	struct arguments all = {0};
	const struct arguments *chosen = &plan->suites[RING_SYSTEM];

	if (!chosen->count) {
		suites_list(&all, plan->root, RING_SYSTEM);
		chosen = &all;
	}
	for (size_t i = 0; i < chosen->count; i++) {
		struct job *job = add_job(plan, RING_SYSTEM, chosen->words[i], SYSTEM_LIMIT_S);

		arguments_add(&job->command, "sh");
		arguments_addf(&job->command, "%s/tests/system/test_%s.sh", plan->root,
			       chosen->words[i]);
	}
	arguments_free(&all);
}

static void add_jobs(struct plan *plan)
{
	if (plan->has_ring[RING_KERNEL])
		add_kernel_jobs(plan);
	if (plan->has_ring[RING_HOST])
		add_runner_job(plan, RING_HOST, HOST_LIMIT_S);
	if (plan->has_ring[RING_FUZZ])
		add_runner_job(plan, RING_FUZZ, plan->fuzz_s + FUZZ_EXTRA_S);
	if (plan->has_ring[RING_SYSTEM])
		add_system_jobs(plan);
}

static void free_plan(struct plan *plan)
{
	for (size_t i = 0; i < plan->job_count; i++) {
		struct subject *subject = plan->jobs[i].context;

		arguments_free(&plan->jobs[i].command);
		free(plan->jobs[i].log);
		free(subject->name);
		free(subject->tap_path);
		free(subject);
	}
	free(plan->jobs);
	for (int ring = 0; ring < RING_COUNT; ring++)
		arguments_free(&plan->suites[ring]);
}

static int run_plan(struct plan *plan)
{
	char *folder = memory_format("%s/" RESULTS_FOLDER, plan->root);
	cpu_set_t cpus;
	int status;

	process_catch_signals();
	if (mkdir(folder, 0777) && errno != EEXIST) {
		say("cannot make '%s': %s", folder, strerror(errno));
		free(folder);
		return EXIT_NO_RESULTS;
	}
	free(folder);
	add_jobs(plan);
	status = jobs_run(plan->jobs, plan->job_count,
			  sched_getaffinity(0, sizeof(cpus), &cpus) ? 1
								    : (unsigned)CPU_COUNT(&cpus));
	if (status)
		return status;
	printf("%u passed, %u failed, %u skipped\n", total.passed, total.failed, total.skipped);
	return total.failed || !total.passed;
}

int tests_main(const char *root, int argc, char **argv)
{
	struct plan plan = {.root = root, .fuzz_s = FUZZ_DEFAULT_S};
	int status = read_words(&plan, argc, argv);

	if (!status)
		status = run_plan(&plan);
	free_plan(&plan);
	return status;
}
