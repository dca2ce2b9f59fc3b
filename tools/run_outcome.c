/*
 * How a machine ended: its own exit record, or what can be told from the simulator's end.
 */
#include "tools/run_state.h"

#include <string.h>
#include <sys/wait.h>

#include "tools/exits.h"
#include "tools/say.h"

static struct outcome outcome_of_record(const struct channel_exit *exit)
{
	static const char *const reasons[] = {
		[CHANNEL_EXITED] = "exited",	  [CHANNEL_SIGNALLED] = "signal",
		[CHANNEL_TIMED_OUT] = "timeout",  [CHANNEL_PANICKED] = "panic",
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
		say("%s was ended by signal %d (%s)", name, WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
		return no_boot;
	}
	/* Bochs has one status for every end. */
	if (is_bochs ? !run->records.has_life : WEXITSTATUS(status) != 0) {
		say("%s did not boot the machine (status %d)", name, WEXITSTATUS(status));
		if (run->error_text.length)
			say_text(run->error_text.data, run->error_text.length);
		return no_boot;
	}
	say("the machine ended without a word: an early panic or a triple fault; see "
	    "%s/console.log",
	    run->options->out);
	say_console_panic(run);
	return fault;
}

struct outcome run_find_outcome(const struct run *run)
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
