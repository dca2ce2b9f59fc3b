// sources: kernel/numa/topology.c kernel/numa/ranges.c kernel/numa/distance.c
// sources: kernel/numa/topology_json.c kernel/acpi/note.c kernel/acpi/cpus.c lib/printf.c
// sources: lib/json.c
/* Nodes from tables: numbering, memory over the memory map, distances, and the flat node. */
#include "tests/host/acpi_build.h"

#include <fanga/numa.h>

#include "kernel/numa/topology_json.h"
#include "lib/prng.h"

#define MIB (1ull << 20)

static void add_cpu(uint32_t apic_id, uint32_t pxm)
{
	struct acpi_cpu *cpu = acpi_cpu_add(&info, apic_id);

	assert_non_null(cpu);
	cpu->has_pxm = true;
	cpu->pxm = pxm;
}

/* In order of address, as the SRAT parser leaves them. */
static void add_range(uint64_t base, uint64_t end, uint32_t pxm)
{
	info.srat.ranges[info.srat.range_count++] =
		(struct acpi_range){.base = base, .end = end, .pxm = pxm};
}

static int begin(void **state)
{
	(void)state;
	info_begin();
	info.madt.present = true;
	info.srat.present = true;
	return 0;
}

static void assert_memory(unsigned node, unsigned i, uint64_t base, uint64_t end)
{
	const struct numa_node *n = numa_get_node(node);
	const struct numa_range *range;

	assert_non_null(n);
	assert_true(i < n->range_count);
	range = numa_get_range(n->range_first + i);
	assert_int_equal(range->base, base);
	assert_int_equal(range->end, end);
	assert_int_equal(range->node, node);
}

static bool warned(const char *part)
{
	return has_note(numa_warnings(), part);
}

static void dense_and_ascending(void **state)
{
	(void)state;
	add_cpu(0, 0xffffffff);
	add_cpu(1, 3);
	add_cpu(2, 3);
	add_range(0, MIB, 40);
	add_range(MIB, 2 * MIB, 3);
	add_range(4 * MIB, 5 * MIB, 40);
	assert_int_equal(numa_init(&info, NULL, 0), 0);
	assert_int_equal(numa_node_count(), 3);
	assert_true(numa_is_enabled());
	assert_int_equal(numa_get_node(0)->pxm, 3);
	assert_int_equal(numa_get_node(1)->pxm, 40);
	assert_int_equal(numa_get_node(2)->pxm, 0xffffffff);
	assert_null(numa_get_node(3));
	assert_int_equal(numa_node_for_pxm(40), 1);
	assert_int_equal(numa_node_for_pxm(41), -ENOENT);
	assert_int_equal(numa_node_for_cpu(0), 2);
	assert_int_equal(numa_node_for_cpu(2), 0);
	assert_int_equal(numa_get_node(0)->cpu_count, 2);
	assert_true(cpumask_test(&numa_get_node(0)->cpus, 1));
	assert_int_equal(numa_get_node(1)->cpu_count, 0);
	assert_int_equal(numa_get_node(1)->memory_bytes, 2 * MIB);
	assert_memory(1, 0, 0, MIB);
	assert_memory(1, 1, 4 * MIB, 5 * MIB);
	assert_memory(0, 0, MIB, 2 * MIB);
	assert_int_equal(numa_get_node(2)->memory_bytes, 0);
	assert_int_equal(numa_node_for_address(MIB), 0);
	assert_int_equal(numa_node_for_address(2 * MIB), -ENOENT);
	assert_null(numa_flat_reason());
	assert_int_equal(numa_warnings()->count, 0);
}

static void distances_by_firmware_number(void **state)
{
	/* As on an R820: domains 1 to 4 and a SLIT of 5. */
	uint8_t matrix[25];

	(void)state;
	for (unsigned i = 0; i < 25; i++)
		matrix[i] = i % 6 == 0 ? 10 : (uint8_t)(20 + i);
	matrix[2 * 5 + 1] = 255;
	matrix[2 * 5 + 4] = 255;
	info.slit = (struct acpi_slit){.present = true, .n = 5, .matrix = matrix};
	for (uint32_t i = 1; i <= 4; i++) {
		add_cpu(i, i);
		add_range(i * MIB, (i + 1) * MIB, i);
	}
	assert_int_equal(numa_init(&info, NULL, 0), 0);
	assert_int_equal(numa_distance(0, 0), 10);
	assert_int_equal(numa_distance(0, 1), 20 + 1 * 5 + 2);
	assert_int_equal(numa_distance(1, 0), 255);
	assert_int_equal(numa_distance(3, 2), 20 + 4 * 5 + 3);
	assert_int_equal(numa_distance(0, 4), 255);
	assert_int_equal(numa_closest_node(0), 1);
	assert_int_equal(numa_closest_node(1), 2);
	assert_int_equal(numa_closest_node(9), -ENOENT);
}

static void domains_the_slit_leaves_out(void **state)
{
	static const uint8_t matrix[] = {10, 30, 31, 10};

	(void)state;
	info.slit = (struct acpi_slit){.present = true, .n = 2, .matrix = matrix};
	add_cpu(0, 0);
	add_cpu(1, 1);
	add_cpu(2, 2);
	assert_int_equal(numa_init(&info, NULL, 0), 0);
	assert_int_equal(numa_distance(1, 0), 31);
	assert_int_equal(numa_distance(1, 2), 20);
	assert_int_equal(numa_distance(2, 0), 20);
	assert_int_equal(numa_distance(2, 2), 10);
	assert_true(warned("SLIT: has 2 domains, so 1 nodes"));
}

static void nearest_with_memory(void **state)
{
	static const uint8_t matrix[] = {10, 20, 40, 20, 10, 30, 255, 255, 10};

	(void)state;
	info.slit = (struct acpi_slit){.present = true, .n = 3, .matrix = matrix};
	add_cpu(0, 0);
	add_cpu(1, 1);
	add_cpu(2, 2);
	add_range(0, MIB, 1);
	assert_int_equal(numa_init(&info, NULL, 0), 0);
	assert_int_equal(numa_closest_node(2), -ENOENT);
}

static void memory_cut_by_the_map(void **state)
{
	/* QEMU's: SRAT without 0xa0000-0xfffff, memory map with holes of its own. */
	static const struct numa_span ram[] = {
		{0, 0x9fc00},
		{0xc0000, 0x8000},
		{MIB, 126 * MIB},
		{1ull << 32, 16 * MIB},
	};

	(void)state;
	add_cpu(0, 0);
	add_range(0, 0xa0000, 0);
	add_range(MIB, 64 * MIB, 0);
	add_range(64 * MIB, 128 * MIB, 1);
	add_range(1ull << 40, (1ull << 40) + MIB, 2);
	assert_int_equal(numa_init(&info, ram, ARRAY_SIZE(ram)), 0);
	assert_int_equal(numa_node_count(), 3);
	assert_memory(0, 0, 0, 0x9fc00);
	assert_memory(0, 1, 0xc0000, 0xc8000);
	assert_memory(0, 2, MIB, 64 * MIB);
	assert_int_equal(numa_get_node(0)->range_count, 3);
	assert_memory(1, 0, 64 * MIB, 127 * MIB);
	assert_memory(1, 1, 1ull << 32, (1ull << 32) + 16 * MIB);
	assert_int_equal(numa_get_node(2)->memory_bytes, 0);
	assert_true(warned("16416 KiB of RAM from 0xc0000 on are in no domain"));
}

static void uncovered_ram_goes_to_the_nearest(void **state)
{
	static const struct numa_span ram[] = {{0, 100 * MIB}};

	(void)state;
	add_range(10 * MIB, 20 * MIB, 1);
	add_range(30 * MIB, 40 * MIB, 2);
	assert_int_equal(numa_init(&info, ram, 1), 0);
	assert_memory(0, 0, 0, 30 * MIB);
	assert_memory(1, 0, 30 * MIB, 100 * MIB);
	assert_int_equal(numa_get_node(0)->range_count + numa_get_node(1)->range_count, 2);
	assert_int_equal(numa_node_for_address(25 * MIB), 0);
}

static void srat_without_memory(void **state)
{
	static const struct numa_span ram[] = {{MIB, MIB}, {4 * MIB, MIB}};

	(void)state;
	add_cpu(0, 1);
	add_cpu(1, 2);
	assert_int_equal(numa_init(&info, ram, 2), 0);
	assert_int_equal(numa_node_count(), 2);
	assert_int_equal(numa_get_node(0)->memory_bytes, 2 * MIB);
	assert_true(warned("2048 KiB of RAM"));
}

static void flat(void **state)
{
	static const struct numa_span ram[] = {{0, MIB}};

	(void)state;
	acpi_cpu_add(&info, 0);
	acpi_cpu_add(&info, 1);
	info.srat.present = false;
	assert_int_equal(numa_init(&info, NULL, 0), 0);
	assert_int_equal(numa_node_count(), 1);
	assert_false(numa_is_enabled());
	assert_int_equal(numa_get_node(0)->cpu_count, 2);
	assert_int_equal(numa_get_node(0)->memory_bytes, 0);
	assert_int_equal(numa_distance(0, 0), 10);
	assert_string_equal(numa_flat_reason(), "there is no SRAT");
	assert_int_equal(numa_closest_node(0), -ENOENT);

	info.srat.rejected = true;
	assert_int_equal(numa_init(&info, ram, 1), 0);
	assert_string_equal(numa_flat_reason(), "the SRAT cannot be used");
	assert_int_equal(numa_get_node(0)->memory_bytes, MIB);
	assert_int_equal(numa_warnings()->count, 0);

	info.srat.rejected = false;
	info.srat.present = true; /* but of nobody */
	assert_int_equal(numa_init(&info, ram, 1), 0);
	assert_string_equal(numa_flat_reason(), "the SRAT places no CPU and no memory");
}

/* What the host shows of single tables. */
static void single_tables(void **state)
{
	static const uint8_t matrix[] = {10, 20, 20, 10};

	(void)state;
	info.madt.present = info.srat.present = false;
	assert_int_equal(numa_init(&info, NULL, 0), 0);
	assert_int_equal(numa_node_count(), 0);
	assert_int_equal(numa_distance(0, 0), 255);
	info.slit = (struct acpi_slit){.present = true, .n = 2, .matrix = matrix};
	assert_int_equal(numa_init(&info, NULL, 0), 0);
	assert_int_equal(numa_node_count(), 2);
	assert_int_equal(numa_distance(0, 1), 20);
	info.slit.present = false;
	info.slit.rejected = true;
	assert_int_equal(numa_init(&info, NULL, 0), 0);
	assert_int_equal(numa_node_count(), 1);
}

static void too_many_domains(void **state)
{
	static const struct numa_span ram[] = {{0, 300 * MIB}};
	static uint8_t matrix[300 * 300];

	(void)state;
	for (uint32_t i = 0; i < 300; i++) {
		add_cpu(i, 2 * (299 - i));
		add_range(i * MIB, (i + 1) * MIB, 2 * i);
	}
	assert_int_equal(numa_init(&info, ram, 1), 0);
	assert_int_equal(numa_node_count(), NODE_MAX);
	assert_true(warned("300 proximity domains, only the first 64"));
	assert_true(warned("236 CPUs are in no node that is kept"));
	assert_int_equal(numa_get_node(63)->pxm, 126);
	assert_int_equal(numa_node_for_cpu(0), 0);
	assert_int_equal(numa_node_for_cpu(298), 1);
	assert_int_equal(numa_get_node(63)->memory_bytes, 237 * MIB);

	info_begin();
	memset(matrix, 20, sizeof(matrix));
	info.slit = (struct acpi_slit){.present = true, .n = 300, .matrix = matrix};
	assert_int_equal(numa_init(&info, NULL, 0), 0);
	assert_int_equal(numa_node_count(), NODE_MAX);
	assert_true(warned("300 proximity domains"));
}

static void bad_memory_maps(void **state)
{
	static const struct numa_span overlap[] = {{0, 2 * MIB}, {MIB, MIB}};
	static const struct numa_span wrap[] = {{MIB, ~0ull}};
	static const struct numa_span empty[] = {{MIB, 0}};
	static struct numa_span many[NUMA_SPAN_MAX + 1];

	(void)state;
	add_cpu(0, 5);
	add_range(0, MIB, 5);
	assert_int_equal(numa_init(&info, overlap, 2), -EINVAL);
	assert_int_equal(numa_node_count(), 1);
	assert_int_equal(numa_get_node(0)->cpu_count, 1);
	assert_int_equal(numa_get_node(0)->memory_bytes, 0);
	assert_int_equal(numa_init(&info, wrap, 1), -EINVAL);
	assert_int_equal(numa_init(&info, empty, 1), -EINVAL);
	assert_int_equal(numa_init(&info, many, NUMA_SPAN_MAX + 1), -E2BIG);
}

static void assigning(void **state)
{
	(void)state;
	add_cpu(0, 0);
	add_cpu(1, 1);
	assert_int_equal(numa_init(&info, NULL, 0), 0);
	assert_int_equal(numa_assign_cpu(7, 1), 0);
	assert_int_equal(numa_node_for_cpu(7), 1);
	assert_int_equal(numa_get_node(1)->cpu_count, 2);
	assert_int_equal(numa_assign_cpu(7, 0), 0);
	assert_int_equal(numa_get_node(1)->cpu_count, 1);
	assert_int_equal(numa_get_node(0)->cpu_count, 2);
	assert_int_equal(numa_assign_cpu(7, 2), -EINVAL);
	assert_int_equal(numa_assign_cpu(CPU_MAX, 0), -EINVAL);
	assert_int_equal(numa_node_for_cpu(CPU_MAX), 0);
	assert_null(numa_get_range(0));
}

/*
 * Random maps and tables: each byte of RAM is in one node, in order, and no piece is lost or
 * invented.
 */
static void every_byte_has_one_node(void **state)
{
	static struct numa_span ram[NUMA_SPAN_MAX];
	struct prng prng;

	(void)state;
	prng_seed(&prng, 20240601);
	for (unsigned round = 0; round < 300; round++) {
		unsigned spans = 1 + (unsigned)prng_below(&prng, round % 10 ? 12 : NUMA_SPAN_MAX);
		unsigned ranges = (unsigned)prng_below(&prng, round % 10 ? 20 : ACPI_RANGE_MAX);
		unsigned step = round % 10 ? 9 : 3;
		uint64_t at = 0, total = 0, found = 0;

		begin(state);
		for (unsigned i = 0; i < spans; i++) {
			ram[i].base = at + prng_below(&prng, step);
			ram[i].length = 1 + prng_below(&prng, 3ull * step);
			at = ram[i].base + ram[i].length;
			total += ram[i].length;
		}
		at = 0;
		for (unsigned i = 0; i < ranges; i++) {
			uint64_t base = at + prng_below(&prng, step);

			at = base + 1 + prng_below(&prng, 2ull * step);
			add_range(base, at, (uint32_t)prng_below(&prng, round % 7 ? 5 : 80));
		}
		assert_int_equal(numa_init(&info, ram, spans), 0);
		for (unsigned node = 0; node < numa_node_count(); node++) {
			const struct numa_node *n = numa_get_node(node);
			uint64_t end = 0, sum = 0;

			for (unsigned i = 0; i < n->range_count; i++) {
				const struct numa_range *r = numa_get_range(n->range_first + i);

				assert_true(i == 0 || r->base > end);
				assert_true(r->end > r->base);
				end = r->end;
				sum += r->end - r->base;
			}
			assert_int_equal(sum, n->memory_bytes);
			found += sum;
		}
		assert_int_equal(found, total);
		for (unsigned i = 0; i < spans; i++)
			for (uint64_t p = ram[i].base; p < ram[i].base + ram[i].length; p++) {
				int node = numa_node_for_address(p);

				assert_true(node >= 0);
				for (unsigned k = 0; k < info.srat.range_count; k++)
					if (p >= info.srat.ranges[k].base &&
					    p < info.srat.ranges[k].end)
						assert_true(
							numa_node_for_pxm(info.srat.ranges[k].pxm) <
								0 ||
							numa_node_for_pxm(
								info.srat.ranges[k].pxm) == node);
			}
	}
}

static char text[4096];
static size_t text_bytes;

static int collect(void *context, const void *data, size_t bytes)
{
	(void)context;
	assert_true(text_bytes + bytes < sizeof(text));
	memcpy(text + text_bytes, data, bytes);
	text_bytes += bytes;
	text[text_bytes] = '\0';
	return 0;
}

static void json(void **state)
{
	struct json writer;

	(void)state;
	add_cpu(8, 1);
	add_cpu(9, 0);
	add_range(0, MIB, 0);
	info.madt.ioapic_count = 1;
	info.srat.cpus_enabled = 2;
	info.srat.range_entries = 1;
	info.hmat.present = true;
	info.hmat.cache_count = 3;
	for (unsigned i = 0; i < ACPI_NOTE_MAX + 2; i++)
		acpi_note(&info.warnings, "w");
	assert_int_equal(numa_init(&info, NULL, 0), 0);
	info.warnings.count = 1;

	text_bytes = 0;
	json_init(&writer, collect, NULL);
	json_object_begin(&writer, NULL);
	json_array_begin(&writer, "cpus");
	topology_json_cpu(&writer, 0, 8, TOPOLOGY_BSP_YES, "online");
	topology_json_cpu(&writer, 1, 9, TOPOLOGY_BSP_UNKNOWN, "enabled");
	json_array_end(&writer);
	topology_json_nodes(&writer, "nodes");
	topology_json_firmware(&writer, "firmware", &info);
	json_object_end(&writer);
	assert_int_equal(json_finish(&writer), 0);
	assert_string_equal(
		text,
		"{\"cpus\":[{\"cpu\":0,\"apic_id\":8,\"node\":1,\"bsp\":true,\"state\":\"online\"},"
		"{\"cpu\":1,\"apic_id\":9,\"node\":0,\"bsp\":null,\"state\":\"enabled\"}],"
		"\"nodes\":[{\"node\":0,\"pxm\":0,\"cpus\":[1],\"memory\":[{\"base\":0,\"length\":"
		"1048576}],"
		"\"distances\":[10,20]},{\"node\":1,\"pxm\":1,\"cpus\":[0],\"memory\":[],"
		"\"distances\":[20,10]}],"
		"\"firmware\":{\"enabled\":2,\"disabled\":0,\"online_capable\":0,\"x2apic\":0,"
		"\"max_apic_id\":9,\"ioapics\":1,\"overrides\":0,\"nmis\":0,"
		"\"srat\":{\"cpus_enabled\":2,\"cpus_disabled\":0,\"ranges\":1,\"hotplug\":0},"
		"\"hmat\":{\"attributes\":0,\"latency_bandwidth\":0,\"caches\":3},"
		"\"warnings\":[\"w\",\"and 2 more warnings\"]}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(dense_and_ascending, begin),
		cmocka_unit_test_setup(distances_by_firmware_number, begin),
		cmocka_unit_test_setup(domains_the_slit_leaves_out, begin),
		cmocka_unit_test_setup(nearest_with_memory, begin),
		cmocka_unit_test_setup(memory_cut_by_the_map, begin),
		cmocka_unit_test_setup(uncovered_ram_goes_to_the_nearest, begin),
		cmocka_unit_test_setup(srat_without_memory, begin),
		cmocka_unit_test_setup(flat, begin),
		cmocka_unit_test_setup(single_tables, begin),
		cmocka_unit_test_setup(too_many_domains, begin),
		cmocka_unit_test_setup(bad_memory_maps, begin),
		cmocka_unit_test_setup(assigning, begin),
		cmocka_unit_test(every_byte_has_one_node),
		cmocka_unit_test_setup(json, begin),
	};

	return cmocka_run_group_tests_name("numa", tests, NULL, NULL);
}
