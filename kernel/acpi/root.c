/*
 * Collecting tables. Every address comes from firmware bytes, so each is asked of map(), which may
 * refuse; a length is believed only up to ACPI_TABLE_BYTES_MAX and only as far as map() grants it.
 * Pure, any context.
 */
#include "kernel/acpi/root.h"

#include "lib/errno.h"
#include "lib/printf.h"

/*
 * Where 5.2.5.1 says to look: the EBDA, whose segment the BIOS data area holds, and the BIOS
 * itself.
 */
#define EBDA_SEGMENT_ADDRESS 0x40e
#define EBDA_BYTES	     1024
#define BIOS_ADDRESS	     0xe0000
#define BIOS_BYTES	     0x20000

static const char signatures[ACPI_KIND_COUNT][5] = {
	[ACPI_MADT] = "APIC", [ACPI_FADT] = "FACP", [ACPI_HPET] = "HPET", [ACPI_SRAT] = "SRAT",
	[ACPI_SLIT] = "SLIT", [ACPI_HMAT] = "HMAT", [ACPI_DSDT] = "DSDT",
};

/* Kinds that the source's files replace, whether there is such a file or not. */
static bool is_replaced(const struct acpi_source *source, enum acpi_kind kind)
{
	return source->files_replace &&
	       (kind == ACPI_MADT || kind == ACPI_SRAT || kind == ACPI_SLIT || kind == ACPI_HMAT);
}

/* ACPI_KIND_COUNT for a table that nobody here reads. */
static enum acpi_kind kind_of(const void *header)
{
	unsigned kind = 0;

	while (kind < ACPI_KIND_COUNT && memcmp(header, signatures[kind], 4) != 0)
		kind++;
	return (enum acpi_kind)kind;
}

static void reject(struct acpi_tables *tables, struct acpi_info *info, enum acpi_kind kind,
		   const char *name, const char *why)
{
	tables->rejected[kind] = true;
	acpi_note(kind == ACPI_MADT ? &info->errors : &info->warnings, "%s: %s: %s", name,
		  signatures[kind], why);
}

/* Open what lies at `data` as a table of `kind` and keep it if it is the first. */
static void add_table(struct acpi_tables *tables, struct acpi_info *info, enum acpi_kind kind,
		      const char *name, const void *data, size_t bytes)
{
	struct acpi_table table;
	const char *why;

	if (acpi_table_open(&table, data, bytes, &why) != 0) {
		reject(tables, info, kind, name, why);
		return;
	}
	if (tables->of[kind].data) {
		acpi_note(&info->warnings, "%s: a second %s, ignored", name, signatures[kind]);
		return;
	}
	tables->of[kind] = table;
}

/* A table by physical address: first its header, then as much as the header says. */
static void add_at(struct acpi_tables *tables, struct acpi_info *info,
		   const struct acpi_source *source, uint64_t phys)
{
	const void *header = source->map(source->context, phys, ACPI_HEADER_BYTES);
	enum acpi_kind kind;
	const void *data;
	uint32_t length;
	char name[24];

	if (!header || !acpi_table_has_header(header, ACPI_HEADER_BYTES)) {
		acpi_note(&info->warnings, "no table at 0x%llx, where the firmware names one",
			  (unsigned long long)phys);
		return;
	}
	kind = kind_of(header);
	if (kind == ACPI_KIND_COUNT || is_replaced(source, kind))
		return;
	fmt_snprintf(name, sizeof(name), "0x%llx", (unsigned long long)phys);
	length = acpi_table_length(header);
	if (length < ACPI_HEADER_BYTES || length > ACPI_TABLE_BYTES_MAX) {
		reject(tables, info, kind, name, "impossible length field");
		return;
	}
	data = source->map(source->context, phys, length);
	if (!data) {
		reject(tables, info, kind, name, "reaches into memory that is not there");
		return;
	}
	add_table(tables, info, kind, name, data, length);
}

/* Follow a root table with entries of `width` bytes. False, with a warning, if it is unusable. */
static bool walk_root(struct acpi_tables *tables, struct acpi_info *info,
		      const struct acpi_source *source, const char *signature, uint64_t phys,
		      unsigned width)
{
	const void *header = source->map(source->context, phys, ACPI_HEADER_BYTES);
	const char *why = "is not where the RSDP says";
	struct acpi_table root;
	const void *data = NULL;
	uint32_t count;

	if (header && memcmp(header, signature, 4) == 0 &&
	    acpi_table_length(header) <= ACPI_TABLE_BYTES_MAX)
		data = source->map(source->context, phys, acpi_table_length(header));
	if (!data || acpi_table_open(&root, data, acpi_table_length(header), &why) != 0) {
		acpi_note(&info->warnings, "%s at 0x%llx: %s", signature, (unsigned long long)phys,
			  why);
		return false;
	}
	count = (root.bytes - (uint32_t)ACPI_HEADER_BYTES) / width;
	if (count > ACPI_ROOT_ENTRY_MAX) {
		acpi_note(&info->warnings, "%s: %u entries, only %u are read", signature, count,
			  ACPI_ROOT_ENTRY_MAX);
		count = ACPI_ROOT_ENTRY_MAX;
	}
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *entry = root.data + ACPI_HEADER_BYTES + (size_t)i * width;

		add_at(tables, info, source, width == 8 ? acpi_read64(entry) : acpi_read32(entry));
	}
	return true;
}

/*
 * Keep `found` if it beats what is there: a sound one always, one with a broken second part before
 * none.
 */
static void keep_better(struct acpi_rsdp *best, int *result, const struct acpi_rsdp *found,
			int error)
{
	if (error == 0 || (error == -EBADMSG && *result == -ENOENT)) {
		*best = *found;
		*result = error;
	}
}

static void scan_at(struct acpi_rsdp *best, int *result, const struct acpi_source *source,
		    uint64_t phys, size_t bytes)
{
	const void *data = source->map(source->context, phys, bytes);
	struct acpi_rsdp found = {0};
	int error;

	if (!data || *result == 0)
		return;
	error = acpi_rsdp_scan(&found, data, bytes);
	keep_better(best, result, &found, error);
}

/* 0, -EBADMSG for one that only its first part vouches for, or -ENOENT. */
static int find_rsdp(struct acpi_rsdp *out, struct acpi_info *info,
		     const struct acpi_source *source)
{
	struct acpi_rsdp given = {0};
	const uint8_t *segment;
	int result = -ENOENT;
	const char *why;

	if (source->rsdp) {
		int error = acpi_rsdp_parse(&given, source->rsdp, source->rsdp_bytes, &why);

		keep_better(out, &result, &given, error);
		if (result == 0)
			return 0;
		acpi_note(&info->warnings, "%s; searching for another", why);
	}
	segment = source->map(source->context, EBDA_SEGMENT_ADDRESS, 2);
	if (segment)
		scan_at(out, &result, source, (uint64_t)acpi_read16(segment) << 4, EBDA_BYTES);
	scan_at(out, &result, source, BIOS_ADDRESS, BIOS_BYTES);
	return result;
}

void acpi_root_collect(struct acpi_tables *tables, struct acpi_info *info,
		       const struct acpi_source *source)
{
	struct acpi_rsdp rsdp;
	int error;

	if (!source->map)
		return;
	error = find_rsdp(&rsdp, info, source);
	if (error == -ENOENT) {
		acpi_note(&info->warnings, "no usable RSDP: the firmware's tables are not read");
		return;
	}
	if (error == -EBADMSG)
		acpi_note(&info->warnings, "RSDP is sound in its first part only: using the RSDT");
	if (rsdp.xsdt && walk_root(tables, info, source, "XSDT", rsdp.xsdt, 8))
		return;
	if (!rsdp.rsdt || !walk_root(tables, info, source, "RSDT", rsdp.rsdt, 4))
		acpi_note(&info->warnings, "no usable root table: no tables are read");
}

/* One file: an RSDP, which is only checked, or a table. */
static void add_file(struct acpi_tables *tables, struct acpi_info *info,
		     const struct acpi_file *file)
{
	struct acpi_rsdp rsdp;
	enum acpi_kind kind;
	const char *why;

	if (acpi_rsdp_has_signature(file->data, file->bytes)) {
		if (acpi_rsdp_parse(&rsdp, file->data, file->bytes, &why) != 0)
			acpi_note(&info->errors, "%s: %s", file->name, why);
		return;
	}
	if (!acpi_table_has_header(file->data, file->bytes)) {
		acpi_note(&info->errors, "%s: not an ACPI table (%zu bytes, no header)", file->name,
			  file->bytes);
		return;
	}
	kind = kind_of(file->data);
	if (kind == ACPI_KIND_COUNT) {
		if (acpi_table_length(file->data) > file->bytes ||
		    acpi_table_length(file->data) < 8)
			acpi_note(&info->errors,
				  "%s: not an ACPI table (length field %u, %zu bytes)", file->name,
				  acpi_table_length(file->data), file->bytes);
		return;
	}
	add_table(tables, info, kind, file->name, file->data, file->bytes);
	if (tables->of[kind].data == file->data && tables->of[kind].bytes < file->bytes)
		acpi_note(&info->warnings, "%s: %zu bytes after the table's end, ignored",
			  file->name, file->bytes - tables->of[kind].bytes);
}

void acpi_files_collect(struct acpi_tables *tables, struct acpi_info *info,
			const struct acpi_source *source)
{
	for (unsigned i = 0; i < source->file_count; i++)
		add_file(tables, info, &source->files[i]);
}
