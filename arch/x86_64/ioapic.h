/*
 * I/O APICs: routing of device interrupts (gsi, the firmware's global number) to CPUs.
 *
 * All pins start masked and stay so until ioapic_unmask() or ioapic_route_nmi(). Intel 82093AA data
 * sheet, section 3; overrides: ACPI 6.5 section 5.2.12.5.
 */
#pragma once

#include "arch/x86_64/apic.h"
#include "lib/types.h"

#define ISA_IRQS 16u

/* Remap the two legacy 8259 controllers to VECTOR_PIC_BASE and mask them. Boot CPU, interrupts off.
 */
void pic_disable(void);

/*
 * Take over the I/O APIC at @phys whose pin 0 is @gsi_base, and mask its pins. 0, -ENOSPC (too
 * many), -ENOMEM (not mapped), -ENODEV (nothing there that behaves as an I/O APIC), -EINVAL (its
 * interrupts overlap another's). Boot CPU, boot context.
 */
int ioapic_add(uint64_t phys, uint32_t gsi_base) __must_check;

/* ISA interrupt @isa_irq arrives as @gsi with @signal. 0 or -EINVAL (no ISA number). Boot context.
 */
int ioapic_set_override(uint8_t isa_irq, uint32_t gsi, struct irq_signal signal) __must_check;

/* The gsi and signal of ISA interrupt @isa_irq (< ISA_IRQS) after overrides. */
uint32_t ioapic_isa_gsi(uint8_t isa_irq, struct irq_signal *signal);

/* I/O APICs taken over, and the pins of all. */
unsigned ioapic_count(void);
unsigned ioapic_pin_count(void);

/* Whether some I/O APIC has @gsi. */
bool ioapic_has_gsi(uint32_t gsi);

/*
 * Send @gsi as @vector to @apic_id; the pin stays masked. 0, -ENOENT (no such gsi), -EINVAL (vector
 * below 32), -ERANGE (the id needs more than the entry's 8 bits). Any context but NMI.
 */
int ioapic_route(uint32_t gsi, struct irq_signal signal, uint8_t vector,
		 uint32_t apic_id) __must_check;

/*
 * Send @gsi as NMI to @apic_id, unmasked; by its edge, as an NMI must be (data sheet
 * section 3.2.4). 0, -ENOENT, -ERANGE. Any context but NMI.
 */
int ioapic_route_nmi(uint32_t gsi, bool active_low, uint32_t apic_id) __must_check;

/* 0 or -ENOENT. Any context but NMI. */
int ioapic_mask(uint32_t gsi);
int ioapic_unmask(uint32_t gsi) __must_check;

/* The redirection entry of @gsi as the I/O APIC holds it. 0 or -ENOENT. Any context but NMI. */
int ioapic_read_entry(uint32_t gsi, uint64_t *entry) __must_check;

/* Whether @gsi is masked, or not there at all. */
bool ioapic_is_masked(uint32_t gsi);
