/*
 * One run: start the simulator, follow its console and its results channel until it ends, and leave
 * the results folder complete. Whatever happens, the simulator is gone and no temporary file is
 * left when run_machine() returns.
 */
#include "tools/run_state.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/exits.h"
#include "tools/say.h"
#include "tools/workdir.h"

#define POLL_MS		   10
#define LIFE_LIMIT_S	   60.0 /* without a sign of life the machine has not booted */
#define END_LIMIT_S	   5.0	/* from the exit record to the simulator's end */
#define CONSOLE_TAIL_BYTES 16384
#define ERROR_BYTES_MAX	   65536
#define ENVIRONMENT_LIFE   "FANGA_LIFE_LIMIT_S" /* for the tests: a shorter LIFE_LIMIT_S */

/* Keep the last bytes of what grows without end. */
static void keep_tail(struct bytes *tail, const char *data, size_t length)
{
	bytes_add(tail, data, length);
	if (tail->length > 2 * CONSOLE_TAIL_BYTES) {
		memmove(tail->data, tail->data + tail->length - CONSOLE_TAIL_BYTES,
			CONSOLE_TAIL_BYTES);
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
	if (channel_records((const uint8_t *)run->serial.data, run->serial.length, &used,
			    records_take, &run->records))
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

	while (fd >= 0 &&
	       ((count = read(fd, chunk, sizeof(chunk))) > 0 || (count < 0 && errno == EINTR)))
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

	/* A file is always readable, a pipe after its end too: those would turn this into a spin.
	 */
	if (run->serial_fd >= 0 ||
	    (poll(fds, 2, POLL_MS) > 0 && !((fds[0].revents | fds[1].revents) & POLLIN)))
		usleep(POLL_MS * 1000);
}

static double life_limit_s(void)
{
	const char *text = getenv(ENVIRONMENT_LIFE);
	double limit;

	return text && !options_seconds(text, &limit) ? limit : LIFE_LIMIT_S;
}

/* The simulator has opened all its files by now: none is left behind even if this program is
 * killed. */
static void remove_names(struct run *run)
{
	workdir_remove(run->workdir);
	run->workdir = NULL;
}

/* Follow the machine to its end. Returns true if somebody or something cut it short: see *outcome.
 */
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
			*outcome =
				(struct outcome){EXIT_INTERRUPTED, process_stop_signal(), "signal"};
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
		say("warning: %llu results found no room in the channel",
		    (unsigned long long)dropped);
	if (run->records.output_error)
		say("cannot write to standard output: %s", strerror(-run->records.output_error));
	if (status <= 1 &&
	    (results_error || run->records.results_error || run->records.output_error))
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

static int run_prepared(struct run *run)
{
	struct outcome outcome;
	int status = run_start(run);
	int error;

	if (status)
		return status;
	if (!follow(run, &outcome))
		outcome = run_find_outcome(run);
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
	run_set_command_line(&run);
	if (options->is_print) {
		status = run_print_command(&run);
	} else {
		process_catch_signals();
		status = run_prepare(&run);
		if (!status)
			status = run_prepared(&run);
	}
	clean_up(&run);
	return status;
}
