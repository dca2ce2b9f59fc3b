/*
 * Entry of all 256 vectors: builds struct trap_frame and calls trap_dispatch().
 *
 * Two things are not taken on trust. A vector whose exception pushes an error code can also be
 * raised by an interrupt message, without one: the processor aligns the stack before it pushes, so
 * bit 3 of RSP tells, and -1 is pushed, which no error code is (TRAP_NO_ERROR_CODE in trap.h). And NMI, double fault and machine check may come while %gs is the user's:
 * they run on stacks of their own, whose top holds this CPU's %gs base (struct ist_top in gdt.h).
 */
#define MSR_GS_BASE 0xc0000101
#define IST_BYTES   8192	/* gdt.h */
#define IST_GS	    8		/* from the top, gdt.h */
#define FRAME_VECTOR (15 * 8)
#define FRAME_RIP    (17 * 8)
#define FRAME_CS     (18 * 8)

	.macro push_registers
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %rax
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	.endm

	.macro pop_registers
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rax
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
	.endm

	/* A frame record, so that a stack walk goes on to the interrupted code. */
	.macro call_dispatch
	movq %rsp, %rdi
	pushq FRAME_RIP(%rdi)
	pushq %rbp
	movq %rsp, %rbp
	cld
	call trap_dispatch
	addq $16, %rsp
	.endm

	.text
trap_common:
	push_registers
	testb $3, FRAME_CS(%rsp)
	jz 1f
	swapgs
1:	call_dispatch
	cli
	testb $3, FRAME_CS(%rsp)
	jz 2f
	swapgs
2:	pop_registers
	addq $16, %rsp			/* vector, error */
	iretq

trap_own_stack:
	push_registers
	movl $MSR_GS_BASE, %ecx
	rdmsr
	shlq $32, %rdx
	orq %rax, %rdx
	movq %rdx, %r12			/* the interrupted %gs base */
	movq %rsp, %rbx
	orq $(IST_BYTES - 1), %rbx
	movq (1 - IST_GS)(%rbx), %rdx
	movl %edx, %eax
	shrq $32, %rdx
	wrmsr
	call_dispatch
	movl $MSR_GS_BASE, %ecx
	movq %r12, %rdx
	movl %edx, %eax
	shrq $32, %rdx
	wrmsr
	pop_registers
	addq $16, %rsp
	iretq

	/* 16 bytes a stub. Exceptions 8, 10-14, 17, 21, 29, 30 come with an error code. */
	.balign 16
	.globl trap_stubs
trap_stubs:
	vector = 0
	.rept 256
	.balign 16
	.if vector == 8
	testb $8, %spl
	jz 1f
	pushq $-1
1:	pushq $vector
	jmp trap_own_stack
	.elseif vector == 2 || vector == 18
	pushq $0
	pushq $vector
	jmp trap_own_stack
	.elseif (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30
	testb $8, %spl
	jz 1f
	pushq $-1
1:	pushq $vector
	jmp trap_common
	.else
	pushq $0
	pushq $vector
	jmp trap_common
	.endif
	vector = vector + 1
	.endr

	.section .note.GNU-stack, "", @progbits
