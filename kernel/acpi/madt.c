/*
 * MADT (ACPI 6.5, 5.2.12): CPUs and interrupt controllers.
 *
 * A broken entry costs itself; a length that hides where the next one begins ends the walk, and
 * what came before counts. Entries of unknown type are passed over. Pure: no state, any context.
 */
#include "kernel/acpi/parsers.h"

#define MADT_ENTRIES	 44
#define MADT_PCAT_COMPAT 0x1u

#define MADT_CPU_ENABLED	0x1u
#define MADT_CPU_ONLINE_CAPABLE 0x2u

enum madt_type {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_OVERRIDE = 2,
	MADT_NMI_SOURCE = 3,
	MADT_LAPIC_NMI = 4,
	MADT_LAPIC_ADDRESS = 5,
	MADT_X2APIC = 9,
	MADT_X2APIC_NMI = 10,
	MADT_TYPE_COUNT,
};

/*
 * Bytes an entry of each type needs; 0 for types that are not read. Longer ones are from the
 * future.
 */
static const uint8_t entry_bytes[MADT_TYPE_COUNT] = {
	[MADT_LAPIC] = 8,      [MADT_IOAPIC] = 12,     [MADT_OVERRIDE] = 10,
	[MADT_NMI_SOURCE] = 8, [MADT_LAPIC_NMI] = 6,   [MADT_LAPIC_ADDRESS] = 12,
	[MADT_X2APIC] = 16,    [MADT_X2APIC_NMI] = 12,
};

/* What is only known, or only worth one line, at the end of the table. */
struct madt_tally {
	bool has_online_capable;
	unsigned twice;	       /* enabled entries that repeat an APIC id */
	unsigned placeholders; /* enabled entries with an id that addresses no CPU */
	unsigned no_room;      /* I/O APICs, overrides and NMIs beyond the arrays */
};

static void add_cpu(struct acpi_info *info, struct madt_tally *tally, uint32_t apic_id,
		    uint32_t uid, uint32_t flags)
{
	struct acpi_cpu *cpu;
	unsigned before = info->enabled;

	if (!(flags & MADT_CPU_ENABLED)) {
		info->madt.disabled++;
		if (tally->has_online_capable && (flags & MADT_CPU_ONLINE_CAPABLE))
			info->madt.online_capable++;
		return;
	}
	if (apic_id == UINT32_MAX) {
		tally->placeholders++;
		return;
	}
	cpu = acpi_cpu_add(info, apic_id);
	if (cpu && !cpu->in_madt) {
		cpu->in_madt = true;
		cpu->uid = uid;
	} else if (info->enabled == before) {
		tally->twice++;
	}
}

static void add_ioapic(struct acpi_info *info, struct madt_tally *tally, const uint8_t *p)
{
	struct acpi_madt *madt = &info->madt;
	struct acpi_ioapic ioapic = {
		.ioapic_id = p[2],
		.address = acpi_read32(p + 4),
		.gsi_base = acpi_read32(p + 8),
	};

	if (ioapic.address == 0) {
		acpi_note(&info->warnings, "MADT: I/O APIC %u has address 0, ignored",
			  ioapic.ioapic_id);
		return;
	}
	if (madt->ioapic_count == ACPI_IOAPIC_MAX) {
		tally->no_room++;
		return;
	}
	madt->ioapics[madt->ioapic_count++] = ioapic;
}

static void add_override(struct acpi_info *info, struct madt_tally *tally, const uint8_t *p)
{
	struct acpi_madt *madt = &info->madt;
	uint8_t bus = p[2];
	struct acpi_override override = {
		.irq = p[3],
		.gsi = acpi_read32(p + 4),
		.flags = acpi_read16(p + 8),
	};

	/* Polarity 2 and trigger mode 2 are reserved; bus 0 is ISA, the only one there is. */
	if (bus != 0 || override.irq > 15 || override.gsi == UINT32_MAX ||
	    (override.flags & ACPI_INTI_POLARITY_MASK) == 0x2 ||
	    (override.flags & ACPI_INTI_TRIGGER_MASK) == 0x8) {
		acpi_note(&info->warnings,
			  "MADT: override of bus %u IRQ %u to GSI %u, flags 0x%x, is invalid, "
			  "ignored",
			  bus, override.irq, override.gsi, override.flags);
		return;
	}
	if (madt->override_count == ACPI_OVERRIDE_MAX) {
		tally->no_room++;
		return;
	}
	madt->overrides[madt->override_count++] = override;
}

static void add_nmi_source(struct acpi_info *info, struct madt_tally *tally, const uint8_t *p)
{
	struct acpi_madt *madt = &info->madt;

	if (madt->nmi_source_count == ACPI_NMI_SOURCE_MAX) {
		tally->no_room++;
		return;
	}
	madt->nmi_sources[madt->nmi_source_count++] =
		(struct acpi_nmi_source){.flags = acpi_read16(p + 2), .gsi = acpi_read32(p + 4)};
}

static void add_lapic_nmi(struct acpi_info *info, struct madt_tally *tally, uint32_t uid,
			  uint16_t flags, uint8_t lint)
{
	struct acpi_madt *madt = &info->madt;

	madt->nmis++;
	if (lint > 1) {
		acpi_note(&info->warnings, "MADT: NMI on LINT%u, which no CPU has, ignored", lint);
		return;
	}
	if (madt->lapic_nmi_count == ACPI_LAPIC_NMI_MAX) {
		tally->no_room++;
		return;
	}
	madt->lapic_nmis[madt->lapic_nmi_count++] =
		(struct acpi_lapic_nmi){.uid = uid, .flags = flags, .lint = lint};
}

static void set_lapic_address(struct acpi_info *info, uint64_t address)
{
	if (address == 0)
		acpi_note(&info->warnings, "MADT: local APIC address override of 0, ignored");
	else
		info->madt.lapic_address = address;
}

static void read_entry(struct acpi_info *info, struct madt_tally *tally,
		       const struct acpi_subtable *entry)
{
	const uint8_t *p = entry->data;

	switch (entry->type) {
	case MADT_LAPIC:
		add_cpu(info, tally, p[3] == 0xff ? UINT32_MAX : p[3], p[2], acpi_read32(p + 4));
		break;
	case MADT_IOAPIC:
		add_ioapic(info, tally, p);
		break;
	case MADT_OVERRIDE:
		add_override(info, tally, p);
		break;
	case MADT_NMI_SOURCE:
		add_nmi_source(info, tally, p);
		break;
	case MADT_LAPIC_NMI:
		add_lapic_nmi(info, tally, p[2] == 0xff ? ACPI_UID_ALL : p[2], acpi_read16(p + 3),
			      p[5]);
		break;
	case MADT_LAPIC_ADDRESS:
		set_lapic_address(info, acpi_read64(p + 4));
		break;
	case MADT_X2APIC:
		info->madt.x2apic++;
		add_cpu(info, tally, acpi_read32(p + 4), acpi_read32(p + 12), acpi_read32(p + 8));
		break;
	case MADT_X2APIC_NMI:
		add_lapic_nmi(info, tally, acpi_read32(p + 4), acpi_read16(p + 2), p[8]);
		break;
	}
}

static void note_tally(struct acpi_info *info, const struct madt_tally *tally)
{
	if (tally->twice)
		acpi_note(&info->warnings, "MADT: %u entries repeat an APIC id, counted once each",
			  tally->twice);
	if (tally->placeholders)
		acpi_note(&info->warnings,
			  "MADT: %u enabled entries have a placeholder id, ignored",
			  tally->placeholders);
	if (tally->no_room)
		acpi_note(&info->warnings,
			  "MADT: %u interrupt controller entries beyond what is kept, ignored",
			  tally->no_room);
}

void acpi_madt_parse(struct acpi_info *info, const struct acpi_table *table)
{
	struct acpi_madt *madt = &info->madt;
	struct acpi_subtable entry;
	struct acpi_walk walk;
	/*
	 * The online-capable bit was reserved before ACPI 6.3; without a FADT it is taken at its
	 * word.
	 */
	struct madt_tally tally = {
		.has_online_capable = !info->fadt.present || info->fadt.major > 6 ||
				      (info->fadt.major == 6 && info->fadt.minor >= 3),
	};

	if (table->bytes < MADT_ENTRIES) {
		acpi_note(&info->errors, "MADT: %u bytes, too short for its fixed part",
			  table->bytes);
		return;
	}
	madt->present = true;
	madt->lapic_address = acpi_read32(table->data + 36);
	madt->pcat_compat = acpi_read32(table->data + 40) & MADT_PCAT_COMPAT;

	acpi_walk_begin(&walk, table, MADT_ENTRIES, ACPI_WALK_U8);
	while (acpi_walk_next(&walk, &entry)) {
		if (entry.type < MADT_TYPE_COUNT && entry.bytes < entry_bytes[entry.type])
			acpi_note(&info->warnings,
				  "MADT: entry of type %u has %u bytes, too short, ignored",
				  entry.type, entry.bytes);
		else
			read_entry(info, &tally, &entry);
	}
	if (acpi_walk_fault(&walk))
		acpi_note(&info->warnings, "MADT: entry at offset %u %s; what follows is ignored",
			  walk.offset, acpi_walk_fault(&walk));
	note_tally(info, &tally);
}
