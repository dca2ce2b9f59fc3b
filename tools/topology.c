/*
 * The topology command: load tables, run the kernel's own parsers over them, print a table or JSON.
 * All paths together are one machine. Host only, one thread.
 */
#include "tools/topology.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/numa/topology_json.h"
#include "tools/acpi_files.h"

#define FIRMWARE_TABLES "/sys/firmware/acpi/tables"

static struct acpi_info info;

static int write_stdout(void *context, const void *data, size_t bytes)
{
	(void)context;
	return fwrite(data, 1, bytes, stdout) == bytes ? 0 : -EIO;
}

static int print_json(void)
{
	struct json json;
	int error;

	json_init(&json, write_stdout, NULL);
	json_object_begin(&json, NULL);
	json_array_begin(&json, "cpus");
	for (unsigned cpu = 0; cpu < info.cpu_count; cpu++)
		topology_json_cpu(&json, cpu, info.cpus[cpu].apic_id, TOPOLOGY_BSP_UNKNOWN,
				  "enabled");
	json_array_end(&json);
	topology_json_nodes(&json, "nodes");
	topology_json_firmware(&json, "firmware", &info);
	json_object_end(&json);
	error = json_finish(&json);
	putchar('\n');
	return error;
}

/* CPUs whose numbers and APIC ids run on within one node share a line. */
static unsigned print_cpu_run(unsigned first)
{
	unsigned node = numa_node_for_cpu(first);
	unsigned last = first;
	char cpus[32], ids[32];

	while (last + 1 < info.cpu_count && numa_node_for_cpu(last + 1) == node &&
	       info.cpus[last + 1].apic_id == info.cpus[last].apic_id + 1)
		last++;
	snprintf(cpus, sizeof(cpus), first == last ? "%u" : "%u-%u", first, last);
	snprintf(ids, sizeof(ids), first == last ? "%u" : "%u-%u", info.cpus[first].apic_id,
		 info.cpus[last].apic_id);
	printf("  %-12s %-22s %u\n", cpus, ids, node);
	return last + 1;
}

static void print_cpus(void)
{
	printf("CPUs: %u enabled, %u entries disabled, %u for hot-plug\n", info.enabled,
	       info.madt.disabled, info.madt.online_capable);
	if (info.cpu_count == 0)
		return;
	printf("  %-12s %-22s %s\n", "cpu", "APIC id", "node");
	for (unsigned cpu = 0; cpu < info.cpu_count;)
		cpu = print_cpu_run(cpu);
}

/* The largest unit that divides it, for round firmware numbers. */
static void print_bytes(uint64_t bytes)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
	unsigned unit = 0;

	while (unit < 4 && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	printf("%llu %s", (unsigned long long)bytes, units[unit]);
}

static void print_node(const struct numa_node *node)
{
	static char cpus[CPUMASK_TEXT_BYTES];

	cpumask_format(&node->cpus, cpus, sizeof(cpus));
	printf("  node %u (domain %u): CPUs %s, memory ", node->node, node->pxm,
	       cpus[0] ? cpus : "none");
	if (node->memory_bytes)
		print_bytes(node->memory_bytes);
	else
		printf("none");
	printf("\n");
	for (unsigned i = 0; i < node->range_count; i++) {
		const struct numa_range *range = numa_get_range(node->range_first + i);

		printf("    0x%012llx-0x%012llx  ", (unsigned long long)range->base,
		       (unsigned long long)range->end - 1);
		print_bytes(range->end - range->base);
		printf("\n");
	}
}

static void print_nodes(void)
{
	unsigned count = numa_node_count();

	printf("Nodes: %u", count);
	if (numa_flat_reason())
		printf(" (flat: %s)", numa_flat_reason());
	printf("\n");
	for (unsigned node = 0; node < count; node++)
		print_node(numa_get_node(node));
	if (count < 2)
		return;
	printf("Distances, from each node to each:\n       ");
	for (unsigned to = 0; to < count; to++)
		printf(" %3u", to);
	for (unsigned from = 0; from < count; from++) {
		printf("\n  %4u:", from);
		for (unsigned to = 0; to < count; to++)
			printf(" %3u", numa_distance(from, to));
	}
	printf("\n");
}

static void print_firmware(void)
{
	printf("Interrupts: %u I/O APICs, %u overrides, %u NMI entries, %u x2APIC entries\n",
	       info.madt.ioapic_count, info.madt.override_count, info.madt.nmis, info.madt.x2apic);
	if (info.srat.present)
		printf("SRAT: %u CPUs enabled, %u disabled, %u memory ranges, %u of them "
		       "hot-plug\n",
		       info.srat.cpus_enabled, info.srat.cpus_disabled, info.srat.range_entries,
		       info.srat.hotplug_entries);
	if (info.slit.present)
		printf("SLIT: %u domains\n", info.slit.n);
	if (info.hmat.present)
		printf("HMAT: %u attributes, %u latencies and bandwidths, %u caches\n",
		       info.hmat.attribute_count, info.hmat.locality_count, info.hmat.cache_count);
}

/* A line for each note, and how many there was no room for. */
static void print_notes(FILE *to, const char *prefix, const struct acpi_notes *notes)
{
	for (unsigned i = 0; i < notes->count; i++)
		fprintf(to, "%s%s\n", prefix, notes->text[i]);
	if (notes->dropped)
		fprintf(to, "%sand %u more\n", prefix, notes->dropped);
}

static void print_text(void)
{
	print_cpus();
	print_nodes();
	print_firmware();
	if (info.warnings.count || numa_warnings()->count)
		printf("Warnings:\n");
	print_notes(stdout, "  ", &info.warnings);
	print_notes(stdout, "  ", numa_warnings());
}

static int show(const struct acpi_files *files, bool as_json)
{
	struct acpi_source source = {.files = files->list, .file_count = files->count};
	int error = 0;

	if (acpi_parse(&info, &source) != 0) {
		print_notes(stderr, "fanga topology: ", &info.errors);
		return 1;
	}
	if (numa_init(&info, NULL, 0) != 0)
		return 1;
	if (as_json)
		error = print_json();
	else
		print_text();
	if (error || fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "fanga topology: cannot write the result\n");
		return 1;
	}
	return 0;
}

/* Status 0, or that of the first path that cannot be loaded, with its line printed. */
static int load(struct acpi_files *files, const char *path)
{
	char reason[4300];
	int error = acpi_files_load(files, path, reason, sizeof(reason));

	if (error == 0)
		return 0;
	fprintf(stderr, "fanga topology: %s\n", reason);
	return error == -ENOENT ? 2 : 1;
}

int topology_main(int argc, char **argv)
{
	struct acpi_files files = {0};
	bool as_json = false;
	int status = 0;
	int arg = 1;

	for (; arg < argc && argv[arg][0] == '-'; arg++) {
		if (strcmp(argv[arg], "--") == 0) {
			arg++;
			break;
		}
		if (strcmp(argv[arg], "--json") != 0) {
			fprintf(stderr,
				"fanga topology: unknown option %s; allowed: --json "
				"[DIR|FILE...]\n",
				argv[arg]);
			return 2;
		}
		as_json = true;
	}
	if (arg == argc)
		status = load(&files, FIRMWARE_TABLES);
	for (; arg < argc; arg++)
		status = MAX(status, load(&files, argv[arg]));
	if (status == 0)
		status = show(&files, as_json);
	acpi_files_free(&files);
	return status;
}
