/*
 * One run: start the simulator, follow its console and its results channel until it ends, and leave
 * the results folder complete. Whatever happens, the simulator is gone and no temporary file is left
 * when run_machine() returns.
 */
#include "tools/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/archive.h"
#include "tools/commit.h"
#include "tools/debugger.h"
#include "tools/exits.h"
#include "tools/machine.h"
#include "tools/process.h"
#include "tools/records.h"
#include "tools/say.h"
#include "tools/workdir.h"

#define POLL_MS		   10
#define LIFE_LIMIT_S	   60.0 /* without a sign of life the machine has not booted */
#define END_LIMIT_S	   5.0	/* from the exit record to the simulator's end */
#define CONSOLE_TAIL_BYTES 16384
#define ERROR_BYTES_MAX	   65536
#define ENVIRONMENT_LIFE   "FANGA_LIFE_LIMIT_S" /* for the tests: a shorter LIFE_LIMIT_S */

struct run {
	const struct options *options;
	const struct run_request *request;
	struct machine machine;
	char *workdir, *archive_path, *channel_path, *socket_path;
	struct bytes archive; /* the tables of --acpi */
	struct results results;
	struct results_file console;
	struct channel_memory memory; /* QEMU */
	int serial_fd;		      /* Bochs: where the channel's bytes come from, else -1 */
	struct bytes serial;	      /* those that are no whole record yet */
	int console_fd, error_fd;     /* the simulator's console and what it says itself */
	struct bytes console_tail, error_text;
	struct process simulator, debugger;
	struct run_facts facts;
	struct records records;
	bool is_channel_broken;
	double start_s, exit_s; /* exit_s: when the exit record came */
};

/* How it ended: an exit status and the word for run.json. */
struct outcome {
	int status;
	int signal;
	const char *reason;
};

/* --- before ------------------------------------------------------------------------------------- */

static unsigned host_cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

/* The last seed=N in `append`; the simulator is to have the same. */
static unsigned long find_seed(const char *append)
{
	unsigned long seed = MACHINE_SEED_DEFAULT;

	for (const char *word = append; *word; word += strcspn(word, " "), word += strspn(word, " "))
		if (!strncmp(word, "seed=", 5))
			seed = strtoul(word + 5, NULL, 0);
	return seed;
}

/* The kernel's command line: what the host knows, then what the person wants. */
static void set_command_line(struct machine *machine)
{
	const struct options *options = machine->options;

	machine->seed = find_seed(options->append);
	machine->append = memory_format("host_cpus=%u clock=%s seed=%lu%s%s", host_cpus(),
					options->is_icount ? "icount" : "host", machine->seed,
					*options->append ? " " : "", options->append);
}

static void simulator_command(struct arguments *command, const struct machine *machine)
{
	if (machine->options->machine == MACHINE_BOCHS)
		bochs_command(command, machine);
	else
		qemu_command(command, machine);
}

/* --print: the command line, with the names that its files would have. */
static int print_command(struct machine *machine)
{
	struct arguments command = {0};

	machine->channel = "/tmp/fanga-channel";
	machine->archive = machine->options->acpi ? "/tmp/fanga-archive.cpio" : NULL;
	machine->folder = "/tmp/fanga-bochs";
	machine->debugger = NULL;
	simulator_command(&command, machine);
	arguments_print(&command, stdout);
	putchar('\n');
	arguments_free(&command);
	if (fflush(stdout) && errno != EPIPE) {
		say("cannot write to standard output: %s", strerror(errno));
		return EXIT_NO_RESULTS;
	}
	return 0;
}

static int check_simulator(enum machine_kind kind)
{
	char *path = process_find(machine_program(kind));

	free(path);
	if (path)
		return 0;
	say("the simulator %s is missing; it comes with Debian's package %s", machine_program(kind),
	    kind == MACHINE_BOCHS ? "bochs" : "qemu-system-x86");
	return EXIT_NO_SIMULATOR;
}

static int write_archive(struct run *run)
{
	FILE *file;
	int status = 0;

	run->archive_path = memory_format("%s/archive.cpio", run->workdir);
	run->machine.archive = run->archive_path;
	file = fopen(run->archive_path, "we");
	if (!file || fwrite(run->archive.data, 1, run->archive.length, file) != run->archive.length ||
	    fclose(file)) {
		say("cannot write '%s': %s", run->archive_path, strerror(errno));
		status = EXIT_NO_RESULTS;
	}
	return status;
}

/* Everything that the simulator's command line names. */
static int prepare_files(struct run *run)
{
	int status = 0;

	run->workdir = workdir_make();
	if (!run->workdir)
		return EXIT_NO_RESULTS;
	run->machine.folder = run->workdir;
	if (run->options->acpi)
		status = write_archive(run);
	if (status)
		return status;
	if (run->options->machine == MACHINE_BOCHS) {
		say_stage("making a boot image");
		return bochs_prepare(&run->machine);
	}
	run->channel_path = memory_format("%s/channel", run->workdir);
	run->machine.channel = run->channel_path;
	if (run->request->is_debug) {
		run->socket_path = memory_format("%s/gdb", run->workdir);
		run->machine.debugger = run->socket_path;
	}
	return channel_memory_open(&run->memory, run->channel_path) ? EXIT_NO_RESULTS : 0;
}

static void prepare_facts(struct run *run)
{
	run->facts = (struct run_facts){
		.commit = commit_read(run->request->root),
		.command_line = memory_string(run->request->command_line),
		.kernel_command_line = memory_string(run->machine.append),
		.simulator = machine_program(run->options->machine),
		.simulator_version = machine_program_version(run->options->machine),
		.seed = run->machine.seed,
		.is_icount = run->options->is_icount,
		.host_cpus = host_cpus(),
	};
	run->records = (struct records){
		.results = &run->results,
		.facts = &run->facts,
		.is_silent = run->request->is_silent,
	};
}

static int open_in_workdir(const struct run *run, const char *name)
{
	char *path = memory_format("%s/%s", run->workdir, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	free(path);
	return fd;
}

/*
 * QEMU has the console on its standard output. Bochs writes console and channel to files; what it
 * prints is about itself.
 */
static int start_simulator(struct run *run)
{
	struct arguments command = {0};
	struct process_streams streams = {-1, -1, -1};
	int out[2] = {-1, -1}, error[2], result;

	if (pipe2(error, O_CLOEXEC))
		return -errno;
	streams.out = streams.error = error[1];
	run->error_fd = error[0];
	if (run->options->machine == MACHINE_BOCHS) {
		run->console_fd = open_in_workdir(run, BOCHS_CONSOLE);
		run->serial_fd = open_in_workdir(run, BOCHS_CHANNEL);
	} else if (pipe2(out, O_CLOEXEC)) {
		close(error[1]);
		return -errno;
	} else {
		run->console_fd = out[0];
		streams.out = out[1];
		fcntl(run->console_fd, F_SETFL, O_NONBLOCK);
	}
	fcntl(run->error_fd, F_SETFL, O_NONBLOCK);
	simulator_command(&command, &run->machine);
	if (run->options->verbosity > 0) {
		char *line = arguments_line(&command);

		say("%s", line);
		free(line);
	}
	result = process_start(&run->simulator, command.words, &streams, true);
	arguments_free(&command);
	close(error[1]);
	if (out[1] >= 0)
		close(out[1]);
	run->start_s = process_now_s();
	return result;
}

/* --- while it runs ------------------------------------------------------------------------------ */

/* Keep the last bytes of what grows without end. */
static void keep_tail(struct bytes *tail, const char *data, size_t length)
{
	bytes_add(tail, data, length);
	if (tail->length > 2 * CONSOLE_TAIL_BYTES) {
		memmove(tail->data, tail->data + tail->length - CONSOLE_TAIL_BYTES, CONSOLE_TAIL_BYTES);
		tail->length = CONSOLE_TAIL_BYTES;
	}
}

static void take_console(struct run *run, const char *data, size_t length)
{
	run->records.has_life = true;
	fwrite(data, 1, length, run->console.stream);
	keep_tail(&run->console_tail, data, length);
	if (run->options->verbosity > 0)
		fwrite(data, 1, length, stderr);
}

static void take_error(struct run *run, const char *data, size_t length)
{
	if (run->error_text.length + length <= ERROR_BYTES_MAX)
		bytes_add(&run->error_text, data, length);
}

static void take_serial(struct run *run, const char *data, size_t length)
{
	size_t used;

	bytes_add(&run->serial, data, length);
	if (channel_records((const uint8_t *)run->serial.data, run->serial.length, &used, records_take,
			    &run->records))
		run->is_channel_broken = true;
	run->serial.length -= used;
	memmove(run->serial.data, run->serial.data + used, run->serial.length);
}

/* Hand on what can be read now from a pipe or a growing file. True if there was something. */
static bool drain(struct run *run, int fd, void (*take)(struct run *, const char *, size_t))
{
	char chunk[65536];
	bool has_some = false;
	ssize_t count;

	while (fd >= 0 && ((count = read(fd, chunk, sizeof(chunk))) > 0 || (count < 0 && errno == EINTR)))
		if (count > 0) {
			has_some = true;
			take(run, chunk, (size_t)count);
		}
	return has_some;
}

static void take_all(struct run *run)
{
	drain(run, run->console_fd, take_console);
	drain(run, run->error_fd, take_error);
	if (run->is_channel_broken)
		return;
	drain(run, run->serial_fd, take_serial);
	if (run->memory.memory && channel_memory_poll(&run->memory, records_take, &run->records))
		run->is_channel_broken = true;
	if (channel_memory_is_alive(&run->memory))
		run->records.has_life = true;
}

static void wait_a_moment(const struct run *run)
{
	struct pollfd fds[2] = {{run->console_fd, POLLIN, 0}, {run->error_fd, POLLIN, 0}};

	/* A file is always readable, a pipe after its end too: those would turn this into a spin. */
	if (run->serial_fd >= 0 || (poll(fds, 2, POLL_MS) > 0 && !((fds[0].revents | fds[1].revents) & POLLIN)))
		usleep(POLL_MS * 1000);
}

static double life_limit_s(void)
{
	const char *text = getenv(ENVIRONMENT_LIFE);
	double limit;

	return text && !options_seconds(text, &limit) ? limit : LIFE_LIMIT_S;
}

/* The simulator has opened all its files by now: none is left behind even if this program is killed. */
static void remove_names(struct run *run)
{
	workdir_remove(run->workdir);
	run->workdir = NULL;
}

/* Follow the machine to its end. Returns true if somebody or something cut it short: see *outcome. */
static bool follow(struct run *run, struct outcome *outcome)
{
	double limit_s = life_limit_s();

	for (;;) {
		bool has_ended = process_has_ended(&run->simulator);
		double now_s = process_now_s();

		if (run->records.has_life && run->workdir && !run->request->is_debug)
			remove_names(run);
		take_all(run); /* after the look at the process: then this is all there will be */
		if (run->records.has_exit && !run->exit_s)
			run->exit_s = now_s;
		if (has_ended || run->is_channel_broken ||
		    (run->exit_s && now_s - run->exit_s > END_LIMIT_S))
			return false;
		if (process_stop_signal()) {
			*outcome = (struct outcome){EXIT_INTERRUPTED, process_stop_signal(), "signal"};
			return true;
		}
		if (run->options->timeout_s && now_s - run->start_s >= run->options->timeout_s) {
			say("stopped after %g s (--timeout)", run->options->timeout_s);
			*outcome = (struct outcome){EXIT_TIMED_OUT, 0, "timeout"};
			return true;
		}
		if (!run->records.has_life && !run->request->is_debug &&
		    now_s - run->start_s >= limit_s) {
			say("no sign of life from the machine in %g s", limit_s);
			*outcome = (struct outcome){EXIT_NO_SIMULATOR, 0, "no-boot"};
			return true;
		}
		if (run->request->is_debug && process_has_ended(&run->debugger)) {
			*outcome = (struct outcome){0, 0, "exited"};
			return true;
		}
		wait_a_moment(run);
	}
}

/* --- afterwards --------------------------------------------------------------------------------- */

static struct outcome outcome_of_record(const struct channel_exit *exit)
{
	static const char *const reasons[] = {
		[CHANNEL_EXITED] = "exited",	[CHANNEL_SIGNALLED] = "signal",
		[CHANNEL_TIMED_OUT] = "timeout", [CHANNEL_PANICKED] = "panic",
		[CHANNEL_NOT_BOOTED] = "no-boot",
	};
	struct outcome outcome = {.status = exit->status & 0xff, .reason = "exited"};

	if (exit->reason < ARRAY_SIZE(reasons))
		outcome.reason = reasons[exit->reason];
	if (exit->signal > 0 && exit->signal < 128) {
		outcome.signal = exit->signal;
		outcome.status = 128 + exit->signal;
	}
	return outcome;
}

/* The panic's lines out of the console, for a kernel that had no channel left to send them. */
static void say_console_panic(const struct run *run)
{
	const char *text = run->console_tail.data, *panic = NULL;
	size_t length = run->console_tail.length, lines = 0, end;

	for (size_t i = 0; i + 6 < length; i++)
		if (!memcmp(text + i, "panic:", 6))
			panic = text + i;
	if (!panic)
		return;
	while (panic > text && panic[-1] != '\n')
		panic--;
	for (end = (size_t)(panic - text); end < length && lines < 8; end++)
		lines += text[end] == '\n';
	say_text(panic, (size_t)(text + end - panic));
}

/* The simulator has ended and the machine has not said why. */
static struct outcome outcome_of_simulator(const struct run *run)
{
	static const struct outcome fault = {EXIT_PANICKED, 0, "panic"};
	static const struct outcome no_boot = {EXIT_NO_SIMULATOR, 0, "no-boot"};
	bool is_bochs = run->options->machine == MACHINE_BOCHS;
	const char *name = machine_program(run->options->machine);
	int status = run->simulator.status;

	if (WIFSIGNALED(status)) {
		say("%s was ended by signal %d (%s)", name, WTERMSIG(status), strsignal(WTERMSIG(status)));
		return no_boot;
	}
	/* Bochs has one status for every end. */
	if (is_bochs ? !run->records.has_life : WEXITSTATUS(status) != 0) {
		say("%s did not boot the machine (status %d)", name, WEXITSTATUS(status));
		if (run->error_text.length)
			say_text(run->error_text.data, run->error_text.length);
		return no_boot;
	}
	say("the machine reset itself without a word: a triple fault; see %s/console.log",
	    run->options->out);
	say_console_panic(run);
	return fault;
}

static struct outcome find_outcome(struct run *run)
{
	struct outcome outcome;

	if (run->records.has_exit) {
		outcome = outcome_of_record(&run->records.exit);
		if (outcome.status == EXIT_PANICKED && !run->records.has_message)
			say_console_panic(run);
		return outcome;
	}
	if (run->is_channel_broken) {
		say("the machine wrote rubbish into its results channel");
		return (struct outcome){EXIT_PANICKED, 0, "panic"};
	}
	return outcome_of_simulator(run);
}

/* console.log and run.json. Returns 0 or a negative errno, said. */
static int write_results(struct run *run, const struct outcome *outcome)
{
	struct bytes json = {0};
	int error = results_file_close(&run->results, &run->console, true);
	int json_error;

	if (error)
		say("cannot write '%s/console.log': %s", run->results.path, strerror(-error));
	run->facts.status = outcome->status;
	run->facts.signal = outcome->signal;
	run->facts.reason = outcome->reason;
	run->facts.host_s = process_now_s() - run->start_s;
	json_error = run_json_write(&run->facts, &json);
	if (json_error)
		say("run.json: %s", strerror(-json_error));
	else
		json_error = results_write(&run->results, "run.json", json.data, json.length);
	free(json.data);
	return error ? error : json_error;
}

/* A machine that went well with results that could not be kept has not gone well. */
static int final_status(const struct run *run, int status, int results_error)
{
	uint64_t dropped = channel_memory_dropped(&run->memory);

	if (dropped)
		say("warning: %llu results found no room in the channel", (unsigned long long)dropped);
	if (run->records.output_error)
		say("cannot write to standard output: %s", strerror(-run->records.output_error));
	if (status <= 1 && (results_error || run->records.results_error || run->records.output_error))
		return EXIT_NO_RESULTS;
	return status;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void clean_up(struct run *run)
{
	process_kill(&run->debugger);
	process_kill(&run->simulator);
	say_stage_clear();
	if (results_file_close(&run->results, &run->console, false))
		say("cannot remove the unfinished console.log");
	results_close(&run->results);
	channel_memory_close(&run->memory);
	close_fd(run->console_fd);
	close_fd(run->error_fd);
	close_fd(run->serial_fd);
	workdir_remove(run->workdir);
	free(run->archive.data);
	free(run->archive_path);
	free(run->channel_path);
	free(run->socket_path);
	free(run->machine.append);
	free(run->serial.data);
	free(run->console_tail.data);
	free(run->error_text.data);
	run_facts_free(&run->facts);
}

static int prepare(struct run *run)
{
	int error, status = check_simulator(run->options->machine);

	if (!status && run->request->is_debug)
		status = debugger_check();
	if (!status && run->options->acpi) /* wrong input leaves old results alone */
		status = archive_make(&run->archive, run->options->acpi);
	if (!status && results_open(&run->results, run->options->out))
		status = EXIT_NO_RESULTS;
	if (status)
		return status;
	error = results_file_open(&run->results, &run->console, "console.log");
	if (error) {
		say("cannot write '%s/console.log': %s", run->options->out, strerror(-error));
		return EXIT_NO_RESULTS;
	}
	return prepare_files(run);
}

static int start(struct run *run)
{
	int error;

	prepare_facts(run);
	say_stage("starting %s", machine_program(run->options->machine));
	error = start_simulator(run);
	if (error) {
		say("%s cannot be started: %s", machine_program(run->options->machine),
		    strerror(-error));
		return EXIT_NO_SIMULATOR;
	}
	return run->request->is_debug ? debugger_start(&run->debugger, run->request->kernel,
						       run->socket_path, &run->simulator)
				      : 0;
}

static int run_prepared(struct run *run)
{
	struct outcome outcome;
	int status = start(run);
	int error;

	if (status)
		return status;
	if (!follow(run, &outcome))
		outcome = find_outcome(run);
	process_kill(&run->simulator);
	say_stage_clear();
	error = write_results(run, &outcome);
	return final_status(run, outcome.status, error);
}

int run_machine(const struct options *options, const struct run_request *request)
{
	struct run run = {
		.options = options,
		.request = request,
		.machine = {.options = options, .kernel = request->kernel},
		.results = {.folder = -1},
		.memory = {.fd = -1},
		.serial_fd = -1,
		.console_fd = -1,
		.error_fd = -1,
	};
	char error[SHAPE_ERROR_BYTES];
	int status = EXIT_USAGE;

	if (shape_make(&run.machine.shape, options, error)) {
		say("%s", error);
		return EXIT_USAGE;
	}
	set_command_line(&run.machine);
	if (options->is_print) {
		status = print_command(&run.machine);
	} else {
		process_catch_signals();
		status = prepare(&run);
		if (!status)
			status = run_prepared(&run);
	}
	clean_up(&run);
	return status;
}
