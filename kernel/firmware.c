/*
 * Tables to devices: see firmware.h. Boot CPU only, no locks.
 */
#include "kernel/firmware.h"
#include "arch/x86_64/apic.h"
#include "arch/x86_64/hpet.h"
#include "arch/x86_64/ioapic.h"
#include "arch/x86_64/pmtimer.h"
#include "arch/x86_64/power.h"
#include "fanga/clock.h"
#include "fanga/log.h"
#include "fanga/numa.h"
#include "fanga/options.h"
#include "fanga/panic.h"
#include "fanga/policy.h"
#include "fanga/results.h"
#include "fanga/timer.h"
#include "kernel/acpi/machine.h"
#include "kernel/mm/early.h"
#include "kernel/mm/kmap.h"
#include "lib/cpio.h"
#include "lib/string.h"

#define EXIT_BAD_TABLES 65
#define TABLE_FILES_MAX 64
#define TABLE_FOLDER	"acpi/"

static struct acpi_file table_files[TABLE_FILES_MAX];

static const void *map_table(void *context, uint64_t phys, size_t bytes)
{
	(void)context;
	return kmap_firmware(phys, bytes);
}

/* The archive's files under acpi/, in its order. Whether the folder is there. */
static bool collect_table_files(const struct boot_info *boot, unsigned *count)
{
	struct cpio_reader reader;
	struct cpio_entry entry;
	bool has_folder = false;
	int next;

	*count = 0;
	if (!boot->module_bytes)
		return false;

	const void *archive = kmap_firmware(boot->module_phys, boot->module_bytes);

	if (!archive) {
		log_warn("boot archive at 0x%lx is out of reach", boot->module_phys);
		return false;
	}
	cpio_open(&reader, archive, boot->module_bytes);
	while ((next = cpio_next(&reader, &entry)) > 0) {
		if (strcmp(entry.name, "acpi") == 0)
			has_folder = true;
		if (strncmp(entry.name, TABLE_FOLDER, strlen(TABLE_FOLDER)) != 0)
			continue;
		has_folder = true;
		if ((entry.mode & CPIO_MODE_TYPE) != CPIO_MODE_FILE)
			continue;
		if (*count == TABLE_FILES_MAX) {
			log_warn("boot archive: more than %u tables", TABLE_FILES_MAX);
			break;
		}
		table_files[(*count)++] = (struct acpi_file){
			.name = entry.name, .data = entry.data, .bytes = entry.size};
	}
	if (next < 0)
		log_warn("boot archive: %s", reader.error);
	return has_folder;
}

static void log_notes(const struct acpi_notes *notes)
{
	for (unsigned i = 0; i < notes->count; i++)
		log_warn("firmware: %s", notes->text[i]);
	if (notes->dropped)
		log_warn("firmware: %u more warnings", notes->dropped);
}

void firmware_parse_tables(const struct boot_info *boot)
{
	struct acpi_source source = {
		.map = map_table,
		.rsdp = boot->rsdp_bytes ? boot->rsdp : NULL,
		.rsdp_bytes = boot->rsdp_bytes,
		.bsp_known = true,
		.bsp_apic_id = apic_boot_id(),
	};
	const struct acpi_info *info = acpi_machine();
	const struct numa_span *ram;
	unsigned ram_count;
	int error;

	if (!source.rsdp && boot->rsdp_phys) {
		source.rsdp = kmap_firmware(boot->rsdp_phys, BOOT_RSDP_BYTES);
		source.rsdp_bytes = BOOT_RSDP_BYTES;
	}
	source.files_replace = collect_table_files(boot, &source.file_count);
	source.files = table_files;
	error = acpi_machine_parse(&source);
	log_notes(&info->warnings);
	if (error) {
		for (unsigned i = 0; i < info->errors.count; i++)
			results_message("%s", info->errors.text[i]);
		results_exit(EXIT_BAD_TABLES, RESULTS_NO_SIGNAL, CHANNEL_NOT_BOOTED);
	}
	ram = early_ram(&ram_count);
	if (numa_init(info, ram, ram_count))
		panic("the memory map is not sorted");
	numa_order_init();
	numa_policy_init();
	log_notes(numa_warnings());
	if (numa_flat_reason())
		log_warn("one flat node: %s", numa_flat_reason());
	numa_order_init();
	early_assign_nodes();
}

static struct irq_signal signal_of(uint16_t flags)
{
	/* Zero means "as the bus": ISA is active high and edge triggered. */
	return (struct irq_signal){
		.active_low = (flags & ACPI_INTI_POLARITY_MASK) == ACPI_INTI_ACTIVE_LOW,
		.level = (flags & ACPI_INTI_TRIGGER_MASK) == ACPI_INTI_LEVEL,
	};
}

static void init_local_apics(const struct acpi_info *info)
{
	for (unsigned i = 0; i < info->madt.lapic_nmi_count; i++) {
		const struct acpi_lapic_nmi *nmi = &info->madt.lapic_nmis[i];
		uint32_t apic_id = APIC_ID_ALL;

		/* The table names processors by UID. */
		for (unsigned cpu = 0; nmi->uid != ACPI_UID_ALL && cpu < info->cpu_count; cpu++)
			if (info->cpus[cpu].uid == nmi->uid)
				apic_id = info->cpus[cpu].apic_id;
		if (nmi->uid != ACPI_UID_ALL && apic_id == APIC_ID_ALL)
			continue;
		if (apic_add_nmi_lint(apic_id, nmi->lint, signal_of(nmi->flags)))
			log_warn("firmware: NMI entry for pin %u ignored", nmi->lint);
	}
	if (apic_init_bsp(info->madt.present ? info->madt.lapic_address : 0))
		panic("the boot CPU has no usable local APIC");
}

static void init_ioapics(const struct acpi_info *info)
{
	for (unsigned i = 0; i < info->madt.ioapic_count; i++) {
		const struct acpi_ioapic *ioapic = &info->madt.ioapics[i];
		int error = ioapic_add(ioapic->address, ioapic->gsi_base);

		if (error)
			log_warn("I/O APIC at 0x%x left out: error %d", ioapic->address, error);
	}
	for (unsigned i = 0; i < info->madt.override_count; i++) {
		const struct acpi_override *o = &info->madt.overrides[i];

		if (ioapic_set_override(o->irq, o->gsi, signal_of(o->flags)))
			log_warn("override of interrupt %u ignored", o->irq);
	}
	for (unsigned i = 0; i < info->madt.nmi_source_count; i++) {
		const struct acpi_nmi_source *nmi = &info->madt.nmi_sources[i];
		int error = ioapic_route_nmi(nmi->gsi, signal_of(nmi->flags).active_low,
					     apic_self_id());

		if (error)
			log_warn("NMI source %u ignored: error %d", nmi->gsi, error);
	}
}

static void init_clock(const struct acpi_info *info)
{
	const struct acpi_gas *pm = &info->fadt.pm_timer;

	if (info->hpet.present && hpet_init(info->hpet.address))
		log_warn("HPET at 0x%lx does not work", info->hpet.address);
	if (pm->address && pmtimer_init(pm->space == ACPI_SPACE_MEMORY, pm->address,
					info->fadt.flags & ACPI_FADT_TMR_VAL_EXT))
		log_warn("PM timer at 0x%lx does not work", pm->address);
	clock_set_virtual(kernel_options()->clock == OPTIONS_CLOCK_ICOUNT);
	(void)clock_calibrate(); /* says itself what it had to assume */
	if (timer_init_bsp())
		panic("the boot CPU has no usable timer");
}

static uint16_t io_port(const struct acpi_gas *gas)
{
	return gas->space == ACPI_SPACE_IO && gas->address <= UINT16_MAX ? (uint16_t)gas->address
									 : 0;
}

static void init_power(const struct acpi_info *info)
{
	const struct acpi_fadt *fadt = &info->fadt;

	power_init(&(struct power_config){
		.pm1a_control = io_port(&fadt->pm1a_control),
		.pm1b_control = io_port(&fadt->pm1b_control),
		.has_s5 = info->s5.present,
		.slp_typ_a = info->s5.slp_typ_a,
		.slp_typ_b = info->s5.slp_typ_b,
		.smi_command = (uint16_t)fadt->smi_command,
		.acpi_enable = fadt->acpi_enable,
	});
}

void firmware_init_devices(void)
{
	const struct acpi_info *info = acpi_machine();

	init_power(info);
	/*
	 * First: a tick of the firmware's timer that is pending there must be withdrawn while the
	 * local APIC still passes it on, or some machines deliver it when it has no vector any
	 * more.
	 */
	pic_disable();
	init_local_apics(info);
	init_ioapics(info);
	init_clock(info);
}
