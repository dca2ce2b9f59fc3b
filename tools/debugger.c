/*
 * Starting gdb. From then on the terminal's interrupt key is gdb's.
 */
#include "tools/debugger.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/arguments.h"
#include "tools/exits.h"
#include "tools/say.h"

#define SOCKET_WAIT_S 10.0

/* Nobody is there to page, to be asked, or to be prompted. */
static const char *const without_terminal[] = {
	"set pagination off",	 "set confirm off", "set width 0",
	"set style enabled off", "set prompt",
};

int debugger_check(void)
{
	char *path = process_find("gdb");

	free(path);
	if (path)
		return 0;
	say("the debugger gdb is missing; it comes with Debian's package gdb");
	return EXIT_NO_SIMULATOR;
}

static bool wait_for_socket(const char *socket, struct process *simulator)
{
	double start_s = process_now_s();

	while (access(socket, F_OK)) {
		if (process_has_ended(simulator) || process_stop_signal() ||
		    process_now_s() - start_s > SOCKET_WAIT_S)
			return false;
		usleep(5000);
	}
	return true;
}

int debugger_start(struct process *debugger, const char *kernel, const char *socket,
		   struct process *simulator)
{
	struct arguments command = {0};
	int error;

	if (!wait_for_socket(socket, simulator)) {
		say("the simulator does not listen for a debugger");
		return EXIT_NO_SIMULATOR;
	}
	arguments_add(&command, "gdb");
	arguments_add(&command, "-q");
	if (!isatty(STDIN_FILENO)) {
		for (size_t i = 0; i < ARRAY_SIZE(without_terminal); i++) {
			arguments_add(&command, "-iex");
			arguments_add(&command, without_terminal[i]);
		}
	}
	arguments_add(&command, "-ex");
	arguments_addf(&command, "target remote %s", socket);
	arguments_add(&command, kernel);
	signal(SIGINT, SIG_IGN);
	say_stage_clear();
	error = process_start(debugger, command.words,
			      &(struct process_streams){STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO},
			      false);
	arguments_free(&command);
	if (!error)
		return 0;
	say("gdb cannot be started: %s", strerror(-error));
	return EXIT_NO_SIMULATOR;
}
