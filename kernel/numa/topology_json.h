/*
 * CPUs, nodes and firmware as JSON: the first three keys of run.json and of `fanga topology
 * --json`.
 *
 * Each call writes members into the object or array that the caller has open. Errors are latched in
 * the writer (see lib/json.h). Read-only towards the topology; any context the sink allows.
 */
#ifndef KERNEL_NUMA_TOPOLOGY_JSON_H
#define KERNEL_NUMA_TOPOLOGY_JSON_H

#include <fanga/numa.h>

#include "lib/json.h"

/* Whether a CPU is the boot CPU; written as null where nobody runs. */
enum topology_bsp {
	TOPOLOGY_BSP_NO,
	TOPOLOGY_BSP_YES,
	TOPOLOGY_BSP_UNKNOWN,
};

/* One element of the array "cpus"; `node` comes from the topology. */
void topology_json_cpu(struct json *json, unsigned cpu, uint32_t apic_id, enum topology_bsp bsp,
		       const char *state);

/* The array "nodes", as member `key`; a value of its own if that is NULL, here and below. */
void topology_json_nodes(struct json *json, const char *key);

/* The object "firmware", with all warnings of parsing and of building the topology. */
void topology_json_firmware(struct json *json, const char *key, const struct acpi_info *info);

#endif
