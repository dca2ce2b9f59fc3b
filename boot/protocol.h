/*
 * The parsers of the two boot protocols, and what they share.
 */
#pragma once

#include "fanga/boot.h"

int boot_parse_pvh(struct boot_info *info, uint64_t address, boot_map_fn map) __must_check;
int boot_parse_multiboot2(struct boot_info *info, uint64_t address, boot_map_fn map) __must_check;

/* Append a range; empty, wrapping and surplus ones are counted as dropped. */
void boot_add_memory(struct boot_info *info, uint64_t base, uint64_t length, uint32_t type);

/* Copy a command line of at most @bytes bytes, ended by NUL or not. */
void boot_set_command_line(struct boot_info *info, const char *text, size_t bytes);
