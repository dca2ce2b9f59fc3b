/*
 * The boot story: from the loader's jump to the demo, one call a line.
 */
#include "arch/x86_64/console.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/features.h"
#include "arch/x86_64/gdt.h"
#include "arch/x86_64/hpet.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/trap.h"
#include "fanga/boot.h"
#include "fanga/call.h"
#include "fanga/clock.h"
#include "fanga/ipi.h"
#include "fanga/lockdep.h"
#include "fanga/log.h"
#include "fanga/mm.h"
#include "fanga/numa.h"
#include "fanga/options.h"
#include "fanga/page.h"
#include "fanga/panic.h"
#include "fanga/results.h"
#include "fanga/slab.h"
#include "fanga/smp.h"
#include "fanga/tlb.h"
#include "kernel/demo/demo.h"
#include "kernel/firmware.h"
#include "kernel/main.h"
#include "kernel/mm/early.h"
#include "kernel/mm/fail_nth.h"
#include "kernel/mm/kmap.h"
#include "kernel/smp/bringup.h"
#include "kernel/summary.h"
#include "lib/cmdline.h"
#include "tests/kernel/fault_hooks.h"
#include "tests/kernel/ktest.h"

#define EXIT_USAGE	  2
#define EXIT_FAULT	  1
#define BOOT_MAPPED_BYTES (4ul << 30) /* by boot/entry.S */
#define WAIT_LIMIT_NS	  1000000000ul
#define HOLD_LIMIT_NS	  10000000ul /* for a spinlock, for each CPU that takes turns */

static struct boot_info boot;
static char ist_stacks[IST_STACKS * IST_STRIDE] __aligned(IST_STRIDE);

static const void *map_boot_data(uint64_t phys, uint64_t bytes)
{
	return phys && phys < BOOT_MAPPED_BYTES && bytes <= BOOT_MAPPED_BYTES - phys
		       ? phys_to_virt(phys)
		       : NULL;
}

static void parse_options(void)
{
	char error[CMDLINE_ERROR_BYTES] = "kernel command line: longer than 4095 bytes";

	if (!boot.command_line_cut &&
	    !kernel_options_parse(boot.command_line, error, sizeof(error))) {
		log_set_level(kernel_options()->log);
		return;
	}
	results_message("%s", error);
	results_exit(EXIT_USAGE, RESULTS_NO_SIGNAL, CHANNEL_NOT_BOOTED);
}

/* A wait for other CPUs is long when each of them should have had its turn on the host. */
static void set_wait_limit(void)
{
	uint64_t host_cpus = kernel_options()->host_cpus;
	uint64_t share = host_cpus ? (cpu_count() + host_cpus - 1) / host_cpus : 1;

	call_wait_limit_set(WAIT_LIMIT_NS * MAX(share, 1ul));
	/* Virtual time is exact, and one for all CPUs; on the host's clock a holder may lose its core. */
	lockdep_set_hold_limit_ns(clock_is_virtual() ? HOLD_LIMIT_NS * cpu_count()
						     : WAIT_LIMIT_NS * MAX(share, 1ul));
}

static void start_cpus(void)
{
	if (ipi_init() || stop_init() || smp_init() || call_init(cpu_count()))
		panic("cannot prepare for other CPUs");
	tlb_init();
	set_wait_limit();
	hpet_arm_turn_bound();
	irq_enable();
	results_stage("starting %u CPUs", cpu_count());
	smp_start_application_processors();
	log_info("%u of %u CPUs online after %lu us", cpu_online_count(), cpu_count(),
		 smp_bringup_ns() / 1000);
}

static int run_tests(void)
{
	int failed = ktest_run(kernel_options()->test);

	if (warn_count()) {
		log_raw("# %lu kernel warnings: failed", warn_count());
		failed = EXIT_FAULT;
	}
	return failed;
}

/* Continues kernel_main() on a guarded stack of the boot CPU's own node. */
static _Noreturn void boot_on_own_stack(void)
{
	int status;

	firmware_init_devices();
	start_cpus();
	summary_note_boot_done();
	fail_nth_begin();
	fault_hook_run();
	status = kernel_options()->test[0] ? run_tests() : demo_run();
	summary_write();
	results_exit(status, RESULTS_NO_SIGNAL, CHANNEL_EXITED);
}

static _Noreturn void switch_stack(uint64_t top, void (*next)(void))
{
	gdt_set_kernel_stack(top - KERNEL_STACK_BYTES, top);
	__asm__ volatile("movq %0, %%rsp\n\t"
			 "xorl %%ebp, %%ebp\n\t"
			 "call *%1\n\t"
			 "ud2" ::"r"(top),
			 "r"(next)
			 : "memory");
	__builtin_unreachable();
}

__attribute__((no_stack_protector)) void kernel_main(uint32_t protocol, uint64_t boot_data)
{
	percpu_init_boot();
	clock_init_boot();
	gdt_load(ist_stacks);
	gdt_set_kernel_stack((uint64_t)boot_stack, (uint64_t)boot_stack_top);
	idt_init();
	console_init();
	backtrace_init();
	features_detect();
	features_enable();
	if (boot_parse(&boot, protocol, boot_data, map_boot_data))
		panic("the boot loader left no usable information");
	early_init(&boot);
	kmap_init(&boot);
	results_init();
	results_stage("booting");
	parse_options();
	summary_log_boot(&boot);
	firmware_parse_tables(&boot);
	page_init();
	slab_init();

	uint64_t stack = kstack_alloc(numa_node_for_cpu(0), KERNEL_STACK_BYTES);

	if (!stack)
		panic("no memory for the boot CPU's stack");
	switch_stack(stack, boot_on_own_stack);
}

void panic_finish(const char *text)
{
	results_panic(text);
	results_exit(255, RESULTS_NO_SIGNAL, CHANNEL_PANICKED);
}
