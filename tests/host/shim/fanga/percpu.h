/*
 * Per-CPU variables for the host build, in place of include/fanga/percpu.h: the same template and
 * offsets, with the distance of the running thread in thread-local storage instead of %gs. A
 * thread is CPU 0, which lives in the template, until it calls host_cpu_attach().
 */
#pragma once

#include "lib/cpumask.h"
#include "lib/types.h"

/* A section whose name is an identifier gets __start_ and __stop_ symbols from the linker. */
#define DECLARE_PER_CPU(type, name) extern __attribute__((section("percpu"))) typeof(type) name
#define DEFINE_PER_CPU(type, name)                                     \
	__attribute__((section("percpu"))) typeof(type) name /* NOLINT \
							      */
#define DEFINE_PER_CPU_ALIGNED(type, name) \
	__attribute__((section("percpu"), aligned(64))) typeof(type) name

extern _Thread_local uint64_t host_percpu_offset;
extern uint64_t percpu_offset[CPU_MAX];

/* The template, from the linker. */
extern char __start_percpu[], __stop_percpu[];

DECLARE_PER_CPU(uint64_t, percpu_self_offset);
DECLARE_PER_CPU(uint32_t, percpu_cpu_number);

/* Make the calling thread CPU `cpu`, with a fresh copy of every per-CPU variable. */
void host_cpu_attach(unsigned cpu);

/* Make a copy for `cpu` without a thread for it. Before the threads start, where others look. */
void host_cpu_prepare(unsigned cpu);

#define per_cpu_ptr(var, cpu) ((typeof(var) *)((uintptr_t) & (var) + percpu_offset[cpu]))
#define per_cpu(var, cpu)     (*per_cpu_ptr(var, cpu))
#define raw_cpu_ptr(var)      ((typeof(var) *)((uintptr_t) & (var) + host_percpu_offset))
#define this_cpu_ptr(var)     raw_cpu_ptr(var)

#define current_cpu_id() this_cpu_read(percpu_cpu_number)

/* Relaxed atomics: on the machine these are single instructions that other CPUs may watch. */
#define this_cpu_read(var)	   __atomic_load_n(raw_cpu_ptr(var), __ATOMIC_RELAXED)
#define this_cpu_write(var, value) __atomic_store_n(raw_cpu_ptr(var), (value), __ATOMIC_RELAXED)
#define HOST_PERCPU_RMW_(var, op, value) \
	this_cpu_write(var, (typeof(var))(this_cpu_read(var) op(typeof(var))(value)))
#define this_cpu_add(var, value) HOST_PERCPU_RMW_(var, +, value)
#define this_cpu_sub(var, value) HOST_PERCPU_RMW_(var, -, value)
#define this_cpu_or(var, value)	 HOST_PERCPU_RMW_(var, |, value)
#define this_cpu_and(var, value) HOST_PERCPU_RMW_(var, &, value)
#define this_cpu_inc(var)	 this_cpu_add(var, 1)
#define this_cpu_dec(var)	 this_cpu_sub(var, 1)
#define this_cpu_dec_and_test(var)       \
	__extension__({                  \
		this_cpu_dec(var);       \
		this_cpu_read(var) == 0; \
	})
