/* Where boot/entry.S enters C. */
#pragma once

#include "lib/types.h"

extern const char boot_stack[], boot_stack_top[];

/* @protocol: enum boot_protocol; @boot_data: physical address of its structure. */
_Noreturn void kernel_main(uint32_t protocol, uint64_t boot_data);
