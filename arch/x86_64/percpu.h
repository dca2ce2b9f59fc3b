/*
 * What the linker script and the compiler know of the per-CPU section.
 */
#pragma once

#include "fanga/percpu.h"

extern const char percpu_template_start[], percpu_template_end[];
extern char percpu_boot_area[];

/* Read by the compiler's stack protector: -mstack-protector-guard-symbol in the Makefile. */
DECLARE_PER_CPU(uint64_t, stack_canary);
