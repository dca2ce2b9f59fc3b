/*
 * A machine for tests of the object allocator: three nodes in a row, the middle one without memory,
 * and a page allocator of the simplest kind over a region of this process. Include once.
 */
#pragma once

#include "tests/host/machine_build.h"

#include <pthread.h>
#include <sys/mman.h>

#include <fanga/cpu.h>
#include <fanga/numa_stats.h>
#include <fanga/page.h>
#include <fanga/panic.h>
#include <fanga/percpu.h>
#include <fanga/slab.h>
#include "kernel/mm/slab.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes)   ((void)(address), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#endif

#define MACHINE_NODES	3u
#define MACHINE_CPUS	7u    /* cpu_count(), which the test defines */
#define NODE_FRAMES	2048u /* 8 MiB each, one node behind the other */
#define MACHINE_FRAMES	(MACHINE_NODES * NODE_FRAMES)
#define MEMORYLESS_NODE 1u

uint64_t host_direct_map, host_page_array;
static pthread_mutex_t frames_lock = PTHREAD_MUTEX_INITIALIZER;
static bool frame_used[MACHINE_FRAMES];
static unsigned frames_free;

void backtrace_format(uint64_t pc, bool is_return, char *text, size_t bytes)
{
	(void)is_return;
	(void)snprintf(text, bytes, "0x%lx", pc);
}

static struct page *page_take(unsigned node, unsigned order)
{
	unsigned step = 1u << order;

	for (unsigned at = node * NODE_FRAMES; at + step <= (node + 1) * NODE_FRAMES; at += step) {
		unsigned i = 0;

		while (i < step && !frame_used[at + i])
			i++;
		if (i < step)
			continue;
		for (i = 0; i < step; i++) {
			frame_used[at + i] = true;
			/* What a descriptor in use holds is its owner's: anything. */
			memset(&PAGE_ARRAY[at + i], 0x5a, sizeof(struct page));
			PAGE_ARRAY[at + i].node = (uint8_t)node;
			PAGE_ARRAY[at + i].state = i ? PAGE_TAIL : PAGE_ALLOCATED;
			PAGE_ARRAY[at + i].order = (uint8_t)order;
		}
		ASAN_UNPOISON_MEMORY_REGION(page_virt(&PAGE_ARRAY[at]), PAGE_BYTES << order);
		memset(page_virt(&PAGE_ARRAY[at]), 0xa5, PAGE_BYTES << order);
		frames_free -= step;
		return &PAGE_ARRAY[at];
	}
	return NULL;
}

struct page *page_alloc_instead(unsigned wanted, unsigned node, unsigned order, unsigned flags)
{
	struct page *page = NULL;

	(void)wanted;
	pthread_mutex_lock(&frames_lock);
	if (node != MEMORYLESS_NODE)
		page = page_take(node, order);
	pthread_mutex_unlock(&frames_lock);
	if (page && flags & PAGE_ZERO)
		memset(page_virt(page), 0, PAGE_BYTES << order);
	return page;
}

struct page *page_alloc(unsigned node, unsigned order, unsigned flags)
{
	const uint8_t *nodes =
		numa_fallback_order(node == NODE_ANY ? numa_node_for_cpu(current_cpu_id()) : node);
	struct page *page = NULL;

	for (unsigned i = 0; !page && i < MACHINE_NODES; i++)
		page = page_alloc_instead(nodes[0], nodes[i], order, flags);
	return page;
}

int page_free(struct page *page, unsigned order)
{
	unsigned at = (unsigned)(page - PAGE_ARRAY);

	pthread_mutex_lock(&frames_lock);
	assert_int_equal(page->state, PAGE_ALLOCATED);
	assert_int_equal(page->order, order);
	for (unsigned i = 0; i < 1u << order; i++) {
		assert_true(frame_used[at + i]);
		frame_used[at + i] = false;
		PAGE_ARRAY[at + i].state = PAGE_FREE;
	}
	frames_free += 1u << order;
	ASAN_POISON_MEMORY_REGION(page_virt(page), PAGE_BYTES << order);
	pthread_mutex_unlock(&frames_lock);
	return 0;
}

struct page *page_find(uint64_t phys)
{
	return phys / PAGE_BYTES < MACHINE_FRAMES && frame_used[phys / PAGE_BYTES] ? page_of(phys)
										   : NULL;
}

struct page *page_head(struct page *page)
{
	while (page->state == PAGE_TAIL)
		page--;
	return page;
}

static void *region(size_t bytes)
{
	void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(start != MAP_FAILED);
	/* Blocks are aligned to their size. */
	return (void *)ALIGN_UP((uintptr_t)start, PAGE_BYTES << PAGE_ORDER_MAX);
}

/* CPU n is on node n modulo 3. Once, before threads start. */
static int machine_start(void **state)
{
	size_t slack = PAGE_BYTES << PAGE_ORDER_MAX;

	(void)state;
	host_direct_map = (uint64_t)region(MACHINE_FRAMES * PAGE_BYTES + slack);
	host_page_array = (uint64_t)region(MACHINE_FRAMES * sizeof(struct page) + slack);
	frames_free = MACHINE_FRAMES - NODE_FRAMES;
	ASAN_POISON_MEMORY_REGION((void *)host_direct_map, MACHINE_FRAMES * PAGE_BYTES);
	for (unsigned cpu = 0; cpu < MACHINE_CPUS; cpu++)
		host_cpu_prepare(cpu);
	machine_cpus(MACHINE_NODES, MACHINE_CPUS);
	machine_memory(0, NODE_FRAMES * PAGE_BYTES);
	machine_memory(2, NODE_FRAMES * PAGE_BYTES);
	machine_finish(NULL);
	slab_init();
	return 0;
}

/* Let the calling thread be @cpu from now on, with all that is @cpu's. */
static inline void machine_be_cpu(unsigned cpu)
{
	host_percpu_offset = percpu_offset[cpu];
}

/* Give back all that can be. */
static void machine_shrink(void)
{
	for (unsigned round = 0; round < 2; round++)
		for (unsigned cpu = 0; cpu < MACHINE_CPUS; cpu++) {
			machine_be_cpu(cpu);
			slab_shrink();
		}
}
