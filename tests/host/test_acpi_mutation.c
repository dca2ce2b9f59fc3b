// sources: kernel/acpi/root.c kernel/acpi/rsdp.c kernel/acpi/table.c kernel/acpi/note.c
// sources: kernel/acpi/cpus.c kernel/acpi/parse.c kernel/acpi/madt.c kernel/acpi/fadt.c
// sources: kernel/acpi/hpet.c kernel/acpi/srat.c kernel/acpi/slit.c kernel/acpi/hmat.c
// sources: kernel/acpi/s5.c kernel/numa/topology.c kernel/numa/ranges.c kernel/numa/distance.c
// sources: kernel/numa/topology_json.c lib/json.c lib/printf.c lib/cpumask.c
/*
 * A good set of tables with one byte changed (to every value) or cut at every length, with and
 * without the checksum put right: the result is sound each time, at boot and on the host, and no
 * byte outside is read (buffers have their exact size, under ASan).
 */
#include "tests/host/acpi_build.h"

#include <fanga/numa.h>

#include "kernel/numa/topology_json.h"

#define MIB    (1ull << 20)
#define TABLES 4

static struct build tables[TABLES];
static const struct numa_span ram[] = {{0, 0x9fc00}, {MIB, 255 * MIB}, {1ull << 32, 64 * MIB}};

static void build_set(void)
{
	struct build *b = &tables[0];

	madt_begin(b);
	for (uint8_t i = 0; i < 3; i++)
		madt_lapic(b, i, i, 1);
	madt_x2apic(b, 3, 3, 1);
	madt_ioapic(b, 0, 0xfec00000, 0);
	madt_override(b, 0, 0, 2, 0);
	madt_lapic_nmi(b, 0xff, 0, 1);
	build_end(b);

	b = &tables[1];
	srat_begin(b, 3);
	for (uint8_t i = 0; i < 3; i++)
		srat_cpu(b, i / 2, i, SRAT_ON);
	srat_x2apic(b, 1, 3, SRAT_ON);
	srat_memory(b, 0, 0, 0xa0000, SRAT_ON);
	srat_memory(b, 0, MIB, 127 * MIB, SRAT_ON);
	srat_memory(b, 1, 128 * MIB, 128 * MIB, SRAT_ON);
	build_end(b);

	slit_build(&tables[2], 2);

	b = &tables[3];
	build_begin(b, "HMAT", 2);
	put32(b, 0);
	put32(b, 1);
	put32(b, 32 + 4 + 4 + 2);
	put32(b, 0);
	put32(b, 1);
	put32(b, 1);
	put32(b, 0);
	put64(b, 100);
	put32(b, 0);
	put32(b, 1);
	put16(b, 7);
	build_end(b);
}

static int count_bytes(void *context, const void *data, size_t bytes)
{
	(void)data;
	*(size_t *)context += bytes;
	return 0;
}

static void check_json(void)
{
	struct json json;
	size_t bytes = 0;

	json_init(&json, count_bytes, &bytes);
	json_object_begin(&json, NULL);
	topology_json_nodes(&json, "nodes");
	topology_json_firmware(&json, "firmware", &info);
	json_object_end(&json);
	assert_int_equal(json_finish(&json), 0);
	assert_true(bytes > 0);
}

/* What must hold of any result. */
static void check_sound(bool at_boot)
{
	unsigned cpus = 0;
	uint64_t memory = 0;

	assert_true(info.cpu_count <= ACPI_CPU_MAX);
	assert_true(info.enabled >= info.cpu_count);
	for (unsigned i = 0; i < info.cpu_count; i++)
		for (unsigned k = 0; k < i; k++)
			assert_true(info.cpus[i].apic_id != info.cpus[k].apic_id);
	assert_int_equal(numa_init(&info, at_boot ? ram : NULL, at_boot ? ARRAY_SIZE(ram) : 0), 0);
	assert_true(numa_node_count() <= NODE_MAX);
	for (unsigned node = 0; node < numa_node_count(); node++) {
		const struct numa_node *n = numa_get_node(node);

		assert_true(node == 0 || n->pxm > numa_get_node(node - 1)->pxm);
		assert_int_equal(n->cpu_count, cpumask_weight(&n->cpus));
		assert_int_equal(numa_distance(node, node), 10);
		cpus += n->cpu_count;
		memory += n->memory_bytes;
	}
	assert_int_equal(cpus, info.cpu_count);
	if (!at_boot)
		return;
	assert_true(numa_node_count() >= 1);
	assert_true(info.cpu_count >= 1);
	assert_int_equal(info.cpus[0].apic_id, 1);
	assert_int_equal(memory, 0x9fc00 + 255 * MIB + 64 * MIB);
}

/* Parse the set with table `which` replaced by the first `bytes` bytes of `with`. */
static void try(unsigned which, const uint8_t *with, uint32_t bytes)
{
	struct acpi_file files[TABLES];
	struct acpi_source source = {
		.files = files, .file_count = TABLES, .bsp_known = true, .bsp_apic_id = 1};
	uint8_t *exact = malloc(bytes ? bytes : 1);
	int error;

	memcpy(exact, with, bytes);
	for (unsigned i = 0; i < TABLES; i++)
		files[i] = (struct acpi_file){"good", tables[i].bytes, tables[i].length};
	files[which] = (struct acpi_file){"changed", exact, bytes};
	error = acpi_parse(&info, &source);
	assert_int_equal(error != 0, info.errors.count != 0);
	check_sound(true);

	files[0] = files[which];
	source.file_count = 1;
	source.bsp_known = false;
	error = acpi_parse(&info, &source);
	assert_int_equal(error != 0, info.errors.count != 0);
	check_sound(false);
	check_json();
	free(exact);
}

static void unchanged(void **state)
{
	(void)state;
	try(0, tables[0].bytes, tables[0].length);
	assert_int_equal(info.warnings.count, 0);
}

static void every_byte_every_value(void **state)
{
	static struct build changed;

	(void)state;
	for (unsigned which = 0; which < TABLES; which++) {
		for (uint32_t at = 0; at < tables[which].length; at++) {
			for (unsigned value = 0; value < 256; value += at < 4 ? 37 : 1) {
				memcpy(changed.bytes, tables[which].bytes, tables[which].length);
				changed.length = tables[which].length;
				changed.bytes[at] = (uint8_t)value;
				if (value % 16 == 0)
					try(which, changed.bytes, changed.length);
				build_checksum(&changed);
				try(which, changed.bytes, changed.length);
			}
		}
	}
}

static void every_truncation(void **state)
{
	static struct build cut;

	(void)state;
	for (unsigned which = 0; which < TABLES; which++) {
		for (uint32_t bytes = 0; bytes < tables[which].length; bytes++) {
			try(which, tables[which].bytes, bytes);
			if (bytes < 36)
				continue;
			/* The same with a length field and a checksum that say so. */
			memcpy(cut.bytes, tables[which].bytes, bytes);
			cut.length = bytes;
			build_end(&cut);
			try(which, cut.bytes, bytes);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unchanged),
		cmocka_unit_test(every_byte_every_value),
		cmocka_unit_test(every_truncation),
	};

	build_set();
	return cmocka_run_group_tests_name("acpi_mutation", tests, NULL, NULL);
}
