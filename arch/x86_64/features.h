/*
 * Processor features that the kernel switches on, and the limits that CPUID tells.
 */
#pragma once

#include "lib/types.h"

struct cpu_features {
	char vendor[13];
	char brand[49];
	bool has_nx;
	bool has_1g_pages;
	bool has_smep;
	bool has_smap;
	bool has_umip;
	bool has_x2apic;
	bool has_pcid;
	unsigned physical_bits;
};

/* Read CPUID and remember what it says. Boot CPU, once. */
void features_detect(void);

/* Switch caches and protections on: no-execute, write protection, global pages, SMEP, SMAP, UMIP. Each CPU. */
void features_enable(void);

const struct cpu_features *features(void);
