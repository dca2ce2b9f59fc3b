/*
 * The Multiboot2 boot information (Multiboot2 specification 2.0, section 3.6). Pure.
 *
 * A list of tags, each with type and size, padded to 8 bytes; every size is held against the total.
 */
#include "boot/protocol.h"
#include "lib/errno.h"
#include "lib/string.h"

#define TAG_END		 0
#define TAG_COMMAND_LINE 1
#define TAG_MODULE	 3
#define TAG_MEMORY_MAP	 6
#define TAG_RSDP_OLD	 14
#define TAG_RSDP_NEW	 15
#define INFO_BYTES_MAX	 (16u << 20)

struct mb2_header {
	uint32_t bytes;
	uint32_t reserved;
};

struct mb2_tag {
	uint32_t type;
	uint32_t bytes; /* this header included */
};

struct mb2_module {
	struct mb2_tag tag;
	uint32_t start, end;
};

struct mb2_memory_map {
	struct mb2_tag tag;
	uint32_t entry_bytes, entry_version;
};

struct mb2_memory {
	uint64_t base, length;
	uint32_t type, reserved;
};
_Static_assert(sizeof(struct mb2_memory) == 24, "fixed by the protocol");

static int parse_memory(struct boot_info *info, const struct mb2_memory_map *map)
{
	const uint8_t *entry = (const uint8_t *)(map + 1);
	const uint8_t *end = (const uint8_t *)map + map->tag.bytes;

	if (map->tag.bytes < sizeof(*map) || map->entry_bytes < sizeof(struct mb2_memory))
		return -EINVAL;
	for (; (size_t)(end - entry) >= map->entry_bytes; entry += map->entry_bytes) {
		struct mb2_memory memory;

		memcpy(&memory, entry, sizeof(memory));
		boot_add_memory(info, memory.base, memory.length, memory.type);
	}
	return 0;
}

static int parse_tag(struct boot_info *info, const struct mb2_tag *tag)
{
	size_t body = tag->bytes - sizeof(*tag);

	switch (tag->type) {
	case TAG_COMMAND_LINE:
		boot_set_command_line(info, (const char *)(tag + 1), body);
		return 0;
	case TAG_MODULE: {
		const struct mb2_module *module = (const struct mb2_module *)tag;

		if (tag->bytes < sizeof(*module) || module->end < module->start)
			return -EINVAL;
		if (info->module_bytes) {
			info->modules_ignored++;
			return 0;
		}
		info->module_phys = module->start;
		info->module_bytes = module->end - module->start;
		return 0;
	}
	case TAG_MEMORY_MAP:
		return parse_memory(info, (const struct mb2_memory_map *)tag);
	case TAG_RSDP_OLD:
	case TAG_RSDP_NEW:
		/* The new one, where there are both: it has the 64-bit table. */
		if (tag->type == TAG_RSDP_OLD && info->rsdp_bytes)
			return 0;
		info->rsdp_bytes = (unsigned)MIN(body, sizeof(info->rsdp));
		memcpy(info->rsdp, tag + 1, info->rsdp_bytes);
		return 0;
	default:
		return 0;
	}
}

int boot_parse_multiboot2(struct boot_info *info, uint64_t address, boot_map_fn map)
{
	const struct mb2_header *header = map(address, sizeof(*header));
	uint32_t offset = sizeof(*header);

	if (!header || header->bytes < sizeof(*header) || header->bytes > INFO_BYTES_MAX)
		return -EINVAL;

	uint32_t total = header->bytes;
	const uint8_t *base = map(address, total);

	if (!base)
		return -EINVAL;
	while (total - offset >= sizeof(struct mb2_tag)) {
		const struct mb2_tag *tag = (const struct mb2_tag *)(base + offset);

		if (tag->type == TAG_END)
			break;
		if (tag->bytes < sizeof(*tag) || tag->bytes > total - offset)
			return -EINVAL;

		int error = parse_tag(info, tag);

		if (error)
			return error;
		/* The padding of the last tag may be missing. */
		if (ALIGN_UP((uint64_t)tag->bytes, 8) > total - offset)
			break;
		offset += ALIGN_UP(tag->bytes, 8u);
	}
	return info->memory_count ? 0 : -EINVAL;
}
