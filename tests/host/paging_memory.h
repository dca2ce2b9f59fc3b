/*
 * Physical memory for the page tables of a host test: included in front of everything that is
 * compiled for it, so that paging.c reaches its tables here and not through the direct map.
 */
#pragma once

#include "arch/x86_64/layout.h"

void *host_phys_to_virt(uint64_t phys);
#define phys_to_virt(phys) host_phys_to_virt(phys)
