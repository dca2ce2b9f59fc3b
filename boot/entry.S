/*
 * Kernel entry: 32-bit protected mode without paging, from PVH or Multiboot2, to C in the upper
 * half. Builds page tables that map the first 4 GiB three times: at 0 (until we have jumped), in
 * the direct map, and, for the first GiB, at the image's address. 2 MiB pages: every CPU has them.
 */
#define IMAGE_BASE 0xffffffff80000000
#define PHYS(symbol) ((symbol) - IMAGE_BASE)

#define BOOT_PVH        1
#define BOOT_MULTIBOOT2 2

#define PAGE_PRESENT 0x001
#define PAGE_WRITE   0x002
#define PAGE_LARGE   0x080

#define MULTIBOOT2_MAGIC 0xe85250d6
#define MULTIBOOT2_LOADED 0x36d76289

/* Multiboot2 specification 1.6, section 3.1. */
	.section .multiboot2, "a"
	.balign 8
multiboot2_header:
	.long MULTIBOOT2_MAGIC, 0, multiboot2_header_end - multiboot2_header
	.long -(MULTIBOOT2_MAGIC + multiboot2_header_end - multiboot2_header)
	.balign 8
	.short 3, 0			/* entry address */
	.long 12
	.long PHYS(multiboot2_entry)
	.balign 8
	.short 6, 0			/* modules on page boundaries */
	.long 8
	.balign 8
	.short 0, 0
	.long 8
multiboot2_header_end:

/* Xen PVH: ELF note 18, physical 32-bit entry. */
	.section .note.xen, "a", @note
	.balign 4
	.long 4, 4, 18
	.asciz "Xen"
	.long PHYS(pvh_entry)

	.section .boot.text, "ax"
	.code32
	.globl pvh_entry
pvh_entry:
	movl $BOOT_PVH, %edi
	jmp enter_long_mode

	.globl multiboot2_entry
multiboot2_entry:
	movl $BOOT_MULTIBOOT2, %edi
	cmpl $MULTIBOOT2_LOADED, %eax
	je enter_long_mode
1:	cli
	hlt				/* loaded by something else: nobody to tell */
	jmp 1b

enter_long_mode:
	cli
	cld
	movl %ebx, %esi			/* the boot information */
	movl $PHYS(boot_stack_top), %esp

	/* 2048 entries of 2 MiB over four page directories. */
	movl $PHYS(boot_pd), %ebx
	movl $(PAGE_PRESENT | PAGE_WRITE | PAGE_LARGE), %eax
	xorl %edx, %edx			/* bits 63:32 */
	movl $2048, %ecx
1:	movl %eax, (%ebx)
	movl %edx, 4(%ebx)
	addl $0x200000, %eax
	addl $8, %ebx
	loop 1b

	/* Four gigabytes in one page-directory-pointer table, the first of them at the image. */
	movl $PHYS(boot_pd) + PAGE_PRESENT + PAGE_WRITE, %eax
	movl %eax, PHYS(boot_pdpt_image) + 510 * 8
	movl $PHYS(boot_pdpt), %ebx
	movl $4, %ecx
2:	movl %eax, (%ebx)
	addl $4096, %eax
	addl $8, %ebx
	loop 2b

	movl $PHYS(boot_pdpt) + PAGE_PRESENT + PAGE_WRITE, %eax
	movl %eax, PHYS(boot_pml4)
	movl %eax, PHYS(boot_pml4) + 256 * 8
	movl $PHYS(boot_pdpt_image) + PAGE_PRESENT + PAGE_WRITE, %eax
	movl %eax, PHYS(boot_pml4) + 511 * 8

	movl %cr4, %eax
	orl $0x20, %eax			/* PAE */
	movl %eax, %cr4
	movl $PHYS(boot_pml4), %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx		/* EFER */
	rdmsr
	orl $0x100, %eax		/* LME */
	wrmsr
	movl %cr0, %eax
	orl $0x80010001, %eax		/* PG, WP, PE */
	movl %eax, %cr0
	lgdt PHYS(boot_gdt_pointer)
	ljmp $0x08, $PHYS(long_mode_low)

	.code64
long_mode_low:
	movabsq $long_mode_high, %rax
	jmp *%rax

	.text
long_mode_high:
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movq $boot_stack_top, %rsp
	xorl %ebp, %ebp			/* the stack walk ends here */
	movl %edi, %edi			/* kernel_main(protocol, physical address) */
	movl %esi, %esi
	call kernel_main
	ud2				/* it does not return */

	.section .rodata
	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* 64-bit code */
	.quad 0x00cf93000000ffff	/* data */
boot_gdt_pointer:
	.short . - boot_gdt - 1
	.long PHYS(boot_gdt)
	.long 0				/* lgdt is loaded in 32-bit mode */

	.bss
	.balign 4096
	.globl boot_pml4
boot_pml4:
	.skip 4096
boot_pdpt:
	.skip 4096
boot_pdpt_image:
	.skip 4096
boot_pd:
	.skip 4 * 4096
	.globl boot_stack, boot_stack_top
boot_stack:
	.skip 16384
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
