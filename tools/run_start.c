/*
 * From options to a running simulator: files, command line, process.
 */
#include "tools/run_state.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/archive.h"
#include "tools/commit.h"
#include "tools/debugger.h"
#include "tools/exits.h"
#include "tools/say.h"
#include "tools/workdir.h"

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

	for (const char *word = append; *word;
	     word += strcspn(word, " "), word += strspn(word, " "))
		if (!strncmp(word, "seed=", 5))
			seed = strtoul(word + 5, NULL, 0);
	return seed;
}

/* The kernel's command line: what the host knows, then what the person wants. */
void run_set_command_line(struct run *run)
{
	struct machine *machine = &run->machine;
	const struct options *options = run->options;

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

/* With the names that its files would have. */
int run_print_command(struct run *run)
{
	struct machine *machine = &run->machine;
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
	if (!file ||
	    fwrite(run->archive.data, 1, run->archive.length, file) != run->archive.length ||
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
		/* Its display is a terminal, though nobody looks at it; any will do. */
		setenv("TERM", "vt100", 1);
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

int run_prepare(struct run *run)
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

int run_start(struct run *run)
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
