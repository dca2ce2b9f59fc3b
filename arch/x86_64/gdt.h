/*
 * Segments, task state and the emergency stacks of each CPU.
 */
#pragma once

#include "lib/types.h"

#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_USER_DATA   0x1b /* order required by sysret: data, then code */
#define SELECTOR_USER_CODE   0x23
#define SELECTOR_TSS	     0x28

/* Interrupt stack table slots: exceptions that cannot trust the current stack or %gs. */
enum ist {
	IST_NONE,
	IST_NMI,
	IST_DOUBLE_FAULT,
	IST_MACHINE_CHECK,
	IST_COUNT,
};

#define IST_BYTES  8192		  /* size and alignment of each; entry.S finds its top by this */
#define IST_STRIDE (2 * IST_BYTES) /* below each lies as much that is not mapped */
#define IST_STACKS (IST_COUNT - 1)

/* The last words of each emergency stack; entry.S reads gs_base. */
struct ist_top {
	uint64_t gs_base;
};
_Static_assert(sizeof(struct ist_top) == 8, "entry.S reads the last eight bytes");

/*
 * Load segments and task state of the running CPU, with emergency stacks from @ist_stacks on: the
 * upper IST_BYTES of each IST_STRIDE, aligned to it. %gs must be set. Interrupts off, once per start of a CPU.
 */
void gdt_load(void *ist_stacks);

/* Kernel stack for entries from user mode and its bounds, for the stack walk: [@low, @top). */
void gdt_set_kernel_stack(uint64_t low, uint64_t top);

/* Whether @address lies in a stack that the running CPU may be on; sets its bounds. */
bool gdt_find_stack(uint64_t address, uint64_t *low, uint64_t *top);
