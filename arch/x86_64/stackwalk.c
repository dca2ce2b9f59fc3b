/*
 * Call stacks by frame pointers, safe on any contents: every word is read only after its address
 * was found on a stack that this CPU is known to use, and frames must rise within a stack.
 */
#include "arch/x86_64/gdt.h"
#include "arch/x86_64/trap.h"
#include "fanga/panic.h"

/* What call and `push rbp; mov rbp, rsp` leave: entry.S builds the same for interrupted code. */
struct stack_frame {
	uint64_t caller_frame;
	uint64_t return_address;
};

/* Emergency stack to interrupted stack: at most one change each. */
#define STACKS_MAX 4

unsigned stack_walk(const struct trap_frame *trap, uint64_t *pcs, unsigned max)
{
	uint64_t frame = trap ? trap->rbp : (uint64_t)__builtin_frame_address(0);
	uint64_t low = 0, top = 0;
	unsigned stacks = 0, count = 0;

	if (trap && count < max)
		pcs[count++] = trap->rip;
	while (count < max && frame % sizeof(uint64_t) == 0) {
		if (frame < low || frame >= top) {
			if (++stacks > STACKS_MAX || !gdt_find_stack(frame, &low, &top))
				break;
		}
		if (top - frame < sizeof(struct stack_frame))
			break;

		const struct stack_frame *record = (const struct stack_frame *)frame;

		if (!record->return_address)
			break;
		pcs[count++] = record->return_address;
		if (record->caller_frame > frame && record->caller_frame < top)
			low = record->caller_frame; /* only upwards from here */
		else if (record->caller_frame >= low && record->caller_frame <= frame)
			break;
		frame = record->caller_frame;
	}
	return count;
}
