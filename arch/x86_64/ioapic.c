/*
 * I/O APICs and the legacy PICs. The table of controllers is complete after boot and then constant;
 * `access` guards the index/data window of all of them (leaf, interrupts off).
 * Invariant: a pin is masked unless it was made an NMI, or ioapic_unmask() was called for it, after
 * its last routing.
 */
#include "arch/x86_64/ioapic.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/vectors.h"
#include "arch/x86_64/window_lock.h"
#include "fanga/mm.h"
#include "lib/errno.h"

#define IOAPIC_MAX   128 /* as many as kernel/acpi keeps */
#define IOAPIC_BYTES 0x20

#define IOAPIC_SELECT	  0 /* 32-bit words from the base */
#define IOAPIC_WINDOW	  4
#define IOAPIC_VERSION	  0x01
#define IOAPIC_ENTRY(pin) (0x10 + 2 * (pin))

#define VERSION_LAST_PIN(v) ((v) >> 16 & 0xff)
#define LAST_PIN_MAX	    119 /* the index register has 8 bits, an entry two registers */

#define ENTRY_NMI	 0x0400u /* delivery mode; the vector is not looked at */
#define ENTRY_ACTIVE_LOW 0x2000u
#define ENTRY_LEVEL	 0x8000u
#define ENTRY_MASKED	 0x10000u
#define ENTRY_DEST_SHIFT 24

#define PIC1_COMMAND 0x20
#define PIC1_DATA    0x21
#define PIC2_COMMAND 0xa0
#define PIC2_DATA    0xa1
#define ICW1_INIT    0x11
#define ICW3_PIC1    0x04 /* the second PIC hangs at input 2 */
#define ICW3_PIC2    0x02
#define ICW4_8086    0x01

struct ioapic {
	volatile uint32_t *registers;
	uint32_t gsi_base;
	uint32_t pins;
};

static struct ioapic ioapics[IOAPIC_MAX];
static unsigned count;
static struct window_lock access;

/* ISA interrupts are identity-mapped, edge, active high, until the firmware says otherwise. */
static struct isa_route {
	uint32_t gsi;
	struct irq_signal signal;
	bool is_overridden;
} isa_routes[ISA_IRQS];

void pic_disable(void)
{
	/* Remapped all the same: a spurious IRQ 7 or 15 must not look like an exception. */
	outb(PIC1_COMMAND, ICW1_INIT);
	outb(PIC2_COMMAND, ICW1_INIT);
	outb(PIC1_DATA, VECTOR_PIC_BASE);
	outb(PIC2_DATA, VECTOR_PIC_BASE + 8);
	outb(PIC1_DATA, ICW3_PIC1);
	outb(PIC2_DATA, ICW3_PIC2);
	outb(PIC1_DATA, ICW4_8086);
	outb(PIC2_DATA, ICW4_8086);
	outb(PIC1_DATA, 0xff);
	outb(PIC2_DATA, 0xff);
}

static uint32_t reg_read_locked(const struct ioapic *ioapic, uint32_t index)
{
	ioapic->registers[IOAPIC_SELECT] = index;
	return ioapic->registers[IOAPIC_WINDOW];
}

static void reg_write_locked(const struct ioapic *ioapic, uint32_t index, uint32_t value)
{
	ioapic->registers[IOAPIC_SELECT] = index;
	ioapic->registers[IOAPIC_WINDOW] = value;
}

static struct ioapic *find(uint32_t gsi)
{
	for (unsigned i = 0; i < count; i++)
		if (gsi - ioapics[i].gsi_base < ioapics[i].pins)
			return &ioapics[i];
	return NULL;
}

static bool overlaps(uint32_t gsi_base, uint32_t pins)
{
	if (gsi_base > UINT32_MAX - pins)
		return true;
	for (unsigned i = 0; i < count; i++)
		if (gsi_base < ioapics[i].gsi_base + ioapics[i].pins &&
		    ioapics[i].gsi_base < gsi_base + pins)
			return true;
	return false;
}

/* Masks all pins; false when the mask bit does not stick: no I/O APIC is there. */
static bool mask_all_locked(const struct ioapic *ioapic)
{
	for (uint32_t pin = 0; pin < ioapic->pins; pin++) {
		reg_write_locked(ioapic, IOAPIC_ENTRY(pin), ENTRY_MASKED);
		reg_write_locked(ioapic, IOAPIC_ENTRY(pin) + 1, 0);
		if (!(reg_read_locked(ioapic, IOAPIC_ENTRY(pin)) & ENTRY_MASKED))
			return false;
	}
	return true;
}

int ioapic_add(uint64_t phys, uint32_t gsi_base)
{
	struct ioapic ioapic = {.gsi_base = gsi_base};
	unsigned long flags;
	uint32_t version;
	bool is_masked;

	if (count == IOAPIC_MAX)
		return -ENOSPC;
	ioapic.registers = mmio_map(phys, IOAPIC_BYTES);
	if (!ioapic.registers)
		return -ENOMEM;

	flags = window_lock(&access);
	version = reg_read_locked(&ioapic, IOAPIC_VERSION);
	ioapic.pins = VERSION_LAST_PIN(version) + 1;
	/* An empty bus reads all zeros or all ones. */
	is_masked = version != 0 && ioapic.pins <= LAST_PIN_MAX + 1 && mask_all_locked(&ioapic);
	window_unlock(&access, flags);

	if (!is_masked)
		return -ENODEV;
	if (overlaps(gsi_base, ioapic.pins))
		return -EINVAL;
	ioapics[count++] = ioapic;
	return 0;
}

int ioapic_set_override(uint8_t isa_irq, uint32_t gsi, struct irq_signal signal)
{
	if (isa_irq >= ISA_IRQS)
		return -EINVAL;
	isa_routes[isa_irq] =
		(struct isa_route){.gsi = gsi, .signal = signal, .is_overridden = true};
	return 0;
}

uint32_t ioapic_isa_gsi(uint8_t isa_irq, struct irq_signal *signal)
{
	const struct isa_route *route = &isa_routes[isa_irq];

	*signal = route->signal;
	return route->is_overridden ? route->gsi : isa_irq;
}

unsigned ioapic_count(void)
{
	return count;
}

unsigned ioapic_pin_count(void)
{
	unsigned pins = 0;

	for (unsigned i = 0; i < count; i++)
		pins += ioapics[i].pins;
	return pins;
}

bool ioapic_has_gsi(uint32_t gsi)
{
	return find(gsi) != NULL;
}

static int set_entry(uint32_t gsi, uint32_t low, uint32_t apic_id)
{
	const struct ioapic *ioapic = find(gsi);
	unsigned long flags;
	uint32_t index;

	if (!ioapic)
		return -ENOENT;
	if (apic_id >= APIC_ID_ALL_XAPIC)
		return -ERANGE;
	index = IOAPIC_ENTRY(gsi - ioapic->gsi_base);

	flags = window_lock(&access);
	/* Masked first: the two halves must not meet in an interrupt to the wrong CPU. */
	reg_write_locked(ioapic, index, low | ENTRY_MASKED);
	reg_write_locked(ioapic, index + 1, apic_id << ENTRY_DEST_SHIFT);
	if (!(low & ENTRY_MASKED))
		reg_write_locked(ioapic, index, low);
	window_unlock(&access, flags);
	return 0;
}

int ioapic_route(uint32_t gsi, struct irq_signal signal, uint8_t vector, uint32_t apic_id)
{
	if (vector < VECTOR_EXCEPTIONS)
		return ioapic_has_gsi(gsi) ? -EINVAL : -ENOENT;
	return set_entry(gsi,
			 vector | ENTRY_MASKED | (signal.active_low ? ENTRY_ACTIVE_LOW : 0) |
				 (signal.level ? ENTRY_LEVEL : 0),
			 apic_id);
}

int ioapic_route_nmi(uint32_t gsi, bool active_low, uint32_t apic_id)
{
	return set_entry(gsi, ENTRY_NMI | (active_low ? ENTRY_ACTIVE_LOW : 0), apic_id);
}

static int set_masked(uint32_t gsi, bool masked)
{
	const struct ioapic *ioapic = find(gsi);
	unsigned long flags;
	uint32_t index, low;

	if (!ioapic)
		return -ENOENT;
	index = IOAPIC_ENTRY(gsi - ioapic->gsi_base);
	flags = window_lock(&access);
	low = reg_read_locked(ioapic, index);
	reg_write_locked(ioapic, index, masked ? low | ENTRY_MASKED : low & ~ENTRY_MASKED);
	window_unlock(&access, flags);
	return 0;
}

int ioapic_mask(uint32_t gsi)
{
	return set_masked(gsi, true);
}

int ioapic_unmask(uint32_t gsi)
{
	return set_masked(gsi, false);
}

int ioapic_read_entry(uint32_t gsi, uint64_t *entry)
{
	const struct ioapic *ioapic = find(gsi);
	unsigned long flags;
	uint32_t index;

	if (!ioapic)
		return -ENOENT;
	index = IOAPIC_ENTRY(gsi - ioapic->gsi_base);
	flags = window_lock(&access);
	*entry = reg_read_locked(ioapic, index);
	*entry |= (uint64_t)reg_read_locked(ioapic, index + 1) << 32;
	window_unlock(&access, flags);
	return 0;
}

bool ioapic_is_masked(uint32_t gsi)
{
	uint64_t entry;

	return ioapic_read_entry(gsi, &entry) || entry & ENTRY_MASKED;
}
