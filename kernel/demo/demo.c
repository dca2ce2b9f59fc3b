/*
 * The demo's story, a part a line.
 */
#include "kernel/demo/demo.h"
#include "fanga/results.h"
#include "fanga/smp.h"

int demo_run(void)
{
	results_report("FangaOS: %u of %u CPUs online\n", cpu_online_count(), cpu_count());
	return cpu_online_count() == cpu_count() ? 0 : 1;
}
