/*
 * Per-CPU areas: one copy of the image's .percpu section per CPU, reached through %gs.
 *
 * The template is never written after the link; CPU 0's copy lies in the image's .bss. An area and
 * its entry in percpu_offset[] are written while their CPU is down, and constant afterwards.
 */
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/percpu.h"
#include "fanga/percpu.h"
#include "lib/string.h"

DEFINE_PER_CPU(uint64_t, percpu_self_offset);
DEFINE_PER_CPU(uint32_t, percpu_cpu_number);
DEFINE_PER_CPU(uint64_t, stack_canary);

uint64_t percpu_offset[CPU_MAX];

size_t percpu_area_bytes(void)
{
	return (size_t)(percpu_template_end - percpu_template_start);
}

/* Unguessable where the processor can make random numbers, different per CPU and boot elsewhere. */
static uint64_t make_canary(unsigned cpu)
{
	uint64_t value = rdtsc() * 0x9e3779b97f4a7c15ull + cpu;

	if (cpuid(1, 0).ecx & BIT(30)) {
		uint64_t random;
		bool valid;

		__asm__ volatile("rdrand %0" : "=r"(random), "=@ccc"(valid));
		if (valid)
			value ^= random;
	}
	return value & ~0xffull; /* a zero byte stops string overruns */
}

void percpu_init_area(unsigned cpu, void *area)
{
	uint64_t offset = (uint64_t)area - (uint64_t)percpu_template_start;

	memcpy(area, percpu_template_start, percpu_area_bytes());
	percpu_offset[cpu] = offset;
	per_cpu(percpu_self_offset, cpu) = offset;
	per_cpu(percpu_cpu_number, cpu) = cpu;
	per_cpu(stack_canary, cpu) = make_canary(cpu);
}

/* Sets up what the stack protector itself reads: not instrumented. */
__attribute__((no_stack_protector)) void percpu_init_boot(void)
{
	percpu_init_area(0, percpu_boot_area);
	wrmsr(MSR_GS_BASE, percpu_offset[0]);
}
