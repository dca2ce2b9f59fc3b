/*
 * What the firmware's ACPI tables say, parsed into plain structs of fixed size.
 *
 * One call, acpi_parse(), serves the kernel (tables found from the RSDP, four of them replaceable
 * by files of the boot archive) and the host tool (a list of files). Nothing is allocated and
 * nothing is global: the caller provides the result. Tables are input: whatever their bytes, the
 * result is sound, at most empty, and says in its notes what was wrong. Section numbers are those
 * of the ACPI specification 6.5.
 */
#ifndef FANGA_ACPI_H
#define FANGA_ACPI_H

#include "lib/types.h"
#include "lib/cpumask.h"
#include "lib/nodemask.h"

/* Limits of the result. What the tables hold beyond them is counted, noted and left out. */
#define ACPI_CPU_MAX	    CPU_MAX
#define ACPI_IOAPIC_MAX	    128
#define ACPI_OVERRIDE_MAX   16
#define ACPI_NMI_SOURCE_MAX 16
#define ACPI_LAPIC_NMI_MAX  CPU_MAX
#define ACPI_RANGE_MAX	    1024
#define ACPI_INITIATOR_MAX  NODE_MAX
#define ACPI_HMAT_MAX	    128
#define ACPI_NOTE_MAX	    48
#define ACPI_NOTE_BYTES	    128

/* A larger length is a broken field, not a table: the largest DSDTs are below 2 MiB. */
#define ACPI_TABLE_BYTES_MAX (4u << 20)

/* APIC ids below this are told apart by a bitmap: any number of them is counted once each. */
#define ACPI_SEEN_MAX 65536

/* An ACPI processor UID that stands for every CPU (LAPIC NMI 0xff, x2APIC NMI 0xffffffff). */
#define ACPI_UID_ALL UINT32_MAX

/* One-line texts for a person, in order; `dropped` counts those there was no room for. */
struct acpi_notes {
	unsigned count;
	unsigned dropped;
	char text[ACPI_NOTE_MAX][ACPI_NOTE_BYTES];
};

/* One usable CPU. Its index in acpi_info.cpus is its dense number. */
struct acpi_cpu {
	uint32_t apic_id;
	uint32_t uid; /* ACPI processor UID; 0 when only an SRAT names the CPU */
	uint32_t pxm; /* proximity domain, valid if has_pxm */
	bool has_pxm;
	bool in_madt; /* false: only an SRAT names it, or it is a boot CPU that no table names */
};

/* I/O APIC (5.2.12.3): physical register base, never 0, and the first interrupt (GSI) it serves. */
struct acpi_ioapic {
	uint8_t ioapic_id;
	uint32_t address;
	uint32_t gsi_base;
};

/* MPS INTI flags (5.2.12.5, table 5.26): polarity in bits 1:0, trigger mode in bits 3:2. */
#define ACPI_INTI_POLARITY_MASK 0x3u
#define ACPI_INTI_ACTIVE_HIGH	0x1u
#define ACPI_INTI_ACTIVE_LOW	0x3u
#define ACPI_INTI_TRIGGER_MASK	0xcu
#define ACPI_INTI_EDGE		0x4u
#define ACPI_INTI_LEVEL		0xcu

/* ISA interrupt `irq` (0..15) arrives at `gsi` (5.2.12.5). */
struct acpi_override {
	uint8_t irq;
	uint16_t flags;
	uint32_t gsi;
};

/* A GSI that is delivered as NMI (5.2.12.6). */
struct acpi_nmi_source {
	uint16_t flags;
	uint32_t gsi;
};

/* LINT pin `lint` (0 or 1) of CPU `uid`, or of all, is wired to NMI (5.2.12.7, 5.2.12.13). */
struct acpi_lapic_nmi {
	uint32_t uid;
	uint16_t flags;
	uint8_t lint;
};

/* MADT (5.2.12). The counts are those of the table, true beyond the limits of the arrays. */
struct acpi_madt {
	bool present;
	bool pcat_compat;	/* two 8259s are there and must be masked */
	uint64_t lapic_address; /* physical, after the address override */
	unsigned disabled; /* processor entries with the enabled bit clear, placeholders included */
	unsigned online_capable; /* of these, slots for hot-plug */
	unsigned x2apic;	 /* entries of the x2APIC form */
	unsigned nmis;		 /* LAPIC and x2APIC NMI entries */
	unsigned ioapic_count;
	unsigned override_count;
	unsigned nmi_source_count;
	unsigned lapic_nmi_count;
	struct acpi_ioapic ioapics[ACPI_IOAPIC_MAX];
	struct acpi_override overrides[ACPI_OVERRIDE_MAX];
	struct acpi_nmi_source nmi_sources[ACPI_NMI_SOURCE_MAX];
	struct acpi_lapic_nmi lapic_nmis[ACPI_LAPIC_NMI_MAX];
};

/* Address spaces of a register that this kernel can reach (5.2.3.2). */
enum acpi_space {
	ACPI_SPACE_MEMORY = 0,
	ACPI_SPACE_IO = 1,
	ACPI_SPACE_PCI = 2,
};

/* Generic address structure (5.2.3.2). An address of 0 means that the register does not exist. */
struct acpi_gas {
	uint8_t space; /* enum acpi_space, or a value this kernel does not know */
	uint8_t width_bits;
	uint8_t offset_bits;
	uint8_t access;
	uint64_t address;
};

#define ACPI_FADT_TMR_VAL_EXT (1u << 8)	 /* the PM timer has 32 bits, not 24 */
#define ACPI_FADT_RESET_REG   (1u << 10) /* the reset register works */
#define ACPI_FADT_HW_REDUCED  (1u << 20) /* no PM1 blocks, no PM timer */

/* FADT (5.2.9). Each register is the extended field where it is set, else the 32-bit one. */
struct acpi_fadt {
	bool present;
	uint8_t major; /* specification revision: 6 and 3 for ACPI 6.3 */
	uint8_t minor;
	uint8_t acpi_enable; /* written to smi_command to switch ACPI mode on */
	uint8_t reset_value;
	uint16_t sci_irq;
	uint16_t boot_arch;   /* IA-PC boot architecture flags (table 5.11) */
	uint32_t smi_command; /* I/O port, 0: ACPI mode is always on */
	uint32_t flags;	      /* ACPI_FADT_* */
	struct acpi_gas reset;
	struct acpi_gas pm1a_control;
	struct acpi_gas pm1b_control;
	struct acpi_gas pm_timer;
	uint64_t dsdt; /* physical address, 0 if none */
};

/* HPET description table (IA-PC HPET 1.0a, 3.2.4): physical register base, in memory. */
struct acpi_hpet {
	bool present;
	uint8_t number;
	uint16_t minimum_tick; /* smallest periodic count that loses no tick */
	uint64_t address;
};

/*
 * Enabled memory of one proximity domain; touching ranges of a domain are one. Half open: [base,
 * end).
 */
struct acpi_range {
	uint64_t base;
	uint64_t end;
	uint32_t pxm;
};

/* SRAT (5.2.16). Counts are of entries; affinities of CPUs are in acpi_info.cpus. */
struct acpi_srat {
	bool present;
	bool rejected;
	unsigned cpus_enabled;
	unsigned cpus_disabled;
	unsigned range_entries; /* enabled memory entries, hot-plug ones included */
	unsigned hotplug_entries;
	unsigned nonvolatile_entries;
	unsigned range_count; /* in `ranges`: sorted by base, disjoint, without hot-plug */
	unsigned initiator_count;
	struct acpi_range ranges[ACPI_RANGE_MAX];
	uint32_t initiators[ACPI_INITIATOR_MAX]; /* domains of enabled generic initiators */
};

/*
 * SLIT (5.2.17): matrix[from * n + to], indexed by the firmware's domain numbers, points into the
 * table.
 */
struct acpi_slit {
	bool present;
	bool rejected;
	uint32_t n;
	const uint8_t *matrix;
};

/* HMAT memory proximity domain attributes (5.2.28.3). */
struct acpi_hmat_attribute {
	uint32_t memory_pxm;
	uint32_t initiator_pxm; /* valid if has_initiator */
	bool has_initiator;
};

/* HMAT latency or bandwidth (5.2.28.4); the lists lie in the table: see acpi_hmat_value(). */
struct acpi_hmat_locality {
	uint8_t flags;	   /* memory hierarchy in bits 3:0 */
	uint8_t data_type; /* 0..2 access, read, write latency; 3..5 the same of bandwidth */
	uint64_t unit;	   /* of an entry: picoseconds, or MB/s */
	uint32_t initiator_count;
	uint32_t target_count;
	const uint8_t *initiators;
	const uint8_t *targets;
	const uint8_t *entries;
};

/* HMAT memory side cache (5.2.28.5). */
struct acpi_hmat_cache {
	uint32_t memory_pxm;
	uint32_t attributes;
	uint64_t size_bytes;
};

/* HMAT (5.2.28). The counts are those of the table, true beyond the limits of the arrays. */
struct acpi_hmat {
	bool present;
	bool rejected;
	unsigned attribute_count;
	unsigned locality_count;
	unsigned cache_count;
	struct acpi_hmat_attribute attributes[ACPI_HMAT_MAX];
	struct acpi_hmat_locality localities[ACPI_HMAT_MAX];
	struct acpi_hmat_cache caches[ACPI_HMAT_MAX];
};

/* \_S5_ of the DSDT (7.4.2.6): the sleep types that power the machine off. */
struct acpi_s5 {
	bool present;
	uint8_t slp_typ_a; /* 0..7 */
	uint8_t slp_typ_b;
};

/* Everything. About 80 KiB: static in the kernel. */
struct acpi_info {
	unsigned cpu_count;   /* in cpus: distinct enabled CPUs, at most ACPI_CPU_MAX */
	unsigned enabled;     /* distinct enabled CPUs of the tables, never capped */
	uint32_t max_apic_id; /* of these; meaningless while enabled is 0 */
	struct acpi_cpu cpus[ACPI_CPU_MAX];
	uint64_t seen[BITMAP_WORDS(ACPI_SEEN_MAX)]; /* APIC ids counted in `enabled` */
	struct acpi_madt madt;
	struct acpi_fadt fadt;
	struct acpi_hpet hpet;
	struct acpi_srat srat;
	struct acpi_slit slit;
	struct acpi_hmat hmat;
	struct acpi_s5 s5;
	struct acpi_notes warnings; /* what was tolerated */
	struct acpi_notes errors;   /* why the tables cannot be used; empty if they can */
};

/* A file with one raw table, or with an RSDP. `name` is for messages and is not kept. */
struct acpi_file {
	const char *name;
	const void *data;
	size_t bytes;
};

/* Where tables come from. Fields that are not used are zero. */
struct acpi_source {
	/*
	 * The firmware's tables. map() returns a pointer to `bytes` readable bytes at physical
	 * address `phys` that stay valid while the result is used, or NULL where there are none; it
	 * is called with any address and any length up to ACPI_TABLE_BYTES_MAX. `rsdp` is what the
	 * boot protocol handed over; if it is NULL or unusable the places of 5.2.5.1 are searched.
	 */
	const void *(*map)(void *context, uint64_t phys, size_t bytes);
	void *context;
	const void *rsdp;
	size_t rsdp_bytes;

	/*
	 * Files. Of two with one signature the first counts. With files_replace, MADT, SRAT, SLIT
	 * and HMAT come from here only: one that is not among the files is absent.
	 */
	const struct acpi_file *files;
	unsigned file_count;
	bool files_replace;

	/* The CPU that runs this: it is in the result, as CPU 0, whatever the tables say. */
	bool bsp_known;
	uint32_t bsp_apic_id;
};

/*
 * Parse all tables of `source` into `out`, whose old content does not matter.
 *
 * CPUs come out in MADT order (the boot CPU first where it is known), without placeholders, each
 * APIC id once. An optional table (all but RSDP and MADT) that is broken is left out, with a
 * warning.
 *
 * Returns 0, or -EINVAL when the tables are unusable (a broken MADT or RSDP, a file that is no
 * table), with one line per reason in out->errors; `out` is sound even then. Needs no lock, does
 * not sleep, allocates nothing. slit.matrix and the lists of hmat point into the tables, which must
 * outlive their use.
 */
int acpi_parse(struct acpi_info *out, const struct acpi_source *source) __must_check;

/*
 * The value of `locality` from `initiator_pxm` to `target_pxm`, in its unit.
 * Returns 0, or -ENOENT if the pair is not described (entry 0, 0xffff, or a domain not listed).
 */
int acpi_hmat_value(const struct acpi_hmat_locality *locality, uint32_t initiator_pxm,
		    uint32_t target_pxm, uint64_t *value) __must_check;

/*
 * Find the \_S5_ package in the AML of a DSDT or SSDT (the whole table, header included).
 * Returns 0, or -ENOENT if there is none in the plain form that every known firmware uses.
 */
int acpi_find_s5(struct acpi_s5 *out, const void *table, size_t bytes) __must_check;

/* Append a formatted line, cut at ACPI_NOTE_BYTES - 1; control characters become '?'. */
void acpi_note(struct acpi_notes *notes, const char *format, ...) __printf(2, 3);

#endif
