// sources: boot/protocol.c boot/pvh.c boot/multiboot2.c lib/string.c
// options: -max_len=8192
/* The Multiboot2 information: tags of any length and kind, parsed within bounds or refused. */
#include "tests/fuzz/boot_memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	boot_fuzz(BOOT_MULTIBOOT2, data, bytes);
	return 0;
}
