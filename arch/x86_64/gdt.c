/*
 * Global descriptor table and task state segment, one of each per CPU, in its per-CPU area.
 *
 * Written by the owner while it starts, constant afterwards but for the kernel stack. No locks.
 */
#include "arch/x86_64/gdt.h"
#include "arch/x86_64/cpu.h"
#include "fanga/percpu.h"

/* Intel SDM vol. 3, figure 8-11. */
struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7]; /* ist[n - 1] is the table's entry n */
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t iomap_base;
} __packed;
_Static_assert(sizeof(struct tss) == 104, "fixed by the processor");

#define GDT_ENTRIES 7 /* null, kernel code and data, user data and code, task state (two) */

struct gdt {
	uint64_t entry[GDT_ENTRIES];
};

struct descriptor_pointer {
	uint16_t limit;
	uint64_t base;
} __packed;

struct stack_range {
	uint64_t low, top;
};

static DEFINE_PER_CPU_ALIGNED(struct gdt, cpu_gdt) = {
	.entry = {
		[SELECTOR_KERNEL_CODE / 8] = 0x00af9b000000ffff,
		[SELECTOR_KERNEL_DATA / 8] = 0x00cf93000000ffff,
		[SELECTOR_USER_DATA / 8] = 0x00cff3000000ffff,
		[SELECTOR_USER_CODE / 8] = 0x00affb000000ffff,
	},
};
static DEFINE_PER_CPU_ALIGNED(struct tss, cpu_tss);
static DEFINE_PER_CPU(struct stack_range, cpu_kernel_stack);
static DEFINE_PER_CPU(struct stack_range, cpu_ist_stacks);

static void set_tss_descriptor(struct gdt *gdt, const struct tss *tss)
{
	uint64_t base = (uint64_t)tss;
	uint64_t limit = sizeof(*tss) - 1;

	/* Available 64-bit TSS, present: type 9. */
	gdt->entry[SELECTOR_TSS / 8] = limit | (base & 0xffffff) << 16 | 0x89ull << 40 |
				       (base >> 24 & 0xff) << 56;
	gdt->entry[SELECTOR_TSS / 8 + 1] = base >> 32;
}

void gdt_load(void *ist_stacks)
{
	struct gdt *gdt = raw_cpu_ptr(cpu_gdt);
	struct tss *tss = raw_cpu_ptr(cpu_tss);
	uint64_t low = (uint64_t)ist_stacks;

	for (unsigned i = IST_NMI; i < IST_COUNT; i++) {
		struct ist_top *top = (struct ist_top *)(low + i * IST_STRIDE) - 1;

		top->gs_base = this_cpu_read(percpu_self_offset);
		/* The processor aligns down to 16: the top word stays. */
		tss->ist[i - 1] = (uint64_t)top;
	}
	*raw_cpu_ptr(cpu_ist_stacks) =
		(struct stack_range){low, low + IST_STACKS * IST_STRIDE};
	tss->iomap_base = sizeof(*tss);
	set_tss_descriptor(gdt, tss);

	struct descriptor_pointer pointer = {sizeof(*gdt) - 1, (uint64_t)gdt};
	uint64_t gs_base = rdmsr(MSR_GS_BASE);

	__asm__ volatile("lgdt %0\n\t"
			 "pushq %1\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\tmovl %2, %%eax\n\t"
			 "movl %%eax, %%ds\n\t"
			 "movl %%eax, %%es\n\t"
			 "movl %%eax, %%ss\n\t"
			 "xorl %%eax, %%eax\n\t"
			 "movl %%eax, %%fs\n\t"
			 "movl %%eax, %%gs\n\t"
			 "ltr %w3"
			 :
			 : "m"(pointer), "i"(SELECTOR_KERNEL_CODE), "i"(SELECTOR_KERNEL_DATA),
			   "r"(SELECTOR_TSS)
			 : "rax", "memory");
	/* Loading a null selector clears the base on some processors. */
	wrmsr(MSR_GS_BASE, gs_base);
}

void gdt_set_kernel_stack(uint64_t low, uint64_t top)
{
	*raw_cpu_ptr(cpu_kernel_stack) = (struct stack_range){low, top};
	raw_cpu_ptr(cpu_tss)->rsp[0] = top;
}

static bool stack_holds(const struct stack_range *stack, uint64_t address)
{
	return address >= stack->low && address < stack->top;
}

bool gdt_find_stack(uint64_t address, uint64_t *low, uint64_t *top)
{
	const struct stack_range *stack = raw_cpu_ptr(cpu_kernel_stack);
	const struct stack_range *ist = raw_cpu_ptr(cpu_ist_stacks);

	if (stack_holds(stack, address)) {
		*low = stack->low;
		*top = stack->top;
		return true;
	}
	if (stack_holds(ist, address) && address & IST_BYTES) {
		*low = address & ~(uint64_t)(IST_BYTES - 1);
		*top = *low + IST_BYTES;
		return true;
	}
	return false;
}
