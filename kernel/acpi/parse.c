/*
 * From a source of tables to struct acpi_info: collect, then one parser after the other.
 *
 * The order is the dependencies': the FADT decides what a MADT flag means, the MADT which CPUs the
 * SRAT speaks of. The boot CPU is entered first, which makes it CPU 0. Pure: no state, any context.
 */
#include "kernel/acpi/parsers.h"
#include "kernel/acpi/root.h"

#include "lib/errno.h"

static void parse_dsdt(struct acpi_info *info, const struct acpi_source *source,
		       struct acpi_table *dsdt)
{
	const void *header;

	if (!dsdt->data && info->fadt.dsdt && source->map) {
		header = source->map(source->context, info->fadt.dsdt, ACPI_HEADER_BYTES);
		if (header && acpi_table_length(header) <= ACPI_TABLE_BYTES_MAX) {
			uint32_t length = acpi_table_length(header);
			const char *why = "reaches into memory that is not there";

			header = source->map(source->context, info->fadt.dsdt, length);
			if (!header || acpi_table_open(dsdt, header, length, &why) != 0)
				acpi_note(&info->warnings, "DSDT: %s, ignored", why);
		}
	}
	if (dsdt->data && acpi_find_s5(&info->s5, dsdt->data, dsdt->bytes) != 0)
		acpi_note(&info->warnings, "DSDT: no \\_S5_, so no power-off through ACPI");
}

/* What only shows once the MADT is through, or is not there. */
static void check_cpus(struct acpi_info *info, const struct acpi_source *source)
{
	if (source->bsp_known && !info->madt.present)
		acpi_note(&info->warnings, "no MADT: there is only the boot CPU");
	else if (source->bsp_known && (info->cpu_count == 0 || !info->cpus[0].in_madt))
		acpi_note(&info->warnings,
			  "MADT: boot CPU (APIC id %u) is not among the enabled ones, added",
			  source->bsp_apic_id);
	if (info->madt.present && info->enabled == 0)
		acpi_note(&info->warnings, "MADT: no enabled CPU");
	else if (info->madt.present && !source->bsp_known && !acpi_cpu_find(info, 0))
		acpi_note(&info->warnings,
			  "MADT: no enabled CPU has APIC id 0; if that is the boot CPU, "
			  "booting adds it");
	if (info->madt.present && info->madt.ioapic_count == 0)
		acpi_note(&info->warnings, "MADT: no usable I/O APIC");
}

static void parse_tables(struct acpi_info *info, const struct acpi_source *source,
			 struct acpi_tables *tables)
{
	struct acpi_table *of = tables->of;
	bool srat_adds = !source->bsp_known && !of[ACPI_MADT].data && !tables->rejected[ACPI_MADT];

	if (of[ACPI_FADT].data)
		acpi_fadt_parse(info, &of[ACPI_FADT]);
	parse_dsdt(info, source, &of[ACPI_DSDT]);
	if (of[ACPI_MADT].data)
		acpi_madt_parse(info, &of[ACPI_MADT]);
	check_cpus(info, source);
	if (of[ACPI_HPET].data)
		acpi_hpet_parse(info, &of[ACPI_HPET]);
	if (of[ACPI_SRAT].data)
		acpi_srat_parse(info, &of[ACPI_SRAT], srat_adds);
	if (of[ACPI_SLIT].data)
		acpi_slit_parse(info, &of[ACPI_SLIT]);
	if (of[ACPI_HMAT].data)
		acpi_hmat_parse(info, &of[ACPI_HMAT]);
}

int acpi_parse(struct acpi_info *out, const struct acpi_source *source)
{
	struct acpi_tables tables = {0};

	acpi_info_reset(out);
	if (source->bsp_known)
		acpi_cpu_add(out, source->bsp_apic_id);
	acpi_root_collect(&tables, out, source);
	acpi_files_collect(&tables, out, source);
	parse_tables(out, source, &tables);

	out->srat.rejected |= !out->srat.present && tables.rejected[ACPI_SRAT];
	out->slit.rejected |= !out->slit.present && tables.rejected[ACPI_SLIT];
	out->hmat.rejected |= !out->hmat.present && tables.rejected[ACPI_HMAT];
	if (out->enabled > out->cpu_count)
		acpi_note(&out->warnings, "%u enabled CPUs, only the first %u are used",
			  out->enabled, out->cpu_count);
	return out->errors.count ? -EINVAL : 0;
}
