/*
 * fanga, the program behind the command: finds the project's folder and hands over to the command.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/exits.h"
#include "tools/help.h"
#include "tools/process.h"
#include "tools/run.h"
#include "tools/say.h"
#include "tools/tests.h"
#include "tools/topology.h"

#define COMMANDS "run, test, topology, debug, help"

static const char *const later[] = {"shell", "bench", "iso"};

static int run_command(const char *root, int argc, char **argv)
{
	const char *name = argv[0];

	if (!strcmp(name, "run"))
		return run_main(root, argc, argv);
	if (!strcmp(name, "debug"))
		return debug_main(root, argc, argv);
	if (!strcmp(name, "test"))
		return tests_main(root, argc, argv);
	if (!strcmp(name, "topology"))
		return topology_main(argc, argv);
	if (!strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h"))
		return help_main(argc, argv);
	for (size_t i = 0; i < ARRAY_SIZE(later); i++) {
		if (!strcmp(name, later[i])) {
			say("%s is not available yet; allowed are " COMMANDS, name);
			return EXIT_USAGE;
		}
	}
	say("there is no command '%s'; allowed are " COMMANDS, name);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	const char *root =
		getenv("FANGA_ROOT"); /* from the shell start beside this project's README */

	if (!root || argc < 2) {
		say(root ? "no command; allowed are " COMMANDS
			 : "FANGA_ROOT is not set; start the file `fanga` in the project's folder");
		return EXIT_USAGE;
	}
	return run_command(root, argc - 1, argv + 1);
}
