/*
 * The PVH start structure (Xen public interface, arch-x86/hvm/start_info.h, version 1). Pure.
 */
#include "boot/protocol.h"
#include "lib/errno.h"

#define PVH_MAGIC 0x336ec578

struct pvh_start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t modules;
	uint64_t module_list;
	uint64_t command_line;
	uint64_t rsdp;
	/* since version 1 */
	uint64_t memory_map;
	uint32_t memory_entries;
	uint32_t reserved;
};
_Static_assert(sizeof(struct pvh_start_info) == 56, "fixed by the protocol");

struct pvh_module {
	uint64_t address;
	uint64_t bytes;
	uint64_t command_line;
	uint64_t reserved;
};

struct pvh_memory {
	uint64_t address;
	uint64_t bytes;
	uint32_t type;
	uint32_t reserved;
};
_Static_assert(sizeof(struct pvh_memory) == 24, "fixed by the protocol");

int boot_parse_pvh(struct boot_info *info, uint64_t address, boot_map_fn map)
{
	const struct pvh_start_info *start = map(address, sizeof(*start));

	if (!start || start->magic != PVH_MAGIC || start->version < 1)
		return -EINVAL;
	for (uint64_t i = 0; i < start->memory_entries; i++) {
		const struct pvh_memory *memory =
			map(start->memory_map + i * sizeof(*memory), sizeof(*memory));

		if (!memory)
			return -EINVAL;
		boot_add_memory(info, memory->address, memory->bytes, memory->type);
		if (info->memory_count == BOOT_MEMORY_MAX) {
			info->memory_dropped += start->memory_entries - (uint32_t)i - 1;
			break;
		}
	}
	if (start->modules) {
		const struct pvh_module *module = map(start->module_list, sizeof(*module));

		if (!module)
			return -EINVAL;
		info->module_phys = module->address;
		info->module_bytes = module->bytes;
		info->modules_ignored = start->modules - 1;
	}
	if (start->command_line) {
		const char *text = map(start->command_line, BOOT_COMMAND_BYTES);

		if (!text)
			return -EINVAL;
		boot_set_command_line(info, text, BOOT_COMMAND_BYTES);
	}
	info->rsdp_phys = start->rsdp;
	return info->memory_count ? 0 : -EINVAL;
}
