/*
 * The interrupt vectors, in one place. Shared with assembly: numbers only.
 *
 * A higher vector has the higher priority class (bits 7:4), Intel SDM vol. 3 section 11.8.3.
 */
#pragma once

#define VECTOR_NMI           2
#define VECTOR_DOUBLE_FAULT  8
#define VECTOR_GP            13
#define VECTOR_PAGE_FAULT    14
#define VECTOR_MACHINE_CHECK 18
#define VECTOR_EXCEPTIONS    32 /* vectors below are the processor's own */

#define VECTOR_PIC_BASE 0x20 /* sixteen, masked; only a spurious one can come */

#define VECTOR_IPI_GENERIC    0xf0
#define VECTOR_IPI_RESCHEDULE 0xf1
#define VECTOR_IPI_TLB        0xf2
#define VECTOR_IPI_CALL       0xf3
#define VECTOR_IPI_HALT       0xf4
#define VECTOR_TIMER          0xf8
#define VECTOR_APIC_ERROR     0xfe
#define VECTOR_SPURIOUS       0xff
