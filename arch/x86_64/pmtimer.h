/* ACPI power management timer, 3.579545 MHz in 24 or 32 bits. ACPI 6.5 section 4.8.2.1. */
#pragma once

#include "lib/types.h"

#define PMTIMER_HZ 3579545u

/*
 * Use the timer at I/O port @address, or at physical memory @address when @mmio; @wide: 32 bits
 * (FADT's TMR_VAL_EXT). 0, -EINVAL (no address), -ENOMEM (not mapped), -ENODEV (it does not count).
 * Boot CPU, once.
 */
int pmtimer_init(bool mmio, uint64_t address, bool wide) __must_check;

bool pmtimer_present(void);

/* Valid bits of a reading: 2^24 - 1 or 2^32 - 1. */
uint32_t pmtimer_mask(void);

/* The counter, read until two readings in a row make sense (some chipsets tear it). Any context. */
uint32_t pmtimer_read(void);
