/*
 * gdb on a machine that QEMU holds at its first instruction.
 */
#pragma once

#include "tools/process.h"

/* 0, or EXIT_NO_SIMULATOR after one line on standard error. */
int debugger_check(void) __must_check;

/*
 * Start gdb on `kernel` at the Unix socket that `simulator` listens on. On a terminal it is the
 * person's; otherwise it takes its commands from standard input and ends with them. 0, or
 * EXIT_NO_SIMULATOR after one line.
 */
int debugger_start(struct process *debugger, const char *kernel, const char *socket,
		   struct process *simulator) __must_check;
