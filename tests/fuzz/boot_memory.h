/*
 * Physical memory for the fuzzers of boot structures: the input, at address BOOT_MEMORY_BASE. The
 * parser gets a copy of just what it asked for, so that the sanitizer sees a look beyond it.
 */
#pragma once

#include "boot/protocol.h"
#include "tests/fuzz/fuzz.h"

#define BOOT_MEMORY_BASE 0x1000ull
#define BOOT_VIEWS_MAX	 512

static const uint8_t *boot_memory;
static size_t boot_memory_bytes;
static void *boot_views[BOOT_VIEWS_MAX];
static unsigned boot_view_count;

static const void *boot_map(uint64_t phys, uint64_t bytes)
{
	uint64_t offset = phys - BOOT_MEMORY_BASE;

	if (phys < BOOT_MEMORY_BASE || offset > boot_memory_bytes ||
	    bytes > boot_memory_bytes - offset || boot_view_count == BOOT_VIEWS_MAX)
		return NULL;
	boot_views[boot_view_count] = fuzz_copy(boot_memory + offset, bytes, 0);
	return boot_views[boot_view_count++];
}

/* Parse, and check what the rest of the kernel relies on. */
static void boot_fuzz(enum boot_protocol protocol, const uint8_t *data, size_t bytes)
{
	static struct boot_info info;

	boot_memory = data;
	boot_memory_bytes = bytes;
	memset(&info, 0xa5, sizeof(info));

	int result = boot_parse(&info, protocol, BOOT_MEMORY_BASE, boot_map);

	while (boot_view_count)
		free(boot_views[--boot_view_count]);
	FUZZ_CHECK(info.memory_count <= BOOT_MEMORY_MAX);
	FUZZ_CHECK(result || info.memory_count);
	for (unsigned i = 0; i < info.memory_count; i++) {
		const struct boot_memory *range = &info.memory[i];

		FUZZ_CHECK(range->length && range->base + range->length > range->base);
		FUZZ_CHECK(range->type >= BOOT_MEMORY_USABLE && range->type <= BOOT_MEMORY_BAD);
	}
	FUZZ_CHECK(memchr(info.command_line, 0, sizeof(info.command_line)));
	FUZZ_CHECK(info.rsdp_bytes <= BOOT_RSDP_BYTES);
}
