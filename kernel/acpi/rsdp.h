/*
 * Root system description pointer (ACPI 6.5, 5.2.5): where the list of tables is. Pure, any
 * context.
 */
#ifndef KERNEL_ACPI_RSDP_H
#define KERNEL_ACPI_RSDP_H

#include "lib/types.h"

#define ACPI_RSDP_V1_BYTES 20
#define ACPI_RSDP_V2_BYTES 36

struct acpi_rsdp {
	uint8_t revision;
	uint32_t rsdt; /* physical addresses, 0 if there is none */
	uint64_t xsdt;
};

/* Whether the bytes begin with the signature "RSD PTR ". */
bool acpi_rsdp_has_signature(const void *data, size_t bytes);

/*
 * Validate one RSDP. Returns 0; -EBADMSG if only the part of revision 2 is broken, with `out` then
 * holding what revision 1 says; -EINVAL otherwise, with `out` untouched. On error `why` gets a few
 * words.
 */
int acpi_rsdp_parse(struct acpi_rsdp *out, const void *data, size_t bytes,
		    const char **why) __must_check;

/*
 * Search `bytes` bytes on each 16-byte boundary counted from `data`. The first sound RSDP wins; one
 * with a broken second part is taken only if there is no other. Returns as acpi_rsdp_parse(), or
 * -ENOENT.
 */
int acpi_rsdp_scan(struct acpi_rsdp *out, const void *data, size_t bytes) __must_check;

#endif
