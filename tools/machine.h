/*
 * A simulated machine as it is about to run, and the two simulators that can run it.
 */
#pragma once

#include "tools/arguments.h"
#include "tools/options.h"
#include "tools/shape.h"

#define MACHINE_SEED_DEFAULT 1u

/* Start of the real-time clock of every machine: 2024-01-01T00:00:00. */
#define MACHINE_START_S 1704067200u

struct machine {
	const struct options *options;
	struct shape shape;
	unsigned long seed;
	char *append;	      /* the kernel's command line */
	const char *kernel;   /* path of the ELF file */
	const char *archive;  /* path of the cpio archive, NULL: none */
	const char *channel;  /* QEMU: path of the results channel's file */
	const char *folder;   /* Bochs: folder of its own for all its files */
	const char *debugger; /* QEMU: wait for gdb at this Unix socket; NULL: start at once */
};

/* QEMU's command line; the console is its standard output. */
void qemu_command(struct arguments *command, const struct machine *machine);

/* Names of files in machine->folder. */
#define BOCHS_CONSOLE "console"
#define BOCHS_CHANNEL "channel"
#define BOCHS_IMAGE   "boot.iso"
#define BOCHS_LOG     "bochs.log"

/* Bochs's command line. */
void bochs_command(struct arguments *command, const struct machine *machine);

/*
 * Make what that command line needs in machine->folder: a GRUB image with kernel and archive, and
 * the debugger's one command. Returns 0, or EXIT_NO_SIMULATOR or EXIT_NO_RESULTS after one line on
 * standard error.
 */
int bochs_prepare(const struct machine *machine) __must_check;

/* The simulator's program. */
const char *machine_program(enum machine_kind kind);

/* Its version, for free(); NULL if it does not say. */
char *machine_program_version(enum machine_kind kind);
