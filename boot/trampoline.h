/*
 * The first words of the application processors' trampoline page: filled in by bringup.c, read by
 * trampoline.S, which asserts the offsets by its use of them.
 */
#pragma once

#define TRAMPOLINE_CR3	   8
#define TRAMPOLINE_FAR	   16
#define TRAMPOLINE_GDT_PTR 24
#define TRAMPOLINE_CODE64  32
#define TRAMPOLINE_CODE	   40
#define TRAMPOLINE_GDT	   192

#ifndef __ASSEMBLER__
#include "lib/types.h"

struct trampoline {
	uint64_t jump;	       /* a jump over this header */
	uint64_t cr3;	       /* page tables below 4 GiB that map the page at its own address */
	uint32_t far_offset;   /* physical address of the 64-bit part */
	uint16_t far_selector; /* its code segment */
	uint16_t pad0;
	uint16_t gdt_limit;
	uint32_t gdt_base; /* physical address of the page's GDT */
	uint16_t pad1;
	uint64_t entry; /* ap_entry, in the upper half */
} __packed;
_Static_assert(offsetof(struct trampoline, cr3) == TRAMPOLINE_CR3, "trampoline.S");
_Static_assert(offsetof(struct trampoline, far_offset) == TRAMPOLINE_FAR, "trampoline.S");
_Static_assert(offsetof(struct trampoline, gdt_limit) == TRAMPOLINE_GDT_PTR, "trampoline.S");
_Static_assert(offsetof(struct trampoline, entry) == TRAMPOLINE_CODE64, "trampoline.S");

extern const char trampoline_start[], trampoline_code64[], trampoline_end[];
#endif
