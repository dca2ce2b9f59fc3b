/*
 * The machine around the page allocator in host tests: four nodes, six CPUs, an early allocator,
 * and kernel mappings that only count. Each test includes it once, and is compiled behind
 * page_memory.h.
 */
#pragma once

#include "tests/host/acpi_build.h"

#include <sys/mman.h>

#include <fanga/clock.h>
#include <fanga/cpu.h>
#include <fanga/numa.h>
#include <fanga/numa_stats.h>
#include <fanga/options.h>
#include <fanga/page.h>
#include <fanga/percpu.h>
#include <fanga/policy.h>
#include "kernel/mm/early.h"
#include "kernel/mm/kmap.h"
#include "kernel/mm/page_init.h"
#include "kernel/mm/percpu_pages.h"
#include "lib/errno.h"
#include "lib/prng.h"

#define MIB	 (1ull << 20)
#define GIB	 (1ull << 30)
#define CPUS	 6u
#define NODES	 4u
#define PHYS_END (6 * GIB)
#define FRAMES	 (PHYS_END / PAGE_BYTES)
#define WINDOW	 0xffffc00000000000ull

uint64_t host_direct_map, host_page_array;

/* ---- the machine around the allocator ---- */

static struct ranges early_free_ranges;
static struct cpu_callbacks *callbacks;
static unsigned bad_frees_seen, unmapped, mapped;
static uint64_t window_next = WINDOW;

unsigned cpu_count(void)
{
	return CPUS;
}

uint64_t clock_ns(void)
{
	return 0;
}

const struct kernel_options *kernel_options(void)
{
	static const struct kernel_options options = {.gigapages = 3, .gigapage_node = 1};

	return &options;
}

void warn_at(const char *file, int line, const char *format, ...)
{
	(void)file, (void)line, (void)format;
	bad_frees_seen++;
}

void cpu_register_callbacks(struct cpu_callbacks *added)
{
	callbacks = added;
}

uint64_t early_take(unsigned node, size_t bytes, size_t align)
{
	return ranges_take(&early_free_ranges, node, ALIGN_UP(bytes, PAGE_BYTES),
			   MAX(align, PAGE_BYTES));
}

uint64_t early_alloc(unsigned node, size_t bytes, size_t align)
{
	uint64_t phys = early_take(node, bytes, align);

	if (!phys)
		phys = early_take(NODE_ANY, bytes, align);
	assert_true(phys);
	memset(phys_to_virt(phys), 0, ALIGN_UP(bytes, PAGE_BYTES));
	return phys;
}

void early_free(uint64_t phys, size_t bytes)
{
	assert_int_equal(ranges_add(&early_free_ranges, phys, phys + bytes, 0), 0);
}

const struct ranges *early_hand_over(void)
{
	return &early_free_ranges;
}

int kmap_page_array(uint64_t va, uint64_t phys, size_t bytes)
{
	assert_true(va >= host_page_array && va + bytes <= host_page_array + FRAMES * 64);
	assert_int_equal(phys % PAGE_BYTES, 0);
	/* What a machine has in memory that nobody clears. */
	memset((void *)va, 0xa6, bytes);
	return 0;
}

uint64_t kmap_reserve(size_t bytes)
{
	uint64_t va = window_next;

	window_next += ALIGN_UP(bytes, PAGE_BYTES) + PAGE_BYTES;
	return va;
}

int kmap_map(uint64_t va, uint64_t phys, size_t bytes, unsigned flags)
{
	assert_true(va >= WINDOW && phys + bytes <= PHYS_END && flags & MAP_WRITE);
	mapped += bytes / PAGE_BYTES;
	return 0;
}

size_t kmap_unmap(uint64_t va, size_t bytes)
{
	(void)va, (void)bytes;
	return 1;
}

void kmap_flush(uint64_t start, uint64_t end)
{
	assert_true(start >= WINDOW && end > start);
	unmapped++;
}

static void be_cpu(unsigned cpu)
{
	host_percpu_offset = percpu_offset[cpu];
}

static void *map_region(size_t bytes)
{
	void *region = mmap(NULL, bytes + LARGE_PAGE_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(region != MAP_FAILED);
	return (void *)ALIGN_UP((uint64_t)region, LARGE_PAGE_BYTES);
}

/* Nodes with edges inside blocks and pages of neighbours; node 2 has none, node 3 is on both sides
 * of 4 GiB. */
static const struct acpi_range memory[] = {
	{.base = 0x9000, .end = 24 * MIB + 0x5000, .pxm = 0},
	{.base = 24 * MIB + 0x5000, .end = 40 * MIB + 0x123000, .pxm = 1},
	{.base = 50 * MIB, .end = 51 * MIB, .pxm = 0},
	{.base = 4 * GIB - 13 * MIB, .end = 4 * GIB, .pxm = 3},
	{.base = 4 * GIB, .end = 4 * GIB + 21 * MIB + 0x1000, .pxm = 3},
	{.base = 5 * GIB - 20 * MIB, .end = 6 * GIB, .pxm = 1}, /* a gigapage */
};

static void build_topology(void)
{
	static const uint8_t matrix[NODES * NODES] = {10, 20, 15, 40, 20, 10, 30, 20,
						      15, 30, 10, 20, 40, 20, 20, 10};

	info_begin();
	info.madt.present = info.srat.present = true;
	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		struct acpi_cpu *entry = acpi_cpu_add(&info, cpu);

		assert_non_null(entry);
		entry->has_pxm = true;
		entry->pxm = cpu % NODES;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(memory); i++)
		info.srat.ranges[info.srat.range_count++] = memory[i];
	info.slit = (struct acpi_slit){.present = true, .n = NODES, .matrix = matrix};
	assert_int_equal(numa_init(&info, NULL, 0), 0);
	numa_order_init();
	numa_policy_init();
}

/* Boot it: page_init() and the CPUs' lists. This thread is CPU 0. */
static inline void machine_start(void)
{
	host_direct_map = (uint64_t)map_region(PHYS_END);
	host_page_array = (uint64_t)map_region(FRAMES * sizeof(struct page));
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		host_cpu_attach(cpu);
	be_cpu(0);
	build_topology();
	for (unsigned i = 0; i < ARRAY_SIZE(memory); i++) {
		/* Boot has taken something in the middle of each. */
		uint64_t hole = ALIGN_DOWN((memory[i].base + memory[i].end) / 2, PAGE_BYTES);

		if (memory[i].end == 6 * GIB)
			hole = memory[i].base + 4 * PAGE_BYTES;
		assert_int_equal(
			ranges_add(&early_free_ranges, memory[i].base, hole, memory[i].pxm), 0);
		assert_int_equal(ranges_add(&early_free_ranges, hole + 3 * PAGE_BYTES,
					    memory[i].end, memory[i].pxm),
				 0);
	}
	page_init();
	for (unsigned cpu = 1; cpu < CPUS; cpu++)
		assert_int_equal(callbacks->online(cpu), 0);
}

static struct page_counts counts_of(unsigned node)
{
	struct page_counts counts;
	uint64_t pages = 0;

	assert_int_equal(page_counts_get(node, &counts), 0);
	for (unsigned order = 0; order < PAGE_ORDERS; order++)
		pages += counts.free_blocks[order] << order;
	assert_int_equal(pages, counts.free_pages);
	return counts;
}
