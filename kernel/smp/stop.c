/*
 * Stopping the other CPUs when one panics: by NMI, since they may have interrupts off.
 */
#include "arch/x86_64/apic.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/trap.h"
#include "fanga/panic.h"
#include "fanga/smp.h"
#include "kernel/smp/bringup.h"

/* Set by the panicking CPU before it sends; read by those that the NMI interrupts. */
static bool must_stop;

static void stop_on_nmi(struct trap_frame *frame)
{
	(void)frame;
	if (!__atomic_load_n(&must_stop, __ATOMIC_ACQUIRE))
		return;
	for (;;)
		cpu_halt();
}

int stop_init(void)
{
	return nmi_register(stop_on_nmi);
}

void panic_stop_others(void)
{
	unsigned self = current_cpu_id(), cpu;

	__atomic_store_n(&must_stop, true, __ATOMIC_RELEASE);
	/* Nobody is waited for: a CPU that takes no NMI must not keep the report back. */
	for_each_cpu (cpu, cpu_online_mask())
		if (cpu != self)
			(void)apic_send_nmi(cpu_apic_id(cpu));
}
