/*
 * Memory as boot leaves it: the early allocator by node, the kernel's page tables and their
 * permissions on every CPU, kernel mappings and guarded stacks. Whatever a test takes it gives
 * back, but for addresses and page tables of the kernel's windows, which are handed out once.
 */
#include <fanga/mm.h>
#include <fanga/numa.h>
#include <fanga/options.h>
#include <fanga/smp.h>
#include <fanga/tlb.h>
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/features.h"
#include "arch/x86_64/gdt.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/trap.h"
#include "kernel/mm/early.h"
#include "kernel/mm/kmap.h"
#include "lib/errno.h"
#include "lib/prng.h"
#include "lib/string.h"
#include "tests/kernel/ktest.h"

#define LARGE	      (2ul << 20)
#define EXHAUST_LIMIT (600ul << 20) /* clearing more takes too long */

/* ---- the early allocator ---- */

static bool is_zero(uint64_t phys, size_t bytes)
{
	const uint64_t *word = phys_to_virt(phys);

	for (size_t i = 0; i < bytes / sizeof(*word); i++)
		if (word[i])
			return false;
	return true;
}

static void check_block(unsigned node, size_t bytes, size_t align)
{
	uint64_t before = early_free_bytes(node), all = early_free_bytes(NODE_ANY);

	/* The second time it has been used. */
	for (unsigned turn = 0; turn < 2; turn++) {
		uint64_t phys = early_alloc_strict(node, bytes, align);

		KT_CHECK(phys && IS_ALIGNED(phys, MAX(align, PAGE_BYTES)));
		KT_EQ(numa_node_for_address(phys), node);
		KT_EQ(numa_node_for_address(phys + bytes - 1), node);
		KT_CHECK(is_zero(phys, ALIGN_UP(bytes, PAGE_BYTES)));
		KT_EQ(early_free_bytes(node), before - ALIGN_UP(bytes, PAGE_BYTES));
		memset(phys_to_virt(phys), 0xa5, ALIGN_UP(bytes, PAGE_BYTES));
		early_free(phys, bytes);
		KT_EQ(early_free_bytes(node), before);
	}
	KT_EQ(early_free_bytes(NODE_ANY), all);
}

KTEST(mm, blocks_are_of_the_node_zeroed_and_aligned)
{
	static const size_t aligns[] = {0, PAGE_BYTES, 64 << 10, LARGE};

	for (unsigned node = 0; node < numa_node_count(); node++) {
		if (early_free_bytes(node) < 2 * LARGE + LARGE)
			continue;
		for (unsigned i = 0; i < ARRAY_SIZE(aligns); i++) {
			check_block(node, 1, aligns[i]);
			check_block(node, PAGE_BYTES, aligns[i]);
			check_block(node, 3 * PAGE_BYTES + 1, aligns[i]);
			/* Clearing is slow where 255 CPUs take turns: a few will do. */
			if (node < 2 && aligns[i] == LARGE)
				check_block(node, LARGE, aligns[i]);
		}
	}
}

KTEST(mm, impossible_blocks_are_refused)
{
	uint64_t all = early_free_bytes(NODE_ANY);

	KT_EQ(early_alloc(0, 0, PAGE_BYTES), 0);
	KT_EQ(early_alloc_strict(0, 0, PAGE_BYTES), 0);
	KT_EQ(early_alloc(NODE_ANY, all + PAGE_BYTES, PAGE_BYTES), 0);
	KT_EQ(early_alloc(NODE_ANY, ~0ul, PAGE_BYTES), 0);
	KT_EQ(early_alloc_strict(0, ~0ul - PAGE_BYTES, PAGE_BYTES), 0);
	KT_EQ(early_alloc(0, PAGE_BYTES, 1ul << 50), 0);
	KT_EQ(early_alloc(0, PAGE_BYTES, 1ul << 63), 0);
	KT_EQ(early_alloc_strict(numa_node_count(), PAGE_BYTES, PAGE_BYTES), 0);
	KT_EQ(early_alloc_strict(NODE_MAX, PAGE_BYTES, PAGE_BYTES), 0);
	KT_EQ(early_free_bytes(numa_node_count()), 0);
	KT_EQ(early_free_bytes(NODE_ANY), all);
}

/* Take all of @node, in a chain through the first words of the blocks. */
static uint64_t take_all(unsigned node)
{
	uint64_t chain = 0;

	for (size_t bytes = 64ul << 20; bytes >= PAGE_BYTES; bytes /= 2) {
		uint64_t phys;

		while ((phys = early_alloc_strict(node, bytes, PAGE_BYTES))) {
			uint64_t *block = phys_to_virt(phys);

			block[0] = chain;
			block[1] = bytes;
			chain = phys;
		}
	}
	return chain;
}

static void give_back(uint64_t chain)
{
	while (chain) {
		const uint64_t *block = phys_to_virt(chain);
		uint64_t next = block[0];

		early_free(chain, block[1]);
		chain = next;
	}
}

/* Where early_alloc(@node) goes when @node is empty, by the header's words. */
static int nearest_with_room(unsigned node)
{
	int nearest = -1;

	for (unsigned other = 0; other < numa_node_count(); other++)
		if (early_free_bytes(other) &&
		    (nearest < 0 || numa_distance(node, other) < numa_distance(node, nearest)))
			nearest = (int)other;
	return nearest;
}

static unsigned smallest_node(void)
{
	unsigned smallest = 0;

	for (unsigned node = 1; node < numa_node_count(); node++)
		if (early_free_bytes(node) && (!early_free_bytes(smallest) ||
					       early_free_bytes(node) < early_free_bytes(smallest)))
			smallest = node;
	return smallest;
}

KTEST(mm, an_exhausted_node_leaves_the_others_alone)
{
	uint64_t before[NODE_MAX], chain, strict, near = 0;
	unsigned node = smallest_node();
	bool others_same = true;
	int nearest, got = -1;

	for (unsigned i = 0; i < numa_node_count(); i++)
		before[i] = early_free_bytes(i);
	if (before[node] > EXHAUST_LIMIT)
		KT_SKIP("a node is larger than what can be cleared in a test's time");
	chain = take_all(node);
	strict = early_alloc_strict(node, PAGE_BYTES, PAGE_BYTES);
	nearest = nearest_with_room(node);
	if (nearest >= 0) {
		near = early_alloc(node, PAGE_BYTES, PAGE_BYTES);
		got = numa_node_for_address(near);
		early_free(near, PAGE_BYTES);
	}
	for (unsigned i = 0; i < numa_node_count(); i++)
		others_same &= i == node || early_free_bytes(i) == before[i];
	/* All is given back before the first verdict, or the tests after this one would fail too.
	 */
	give_back(chain);
	KT_EQ(strict, 0);
	KT_EQ(got, nearest);
	KT_CHECK(others_same);
	for (unsigned i = 0; i < numa_node_count(); i++)
		KT_EQ(early_free_bytes(i), before[i]);
}

KTEST(mm, nodes_without_memory_take_the_nearest)
{
	bool any = false;

	for (unsigned node = 0; node < numa_node_count(); node++) {
		uint64_t phys;

		if (numa_get_node(node)->memory_bytes)
			continue;
		any = true;
		KT_EQ(early_alloc_strict(node, PAGE_BYTES, PAGE_BYTES), 0);
		phys = early_alloc(node, PAGE_BYTES, PAGE_BYTES);
		KT_EQ(numa_node_for_address(phys), numa_memory_node(node));
		/* Of equally near ones any will do. */
		KT_EQ(numa_distance(node, numa_memory_node(node)),
		      numa_distance(node, nearest_with_room(node)));
		early_free(phys, PAGE_BYTES);
	}
	if (!any)
		KT_SKIP("every node has memory");
}

#define WORKER_ROUNDS 480 /* shared by the CPUs */
#define WORKER_BLOCKS 4

static void allocate_and_free(void *unused)
{
	uint64_t block[WORKER_BLOCKS] = {0};
	size_t bytes[WORKER_BLOCKS];
	struct prng prng;

	(void)unused;
	prng_seed(&prng, kernel_options()->seed + current_cpu_id());
	for (unsigned round = 0; round < 6 + WORKER_ROUNDS / cpu_online_count(); round++) {
		unsigned i = (unsigned)prng_below(&prng, WORKER_BLOCKS);
		uint64_t stamp = round << 10 | current_cpu_id();

		if (block[i]) {
			uint64_t *word = phys_to_virt(block[i]);

			KT_EQ(word[0], word[bytes[i] / 8 - 1]);
			KT_EQ(word[0] & (CPU_MAX - 1), current_cpu_id());
			early_free(block[i], bytes[i]);
		}
		bytes[i] = PAGE_BYTES * (1 + prng_below(&prng, 4));
		block[i] = early_alloc((unsigned)prng_below(&prng, numa_node_count()), bytes[i],
				       PAGE_BYTES);
		KT_CHECK(block[i] && is_zero(block[i], bytes[i]));
		((uint64_t *)phys_to_virt(block[i]))[0] = stamp;
		((uint64_t *)phys_to_virt(block[i]))[bytes[i] / 8 - 1] = stamp;
	}
	for (unsigned i = 0; i < WORKER_BLOCKS; i++)
		if (block[i])
			early_free(block[i], bytes[i]);
}

KTEST(mm, all_cpus_allocate_at_once)
{
	uint64_t before[NODE_MAX];

	for (unsigned i = 0; i < numa_node_count(); i++)
		before[i] = early_free_bytes(i);
	smp_run_on(cpu_online_mask(), allocate_and_free, NULL);
	for (unsigned i = 0; i < numa_node_count(); i++)
		KT_EQ(early_free_bytes(i), before[i]);
}

/* ---- permissions ---- */

static uint64_t sign_extend(uint64_t va)
{
	return (uint64_t)((int64_t)(va << 16) >> 16);
}

static bool is_image_text(uint64_t va)
{
	return va >= (uint64_t)image_start && va < ALIGN_UP((uint64_t)image_text_end, LARGE);
}

static struct {
	unsigned leaves, executable;
} walked;

static void check_leaf(uint64_t va, uint64_t entry)
{
	walked.leaves++;
	walked.executable += !(entry & PTE_NX);
	if (entry & PTE_WRITE && !(entry & PTE_NX))
		KT_FAIL("0x%lx is writable and executable", va);
	if (!(entry & PTE_NX) && !is_image_text(va))
		KT_FAIL("0x%lx is executable and not the image's code", va);
	if (entry & PTE_USER)
		KT_FAIL("0x%lx is a user page", va);
	if (va >= MMIO_BASE && va < MMIO_BASE + MMIO_BYTES)
		KT_CHECK(entry & PTE_NX);
}

static void walk(uint64_t table, uint64_t va, unsigned level)
{
	const uint64_t *entries = phys_to_virt(table);

	for (unsigned i = 0; i < 512; i++) {
		uint64_t here = va | (uint64_t)i << (PAGE_SHIFT + 9 * level);

		if (!(entries[i] & PTE_PRESENT))
			continue;
		if (level == 0 || entries[i] & PTE_LARGE)
			check_leaf(sign_extend(here), entries[i]);
		else
			walk(entries[i] & PTE_ADDRESS, here, level - 1);
	}
}

KTEST(mm, no_page_is_writable_and_executable)
{
	const uint64_t *root = phys_to_virt(kmap_root());

	walked.leaves = walked.executable = 0;
	walk(kmap_root(), 0, 3);
	ktest_note("%u pages, %u executable", walked.leaves, walked.executable);
	KT_CHECK(walked.leaves > 10 && walked.executable >= 1);
	for (unsigned i = 0; i < 256; i++)
		KT_EQ(root[i], 0); /* the lower half is for programs */
}

/* [@start, @end) of the image is read-only at both its addresses, and executable at most at one. */
static void check_read_only(const char *start, const char *end, bool is_text)
{
	for (const char *page = start; page < end; page += PAGE_BYTES) {
		uint64_t phys = virt_to_phys(page);
		size_t bytes;
		uint64_t image = paging_lookup(kmap_root(), (uint64_t)page, &bytes);
		uint64_t direct = paging_lookup(kmap_root(), (uint64_t)phys_to_virt(phys), &bytes);

		KT_CHECK(image && direct);
		KT_CHECK(!(image & PTE_WRITE) && !(direct & PTE_WRITE));
		KT_EQ(!(image & PTE_NX), is_text);
		KT_CHECK(direct & PTE_NX);
	}
}

KTEST(mm, code_constants_and_symbols_are_read_only)
{
	check_read_only(image_start, image_text_end, true);
	check_read_only(image_rodata_start, image_rodata_end, false);
	check_read_only(image_symbols_start, image_end, false);
}

KTEST(mm, data_is_writable_and_ram_is_mapped)
{
	unsigned count, flags;
	const struct numa_span *ram = early_ram(&count);
	uint64_t phys;

	KT_EQ(kmap_lookup((uint64_t)image_data_start, &phys, &flags), 0);
	KT_EQ(phys, virt_to_phys(image_data_start));
	KT_CHECK(flags & MAP_WRITE && !(flags & MAP_EXEC));
	for (unsigned i = 0; i < count; i++) {
		uint64_t last = ram[i].base + ram[i].length - 1;

		KT_EQ(kmap_lookup((uint64_t)phys_to_virt(ram[i].base), &phys, &flags), 0);
		KT_EQ(phys, ram[i].base);
		KT_EQ(kmap_lookup((uint64_t)phys_to_virt(last), &phys, &flags), 0);
		KT_EQ(phys, last);
	}
	KT_EQ(kmap_lookup(0, &phys, &flags), -EFAULT);
	KT_EQ(kmap_lookup(0x1000, &phys, &flags), -EFAULT);
}

static void check_registers(void *unused)
{
	struct cpuid_regs leaf7 = cpuid(0, 0).eax >= 7 ? cpuid(7, 0) : (struct cpuid_regs){0};
	uint64_t cr0 = read_cr0(), cr4 = read_cr4();

	(void)unused;
	KT_EQ(read_cr3() & PTE_ADDRESS, kmap_root());
	KT_CHECK(cr0 & CR0_WP);
	KT_CHECK(!(cr0 & (BIT(29) | BIT(30)))); /* caches on */
	KT_CHECK(rdmsr(MSR_EFER) & EFER_NXE);
	KT_CHECK(cr4 & CR4_PGE);
	KT_EQ(!!(cr4 & CR4_SMEP), !!(leaf7.ebx & BIT(7)));
	KT_EQ(!!(cr4 & CR4_SMAP), !!(leaf7.ebx & BIT(20)));
	KT_EQ(!!(cr4 & CR4_UMIP), !!(leaf7.ecx & BIT(2)));
}

KTEST(mm, protection_is_on_on_each_cpu)
{
	KT_EQ(smp_run_on(cpu_online_mask(), check_registers, NULL), cpu_online_count());
}

/* ---- stacks ---- */

static bool is_mapped(uint64_t va)
{
	size_t bytes;

	return paging_lookup(kmap_root(), va, &bytes) != 0;
}

static void check_own_stack(void *unused)
{
	uint64_t here = (uint64_t)__builtin_frame_address(0), low, top, phys;
	unsigned flags;

	(void)unused;
	KT_CHECK(gdt_find_stack(here, &low, &top));
	KT_CHECK(low < here && here < top);
	for (uint64_t va = low; va < top; va += PAGE_BYTES)
		KT_CHECK(is_mapped(va));
	KT_CHECK(!is_mapped(low - 1) && !is_mapped(low - PAGE_BYTES) && !is_mapped(top));
	KT_CHECK(trap_is_stack_guard(low - 1) && trap_is_stack_guard(low - PAGE_BYTES));
	KT_CHECK(!trap_is_stack_guard(low) && !trap_is_stack_guard(top - 1));
	KT_CHECK(!trap_is_stack_guard(0) && !trap_is_stack_guard((uint64_t)image_start - 1));
	KT_EQ(kmap_lookup(here, &phys, &flags), 0);
	KT_EQ(flags, MAP_WRITE);
	KT_EQ(numa_node_for_address(phys), numa_memory_node(numa_node_for_cpu(current_cpu_id())));
}

KTEST(mm, stacks_are_guarded_and_on_their_own_node)
{
	KT_EQ(smp_run_on(cpu_online_mask(), check_own_stack, NULL), cpu_online_count());
}

KTEST(mm, new_stacks_are_guarded)
{
	uint64_t top = kstack_alloc(0, 2 * PAGE_BYTES), series = kstack_alloc_series(0, 8192, 3);
	uint64_t phys;
	unsigned flags;

	KT_CHECK(top && top % 16 == 0);
	KT_CHECK(is_mapped(top - 1) && is_mapped(top - 2 * PAGE_BYTES));
	KT_CHECK(!is_mapped(top - 2 * PAGE_BYTES - 1) && !is_mapped(top));
	KT_EQ(kmap_lookup(top - 8, &phys, &flags), 0);
	KT_EQ(flags, MAP_WRITE);
	KT_CHECK(series && IS_ALIGNED(series, 16384));
	for (unsigned i = 0; i < 3 * 16384 / PAGE_BYTES; i++)
		KT_EQ(is_mapped(series + i * PAGE_BYTES), i % 4 >= 2);
	KT_EQ(kstack_alloc(0, 0), 0);
}

/* ---- kernel mappings ---- */

KTEST(mm, a_mapping_shows_the_memory)
{
	uint64_t va = kmap_reserve(3 * PAGE_BYTES), phys = early_alloc(0, PAGE_BYTES, PAGE_BYTES);
	uint64_t found;
	unsigned flags;

	KT_CHECK(va && phys);
	KT_EQ(kmap_map(va, phys, PAGE_BYTES, MAP_WRITE), 0);
	KT_EQ(kmap_map(va + PAGE_BYTES, phys, PAGE_BYTES, 0), 0);
	*(volatile uint64_t *)(va + 16) = 0x5eed;
	KT_EQ(*(volatile uint64_t *)((uint64_t)phys_to_virt(phys) + 16), 0x5eed);
	KT_EQ(*(volatile uint64_t *)(va + PAGE_BYTES + 16), 0x5eed);
	KT_EQ(kmap_lookup(va + 5, &found, &flags), 0);
	KT_EQ(found, phys + 5);
	KT_EQ(flags, MAP_WRITE);
	KT_EQ(kmap_lookup(va + PAGE_BYTES, &found, &flags), 0);
	KT_EQ(flags, 0);
	KT_EQ(kmap_lookup(va + 2 * PAGE_BYTES, &found, &flags), -EFAULT);
	KT_EQ(kmap_lookup(va - 1, &found, &flags), -EFAULT);
	KT_EQ(kmap_unmap(va, 3 * PAGE_BYTES), 2);
	KT_EQ(kmap_unmap(va, 3 * PAGE_BYTES), 0);
	tlb_flush_range(&tlb_kernel_space, va, va + 3 * PAGE_BYTES);
	KT_EQ(kmap_lookup(va, &found, &flags), -EFAULT);
	early_free(phys, PAGE_BYTES);
}

KTEST(mm, wrong_mappings_are_refused)
{
	uint64_t va = kmap_reserve(4 * PAGE_BYTES), phys = early_alloc(0, PAGE_BYTES, PAGE_BYTES);
	uint64_t beyond = 1ul << features()->physical_bits, found;
	unsigned flags;

	KT_CHECK(va && phys);
	KT_EQ(kmap_map(va, phys, 0, 0), -EINVAL);
	KT_EQ(kmap_map(va + 1, phys, PAGE_BYTES, 0), -EINVAL);
	KT_EQ(kmap_map(va, phys + 8, PAGE_BYTES, 0), -EINVAL);
	KT_EQ(kmap_map(va, phys, PAGE_BYTES + 1, 0), -EINVAL);
	KT_EQ(kmap_map(va, phys, PAGE_BYTES, MAP_WRITE | MAP_EXEC), -EINVAL);
	KT_EQ(kmap_map(KMAP_BASE - PAGE_BYTES, phys, PAGE_BYTES, 0), -EINVAL);
	KT_EQ(kmap_map(KMAP_BASE + KMAP_BYTES, phys, PAGE_BYTES, 0), -EINVAL);
	KT_EQ(kmap_map(va, phys, 1ul << 38, 0), -EINVAL);
	KT_EQ(kmap_map(va, phys, -PAGE_BYTES, 0), -EINVAL);
	KT_EQ(kmap_map(va, beyond, PAGE_BYTES, 0), -EINVAL);
	KT_EQ(kmap_map(va, -PAGE_BYTES, PAGE_BYTES, 0), -EINVAL);
	for (unsigned i = 0; i < 4; i++)
		KT_EQ(kmap_lookup(va + i * PAGE_BYTES, &found, &flags), -EFAULT);

	/* A page in the way: those before it are unmapped again, it stays. */
	KT_EQ(kmap_map(va + 2 * PAGE_BYTES, phys, PAGE_BYTES, MAP_WRITE), 0);
	KT_EQ(kmap_map(va, phys, 4 * PAGE_BYTES, 0), -EEXIST);
	KT_EQ(kmap_lookup(va, &found, &flags), -EFAULT);
	KT_EQ(kmap_lookup(va + PAGE_BYTES, &found, &flags), -EFAULT);
	KT_EQ(kmap_lookup(va + 2 * PAGE_BYTES, &found, &flags), 0);
	KT_EQ(flags, MAP_WRITE);
	KT_EQ(kmap_lookup(va + 3 * PAGE_BYTES, &found, &flags), -EFAULT);
	KT_EQ(kmap_unmap(va, 4 * PAGE_BYTES), 1);
	tlb_flush_range(&tlb_kernel_space, va, va + 4 * PAGE_BYTES);
	early_free(phys, PAGE_BYTES);
}

KTEST(mm, large_pages_where_they_fit)
{
	uint64_t window = kmap_reserve(3 * LARGE), va = ALIGN_UP(window, LARGE), found;
	uint64_t phys = early_alloc(NODE_ANY, LARGE, LARGE);
	unsigned flags;

	KT_CHECK(window && phys);
	KT_EQ(kmap_map(va, phys, LARGE, MAP_WRITE | MAP_LARGE), 0);
	KT_EQ(kmap_lookup(va + LARGE - 1, &found, &flags), 0);
	KT_EQ(found, phys + LARGE - 1);
	KT_EQ(flags, MAP_WRITE | MAP_LARGE);
	KT_EQ(kmap_unmap(va, LARGE), 1);
	tlb_flush_range(&tlb_kernel_space, va, va + LARGE);
	/* Without the flag, or not aligned, in small ones. */
	KT_EQ(kmap_map(va + PAGE_BYTES, phys, LARGE - PAGE_BYTES, MAP_WRITE | MAP_LARGE), 0);
	KT_EQ(kmap_lookup(va + LARGE - 1, &found, &flags), 0);
	KT_EQ(flags, MAP_WRITE);
	KT_EQ(kmap_unmap(va, LARGE), LARGE / PAGE_BYTES - 1);
	tlb_flush_range(&tlb_kernel_space, va, va + LARGE);
	early_free(phys, LARGE);
}

KTEST(mm, reservations_are_apart_and_bounded)
{
	uint64_t first = kmap_reserve(PAGE_BYTES), second = kmap_reserve(1);

	KT_CHECK(first && second && IS_ALIGNED(first | second, PAGE_BYTES));
	KT_CHECK(second >= first + 2 * PAGE_BYTES);
	KT_CHECK(!is_mapped(first) && !is_mapped(first - 1) && !is_mapped(first + PAGE_BYTES));
	KT_EQ(kmap_reserve(0), 0);
	KT_EQ(kmap_reserve(KMAP_BYTES), 0);
	KT_EQ(kmap_reserve(~0ul), 0);
	KT_EQ(kmap_reserve(~0ul - PAGE_BYTES), 0);
}

KTEST(mm, wrong_device_windows_are_refused)
{
	KT_CHECK(!mmio_map(0xfed00000, 0));
	KT_CHECK(!mmio_map(~0ul - 100, 4096));
	KT_CHECK(!mmio_map(1ul << features()->physical_bits, 4096));
	KT_CHECK(!mmio_map((1ul << features()->physical_bits) - 4, 8));
	KT_CHECK(!mmio_map(0x1000, MMIO_BYTES));
	KT_CHECK(!kmap_firmware(~0ul - 100, 4096));
	KT_CHECK(!kmap_firmware(1ul << 60, 1));
	KT_CHECK(!kmap_firmware(1ul << features()->physical_bits, 1));
}

KTEST(mm, tables_are_not_read_from_devices)
{
	static const uint64_t devices[] = {0xa0000, 0xfec00000, 0xfed00000, 0xfee00000};
	uint64_t phys;
	unsigned flags;

	for (unsigned i = 0; i < ARRAY_SIZE(devices); i++) {
		KT_CHECK(!kmap_firmware(devices[i], 64));
		KT_EQ(kmap_lookup(DIRECT_MAP_BASE + devices[i], &phys, &flags), -EFAULT);
	}
	KT_CHECK(kmap_firmware(0xe0000, 0x20000));
	KT_CHECK(kmap_firmware(0x40e, 2));
}

/* Copies of the upper half share whatever is mapped later: no top-level slot is added after boot.
 */
KTEST(mm, top_level_slots_are_filled_at_boot)
{
	const uint64_t *root = phys_to_virt(kmap_root());
	uint64_t span_bytes = 1ul << 39;
	unsigned count;
	const struct numa_span *ram = early_ram(&count);

	KT_CHECK(root[256] & PTE_PRESENT);
	for (unsigned i = 0; i < count; i++)
		for (uint64_t at = ALIGN_DOWN(ram[i].base, span_bytes);
		     at < ram[i].base + ram[i].length; at += span_bytes)
			KT_CHECK(root[256 + at / span_bytes] & PTE_PRESENT);
	KT_CHECK(root[KMAP_BASE >> 39 & 511] & PTE_PRESENT);
	KT_CHECK(root[MMIO_BASE >> 39 & 511] & PTE_PRESENT);
	KT_CHECK(root[511] & PTE_PRESENT);
}

KTEST(mm, device_windows_are_uncached)
{
	volatile uint32_t *hpet = mmio_map(0xfed00004, 8); /* straddles nothing, not page-aligned */
	uint64_t phys;
	unsigned flags;

	KT_CHECK(hpet && ((uint64_t)hpet & (PAGE_BYTES - 1)) == 4);
	KT_EQ(kmap_lookup((uint64_t)hpet, &phys, &flags), 0);
	KT_EQ(phys, 0xfed00004);
	KT_EQ(flags, MAP_WRITE | MAP_UNCACHED);
}
