// sources: kernel/acpi/rsdp.c kernel/acpi/table.c
// options: -max_len=256
/*
 * RSDP: the search over any memory. Bytes 8 and 32 of a first one are set so that its checksums are
 * right.
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/acpi/rsdp.h"
#include "lib/checksum.h"
#include "lib/errno.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte chooses what is put right. */
static void put_right(uint8_t *p, size_t size, uint8_t how)
{
	if ((how & 1) && size >= 8)
		memcpy(p, "RSD PTR ", 8);
	if ((how & 2) && size >= 20) {
		p[8] = 0;
		p[8] = (uint8_t)-checksum_sum8(p, 20);
	}
	if ((how & 4) && size >= 36) {
		p[32] = 0;
		p[32] = (uint8_t)-checksum_sum8(p, 36);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct acpi_rsdp rsdp = {0};
	uint8_t *copy;
	int error;

	if (size == 0)
		return 0;
	copy = malloc(size);
	memcpy(copy, data + 1, size - 1);
	put_right(copy, size - 1, data[0]);
	error = acpi_rsdp_scan(&rsdp, copy, size - 1);
	if (error != 0 && error != -EBADMSG && error != -ENOENT)
		abort();
	if (error == -EBADMSG && rsdp.xsdt)
		abort();
	free(copy);
	return 0;
}
