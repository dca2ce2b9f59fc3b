/*
 * What the boot loader told: memory map, command line, module, where the firmware's tables are.
 *
 * Filled once by the parser of the protocol we were entered by, before anything else runs; constant
 * afterwards. Everything in it comes from outside and is bounded here.
 */
#pragma once

#include "lib/types.h"

#define BOOT_MEMORY_MAX	   256
#define BOOT_COMMAND_BYTES 4096
#define BOOT_RSDP_BYTES	   36

/* As E820 and ACPI 6.5 section 15 number them; others are taken as reserved. */
enum boot_memory_type {
	BOOT_MEMORY_USABLE = 1,
	BOOT_MEMORY_RESERVED = 2,
	BOOT_MEMORY_ACPI_RECLAIM = 3,
	BOOT_MEMORY_ACPI_NVS = 4,
	BOOT_MEMORY_BAD = 5,
};

struct boot_memory {
	uint64_t base;
	uint64_t length; /* bytes, base + length does not wrap */
	enum boot_memory_type type;
};

struct boot_info {
	const char *protocol;			    /* "PVH" or "Multiboot2" */
	struct boot_memory memory[BOOT_MEMORY_MAX]; /* in the loader's order */
	unsigned memory_count;
	unsigned memory_dropped;	       /* entries beyond the limit, or malformed */
	char command_line[BOOT_COMMAND_BYTES]; /* NUL-terminated */
	bool command_line_cut;
	uint64_t module_phys; /* the cpio archive; 0: none */
	uint64_t module_bytes;
	unsigned modules_ignored;      /* those after the first */
	uint64_t rsdp_phys;	       /* 0: to be searched for */
	uint8_t rsdp[BOOT_RSDP_BYTES]; /* a copy, where the protocol gives one */
	unsigned rsdp_bytes;	       /* 0: no copy */
};

enum boot_protocol { BOOT_PVH = 1, BOOT_MULTIBOOT2 = 2 };

/* Reads physical memory that the protocol points to. NULL when it is out of reach. */
typedef const void *(*boot_map_fn)(uint64_t phys, uint64_t bytes);

/*
 * Fill @info from the structure of @protocol at physical @address. 0, or -EINVAL when it is not
 * one. Boot CPU, once.
 */
int boot_parse(struct boot_info *info, enum boot_protocol protocol, uint64_t address,
	       boot_map_fn map) __must_check;

const char *boot_memory_type_name(enum boot_memory_type type);
