/*
 * Where an application processor begins: real mode, in a page below 1 MiB that bringup.c copies
 * this to. It goes straight to long mode on page tables that map the page at its own address, then
 * to ap_entry in the upper half. It has no stack until it has claimed its slot there.
 */
#include "boot/trampoline.h"

#define EFER	      0xc0000080
#define EFER_LME_NXE  0x900	 /* the kernel's tables use no-execute */
#define CR0_PG_WP_PE  0x80010001
#define CR0_CACHED    0x9fffffff /* INIT leaves the caches off (CD, NW) */
#define CR4_PAE	      0x20

	.section .rodata
	.balign 64
	.globl trampoline_start, trampoline_code64, trampoline_end
trampoline_start:
	.code16
	jmp trampoline_code
	.org trampoline_start + TRAMPOLINE_CODE
trampoline_code:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	lgdtl TRAMPOLINE_GDT_PTR
	movl %cr4, %eax
	orl $CR4_PAE, %eax
	movl %eax, %cr4
	movl TRAMPOLINE_CR3, %eax
	movl %eax, %cr3
	movl $EFER, %ecx
	rdmsr
	orl $EFER_LME_NXE, %eax
	wrmsr
	movl %cr0, %eax
	orl $CR0_PG_WP_PE, %eax
	andl $CR0_CACHED, %eax
	movl %eax, %cr0
	ljmpl *TRAMPOLINE_FAR

	.code64
trampoline_code64:
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movq trampoline_start + TRAMPOLINE_CODE64(%rip), %rax
	jmp *%rax

	.org trampoline_start + TRAMPOLINE_GDT
	.quad 0
	.quad 0x00af9b000000ffff /* 64-bit code */
	.quad 0x00cf93000000ffff /* data */
trampoline_end:

/*
 * ap_entry: take the slot whose APIC id is ours, if the boot CPU still waits for it; a CPU that no
 * slot wants, or that answers late, parks here for ever: it has no stack and must not get one.
 *
 * struct ap_slot (bringup.h): +0 apic_id, +4 state, +8 stack_top, +16 gs_base; 24 bytes.
 */
#define SLOT_WANTED  1
#define SLOT_CLAIMED 2
#define GS_BASE	     0xc0000101

	.text
	.globl ap_entry
ap_entry:
	movq kernel_cr3(%rip), %rax
	movq %rax, %cr3

	/* The APIC id: 32 bits of leaf 0xb where it exists, else 8 bits of leaf 1. */
	xorl %eax, %eax
	cpuid
	cmpl $0xb, %eax
	jb 1f
	movl $0xb, %eax
	xorl %ecx, %ecx
	cpuid
	testl %ebx, %ebx		/* no logical processors: the leaf is empty */
	jnz 2f
1:	movl $1, %eax
	cpuid
	shrl $24, %ebx
	movl %ebx, %edx

2:	movq $ap_slots, %rsi
	movl ap_slot_count(%rip), %ecx
3:	testl %ecx, %ecx
	jz ap_park
	cmpl %edx, (%rsi)
	je 4f
	addq $24, %rsi
	decl %ecx
	jmp 3b

	/* Pairs with the boot CPU's cmpxchg from WANTED in bringup.c when time is up. */
4:	movl $SLOT_WANTED, %eax
	movl $SLOT_CLAIMED, %ebx
	lock cmpxchgl %ebx, 4(%rsi)
	jne ap_park

	movq 8(%rsi), %rsp
	movl 16(%rsi), %eax
	movl 20(%rsi), %edx
	movl $GS_BASE, %ecx
	wrmsr
	xorl %ebp, %ebp
	movq %rsi, %rdi
	call ap_main			/* does not return */
	ud2

ap_park:
	cli
	hlt
	jmp ap_park

	.section .note.GNU-stack, "", @progbits
