/*
 * Dispatch of exceptions, interrupts and NMIs; the interrupt descriptor table.
 *
 * One table for all CPUs, read-only once built. Handlers are published by an atomic store and read
 * by an atomic load; counters belong to their CPU.
 */
#include "arch/x86_64/trap.h"
#include "arch/x86_64/apic.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/gdt.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/panic.h"
#include "fanga/percpu.h"
#include "lib/errno.h"

#define VECTORS	     256
#define STUB_BYTES   16
#define NMI_HANDLERS 4
#define EXCEPTIONS_WITH_ERROR 0x60227d00u /* as in entry.S */
#define GATE_INTERRUPT 0x8e /* present, ring 0, 64-bit interrupt gate */

/* Intel SDM vol. 3, figure 6-8. */
struct gate {
	uint16_t offset_low;
	uint16_t selector;
	uint8_t ist;
	uint8_t type;
	uint16_t offset_middle;
	uint32_t offset_high;
	uint32_t reserved;
};
_Static_assert(sizeof(struct gate) == 16, "fixed by the processor");

static struct gate idt[VECTORS] __aligned(4096);
static irq_handler_fn irq_handlers[VECTORS];
static nmi_handler_fn nmi_handlers[NMI_HANDLERS];
static DEFINE_PER_CPU(uint32_t, irq_unhandled[VECTORS]);
static DEFINE_PER_CPU(uint64_t, nmis_taken);

static const char *const exception_names[VECTOR_EXCEPTIONS] = {
	"divide error", "debug", "NMI", "breakpoint", "overflow", "bound range", "invalid opcode",
	"device not available", "double fault", "coprocessor segment", "invalid TSS",
	"segment not present", "stack segment", "general protection", "page fault", "vector 15",
	"x87 error", "alignment check", "machine check", "SIMD error", "virtualization",
	"control protection", "vector 22", "vector 23", "vector 24", "vector 25", "vector 26",
	"vector 27", "hypervisor injection", "VMM communication", "security", "vector 31",
};

void idt_init(void)
{
	for (unsigned vector = 0; vector < VECTORS; vector++) {
		uint64_t stub = (uint64_t)trap_stubs + vector * STUB_BYTES;
		enum ist ist = vector == VECTOR_NMI	      ? IST_NMI
			       : vector == VECTOR_DOUBLE_FAULT  ? IST_DOUBLE_FAULT
			       : vector == VECTOR_MACHINE_CHECK ? IST_MACHINE_CHECK
								: IST_NONE;

		idt[vector] = (struct gate){
			.offset_low = (uint16_t)stub,
			.selector = SELECTOR_KERNEL_CODE,
			.ist = (uint8_t)ist,
			.type = GATE_INTERRUPT,
			.offset_middle = (uint16_t)(stub >> 16),
			.offset_high = (uint32_t)(stub >> 32),
		};
	}
	idt_load();
}

void idt_load(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __packed pointer = {sizeof(idt) - 1, (uint64_t)idt};

	__asm__ volatile("lidt %0" ::"m"(pointer));
}

int irq_register(unsigned vector, irq_handler_fn handler)
{
	irq_handler_fn none = NULL;

	if (vector < VECTOR_EXCEPTIONS || vector >= VECTORS || !handler)
		return -EINVAL;
	/* Release: what the handler needs is there before it can run. Pairs with dispatch_irq(). */
	return __atomic_compare_exchange_n(&irq_handlers[vector], &none, handler, false,
					   __ATOMIC_RELEASE, __ATOMIC_RELAXED)
		       ? 0
		       : -EBUSY;
}

void irq_unregister(uint8_t vector)
{
	__atomic_store_n(&irq_handlers[vector], NULL, __ATOMIC_RELEASE);
}

int nmi_register(nmi_handler_fn handler)
{
	for (unsigned i = 0; i < NMI_HANDLERS; i++) {
		nmi_handler_fn none = NULL;

		if (__atomic_compare_exchange_n(&nmi_handlers[i], &none, handler, false,
						__ATOMIC_RELEASE, __ATOMIC_RELAXED))
			return 0;
	}
	return -ENOSPC;
}

uint64_t irq_unhandled_count(unsigned cpu, uint8_t vector)
{
	return (*per_cpu_ptr(irq_unhandled, cpu))[vector];
}

uint64_t nmi_count(unsigned cpu)
{
	return per_cpu(nmis_taken, cpu);
}

static void dispatch_irq(struct trap_frame *frame)
{
	uint8_t vector = (uint8_t)frame->vector;
	irq_handler_fn handler = __atomic_load_n(&irq_handlers[vector], __ATOMIC_ACQUIRE);

	irq_enter();
	if (handler)
		handler(frame);
	else
		this_cpu_inc(irq_unhandled[vector]);
	/* A spurious interrupt is not in service and must not be acknowledged (SDM 11.9). */
	if (vector != VECTOR_SPURIOUS)
		apic_eoi();
	else if (apic_in_service(vector))
		apic_eoi_spurious();
	irq_exit();
}

static void dispatch_nmi(struct trap_frame *frame)
{
	nmi_enter();
	this_cpu_inc(nmis_taken);
	/* All of them: two NMIs that are sent while the CPU takes none arrive as one. */
	for (unsigned i = 0; i < NMI_HANDLERS; i++) {
		nmi_handler_fn handler = __atomic_load_n(&nmi_handlers[i], __ATOMIC_ACQUIRE);

		if (handler)
			handler(frame);
	}
	nmi_exit();
}

static _Noreturn void dispatch_exception(struct trap_frame *frame)
{
	const char *name = exception_names[frame->vector];

	if (frame->vector == VECTOR_PAGE_FAULT)
		panic_at(frame, "%s at 0x%016lx: %s of %s page", name, read_cr2(),
			 frame->error & 16 ? "execution" : frame->error & 2 ? "write" : "read",
			 frame->error & 1 ? "a protected" : "an unmapped");
	if (frame->vector == VECTOR_DOUBLE_FAULT && trap_is_stack_guard(read_cr2()))
		panic_at(frame, "kernel stack overflow at 0x%016lx", read_cr2());
	panic_at(frame, "%s, error code 0x%lx", name, frame->error);
}

/*
 * Whether it came as an interrupt message, though its number may be an exception's: somebody sent
 * or programmed the wrong one. (Numbers below 16 are illegal in messages; simulators deliver them.)
 */
static bool is_message(const struct trap_frame *frame)
{
	if (frame->vector >= VECTOR_EXCEPTIONS)
		return true;
	/* So that a page fault costs no look at the APIC. */
	if (EXCEPTIONS_WITH_ERROR & BIT(frame->vector) && frame->error != TRAP_NO_ERROR_CODE)
		return false;
	return apic_in_service((uint8_t)frame->vector);
}

void trap_dispatch(struct trap_frame *frame)
{
	if (frame->vector == VECTOR_NMI)
		dispatch_nmi(frame);
	else if (is_message(frame))
		dispatch_irq(frame);
	else
		dispatch_exception(frame);
}
