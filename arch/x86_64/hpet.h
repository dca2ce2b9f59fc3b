/*
 * High Precision Event Timer: the reference that the TSC is calibrated against, and what bounds a
 * CPU's turn under a simulator's instruction-counted time. IA-PC HPET specification 1.0a.
 */
#pragma once

#include "lib/types.h"

/*
 * Map and check the block at @phys (ACPI HPET table), stop its comparators, start its counter. 0,
 * -ENOMEM (not mapped), -ENODEV (no such block: period 0 or above 100 ns, or it does not count).
 * Boot CPU, once.
 */
int hpet_init(uint64_t phys) __must_check;

bool hpet_present(void);

/* Femtoseconds per count: 1..10^8. */
uint32_t hpet_period_fs(void);

/* The low 32 bits of the counter; wraps. Any context when present. */
uint32_t hpet_read(void);

/*
 * Under a simulator that counts instructions (clock_is_virtual()), a CPU runs on until the next
 * timer is due. This arms a periodic comparator of 20 us on an interrupt pin that is masked at the
 * I/O APIC: nobody is interrupted, and each CPU's turn ends after 20 us at the latest. On any other
 * clock, and without an HPET or a comparator that can do it, says so in the log and does nothing.
 * Boot CPU, once, before the first SIPI and after the I/O APICs.
 */
void hpet_arm_turn_bound(void);

/* The gsi that hpet_arm_turn_bound() chose, or -ENOENT. It must stay masked. */
int hpet_turn_bound_gsi(void);
