/*
 * See fault_hooks.h. Each fault is a function of its own name, which the backtrace has to show; the
 * numbers are this table's, counted from 1.
 */
#include "tests/kernel/fault_hooks.h"

#ifdef CONFIG_DEBUG

#include <fanga/call.h>
#include <fanga/options.h>
#include <fanga/panic.h>
#include <fanga/smp.h>
#include "arch/x86_64/layout.h"
#include "lib/string.h"

static uint64_t wanted;

/* A pointer of which the compiler knows nothing. */
static volatile uint64_t *hide(uint64_t address)
{
	__asm__ volatile("" : "+r"(address));
	return (volatile uint64_t *)address;
}

static __noinline void fault_null_write(void)
{
	*hide(8) = 1;
}

static __noinline void fault_text_write(void)
{
	*(volatile uint8_t *)image_start = 0xcc;
}

static __noinline void fault_text_write_by_direct_map(void)
{
	*(volatile uint8_t *)phys_to_virt(virt_to_phys(image_start)) = 0xcc;
}

static __noinline void fault_constant_write(void)
{
	*(volatile uint8_t *)image_rodata_start = 1;
}

static __noinline void fault_data_execution(void)
{
	static uint8_t code[] = {0xc3}; /* ret */
	void (*volatile run)(void) = (void (*)(void))code;

	run();
}

static __noinline unsigned recurse(volatile unsigned *depth)
{
	volatile unsigned here = *depth + 1;

	return here ? recurse(&here) + here : 0;
}

static __noinline void fault_stack_overflow(void)
{
	volatile unsigned depth = 0;

	(void)recurse(&depth);
}

static __noinline void fault_panic(void)
{
	panic("asked for by the command line");
}

static __noinline void fault_in_panic(void)
{
	/* What panic() prints the name of: not readable, so it faults in the middle of its report. */
	this_cpu_write(percpu_data.running, (const char *)16);
	panic("asked for by the command line");
}

static __noinline void fault_division(void)
{
	__asm__ volatile("divl %0" ::"r"(0), "a"(1), "d"(0) : "cc");
}

static __noinline void fault_reserved_vector(void)
{
	__asm__ volatile("int $22");
}

static __noinline void fault_bug(void)
{
	BUG_ON(wanted != 0);
}

static __noinline void fault_stack_smash(void)
{
	char text[16];
	volatile size_t bytes = 64;

	memset(text, 'x', bytes);
	__asm__ volatile("" ::"r"(text) : "memory");
}

static __noinline void fault_bad_address(void)
{
	*hide(1ul << 63) = 1;
}

static __noinline void fault_bad_instruction(void)
{
	__asm__ volatile("ud2");
}

static unsigned other_cpu(void)
{
	unsigned cpu = cpumask_next(cpu_online_mask(), 0);

	return cpu < CPU_MAX ? cpu : 0;
}

static void work(void *fn)
{
	((void (*)(void))fn)();
}

static void run_on_other(void (*fn)(void))
{
	struct cpumask only = {0};

	cpumask_set(&only, other_cpu());
	smp_run_on(&only, work, (void *)fn);
}

static __noinline void fault_panic_elsewhere(void)
{
	run_on_other(fault_panic);
}

static __noinline void fault_overflow_elsewhere(void)
{
	run_on_other(fault_stack_overflow);
}

static void panic_called(void *unused)
{
	(void)unused;
	fault_panic();
}

static __noinline void fault_panic_in_interrupt(void)
{
	int error = call_on(other_cpu(), panic_called, NULL, true);

	(void)error; /* it does not return */
}

static __noinline void fault_panic_everywhere(void)
{
	smp_run_on(cpu_online_mask(), panic_called, NULL);
}

static void (*const faults[])(void) = {
	fault_null_write,	  fault_text_write,	 fault_text_write_by_direct_map,
	fault_constant_write,	  fault_data_execution,	 fault_stack_overflow,
	fault_panic,		  fault_in_panic,	 fault_division,
	fault_reserved_vector,	  fault_bug,		 fault_stack_smash,
	fault_bad_address,	  fault_bad_instruction, fault_panic_elsewhere,
	fault_overflow_elsewhere, fault_panic_in_interrupt, fault_panic_everywhere,
};

static void want(uint64_t fault)
{
	wanted = fault;
}
TEST_HOOK(fault, want);

void fault_hook_run(void)
{
	if (wanted && wanted <= ARRAY_SIZE(faults))
		faults[wanted - 1]();
}

#endif
