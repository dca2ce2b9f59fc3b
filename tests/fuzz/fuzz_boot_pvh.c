// sources: boot/protocol.c boot/pvh.c boot/multiboot2.c lib/string.c
// options: -max_len=8192
/* The PVH start structure and what it points to: parsed within bounds or refused. */
#include "tests/fuzz/boot_memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	boot_fuzz(BOOT_PVH, data, bytes);
	return 0;
}
