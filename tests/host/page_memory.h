/*
 * Memory for host tests of the page allocator: included in front of everything that is compiled for
 * them, so that the direct map and the array of descriptors are regions of this process.
 */
#pragma once

#include "arch/x86_64/layout.h"

extern uint64_t host_direct_map, host_page_array;

#undef DIRECT_MAP_BASE
#define DIRECT_MAP_BASE host_direct_map
#undef PAGE_ARRAY_BASE
#define PAGE_ARRAY_BASE	   host_page_array
#define phys_to_virt(phys) ((void *)(host_direct_map + (phys)))
#define virt_to_phys(va)   ((uint64_t)(va)-host_direct_map)
