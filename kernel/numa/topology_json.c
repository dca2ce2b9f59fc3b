/*
 * JSON of CPUs, nodes and firmware; see topology_json.h. The schema is the project's contract with
 * the people who read run.json: keys are added, never renamed. Pure: no state.
 */
#include "kernel/numa/topology_json.h"

#include "lib/printf.h"

void topology_json_cpu(struct json *json, unsigned cpu, uint32_t apic_id, enum topology_bsp bsp,
		       const char *state)
{
	json_object_begin(json, NULL);
	json_u64(json, "cpu", cpu);
	json_u64(json, "apic_id", apic_id);
	json_u64(json, "node", numa_node_for_cpu(cpu));
	if (bsp == TOPOLOGY_BSP_UNKNOWN)
		json_null(json, "bsp");
	else
		json_bool(json, "bsp", bsp == TOPOLOGY_BSP_YES);
	json_string(json, "state", state);
	json_object_end(json);
}

static void write_node(struct json *json, const struct numa_node *node)
{
	unsigned cpu;

	json_object_begin(json, NULL);
	json_u64(json, "node", node->node);
	json_u64(json, "pxm", node->pxm);
	json_array_begin(json, "cpus");
	for_each_cpu(cpu, &node->cpus)
		json_u64(json, NULL, cpu);
	json_array_end(json);
	json_array_begin(json, "memory");
	for (unsigned i = 0; i < node->range_count; i++) {
		const struct numa_range *range = numa_get_range(node->range_first + i);

		json_object_begin(json, NULL);
		json_u64(json, "base", range->base);
		json_u64(json, "length", range->end - range->base);
		json_object_end(json);
	}
	json_array_end(json);
	json_array_begin(json, "distances");
	for (unsigned to = 0; to < numa_node_count(); to++)
		json_u64(json, NULL, node->distances[to]);
	json_array_end(json);
	json_object_end(json);
}

void topology_json_nodes(struct json *json, const char *key)
{
	json_array_begin(json, key);
	for (unsigned node = 0; node < numa_node_count(); node++)
		write_node(json, numa_get_node(node));
	json_array_end(json);
}

static void write_optional_tables(struct json *json, const struct acpi_info *info)
{
	if (info->srat.present) {
		json_object_begin(json, "srat");
		json_u64(json, "cpus_enabled", info->srat.cpus_enabled);
		json_u64(json, "cpus_disabled", info->srat.cpus_disabled);
		json_u64(json, "ranges", info->srat.range_entries);
		json_u64(json, "hotplug", info->srat.hotplug_entries);
		json_object_end(json);
	}
	if (info->slit.present)
		json_u64(json, "slit_n", info->slit.n);
	if (info->hmat.present) {
		json_object_begin(json, "hmat");
		json_u64(json, "attributes", info->hmat.attribute_count);
		json_u64(json, "latency_bandwidth", info->hmat.locality_count);
		json_u64(json, "caches", info->hmat.cache_count);
		json_object_end(json);
	}
}

static void write_notes(struct json *json, const struct acpi_notes *notes)
{
	char more[48];

	for (unsigned i = 0; i < notes->count; i++)
		json_string(json, NULL, notes->text[i]);
	if (notes->dropped) {
		fmt_snprintf(more, sizeof(more), "and %u more warnings", notes->dropped);
		json_string(json, NULL, more);
	}
}

void topology_json_firmware(struct json *json, const char *key, const struct acpi_info *info)
{
	json_object_begin(json, key);
	json_u64(json, "enabled", info->enabled);
	json_u64(json, "disabled", info->madt.disabled);
	json_u64(json, "online_capable", info->madt.online_capable);
	json_u64(json, "x2apic", info->madt.x2apic);
	if (info->enabled)
		json_u64(json, "max_apic_id", info->max_apic_id);
	else
		json_null(json, "max_apic_id");
	json_u64(json, "ioapics", info->madt.ioapic_count);
	json_u64(json, "overrides", info->madt.override_count);
	json_u64(json, "nmis", info->madt.nmis);
	write_optional_tables(json, info);
	json_array_begin(json, "warnings");
	write_notes(json, &info->warnings);
	write_notes(json, numa_warnings());
	json_array_end(json);
	json_object_end(json);
}
