/*
 * The machine's facts for the log and run.json. Thread context, no locks.
 */
#include "kernel/summary.h"
#include "arch/x86_64/apic.h"
#include "arch/x86_64/features.h"
#include "fanga/clock.h"
#include "fanga/ipi.h"
#include "fanga/lockstat.h"
#include "fanga/log.h"
#include "fanga/numa.h"
#include "fanga/options.h"
#include "fanga/policy_alloc.h"
#include "fanga/results.h"
#include "fanga/smp.h"
#include "kernel/acpi/machine.h"
#include "kernel/numa/topology_json.h"
#include "lib/json.h"

static uint64_t boot_done_ns;

void summary_log_boot(const struct boot_info *boot)
{
	const struct cpu_features *cpu = features();

	log_info("FangaOS, entered by %s, on %s (%s)", boot->protocol, cpu->brand, cpu->vendor);
	log_info("command line: %s", boot->command_line);
	log_info("results channel: %s", results_channel_name());
	for (unsigned i = 0; i < boot->memory_count; i++) {
		const struct boot_memory *m = &boot->memory[i];

		log_info("memory 0x%012lx-0x%012lx %s", m->base, m->base + m->length,
			 boot_memory_type_name(m->type));
	}
	if (boot->memory_dropped)
		log_warn("%u entries of the memory map left out", boot->memory_dropped);
	if (boot->modules_ignored)
		log_warn("%u boot modules after the first ignored", boot->modules_ignored);
}

void summary_note_boot_done(void)
{
	boot_done_ns = clock_ns();
}

static void write_cpus(struct json *json, void *arg)
{
	(void)arg;
	json_array_begin(json, NULL);
	for (unsigned i = 0; i < cpu_count(); i++) {
		const struct cpu *cpu = cpu_get(i);

		json_object_begin(json, NULL);
		json_u64(json, "cpu", cpu->cpu);
		json_u64(json, "apic_id", cpu->apic_id);
		json_u64(json, "node", cpu->node);
		json_bool(json, "bsp", cpu->bsp);
		json_string(json, "state", cpu_state_name(cpu->state));
		json_object_end(json);
	}
	json_array_end(json);
}

static void write_nodes(struct json *json, void *arg)
{
	(void)arg;
	topology_json_nodes(json, NULL);
}

static void write_firmware(struct json *json, void *arg)
{
	(void)arg;
	topology_json_firmware(json, NULL, acpi_machine());
}

static void write_time(struct json *json, void *arg)
{
	(void)arg;
	json_object_begin(json, NULL);
	json_u64(json, "boot_to_init_ns", boot_done_ns);
	json_u64(json, "run_ns", clock_ns() - boot_done_ns);
	json_string(json, "clock", clock_name());
	json_u64(json, "bringup_ns", smp_bringup_ns());
	json_object_end(json);
}

void summary_write(void)
{
	static const struct {
		const char *name;
		void (*write)(struct json *json, void *arg);
	} sections[] = {
		{"cpus", write_cpus},
		{"nodes", write_nodes},
		{"firmware", write_firmware},
		{"time", write_time},
		{"ipi", ipi_json},
		{"locks", lockstat_json},
		{"numa", numa_stats_json},
		{"placement", numa_placement_json},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(sections); i++)
		if (results_section(sections[i].name, sections[i].write, NULL))
			log_warn("results: no room for \"%s\"", sections[i].name);
}
