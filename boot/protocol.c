/*
 * What the parsers of the boot protocols share. Pure: runs on the host in tests.
 */
#include "boot/protocol.h"
#include "lib/errno.h"
#include "lib/string.h"

void boot_add_memory(struct boot_info *info, uint64_t base, uint64_t length, uint32_t type)
{
	if (info->memory_count == BOOT_MEMORY_MAX || base + length < base) {
		info->memory_dropped++;
		return;
	}
	if (!length)
		return;
	if (type < BOOT_MEMORY_USABLE || type > BOOT_MEMORY_BAD)
		type = BOOT_MEMORY_RESERVED;
	info->memory[info->memory_count++] = (struct boot_memory){base, length, type};
}

void boot_set_command_line(struct boot_info *info, const char *text, size_t bytes)
{
	size_t length = strnlen(text, bytes);

	info->command_line_cut = length >= sizeof(info->command_line);
	if (info->command_line_cut)
		length = sizeof(info->command_line) - 1;
	memcpy(info->command_line, text, length);
	info->command_line[length] = '\0';
}

int boot_parse(struct boot_info *info, enum boot_protocol protocol, uint64_t address,
	       boot_map_fn map)
{
	memset(info, 0, sizeof(*info));
	switch (protocol) {
	case BOOT_PVH:
		info->protocol = "PVH";
		return boot_parse_pvh(info, address, map);
	case BOOT_MULTIBOOT2:
		info->protocol = "Multiboot2";
		return boot_parse_multiboot2(info, address, map);
	}
	return -EINVAL;
}

const char *boot_memory_type_name(enum boot_memory_type type)
{
	switch (type) {
	case BOOT_MEMORY_USABLE:
		return "usable";
	case BOOT_MEMORY_RESERVED:
		return "reserved";
	case BOOT_MEMORY_ACPI_RECLAIM:
		return "ACPI tables";
	case BOOT_MEMORY_ACPI_NVS:
		return "ACPI NVS";
	case BOOT_MEMORY_BAD:
		return "bad";
	}
	return "unknown";
}
