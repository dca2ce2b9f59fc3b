/*
 * From firmware tables to arch's drivers, see platform.h. Tables are input: what cannot be used is
 * named in the log and left out. Boot CPU only, no locks.
 */
#include "kernel/platform.h"

#include "arch/x86_64/apic.h"
#include "arch/x86_64/hpet.h"
#include "arch/x86_64/ioapic.h"
#include "arch/x86_64/pmtimer.h"
#include "arch/x86_64/power.h"
#include "fanga/clock.h"
#include "fanga/log.h"
#include "fanga/timer.h"
#include "lib/errno.h"

/* "Conforms to the bus" (0) is edge and active high on ISA, where all overrides are from. */
static struct irq_signal signal_of(uint16_t flags)
{
	return (struct irq_signal){
		.active_low = (flags & ACPI_INTI_POLARITY_MASK) == ACPI_INTI_ACTIVE_LOW,
		.level = (flags & ACPI_INTI_TRIGGER_MASK) == ACPI_INTI_LEVEL,
	};
}

/* A local NMI names a processor by UID, the APIC by its id; entries of absent CPUs mean nothing. */
static void add_nmi(const struct acpi_info *info, const struct acpi_lapic_nmi *nmi)
{
	int error = 0;

	if (nmi->uid == ACPI_UID_ALL)
		error = apic_add_nmi_lint(APIC_ID_ALL, nmi->lint, signal_of(nmi->flags));
	for (unsigned i = 0; nmi->uid != ACPI_UID_ALL && i < info->cpu_count; i++)
		if (info->cpus[i].in_madt && info->cpus[i].uid == nmi->uid)
			error = apic_add_nmi_lint(info->cpus[i].apic_id, nmi->lint,
						  signal_of(nmi->flags));
	if (error)
		log_warn("apic: NMI on LINT%u of processor %u left out (%d)", nmi->lint, nmi->uid,
			 error);
}

static void add_ioapics(const struct acpi_madt *madt)
{
	for (unsigned i = 0; i < MIN(madt->ioapic_count, ACPI_IOAPIC_MAX + 0u); i++) {
		const struct acpi_ioapic *ioapic = &madt->ioapics[i];
		int error = ioapic_add(ioapic->address, ioapic->gsi_base);

		if (error)
			log_warn("ioapic: %u at 0x%x, gsi %u left out (%d)", ioapic->ioapic_id,
				 ioapic->address, ioapic->gsi_base, error);
	}
	for (unsigned i = 0; i < MIN(madt->override_count, ACPI_OVERRIDE_MAX + 0u); i++) {
		const struct acpi_override *override = &madt->overrides[i];

		if (ioapic_set_override(override->irq, override->gsi, signal_of(override->flags)))
			log_warn("ioapic: override of ISA interrupt %u left out", override->irq);
	}
}

int platform_init_interrupts(const struct acpi_info *info)
{
	const struct acpi_madt *madt = &info->madt;
	int error;

	for (unsigned i = 0; i < MIN(madt->lapic_nmi_count, ACPI_LAPIC_NMI_MAX + 0u); i++)
		add_nmi(info, &madt->lapic_nmis[i]);
	/* Also where the table says that there are none: masking what is absent harms nobody. */
	pic_disable();
	error = apic_init_bsp(madt->lapic_address);
	if (error) {
		log_err("apic: no local APIC (%d)", error);
		return error;
	}
	add_ioapics(madt);
	log_info("apic: %s, id %u; %u I/O APICs with %u pins", apic_mode_name(), apic_self_id(),
		 ioapic_count(), ioapic_pin_count());
	return 0;
}

static void init_pmtimer(const struct acpi_fadt *fadt)
{
	const struct acpi_gas *timer = &fadt->pm_timer;
	int error;

	if (!fadt->present || !timer->address || (fadt->flags & ACPI_FADT_HW_REDUCED))
		return;
	if (timer->space != ACPI_SPACE_IO && timer->space != ACPI_SPACE_MEMORY)
		return;
	error = pmtimer_init(timer->space == ACPI_SPACE_MEMORY, timer->address,
			     fadt->flags & ACPI_FADT_TMR_VAL_EXT);
	if (error)
		log_warn("pmtimer: at 0x%llx left out (%d)", (unsigned long long)timer->address,
			 error);
}

int platform_init_clocks(const struct acpi_info *info)
{
	int error;

	if (info->hpet.present) {
		error = hpet_init(info->hpet.address);
		if (error)
			log_warn("hpet: at 0x%llx left out (%d)",
				 (unsigned long long)info->hpet.address, error);
	}
	init_pmtimer(&info->fadt);
	/* Without any reference there is still a clock, and a warning that says so. */
	(void)clock_calibrate();
	error = timer_init_bsp();
	if (error)
		log_err("timer: no local timer (%d)", error);
	return error;
}

static uint16_t io_port(const struct acpi_gas *gas)
{
	bool is_port = gas->space == ACPI_SPACE_IO && gas->address <= UINT16_MAX;

	return is_port ? (uint16_t)gas->address : 0;
}

void platform_init_power(const struct acpi_info *info)
{
	const struct acpi_fadt *fadt = &info->fadt;
	struct power_config config = { 0 };

	if (fadt->present && !(fadt->flags & ACPI_FADT_HW_REDUCED)) {
		config.pm1a_control = io_port(&fadt->pm1a_control);
		config.pm1b_control = io_port(&fadt->pm1b_control);
		config.has_s5 = info->s5.present;
		config.slp_typ_a = info->s5.slp_typ_a;
		config.slp_typ_b = info->s5.slp_typ_b;
		config.smi_command = (uint16_t)fadt->smi_command;
		config.acpi_enable = fadt->acpi_enable;
	}
	if (fadt->present && (fadt->flags & ACPI_FADT_RESET_REG)) {
		config.reset_mmio = fadt->reset.space == ACPI_SPACE_MEMORY;
		config.reset_address = fadt->reset.address;
		config.reset_value = fadt->reset_value;
		config.has_reset = fadt->reset.address &&
				   (config.reset_mmio || io_port(&fadt->reset));
	}
	power_init(&config);
}
