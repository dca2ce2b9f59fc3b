// sources: kernel/acpi/root.c kernel/acpi/rsdp.c kernel/acpi/parse.c kernel/acpi/madt.c
// sources: kernel/acpi/fadt.c kernel/acpi/hpet.c kernel/acpi/srat.c kernel/acpi/slit.c
// sources: kernel/acpi/hmat.c kernel/acpi/s5.c kernel/numa/topology.c kernel/numa/ranges.c
// sources: kernel/numa/distance.c kernel/acpi/table.c kernel/acpi/cpus.c lib/printf.c
// options: -max_len=4096
/*
 * A machine of four tables and a memory map, all the fuzzer's: every CPU and every byte of RAM ends
 * up in one node. Input: flags, then for each of MADT, SRAT, SLIT, HMAT a 16-bit length and that
 * many bytes of body, then pairs of 16-bit numbers that space out RAM.
 */
#include "tests/fuzz/acpi_table.h"

#include <fanga/numa.h>

#include "lib/checksum.h"

struct input {
	const uint8_t *data;
	size_t left;
};

static uint16_t take16(struct input *input)
{
	uint16_t value = 0;

	if (input->left >= 2) {
		value = acpi_read16(input->data);
		input->data += 2;
		input->left -= 2;
	}
	return value;
}

/* The next table, header made, checksum right. */
static struct acpi_file take_table(struct input *input, const char *signature)
{
	size_t body = take16(input);
	uint8_t *bytes;
	uint32_t length;

	if (body > input->left)
		body = input->left;
	length = (uint32_t)(ACPI_HEADER_BYTES + body);
	bytes = calloc(1, length);
	memcpy(bytes, signature, 4);
	memcpy(bytes + 4, &length, 4);
	bytes[8] = 3;
	memcpy(bytes + ACPI_HEADER_BYTES, input->data, body);
	bytes[9] = (uint8_t)-checksum_sum8(bytes, length);
	input->data += body;
	input->left -= body;
	return (struct acpi_file){.name = signature, .data = bytes, .bytes = length};
}

static void check(uint64_t ram_bytes, bool has_ram)
{
	unsigned cpus = 0;
	uint64_t bytes = 0;

	for (unsigned node = 0; node < numa_node_count(); node++) {
		const struct numa_node *n = numa_get_node(node);

		require(n->node == node);
		require(node == 0 || n->pxm > numa_get_node(node - 1)->pxm);
		require(n->range_count == 0 || numa_get_range(n->range_first)->node == node);
		cpus += n->cpu_count;
		bytes += n->memory_bytes;
	}
	require(cpus == info.cpu_count);
	require(!has_ram || bytes == ram_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char signatures[4][5] = {"APIC", "SRAT", "SLIT", "HMAT"};
	static struct numa_span ram[NUMA_SPAN_MAX];
	struct input input = {data, size};
	uint16_t flags = take16(&input);
	struct acpi_file files[4];
	struct acpi_source source = {
		.files = files, .bsp_known = flags & 1, .bsp_apic_id = flags >> 8};
	uint64_t at = 0, total = 0;
	unsigned spans = 0;

	for (unsigned i = 0; i < 4; i++)
		if (flags & 2 << i)
			files[source.file_count++] = take_table(&input, signatures[i]);
	while (input.left >= 4 && spans < NUMA_SPAN_MAX) {
		ram[spans].base = at + ((uint64_t)take16(&input) << 12);
		ram[spans].length = ((uint64_t)take16(&input) + 1) << 12;
		at = ram[spans].base + ram[spans].length;
		total += ram[spans++].length;
	}
	if (acpi_parse(&info, &source) != 0)
		require(info.errors.count != 0);
	require(numa_init(&info, flags & 0x20 ? ram : NULL, spans) == 0);
	check(total, flags & 0x20);
	for (unsigned i = 0; i < source.file_count; i++)
		free((void *)(uintptr_t)files[i].data);
	return 0;
}
