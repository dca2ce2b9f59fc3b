/*
 * Physical memory for tests that walk tables from the RSDP: a few regions, each in a buffer of its
 * exact size, and nothing in between.
 */
#pragma once

#include "tests/host/acpi_build.h"

#define MEMORY_REGIONS 16

struct memory {
	unsigned count;
	struct {
		uint64_t phys;
		uint8_t *bytes;
		size_t length;
	} regions[MEMORY_REGIONS];
};

static inline void memory_clear(struct memory *memory)
{
	while (memory->count)
		free(memory->regions[--memory->count].bytes);
}

/* A copy of `bytes` at `phys`; returns the copy, which the test may change. */
static inline uint8_t *memory_add(struct memory *memory, uint64_t phys, const void *bytes,
				  size_t length)
{
	uint8_t *copy = malloc(length);

	assert_true(memory->count < MEMORY_REGIONS);
	memcpy(copy, bytes, length);
	memory->regions[memory->count].phys = phys;
	memory->regions[memory->count].bytes = copy;
	memory->regions[memory->count++].length = length;
	return copy;
}

static inline uint8_t *memory_add_table(struct memory *memory, uint64_t phys, struct build *b)
{
	build_end(b);
	return memory_add(memory, phys, b->bytes, b->length);
}

/* acpi_source.map */
static inline const void *memory_map(void *context, uint64_t phys, size_t bytes)
{
	const struct memory *memory = context;

	assert_true(bytes <= ACPI_TABLE_BYTES_MAX);
	for (unsigned i = 0; i < memory->count; i++) {
		uint64_t offset = phys - memory->regions[i].phys;

		if (phys >= memory->regions[i].phys && offset <= memory->regions[i].length &&
		    bytes <= memory->regions[i].length - offset)
			return memory->regions[i].bytes + offset;
	}
	return NULL;
}

/* An RSDP of revision 2, or 0 if `xsdt` is 0, into 36 bytes. */
static inline void rsdp_put(uint8_t *p, uint32_t rsdt, uint64_t xsdt)
{
	memset(p, 0, 36);
	memcpy(p, "RSD PTR ", 8);
	p[15] = xsdt ? 2 : 0;
	memcpy(p + 16, &rsdt, 4);
	p[20] = 36;
	memcpy(p + 24, &xsdt, 8);
	p[8] = (uint8_t)-checksum_sum8(p, 20);
	p[32] = (uint8_t)-checksum_sum8(p, 36);
}
