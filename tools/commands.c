/*
 * The commands that run one machine: run and debug.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/arguments.h"
#include "tools/exits.h"
#include "tools/memory.h"
#include "tools/run.h"
#include "tools/say.h"

static int start_command(const char *root, int argc, char **argv, bool is_debug)
{
	struct options *options = memory_resize(NULL, sizeof(*options));
	struct arguments words = {0};
	struct run_request request = {.root = root, .is_debug = is_debug};
	char *kernel, *line;
	int status = options_parse(options, argc, argv);

	if (!status && is_debug && options->machine == MACHINE_BOCHS) {
		say("debug: --machine bochs has no debugger here; allowed is q35");
		status = EXIT_USAGE;
	}
	if (!status) {
		arguments_add(&words, "fanga");
		for (int i = 0; i < argc; i++)
			arguments_add(&words, argv[i]);
		line = arguments_line(&words);
		kernel = getenv("FANGA_KERNEL") ? memory_string(getenv("FANGA_KERNEL"))
						: memory_format("%s/build/release/fanga.elf", root);
		request.command_line = line;
		request.kernel = kernel;
		status = run_machine(options, &request);
		free(kernel);
		free(line);
		arguments_free(&words);
	}
	free(options);
	return status;
}

int run_main(const char *root, int argc, char **argv)
{
	return start_command(root, argc, argv, false);
}

int debug_main(const char *root, int argc, char **argv)
{
	return start_command(root, argc, argv, true);
}
