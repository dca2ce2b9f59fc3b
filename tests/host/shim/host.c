/*
 * The machine that host tests run on, linked into every one of them: interrupt flag, per-CPU
 * areas, and weak defaults for what rooms to the right define on the machine (log hooks, panic,
 * warnings). A test that is about one of those defines its own.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arch/x86_64/cpu.h"
#include "fanga/log.h"
#include "fanga/panic.h"
#include "fanga/percpu.h"

_Thread_local bool host_irqs_enabled = true;
_Thread_local uint64_t host_percpu_offset;
uint64_t percpu_offset[CPU_MAX];

DEFINE_PER_CPU(uint64_t, percpu_self_offset);
DEFINE_PER_CPU(uint32_t, percpu_cpu_number);

/* The template is CPU 0's own area and may have been used: later copies are made from this. */
static char *pristine;

__attribute__((constructor)) static void keep_template(void)
{
	size_t bytes = (size_t)(__stop_percpu - __start_percpu);

	pristine = malloc(bytes);
	if (!pristine)
		abort();
	memcpy(pristine, __start_percpu, bytes);
}

__attribute__((destructor)) static void free_areas(void)
{
	for (unsigned cpu = 0; cpu < CPU_MAX; cpu++)
		if (percpu_offset[cpu])
			free((void *)((uintptr_t)__start_percpu + percpu_offset[cpu]));
	free(pristine);
}

void host_cpu_prepare(unsigned cpu)
{
	size_t bytes = (size_t)(__stop_percpu - __start_percpu);
	char *area = __start_percpu;

	if (cpu) {
		area = percpu_offset[cpu] ? (char *)((uintptr_t)area + percpu_offset[cpu])
					  : aligned_alloc(4096, ALIGN_UP(bytes, 4096));
		if (!area)
			abort();
	}
	memcpy(area, pristine, bytes);
	percpu_offset[cpu] = (uintptr_t)area - (uintptr_t)__start_percpu;
	per_cpu(percpu_self_offset, cpu) = percpu_offset[cpu];
	per_cpu(percpu_cpu_number, cpu) = cpu;
}

void host_cpu_attach(unsigned cpu)
{
	if (!cpu || !percpu_offset[cpu])
		host_cpu_prepare(cpu);
	host_percpu_offset = percpu_offset[cpu];
}

__weak uint64_t log_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

__weak unsigned log_cpu(void)
{
	return current_cpu_id();
}

__weak unsigned long log_irq_save(void)
{
	return irq_save();
}

__weak void log_irq_restore(unsigned long flags)
{
	irq_restore(flags);
}

__weak _Noreturn void panic(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("panic: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	abort();
}

__weak void warn_at(const char *file, int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "%s:%d: warning: ", file, line);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	abort();
}
