/*
 * Registers of the running CPU's local APIC, for apic.c, timer.c and the calibration. An xAPIC
 * register at offset N is x2APIC MSR 0x800 + N / 16 (Intel SDM vol. 3 table 11-6).
 */
#pragma once

#include "arch/x86_64/cpu.h"
#include "lib/types.h"

#define APIC_ID		     0x020
#define APIC_VERSION	     0x030
#define APIC_TASK_PRIORITY   0x080
#define APIC_EOI	     0x0b0
#define APIC_LOGICAL_ID	     0x0d0
#define APIC_LOGICAL_FORMAT  0x0e0 /* xAPIC only */
#define APIC_SPURIOUS	     0x0f0
#define APIC_IN_SERVICE	     0x100 /* eight registers, 0x10 apart */
#define APIC_ERROR_STATUS    0x280
#define APIC_ICR	     0x300
#define APIC_ICR_HIGH	     0x310 /* xAPIC only */
#define APIC_LVT_TIMER	     0x320
#define APIC_LVT_PERFORMANCE 0x340
#define APIC_LVT_LINT0	     0x350
#define APIC_LVT_LINT1	     0x360
#define APIC_LVT_ERROR	     0x370
#define APIC_TIMER_INITIAL   0x380
#define APIC_TIMER_CURRENT   0x390
#define APIC_TIMER_DIVIDE    0x3e0
#define APIC_SELF_IPI	     0x3f0 /* x2APIC only */

#define APIC_LVT_MASKED		0x10000u
#define APIC_LVT_TIMER_ONE_SHOT 0u
#define APIC_LVT_TIMER_DEADLINE 0x40000u
#define APIC_DIVIDE_BY_1	0xbu

#define APIC_X2_MSR_BASE 0x800u

/* Set once by apic_init_bsp() before any other CPU runs, never changed. */
extern bool apic_uses_msrs;
extern volatile uint32_t *apic_mmio;

static inline uint32_t apic_read(uint32_t reg)
{
	if (apic_uses_msrs)
		return (uint32_t)rdmsr(APIC_X2_MSR_BASE + (reg >> 4));
	return apic_mmio[reg / sizeof(*apic_mmio)];
}

static inline void apic_write(uint32_t reg, uint32_t value)
{
	if (apic_uses_msrs)
		wrmsr(APIC_X2_MSR_BASE + (reg >> 4), value);
	else
		apic_mmio[reg / sizeof(*apic_mmio)] = value;
}
