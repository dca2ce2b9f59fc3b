/*
 * What `./fanga run` shows without a program: the machine exercised, each figure measured in that
 * run. Everything runs in thread context on the boot CPU and reports through the results channel.
 */
#pragma once

#include "lib/types.h"

/* Run the demo and report. 0, or 1 when it found a fault. */
int demo_run(void);

/* Its parts. Those that check something return whether all was well. */
unsigned demo_cpus(void);   /* who is there; how many of them do not run */
void demo_nodes(void);	    /* memory by node, distances */
bool demo_ipis(void);	    /* round trips by type and target */
bool demo_shootdowns(void); /* round trips, and a reuse that no CPU may see stale */
bool demo_locks(void);	    /* all CPUs on one lock: exclusion, fairness, hottest sites */

/* Their figures, as members of run.json's "demo". */
struct json;
void demo_round_trips_json(struct json *json);
void demo_lock_json(struct json *json);

/* "12.345 us" of @ns into @text. */
#define DEMO_TIME_BYTES 24
const char *demo_time(uint64_t ns, char text[DEMO_TIME_BYTES]);

/* Report a fault that the demo found, as a line of the report. */
void demo_fault(const char *fmt, ...) __printf(1, 2);
