/*
 * The local APIC of the running CPU, xAPIC (memory) or x2APIC (MSRs) behind one interface.
 *
 * Which of the two is decided once, by CPUID alone: a simulator without x2APIC takes the enabling
 * MSR write without a fault. Intel SDM vol. 3 chapter 11 (APIC), sections 11.12 (x2APIC), 11.6
 * (IPI). No function here knows which CPUs are online: that policy is the smp room's.
 */
#pragma once

#include "fanga/percpu.h"
#include "lib/types.h"

#define APIC_ID_ALL	  UINT32_MAX /* x2APIC broadcast; "every CPU" in apic_add_nmi_lint() */
#define APIC_ID_ALL_XAPIC 0xffu	     /* xAPIC broadcast; ids from here up need x2APIC */

/* How an interrupt line signals; the defaults of ISA are {false, false}. */
struct irq_signal {
	bool active_low;
	bool level;
};

/* Kept by each CPU about its local APIC; other CPUs may read. */
struct apic_counters {
	uint64_t spurious;
	uint64_t errors;	/* error interrupts */
	uint32_t error_bits;	/* all ESR bits seen, SDM 11.5.3 */
	uint64_t send_timeouts; /* xAPIC: an earlier IPI was not accepted in time; ours was not sent
				 */
	uint64_t refused;	/* sends to an id that this mode cannot reach */
	uint64_t nested_sends;	/* xAPIC: from an NMI that hit between another send's two writes */
};

DECLARE_PER_CPU(struct apic_counters, apic_counters);

/*
 * Tell which local interrupt pin (@lint 0 or 1) of @apic_id, or of APIC_ID_ALL, carries NMI (MADT
 * LAPIC NMI and x2APIC NMI entries). Before apic_init_bsp(). 0, -EINVAL (pin), -ENOSPC (more than
 * CPU_MAX entries).
 */
int apic_add_nmi_lint(uint32_t apic_id, unsigned lint, struct irq_signal signal) __must_check;

/*
 * Choose the mode, enable the boot CPU's APIC and take its spurious and error vectors. @phys is the
 * MADT's address (0: none). The APIC stays where the processor says it is; a table that names
 * another address gets a warning, since a wrong one would send EOIs into somebody's memory.
 * 0, -ENODEV (CPUID has no APIC), -ENOMEM (registers not mapped), -EBUSY (vector taken). Boot CPU,
 * once, interrupts off, after percpu_init_boot() and idt_init().
 */
int apic_init_bsp(uint64_t phys) __must_check;

/* The same for the running application processor. Interrupts off, %gs set. */
void apic_init_ap(void);

/* Take no interrupt but NMI, INIT and SIPI any more; the timer stops. Interrupts off. */
void apic_shutdown(void);

bool apic_is_x2apic(void);

/* "xAPIC" or "x2APIC", for reports. */
const char *apic_mode_name(void);

/* The running CPU's id. Any context after apic_init_*(). */
uint32_t apic_self_id(void);

/* The running CPU's id as CPUID tells it, before apic_init_*(). */
uint32_t apic_boot_id(void);

/* Whether an IPI can name @apic_id in the chosen mode. */
bool apic_id_reachable(uint32_t apic_id);

/*
 * Whether an interrupt with @vector is in service on this CPU: it came as a message and wants an
 * EOI, not from an exception or as a spurious one. False before apic_init_*(). Any context.
 */
bool apic_in_service(uint8_t vector);

/* Signal the end of the interrupt in service. Interrupt context. */
void apic_eoi(void);

/*
 * The same for an interrupt of VECTOR_SPURIOUS that apic_in_service() shows: somebody sent it.
 * Interrupt context, interrupts off.
 */
void apic_eoi_spurious(void);

/*
 * Send @vector (>= 32) as a fixed interrupt. Stores before the call are visible to the handler.
 * 0, -ERANGE (the id cannot be reached, counted), -ETIMEDOUT (xAPIC busy, not sent, counted).
 * Any context, NMI included. The forms with _all use the ICR's shorthand and so reach every APIC
 * that is enabled, in use by us or not.
 */
int apic_send_ipi(uint32_t apic_id, uint8_t vector);
int apic_send_self(uint8_t vector);
int apic_send_all_but_self(uint8_t vector);
int apic_send_all(uint8_t vector);

/*
 * Send @vector to @n ids with as few ICR writes as the mode allows: x2APIC clusters of 16, xAPIC's
 * flat set of ids 0..7, else one each. Returns the ICR writes made; unreachable ids are left out
 * and counted. Any context.
 */
unsigned apic_send_many(const uint32_t *apic_ids, unsigned n, uint8_t vector);

/* As apic_send_ipi(), of other kinds. @page is the physical address >> 12 of the start code. */
int apic_send_nmi(uint32_t apic_id);
int apic_send_init(uint32_t apic_id);
int apic_send_startup(uint32_t apic_id, uint8_t page);
int apic_broadcast_init(void);
int apic_broadcast_startup(uint8_t page);
