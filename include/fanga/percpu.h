/*
 * Per-CPU variables.
 *
 * A variable is declared once; each CPU has its own copy in an area on its own memory node. %gs
 * holds the distance from the image's template to this CPU's area, so that one instruction reaches
 * the own copy: no lock, and atomic against interrupts on the same CPU.
 *
 *	DEFINE_PER_CPU(uint64_t, packets);
 *	this_cpu_inc(packets);                      own copy, one instruction, any context
 *	*this_cpu_ptr(packets) += 2;                needs preemption or interrupts off
 *	total += *per_cpu_ptr(packets, cpu);        another CPU's, by index
 *
 * The initial value is what the definition says, on every CPU. CPU 0's copy works from the first
 * instruction of C.
 */
#pragma once

#include "lib/types.h"
#include "lib/cpumask.h"

#define DECLARE_PER_CPU(type, name) extern __attribute__((section(".percpu"))) typeof(type) name

#define DEFINE_PER_CPU(type, name) \
	__attribute__((            \
		section(".percpu"))) typeof(type) name /* NOLINT: a type, not an expression */

/* For what other CPUs write, or read often: alone on its cache lines. */
#define DEFINE_PER_CPU_ALIGNED(type, name) \
	__attribute__((section(".percpu..aligned"), aligned(64))) typeof(type) name

DECLARE_PER_CPU(uint64_t, percpu_self_offset);
DECLARE_PER_CPU(uint32_t, percpu_cpu_number);

/* Distance from the template to the area of each CPU; set before the CPU starts, never changed. */
extern uint64_t percpu_offset[CPU_MAX];

/* The running CPU, 0..cpu_count() - 1. Stale as soon as the caller may migrate. */
#define current_cpu_id() this_cpu_read(percpu_cpu_number)

#define this_cpu_read(var)                                                         \
	({                                                                         \
		typeof(var) pcp_value_;                                            \
		__asm__ volatile("mov %%gs:%1, %0" : "=q"(pcp_value_) : "m"(var)); \
		pcp_value_;                                                        \
	})

#define PERCPU_RMW_(op, var, value)                   \
	__asm__ volatile(op "%z0 %1, %%gs:%0"         \
			 : "+m"(var)                  \
			 : "re"((typeof(var))(value)) \
			 : "cc", "memory")

#define this_cpu_write(var, value) \
	__asm__ volatile("mov%z0 %1, %%gs:%0" : "=m"(var) : "re"((typeof(var))(value)) : "memory")
#define this_cpu_add(var, value) PERCPU_RMW_("add", var, value)
#define this_cpu_sub(var, value) PERCPU_RMW_("sub", var, value)
#define this_cpu_or(var, value)	 PERCPU_RMW_("or", var, value)
#define this_cpu_and(var, value) PERCPU_RMW_("and", var, value)
#define this_cpu_inc(var)	 this_cpu_add(var, 1)
#define this_cpu_dec(var)	 this_cpu_sub(var, 1)

/* Decrement; whether the result is zero. One instruction, the answer is its zero flag. */
#define this_cpu_dec_and_test(var)                                                               \
	({                                                                                       \
		bool pcp_zero_;                                                                  \
		__asm__ volatile("dec%z1 %%gs:%1" : "=@ccz"(pcp_zero_), "+m"(var) : : "memory"); \
		pcp_zero_;                                                                       \
	})

/* The own copy's address without the debug check: for contexts bound to their CPU by nature. */
#define raw_cpu_ptr(var) ((typeof(var) *)((uintptr_t) & (var) + this_cpu_read(percpu_self_offset)))

#ifdef CONFIG_DEBUG
/* Reports a caller that could migrate while it holds the address. Defined in the preempt room. */
void percpu_check_bound(const char *file, int line);
#define this_cpu_ptr(var)                               \
	({                                              \
		percpu_check_bound(__FILE__, __LINE__); \
		raw_cpu_ptr(var);                       \
	})
#else
#define this_cpu_ptr(var) raw_cpu_ptr(var)
#endif

/* Address of @cpu's copy; @cpu < cpu_count(). Any context. */
#define per_cpu_ptr(var, cpu) ((typeof(var) *)((uintptr_t) & (var) + percpu_offset[cpu]))
#define per_cpu(var, cpu)     (*per_cpu_ptr(var, cpu))

/* Bytes of one CPU's area, a multiple of the cache line. */
size_t percpu_area_bytes(void);

/* Boot CPU: make %gs point to CPU 0's area inside the image. First thing in C. */
void percpu_init_boot(void);

/*
 * Fill @area (percpu_area_bytes() long, on the CPU's own node, zero or not) with the template for
 * @cpu and record its offset. The CPU must be down. Thread context.
 */
void percpu_init_area(unsigned cpu, void *area);
