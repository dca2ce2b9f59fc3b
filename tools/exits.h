/*
 * Exit statuses of `fanga`. A machine's own status (0..255) is passed through.
 */
#pragma once

enum {
	EXIT_USAGE = 2,		/* wrong usage; one line says what is wrong and what is allowed */
	EXIT_TABLES = 65,	/* the boot tables cannot be used */
	EXIT_NO_SIMULATOR = 69, /* the simulator is missing or did not boot the machine */
	EXIT_NO_RESULTS = 73,	/* results cannot be written */
	EXIT_TIMED_OUT = 124,
	EXIT_INTERRUPTED = 130,
	EXIT_PANICKED = 255,
};
