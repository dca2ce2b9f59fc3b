/*
 * The demo's story, a part a line.
 */
#include "kernel/demo/demo.h"

#include <stdarg.h>

#include "fanga/clock.h"
#include "fanga/numa.h"
#include "fanga/results.h"
#include "kernel/acpi/machine.h"
#include "lib/json.h"
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

/* What the firmware's tables left to be desired, in a line; the texts are in the log. */
static void report_firmware(unsigned failed_cpus)
{
	unsigned warnings = acpi_machine()->warnings.count + numa_warnings()->count;

	if (failed_cpus)
		results_report("%u CPU%s of the firmware's tables did not start.\n", failed_cpus,
			       failed_cpus == 1 ? "" : "s");
	if (warnings)
		results_report("%u warning%s about the firmware's tables: see console.log.\n",
			       warnings, warnings == 1 ? "" : "s");
}

static void write_figures(struct json *json, void *unused)
{
	(void)unused;
	json_object_begin(json, NULL);
	demo_round_trips_json(json);
	demo_lock_json(json);
	json_object_end(json);
}

int demo_run(void)
{
	const char *clock = clock_is_virtual()
				    ? "virtual: one instruction is one nanosecond, CPUs take turns"
				    : "the host's, its scheduling included";
	unsigned failed_cpus = demo_cpus();
	bool ok;

	demo_nodes();
	report_firmware(failed_cpus);
	ok = demo_ipis();
	ok &= demo_shootdowns();
	ok &= demo_locks();
	if (results_section("demo", write_figures, NULL))
		results_message("the demo's figures found no room in run.json");
	results_report("\n%s%s; times are %s.\n", ok ? "No fault found" : "Faults were found",
		       failed_cpus ? " in what runs" : "", clock);
	return ok ? 0 : 1;
}
