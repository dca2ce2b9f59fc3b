/*
 * Kernel page tables, and the windows for mappings and device registers.
 *
 * One tree for all CPUs until there are address spaces, which will copy its upper half. `kmap_lock`
 * guards the tree and the windows' positions: taken with interrupts off, before early_lock and the
 * locks of the page allocator. Entries are global pages. Window addresses are handed out upwards
 * and never again.
 */
#include "kernel/mm/kmap.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/features.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/trap.h"
#include "fanga/panic.h"
#include "fanga/spinlock.h"
#include "kernel/mm/early.h"
#include "kernel/mm/memory_map.h"
#include "lib/errno.h"

#define SLOT_BYTES (1ul << 39) /* of an entry of the top table */

static DEFINE_SPINLOCK(kmap_lock);
static uint64_t kernel_root[512] __aligned(PAGE_BYTES);
static uint64_t trampoline_root[512] __aligned(PAGE_BYTES);
static uint64_t kmap_next = KMAP_BASE;
static uint64_t mmio_next = MMIO_BASE;
static const struct boot_info *boot_map; /* constant after kmap_init() */

uint64_t kernel_cr3;

uint64_t kmap_root(void)
{
	return virt_to_phys(kernel_root);
}

uint64_t paging_alloc_table(void)
{
	return early_alloc(NODE_ANY, PAGE_BYTES, PAGE_BYTES);
}

int kmap_page_array(uint64_t va, uint64_t phys, size_t bytes)
{
	SPIN_IRQ_GUARD(&kmap_lock);
	return paging_map(kmap_root(), va, phys, bytes, PTE_WRITE | PTE_NX | PTE_GLOBAL, PAGING_2M);
}

static void map_or_panic(uint64_t va, uint64_t phys, size_t bytes, uint64_t flags,
			 enum paging_size largest)
{
	int error = paging_map(kmap_root(), va, phys, bytes, flags | PTE_GLOBAL, largest);

	if (error)
		panic("cannot map 0x%lx bytes at 0x%lx: error %d", bytes, va, error);
}

static void map_direct(uint64_t base, uint64_t end, uint64_t flags)
{
	enum paging_size largest = features()->has_1g_pages ? PAGING_1G : PAGING_2M;

	if (base < end)
		map_or_panic(DIRECT_MAP_BASE + base, base, end - base, flags | PTE_NX, largest);
}

/*
 * All RAM, writable but for the image's code, constants and symbols: a second address for them must
 * not undo their protection.
 */
static void map_ram(void)
{
	uint64_t code = virt_to_phys(image_start), data = virt_to_phys(image_data_start);
	uint64_t symbols = virt_to_phys(image_symbols_start), end = virt_to_phys(image_end);
	const struct {
		uint64_t base, end, flags;
	} zones[] = {
		{0, code, PTE_WRITE}, {code, data, 0},	      {data, symbols, PTE_WRITE},
		{symbols, end, 0},    {end, ~0ul, PTE_WRITE},
	};
	unsigned count;
	const struct numa_span *ram = early_ram(&count);

	for (unsigned i = 0; i < count; i++)
		for (unsigned z = 0; z < ARRAY_SIZE(zones); z++)
			map_direct(MAX(ram[i].base, zones[z].base),
				   MIN(ram[i].base + ram[i].length, zones[z].end), zones[z].flags);
}

static void map_image(const char *start, const char *end, uint64_t flags)
{
	/* Sections begin on large pages; the rest of the last one is the image's own padding. */
	map_or_panic((uint64_t)start, virt_to_phys(start),
		     ALIGN_UP((uint64_t)end, LARGE_PAGE_BYTES) - (uint64_t)start, flags, PAGING_2M);
}

static uint64_t direct_map_limit(void)
{
	return MIN(1ul << features()->physical_bits, DIRECT_MAP_BYTES);
}

/* Top-level slots wherever kmap_firmware() may map: low memory, and what the map lists. */
static void prepare_direct_map(void)
{
	uint64_t slot_bytes = 1ul << 39, limit = direct_map_limit();
	int error = paging_prepare_slot(kmap_root(), DIRECT_MAP_BASE);

	for (unsigned i = 0; i < boot_map->memory_count; i++) {
		const struct boot_memory *m = &boot_map->memory[i];
		uint64_t end = MIN(m->base + m->length, limit);

		for (uint64_t base = ALIGN_DOWN(m->base, slot_bytes); !error && base < end;
		     base += slot_bytes)
			error = paging_prepare_slot(kmap_root(), DIRECT_MAP_BASE + base);
	}
	if (error)
		panic("no memory for page tables");
}

void kmap_init(const struct boot_info *info)
{
	boot_map = info;
	map_ram();
	map_image(image_start, image_text_end, 0);
	map_image(image_rodata_start, image_rodata_end, PTE_NX);
	map_image(image_data_start, image_data_end, PTE_NX | PTE_WRITE);
	map_image(image_symbols_start, image_end, PTE_NX);
	prepare_direct_map();
	if (paging_prepare_slot(kmap_root(), KMAP_BASE) ||
	    paging_prepare_slot(kmap_root(), MMIO_BASE))
		panic("no memory for page tables");
	for (uint64_t at = 0; at < PAGE_ARRAY_BYTES; at += SLOT_BYTES)
		if (paging_prepare_slot(kmap_root(), PAGE_ARRAY_BASE + at))
			panic("no memory for page tables");
	kernel_cr3 = kmap_root();
	write_cr3(kernel_cr3);
}

const void *kmap_firmware(uint64_t phys, size_t bytes)
{
	uint64_t page = ALIGN_DOWN(phys, PAGE_BYTES);
	size_t mapped_bytes;

	if (!memory_map_may_hold_tables(boot_map, phys, bytes) || phys + bytes > direct_map_limit())
		return NULL;

	SPIN_IRQ_GUARD(&kmap_lock);
	for (; page < phys + bytes; page += PAGE_BYTES) {
		uint64_t va = DIRECT_MAP_BASE + page;

		if (!paging_lookup(kmap_root(), va, &mapped_bytes) &&
		    paging_map(kmap_root(), va, page, PAGE_BYTES, PTE_NX | PTE_GLOBAL, PAGING_4K))
			return NULL;
	}
	return phys_to_virt(phys);
}

uint64_t kmap_make_trampoline_root(uint64_t page)
{
	uint64_t root = virt_to_phys(trampoline_root);

	for (unsigned i = 256; i < 512; i++)
		trampoline_root[i] = kernel_root[i];
	if (paging_map(root, page, page, PAGE_BYTES, 0, PAGING_4K))
		return 0;
	return root;
}

static uint64_t reserve(size_t bytes, size_t align)
{
	uint64_t end = KMAP_BASE + KMAP_BYTES;

	SPIN_IRQ_GUARD(&kmap_lock);

	uint64_t va = ALIGN_UP(kmap_next + PAGE_BYTES, align);
	size_t taken = ALIGN_UP(bytes, PAGE_BYTES) + PAGE_BYTES;

	if (!bytes || taken < bytes || va > end || taken > end - va)
		return 0;
	kmap_next = va + taken;
	return va;
}

uint64_t kmap_reserve(size_t bytes)
{
	return reserve(bytes, PAGE_BYTES);
}

static uint64_t leaf_flags(unsigned flags)
{
	return PTE_GLOBAL | (flags & MAP_WRITE ? PTE_WRITE : 0) | (flags & MAP_EXEC ? 0 : PTE_NX) |
	       (flags & MAP_UNCACHED ? PTE_UNCACHED | PTE_WRITE_THROUGH : 0);
}

int kmap_map(uint64_t va, uint64_t phys, size_t bytes, unsigned flags)
{
	enum paging_size largest = PAGING_4K;

	if (!bytes || !IS_ALIGNED(va | phys | bytes, PAGE_BYTES) || phys + bytes < phys ||
	    (phys + bytes - 1) >> features()->physical_bits ||
	    (flags & MAP_WRITE && flags & MAP_EXEC))
		return -EINVAL;
	if (flags & MAP_LARGE)
		largest = features()->has_1g_pages ? PAGING_1G : PAGING_2M;

	SPIN_IRQ_GUARD(&kmap_lock);
	if (va < KMAP_BASE || va > kmap_next || bytes > kmap_next - va)
		return -EINVAL;
	return paging_map(kmap_root(), va, phys, bytes, leaf_flags(flags), largest);
}

size_t kmap_unmap(uint64_t va, size_t bytes)
{
	SPIN_IRQ_GUARD(&kmap_lock);
	return paging_unmap(kmap_root(), va, bytes);
}

int kmap_lookup(uint64_t va, uint64_t *phys, unsigned *flags)
{
	size_t page_bytes;
	uint64_t entry = paging_lookup(kmap_root(), va, &page_bytes);

	if (!entry)
		return -EFAULT;
	*phys = (entry & PTE_ADDRESS & ~(page_bytes - 1)) | (va & (page_bytes - 1));
	*flags = (entry & PTE_WRITE ? MAP_WRITE : 0) | (entry & PTE_NX ? 0 : MAP_EXEC) |
		 (entry & PTE_UNCACHED ? MAP_UNCACHED : 0) |
		 (page_bytes > PAGE_BYTES ? MAP_LARGE : 0);
	return 0;
}

uint64_t kstack_alloc(unsigned node, size_t bytes)
{
	uint64_t va = kmap_reserve(bytes);
	uint64_t phys = va ? early_alloc(node, bytes, PAGE_BYTES) : 0;

	if (!phys)
		return 0;
	if (kmap_map(va, phys, ALIGN_UP(bytes, PAGE_BYTES), MAP_WRITE)) {
		early_free(phys, bytes);
		return 0;
	}
	return va + ALIGN_UP(bytes, PAGE_BYTES);
}

uint64_t kstack_alloc_series(unsigned node, size_t bytes, unsigned count)
{
	uint64_t low = reserve(2 * bytes * count, 2 * bytes);

	for (unsigned i = 0; low && i < count; i++) {
		uint64_t phys = early_alloc(node, bytes, PAGE_BYTES);

		/* Boot fails without these, so what was mapped before is not undone. */
		if (!phys || kmap_map(low + (2 * i + 1) * bytes, phys, bytes, MAP_WRITE))
			return 0;
	}
	return low;
}

bool trap_is_stack_guard(uint64_t address)
{
	size_t page_bytes;

	/* No lock: this CPU may hold it, and a table, once linked, stays. */
	return address >= KMAP_BASE && address < kmap_next &&
	       !paging_lookup(kmap_root(), address, &page_bytes) &&
	       paging_lookup(kmap_root(), ALIGN_DOWN(address, PAGE_BYTES) + PAGE_BYTES,
			     &page_bytes);
}

static void *map_device(uint64_t phys, size_t bytes, unsigned flags)
{
	uint64_t base = ALIGN_DOWN(phys, PAGE_BYTES);
	size_t length = ALIGN_UP(phys + bytes, PAGE_BYTES) - base;
	enum paging_size largest = PAGING_4K;

	/* A table that places a device in RAM is wrong: its registers would be somebody's memory.
	 */
	if (!bytes || phys + bytes < phys || (phys + bytes - 1) >> features()->physical_bits ||
	    early_is_ram(phys, bytes))
		return NULL;

	SPIN_IRQ_GUARD(&kmap_lock);
	if (length >= LARGE_PAGE_BYTES && IS_ALIGNED(base, LARGE_PAGE_BYTES)) {
		mmio_next = ALIGN_UP(mmio_next, LARGE_PAGE_BYTES);
		largest = PAGING_2M;
	}
	if (length > MMIO_BASE + MMIO_BYTES - mmio_next ||
	    paging_map(kmap_root(), mmio_next, base, length, leaf_flags(flags), largest))
		return NULL;

	void *va = (void *)(mmio_next + (phys - base));

	mmio_next += length;
	return va;
}

volatile void *mmio_map(uint64_t phys, size_t bytes)
{
	return map_device(phys, bytes, MAP_WRITE | MAP_UNCACHED);
}

void *device_memory_map(uint64_t phys, size_t bytes)
{
	return map_device(phys, bytes, MAP_WRITE);
}
