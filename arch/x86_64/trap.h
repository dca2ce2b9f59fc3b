/*
 * Exceptions and interrupts: the frame that entry.S builds, and who is called for which vector.
 *
 * Handlers run with interrupts off on the stack of the interrupted context (NMI, double fault and
 * machine check on stacks of their own). The local APIC is told (EOI) after the handler returns.
 */
#pragma once

#include "lib/types.h"
#include "arch/x86_64/vectors.h"

/* As pushed by entry.S and the processor, lowest address first. */
struct trap_frame {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t vector;
	uint64_t error;
	uint64_t rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct trap_frame) == 22 * 8, "entry.S builds this frame");
_Static_assert(offsetof(struct trap_frame, vector) == 15 * 8, "entry.S pushes the vector here");

/* In `error` of a vector whose exception has an error code: it came as an interrupt message. */
#define TRAP_NO_ERROR_CODE (~0ul)

typedef void (*irq_handler_fn)(struct trap_frame *frame);
typedef void (*nmi_handler_fn)(struct trap_frame *frame);

/*
 * Call @handler for interrupt @vector (32..255) on every CPU. Returns 0, -EINVAL for an exception
 * vector, -EBUSY when another handler is there. Boot or thread context.
 */
int irq_register(unsigned vector, irq_handler_fn handler) __must_check;

/* Take the handler of @vector away again. It may still be running on another CPU. */
void irq_unregister(uint8_t vector);

/*
 * Offer NMIs to @handler, one of at most 4. Each is called for every NMI, since several that are
 * pending at once arrive as one: it finds out by itself whether it was meant. Handlers may not
 * fault, lock or print except through the log. Returns 0 or -ENOSPC. Boot context.
 */
int nmi_register(nmi_handler_fn handler) __must_check;

/* Interrupts that no handler was registered for, on @cpu and @vector, since boot. */
uint64_t irq_unhandled_count(unsigned cpu, uint8_t vector);

/* NMIs taken on @cpu since boot. */
uint64_t nmi_count(unsigned cpu);

/* Build and load the IDT (boot CPU), or load it again (application processors). */
void idt_init(void);
void idt_load(void);

/* Hooks of the preempt room: the dispatcher counts itself into the preempt count. */
void irq_enter(void);
void irq_exit(void);
void nmi_enter(void);
void nmi_exit(void);

/* Hook of the mm room: whether @address lies in an unmapped guard page of a kernel stack. */
bool trap_is_stack_guard(uint64_t address);

/* In entry.S: 256 entry points of 16 bytes each. */
extern const char trap_stubs[];

/* Called by entry.S; nobody else. */
void trap_dispatch(struct trap_frame *frame);
