/*
 * The demo's story, a part a line.
 */
#include "kernel/demo/demo.h"

#include <stdarg.h>

#include "fanga/clock.h"
#include "fanga/results.h"
#include "lib/printf.h"

const char *demo_time(uint64_t ns, char text[DEMO_TIME_BYTES])
{
	(void)fmt_snprintf(text, DEMO_TIME_BYTES, "%lu.%03lu us", ns / 1000, ns % 1000);
	return text;
}

void demo_fault(const char *fmt, ...)
{
	char line[256];
	va_list args;

	va_start(args, fmt);
	(void)fmt_vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	results_report("FAULT: %s\n", line);
}

int demo_run(void)
{
	const char *clock = clock_is_virtual()
				    ? "virtual: one instruction is one nanosecond, CPUs take turns"
				    : "the host's, its scheduling included";
	bool ok = demo_cpus();

	demo_nodes();
	ok &= demo_ipis();
	ok &= demo_shootdowns();
	ok &= demo_locks();
	results_report("\n%s; times are %s.\n", ok ? "No fault found" : "Faults were found", clock);
	return ok ? 0 : 1;
}
