// sources: kernel/acpi/root.c kernel/acpi/rsdp.c kernel/acpi/parse.c kernel/acpi/madt.c
// sources: kernel/acpi/fadt.c kernel/acpi/hpet.c kernel/acpi/srat.c kernel/acpi/slit.c
// sources: kernel/acpi/hmat.c kernel/acpi/s5.c kernel/acpi/table.c kernel/acpi/cpus.c lib/printf.c
// options: -max_len=2048
/*
 * From the RSDP on: the fuzzer's bytes are physical memory from 0 on, with the EBDA's segment at
 * 0x40e and nothing where a BIOS would be. Checksums can be put right on request, for the fuzzer
 * cannot guess them.
 */
#include "tests/fuzz/acpi_table.h"

#include "lib/checksum.h"

static uint8_t *memory;
static size_t memory_bytes;

static const void *map(void *context, uint64_t phys, size_t bytes)
{
	(void)context;
	require(bytes <= ACPI_TABLE_BYTES_MAX);
	if (phys <= memory_bytes && bytes <= memory_bytes - phys)
		return memory + phys;
	return NULL;
}

/* Every 64 bytes something may start: give it a length that fits and a checksum that is right. */
static void put_right(void)
{
	for (size_t at = 0; at + ACPI_HEADER_BYTES <= memory_bytes; at += 64) {
		uint8_t *p = memory + at;
		uint32_t length = acpi_table_length(p);

		if (memcmp(p, "RSD PTR ", 8) == 0) {
			p[8] = (uint8_t)(p[8] - checksum_sum8(p, 20));
			continue;
		}
		if (length >= ACPI_HEADER_BYTES && length <= memory_bytes - at)
			p[9] = (uint8_t)(p[9] - checksum_sum8(p, length));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct acpi_source source = {.map = map, .bsp_known = true};

	if (size < 40)
		return 0;
	memory_bytes = size - 1;
	memory = malloc(memory_bytes);
	memcpy(memory, data + 1, memory_bytes);
	if (data[0] & 1)
		put_right();
	if (data[0] & 2) {
		source.rsdp = memory;
		source.rsdp_bytes = data[0] & 4 ? 20 : 36;
	}
	if (acpi_parse(&info, &source) != 0)
		require(info.errors.count != 0);
	require(info.cpu_count >= 1 && info.cpus[0].apic_id == 0);
	free(memory);
	return 0;
}
