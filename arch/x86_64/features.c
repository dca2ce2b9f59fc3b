/*
 * Processor features: read once on the boot CPU, switched on for each CPU. Constant afterwards.
 */
#include "arch/x86_64/features.h"
#include "arch/x86_64/cpu.h"
#include "fanga/panic.h"
#include "lib/string.h"

static struct cpu_features detected;

const struct cpu_features *features(void)
{
	return &detected;
}

static void read_brand(void)
{
	if (cpuid(0x80000000, 0).eax < 0x80000004)
		return;
	for (unsigned i = 0; i < 3; i++) {
		struct cpuid_regs r = cpuid(0x80000002 + i, 0);

		memcpy(detected.brand + 16 * i, &r, sizeof(r));
	}
}

void features_detect(void)
{
	struct cpuid_regs leaf0 = cpuid(0, 0), leaf1 = cpuid(1, 0);
	struct cpuid_regs leaf7 = leaf0.eax >= 7 ? cpuid(7, 0) : (struct cpuid_regs){0};
	struct cpuid_regs extended = cpuid(0x80000001, 0);

	memcpy(detected.vendor, &leaf0.ebx, 4);
	memcpy(detected.vendor + 4, &leaf0.edx, 4);
	memcpy(detected.vendor + 8, &leaf0.ecx, 4);
	read_brand();
	detected.has_nx = extended.edx & BIT(20);
	detected.has_1g_pages = extended.edx & BIT(26);
	detected.has_smep = leaf7.ebx & BIT(7);
	detected.has_smap = leaf7.ebx & BIT(20);
	detected.has_umip = leaf7.ecx & BIT(2);
	detected.has_x2apic = leaf1.ecx & BIT(21);
	detected.has_pcid = leaf1.ecx & BIT(17);
	detected.physical_bits = 36;
	if (cpuid(0x80000000, 0).eax >= 0x80000008)
		detected.physical_bits = cpuid(0x80000008, 0).eax & 0xff;
}

void features_enable(void)
{
	uint64_t cr4 = read_cr4() | CR4_PGE;

	/* The page tables use it throughout: without, the first access behind them faults for good.
	 */
	if (!detected.has_nx)
		panic("the processor has no no-execute pages (NX), or the firmware hides them");
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	/* Some firmware hands over with the caches off. */
	write_cr0((read_cr0() | CR0_WP) & ~(CR0_CD | CR0_NW));
	if (detected.has_smep)
		cr4 |= CR4_SMEP;
	if (detected.has_smap)
		cr4 |= CR4_SMAP;
	if (detected.has_umip)
		cr4 |= CR4_UMIP;
	write_cr4(cr4);
}
