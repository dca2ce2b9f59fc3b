/*
 * Processor primitives: the instructions that C has no word for.
 *
 * Header-only and without state, so that every room may use it. The host build of pure code
 * replaces this header by tests/host/shim/arch/x86_64/cpu.h.
 */
#pragma once

#include "lib/types.h"

#define RFLAGS_IF BIT(9)
#define RFLAGS_AC BIT(18)

/* Model-specific registers (Intel SDM vol. 4, AMD APM vol. 2 appendix A). */
#define MSR_APIC_BASE      0x0000001b
#define MSR_TSC_DEADLINE   0x000006e0
#define MSR_EFER           0xc0000080
#define MSR_FS_BASE        0xc0000100
#define MSR_GS_BASE        0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

#define EFER_LME BIT(8)
#define EFER_NXE BIT(11)

#define CR0_WP     BIT(16)
#define CR0_NW     BIT(29)
#define CR0_CD     BIT(30)
#define CR4_PGE    BIT(7)
#define CR4_UMIP   BIT(11)
#define CR4_PCIDE  BIT(17)
#define CR4_SMEP   BIT(20)
#define CR4_SMAP   BIT(21)

struct cpuid_regs {
	uint32_t eax, ebx, ecx, edx;
};

/* Every loop that waits for another CPU calls this: the pause ends the CPU's turn in a simulator. */
static inline void cpu_relax(void)
{
	__builtin_ia32_pause();
}

static inline void cpu_halt(void)
{
	__asm__ volatile("hlt" ::: "memory");
}

/*
 * Enable interrupts and halt as one step: sti holds interrupts off for one more instruction, so an
 * interrupt that became pending after the caller's last check wakes the hlt instead of being lost.
 */
static inline void cpu_sti_hlt(void)
{
	__asm__ volatile("sti; hlt" ::: "memory");
}

static inline uint64_t cpu_flags(void)
{
	uint64_t flags;

	__asm__ volatile("pushfq; popq %0" : "=r"(flags) :: "memory");
	return flags;
}

static inline void irq_disable(void)
{
	__asm__ volatile("cli" ::: "memory");
}

static inline void irq_enable(void)
{
	__asm__ volatile("sti" ::: "memory");
}

static inline bool irqs_enabled(void)
{
	return cpu_flags() & RFLAGS_IF;
}

/* Turn interrupts off; the returned word goes to irq_restore(). */
static inline unsigned long irq_save(void)
{
	unsigned long flags = cpu_flags();

	irq_disable();
	return flags;
}

static inline void irq_restore(unsigned long flags)
{
	if (flags & RFLAGS_IF)
		irq_enable();
}

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) :: "memory");
	return (uint64_t)high << 32 | low;
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

static inline struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_regs r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

#define CPU_PORT_IO(suffix, type)                                                                  \
	static inline void out##suffix(uint16_t port, type value)                                  \
	{                                                                                          \
		__asm__ volatile("out" #suffix " %0, %1" ::"a"(value), "Nd"(port) : "memory");     \
	}                                                                                          \
	static inline type in##suffix(uint16_t port)                                               \
	{                                                                                          \
		type value;                                                                        \
                                                                                                   \
		__asm__ volatile("in" #suffix " %1, %0" : "=a"(value) : "Nd"(port) : "memory");    \
		return value;                                                                      \
	}

CPU_PORT_IO(b, uint8_t)
CPU_PORT_IO(w, uint16_t)
CPU_PORT_IO(l, uint32_t)
#undef CPU_PORT_IO

#define CPU_CONTROL_REGISTER(reg)                                                                  \
	static inline uint64_t read_##reg(void)                                                    \
	{                                                                                          \
		uint64_t value;                                                                    \
                                                                                                   \
		__asm__ volatile("mov %%" #reg ", %0" : "=r"(value) :: "memory");                  \
		return value;                                                                      \
	}                                                                                          \
	static inline void write_##reg(uint64_t value)                                             \
	{                                                                                          \
		__asm__ volatile("mov %0, %%" #reg ::"r"(value) : "memory");                       \
	}

CPU_CONTROL_REGISTER(cr0)
CPU_CONTROL_REGISTER(cr2)
CPU_CONTROL_REGISTER(cr3)
CPU_CONTROL_REGISTER(cr4)
#undef CPU_CONTROL_REGISTER

/* Drop this CPU's translation of the page that holds @va, global or not. */
static inline void invlpg(uint64_t va)
{
	__asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
}
