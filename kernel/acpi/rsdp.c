/*
 * RSDP (ACPI 6.5, 5.2.5.3): validation and search. Pure: no state, any context.
 */
#include "kernel/acpi/rsdp.h"

#include "kernel/acpi/table.h"
#include "lib/checksum.h"
#include "lib/errno.h"

struct rsdp_bytes {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} __packed;

_Static_assert(sizeof(struct rsdp_bytes) == ACPI_RSDP_V2_BYTES, "ACPI 6.5 table 5.3");
_Static_assert(offsetof(struct rsdp_bytes, length) == ACPI_RSDP_V1_BYTES, "ACPI 6.5 table 5.3");

bool acpi_rsdp_has_signature(const void *data, size_t bytes)
{
	return bytes >= 8 && memcmp(data, "RSD PTR ", 8) == 0;
}

/* What revision 2 adds: a length, an XSDT and a checksum over all of it. NULL if it is sound. */
static const char *check_extension(const struct rsdp_bytes *rsdp, const void *data, size_t bytes)
{
	if (bytes < ACPI_RSDP_V2_BYTES)
		return "RSDP of revision 2 is cut short";
	if (rsdp->length < ACPI_RSDP_V2_BYTES || rsdp->length > bytes)
		return "RSDP has a wrong length field";
	if (checksum_sum8(data, rsdp->length) != 0)
		return "RSDP has a wrong extended checksum";
	return NULL;
}

int acpi_rsdp_parse(struct acpi_rsdp *out, const void *data, size_t bytes, const char **why)
{
	struct rsdp_bytes rsdp = {0};

	if (!acpi_rsdp_has_signature(data, bytes))
		*why = "no RSDP signature";
	else if (bytes < ACPI_RSDP_V1_BYTES)
		*why = "RSDP is cut short";
	else if (checksum_sum8(data, ACPI_RSDP_V1_BYTES) != 0)
		*why = "RSDP has a wrong checksum";
	else
		goto good;
	return -EINVAL;
good:
	memcpy(&rsdp, data, bytes < sizeof(rsdp) ? bytes : sizeof(rsdp));
	out->revision = rsdp.revision;
	out->rsdt = rsdp.rsdt;
	out->xsdt = 0;
	if (rsdp.revision < 2)
		return 0;
	*why = check_extension(&rsdp, data, bytes);
	if (*why)
		return -EBADMSG;
	out->xsdt = rsdp.xsdt;
	return 0;
}

int acpi_rsdp_scan(struct acpi_rsdp *out, const void *data, size_t bytes)
{
	int result = -ENOENT;
	const char *why;

	for (size_t at = 0; at < bytes; at += 16) {
		const uint8_t *p = (const uint8_t *)data + at;
		struct acpi_rsdp found;
		int error;

		if (!acpi_rsdp_has_signature(p, bytes - at))
			continue;
		error = acpi_rsdp_parse(&found, p, bytes - at, &why);
		if (error == 0 || (error == -EBADMSG && result == -ENOENT)) {
			*out = found;
			result = error;
		}
		if (error == 0)
			break;
	}
	return result;
}
