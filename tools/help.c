/*
 * Help texts. A command is listed here when it works.
 */
#include "tools/help.h"

#include <stdio.h>
#include <string.h>

#include "lib/types.h"
#include "tools/exits.h"
#include "tools/say.h"

static const char overview[] =
	"FangaOS: a kernel for machines with many CPUs and many memory nodes.\n"
	"\n"
	"    fanga run [options]                  boot a simulated machine, exercise it and "
	"report\n"
	"    fanga test [host|kernel|system|fuzz|all] [SUITE...] [--time S]\n"
	"                                         tests; ends in 'N passed, N failed, N skipped'\n"
	"    fanga topology [--json] [DIR|FILE...]\n"
	"                                         what FangaOS makes of these ACPI tables\n"
	"    fanga debug [options]                as run, stopped, with gdb attached\n"
	"    fanga help [COMMAND]                 more about one of them\n";

static const char machine_options[] =
	"    --cpus N             CPUs, 1 to 255 (4)\n"
	"    --nodes M            memory nodes, 1 to 64 (2; 1 with --cpus 1)\n"
	"    --mem SIZE           memory of the whole machine: 512M, 4G (1G)\n"
	"    --node SIZE,cpus=A-B one explicit node, repeatable, in place of the three above;\n"
	"                         SIZE 0 or no cpus= is allowed\n"
	"    --distance A,B=V     distance from node A to node B, 11 to 255, repeatable\n"
	"    --threads T          hardware threads per core (1)\n"
	"    --out DIR            where results go (out)\n"
	"    --acpi DIR           boot with the tables in DIR (apic.dat, srat.dat, slit.dat, "
	"hmat.dat)\n"
	"                         in place of the firmware's\n"
	"    --append \"ARGS\"      kernel command line; see docs/command-line.md\n"
	"    --machine q35|bochs  the simulator: q35 in QEMU, or Bochs (q35)\n"
	"    --icount, --no-icount\n"
	"                         deterministic: one instruction is one virtual nanosecond (on)\n"
	"    --timeout S          stop after S seconds (none)\n"
	"    --print              print the simulator's command line and do nothing\n"
	"    -q, -v               quieter; louder, with the kernel's log on standard error\n";

static const char run_text[] =
	"fanga run [options]\n"
	"\n"
	"Boots a simulated machine, brings its CPUs up, exercises them and prints what it found.\n"
	"DIR gets run.json (the figures) and console.log (the kernel's log).\n"
	"\n";

static const char run_exits[] =
	"\n"
	"Exit status: 0 all is well, 1 the demo found a fault, 2 wrong usage, 65 boot tables "
	"unusable,\n"
	"69 the simulator is missing or did not boot, 73 results cannot be written, 124 timeout,\n"
	"130 interrupted, 255 the kernel panicked.\n";

static const char debug_text[] = "fanga debug [options]\n"
				 "\n"
				 "Starts the machine of `fanga run`, stopped at its first "
				 "instruction, with gdb attached and the\n"
				 "kernel's symbols loaded. With standard input not on a terminal "
				 "gdb takes its commands from it.\n"
				 "\n";

static const char test_text[] =
	"fanga test [host|kernel|system|fuzz|all] [SUITE...] [--time S]\n"
	"\n"
	"    host      the kernel's pure code on this machine, under sanitizers\n"
	"    kernel    the kernel's own suites, on simulated machines of many shapes\n"
	"    system    this command, as a person types it\n"
	"    fuzz      every reader of outside bytes, for S seconds in all\n"
	"    all       the four of them, the same as none named\n"
	"\n"
	"SUITE is one or more of a ring's suites. Ends in one line 'N passed, N failed, N "
	"skipped';\n"
	"exit status 0, 1 when a test failed, 2 for wrong usage. Logs are in build/test-results.\n";

static const char topology_text[] = "fanga topology [--json] [DIR|FILE...]\n"
				    "\n"
				    "Reads ACPI tables (raw dumps, folders of them, the text of "
				    "acpidump; default: this computer's,\n"
				    "/sys/firmware/acpi/tables) with the kernel's own code and "
				    "prints the CPUs and nodes they give.\n"
				    "Exit status: 0 usable, 1 not usable, 2 wrong usage.\n";

static const struct topic {
	const char *name;
	const char *parts[3];
} topics[] = {
	{"run", {run_text, machine_options, run_exits}},
	{"debug", {debug_text, machine_options, run_exits}},
	{"test", {test_text}},
	{"topology", {topology_text}},
	{"help", {overview}},
};

int help_main(int argc, char **argv)
{
	if (argc > 2) {
		say("help: one command at most; allowed are run, test, topology, debug, help");
		return EXIT_USAGE;
	}
	if (argc < 2) {
		fputs(overview, stdout);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(topics); i++) {
		if (strcmp(argv[1], topics[i].name) != 0)
			continue;
		for (size_t part = 0; part < ARRAY_SIZE(topics[i].parts); part++)
			if (topics[i].parts[part])
				fputs(topics[i].parts[part], stdout);
		return 0;
	}
	say("help: there is no command '%s'; allowed are run, test, topology, debug, help",
	    argv[1]);
	return EXIT_USAGE;
}
