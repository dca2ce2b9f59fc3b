// sources: kernel/mm/buddy.c kernel/mm/percpu_pages.c kernel/mm/page.c kernel/mm/page_init.c
// sources: kernel/mm/numa_alloc.c kernel/mm/ranges.c kernel/numa/order.c kernel/numa/stats.c
// sources: kernel/numa/policy.c kernel/numa/topology.c kernel/numa/ranges.c
// sources: kernel/numa/distance.c kernel/acpi/note.c kernel/acpi/cpus.c kernel/sync/spinlock.c
// sources: kernel/sync/lockstat.c kernel/preempt/counter.c kernel/preempt/points.c
// sources: kernel/log/log.c lib/printf.c lib/json.c
// cflags: -include tests/host/page_memory.h
/*
 * The page allocator on a simulated machine of four nodes and six CPUs, against a model that knows
 * the owner of each frame. One thread plays all CPUs in turn. PAGES_OPERATIONS sets the length of
 * the random run.
 */
#include "tests/host/page_machine.h"

#define OPERATIONS 200000

static uint64_t free_blocks_at_start[NODES][PAGE_ORDERS], total_at_start;

static int start_machine(void **state)
{
	(void)state;
	machine_start();
	for (unsigned node = 0; node < NODES; node++) {
		struct page_counts counts = counts_of(node);

		assert_int_equal(counts.total_pages, counts.free_pages);
		assert_int_equal(counts.total_pages + counts.reserved_pages +
					 (counts.giga_total << GIGAPAGE_ORDER),
				 numa_get_node(node)->memory_bytes / PAGE_BYTES);
		memcpy(free_blocks_at_start[node], counts.free_blocks, sizeof(counts.free_blocks));
		total_at_start += counts.total_pages;
	}
	assert_true(total_at_start > 60 * MIB / PAGE_BYTES);
	return 0;
}

/* ---- the model ---- */

static uint32_t owner_of[FRAMES]; /* allocation + 1, 0: free */

struct allocation {
	struct page *page; /* NULL: none */
	unsigned order;
	void *address; /* of numa_alloc() */
	size_t bytes;
};

#define ALLOCATIONS 4096
static struct allocation allocations[ALLOCATIONS];
static uint64_t taken_on[NODES];

static void model_take(unsigned i, uint64_t phys, unsigned order)
{
	uint64_t first = phys / PAGE_BYTES;
	int node = numa_node_for_address(phys);

	assert_int_equal(first & ((1u << order) - 1), 0);
	for (uint64_t frame = first; frame < first + (1u << order); frame++) {
		assert_int_equal(owner_of[frame], 0);
		assert_int_equal(numa_node_for_address(frame * PAGE_BYTES), node);
		owner_of[frame] = i + 1;
	}
	taken_on[node] += 1u << order;
}

static void model_give(unsigned i, uint64_t phys, unsigned order)
{
	for (uint64_t frame = phys / PAGE_BYTES; frame < phys / PAGE_BYTES + (1u << order);
	     frame++) {
		assert_int_equal(owner_of[frame], i + 1);
		owner_of[frame] = 0;
	}
	taken_on[numa_node_for_address(phys)] -= 1u << order;
}

/* A frame from elsewhere says that its node has none left but the reserve. */
static void check_fallback(unsigned wanted, unsigned got, unsigned order)
{
	struct page_counts counts;

	wanted = numa_memory_node(wanted);
	if (wanted == got || order)
		return;
	counts = counts_of(wanted);
	assert_true(counts.free_pages <= counts.min_pages);
	assert_int_equal(counts.cached_pages, 0);
}

static void take_pages(unsigned i, struct prng *prng, unsigned cpu)
{
	unsigned node = prng_below(prng, 3) ? (unsigned)prng_below(prng, NODES) : NODE_ANY;
	unsigned order = prng_below(prng, 4) ? 0 : (unsigned)prng_below(prng, PAGE_ORDERS);
	unsigned wanted = node == NODE_ANY ? numa_node_for_cpu(cpu) : node;
	unsigned flags = 0;
	struct page *page;

	if (!prng_below(prng, 4))
		flags = (unsigned)prng_below(prng, 64) & ~PAGE_ZERO;
	page = page_alloc(node, order, flags);
	if (!page)
		return;
	assert_int_equal(page->state, PAGE_ALLOCATED);
	assert_int_equal(page->order, order);
	assert_int_equal(page->node, numa_node_for_address(page_phys(page)));
	if (flags & PAGE_STRICT)
		assert_int_equal(page->node, wanted);
	if (flags & PAGE_DMA32)
		assert_true(page_phys(page) < PAGE_DMA32_END);
	else if (!(flags & PAGE_ATOMIC))
		check_fallback(wanted, page->node, order);
	assert_int_equal(page->why == NUMA_WHY_FALLBACK, page->node != numa_memory_node(wanted));
	assert_ptr_equal(page_head(page + prng_below(prng, 1u << order)), page);
	model_take(i, page_phys(page), order);
	allocations[i] = (struct allocation){.page = page, .order = order};
}

static struct numa_hint random_hint(struct prng *prng)
{
	unsigned node = (unsigned)prng_below(prng, NODES);

	switch (prng_below(prng, 4)) {
	case 0:
		return NUMA_ANY;
	case 1:
		return NUMA_LOCAL;
	case 2:
		return NUMA_PREFER(node);
	default:
		return NUMA_STRICT(node);
	}
}

static void take_memory(unsigned i, struct prng *prng)
{
	struct numa_hint hint = random_hint(prng);
	size_t bytes = 1 + prng_below(prng, prng_below(prng, 8) ? 20000 : 5 * MIB);
	struct allocation *a = &allocations[i];
	struct page *page;
	void *address;

	if (numa_alloc(bytes, hint, &address))
		return;
	*a = (struct allocation){.address = address, .bytes = bytes};
	if (bytes > PAGE_BYTES << PAGE_ORDER_MAX)
		return;
	page = page_of_virt(address);
	if (hint.kind == NUMA_HINT_STRICT)
		assert_int_equal(page->node, hint.node);
	assert_int_equal(*(char *)address | ((char *)address)[bytes - 1], 0);
	*(char *)address = ((char *)address)[bytes - 1] = 7;
	assert_int_equal(page_free(page, page->order), -EINVAL);
	a->page = page;
	a->order = page->order;
	model_take(i, page_phys(page), a->order);
}

static void give_back(unsigned i, struct prng *prng)
{
	struct allocation *a = &allocations[i];
	struct page *page = a->page;

	if (page)
		model_give(i, page_phys(page), a->order);
	if (a->address && prng && !prng_below(prng, 16))
		assert_int_equal(numa_free(a->address, a->bytes + 1), -EINVAL);
	if (page && !a->address && prng && !prng_below(prng, 16)) {
		assert_int_equal(page_free(page, a->order + 1), -EINVAL);
		assert_int_equal(numa_free(page_virt(page), PAGE_BYTES), -EINVAL);
	}
	if (a->address)
		assert_int_equal(numa_free(a->address, a->bytes), 0);
	else
		assert_int_equal(page_free(page, a->order), 0);
	/* Twice. */
	if (page && prng && !prng_below(prng, 16))
		assert_int_equal(page_free(page, a->order), -EINVAL);
	*a = (struct allocation){0};
}

/* Nothing is out: every frame is home in as large blocks as at the start. */
static void check_all_home(void)
{
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		page_drain_cpu(cpu);
	for (unsigned node = 0; node < NODES; node++) {
		struct page_counts counts = counts_of(node);

		assert_int_equal(taken_on[node], 0);
		assert_int_equal(counts.cached_pages, 0);
		assert_int_equal(counts.free_pages, counts.total_pages);
		assert_memory_equal(counts.free_blocks, free_blocks_at_start[node],
				    sizeof(counts.free_blocks));
	}
}

static void random_operations(void **state)
{
	const char *asked = getenv("PAGES_OPERATIONS");
	unsigned long operations = asked ? strtoul(asked, NULL, 0) : OPERATIONS, large = 0;
	struct prng prng;

	(void)state;
	prng_seed(&prng, 3);
	for (unsigned long n = 0; n < operations; n++) {
		unsigned i = (unsigned)prng_below(&prng, ALLOCATIONS), cpu = n / 16 % CPUS;

		be_cpu(cpu);
		if (allocations[i].page || allocations[i].address)
			give_back(i, &prng);
		else if (prng_below(&prng, 8))
			take_pages(i, &prng, cpu);
		else
			take_memory(i, &prng);
		large += allocations[i].address && !allocations[i].page;
		if (n % 5003 == 0) {
			callbacks->offline(cpu);
			assert_int_equal(page_cache_count(cpu, NODE_ANY), 0);
		}
		if (n % 5003 == 1000)
			for (cpu = 0; cpu < CPUS; cpu++)
				assert_int_equal(callbacks->online(cpu), 0);
	}
	assert_true(large);
	for (unsigned i = 0; i < ALLOCATIONS; i++)
		if (allocations[i].page || allocations[i].address)
			give_back(i, NULL);
	check_all_home();
}

/* ---- by hand ---- */

static struct page *chain;

static unsigned exhaust(unsigned node, unsigned order, unsigned flags, unsigned on)
{
	struct page *page;
	unsigned count = 0;

	while ((page = page_alloc(node, order, flags))) {
		if (on != NODE_ANY)
			assert_int_equal(page->node, on);
		page->next = chain;
		page->owner_flags = order;
		chain = page;
		count += 1u << order;
	}
	return count;
}

static void free_chain(void)
{
	while (chain) {
		struct page *page = chain;

		chain = page->next;
		assert_int_equal(page_free(page, page->owner_flags), 0);
	}
}

static void exhausted_nodes(void **state)
{
	(void)state;
	for (unsigned node = 0; node < NODES; node++) {
		for (unsigned cpu = 0; cpu < CPUS; cpu++) {
			struct page_counts before = counts_of(node), after;
			uint64_t others = page_free_count(NODE_ANY) - page_free_count(node);
			unsigned got;

			be_cpu(cpu);
			got = exhaust(node, 0, PAGE_STRICT, node);
			after = counts_of(node);
			assert_int_equal(got, before.free_pages + before.cached_pages -
						      after.free_pages);
			assert_int_equal(after.free_pages, after.min_pages);
			assert_int_equal(after.cached_pages, 0);
			/* The reserve is for those who say so. */
			assert_int_equal(exhaust(node, 0, PAGE_STRICT | PAGE_ATOMIC, node),
					 after.min_pages);
			assert_int_equal(page_free_count(node), 0);
			assert_int_equal(page_free_count(NODE_ANY), others);
			/* Who only prefers it gets the next by distance that has memory. */
			if (numa_get_node(node)->memory_bytes) {
				struct page *page = page_alloc(node, 0, 0);
				unsigned next = numa_fallback_order(node)[1];

				if (!numa_get_node(next)->memory_bytes)
					next = numa_fallback_order(node)[2];
				assert_int_equal(page->node, next);
				assert_int_equal(page->why, NUMA_WHY_FALLBACK);
				assert_int_equal(page_free(page, 0), 0);
			}
			free_chain();
			check_all_home();
		}
	}
	/* Everything, from one CPU without memory of its own. */
	be_cpu(2);
	(void)exhaust(NODE_ANY, 3, 0, NODE_ANY);
	(void)exhaust(NODE_ANY, 0, PAGE_ATOMIC, NODE_ANY);
	assert_int_equal(page_free_count(NODE_ANY), 0);
	assert_null(page_alloc(NODE_ANY, 0, PAGE_ATOMIC));
	free_chain();
	check_all_home();
}

static void hints_on_full_nodes(void **state)
{
	void *address;

	(void)state;
	be_cpu(1);
	(void)exhaust(1, 0, PAGE_STRICT, 1);
	assert_int_equal(numa_alloc(1, NUMA_STRICT(1), &address), -ENOMEM);
	assert_int_equal(numa_alloc(5 * MIB, NUMA_STRICT(1), &address), -ENOMEM);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(numa_alloc(9000, i ? NUMA_LOCAL : NUMA_PREFER(1), &address), 0);
		assert_int_not_equal(page_of_virt(address)->node, 1);
		assert_int_equal(page_of_virt(address)->why, NUMA_WHY_FALLBACK);
		assert_int_equal(numa_free(address, 9000), 0);
	}
	assert_int_equal(numa_alloc(6 * MIB, NUMA_PREFER(1), &address), 0);
	assert_int_equal(numa_free(address, 6 * MIB), 0);
	free_chain();
	/* Not all of it fits: what there was is given back. */
	assert_int_equal(numa_alloc(30 * MIB, NUMA_STRICT(1), &address), -ENOMEM);
	assert_int_equal(numa_alloc(200 * MIB, NUMA_ANY, &address), -ENOMEM);
	check_all_home();
}

static void wrong_frees(void **state)
{
	static const uint64_t nowhere[] = {0, 0x8000, 45 * MIB, GIB, PHYS_END - PAGE_BYTES};
	struct page *page = page_alloc(0, 2, 0);
	unsigned seen = bad_frees_seen;
	uint64_t bad = page_bad_frees();

	(void)state;
	assert_int_equal(page_free(page, 1), -EINVAL);
	assert_int_equal(page_free(page, 0), -EINVAL);
	assert_int_equal(page_free(page + 2, 1), -EINVAL);
	assert_int_equal(page_free(page, ~0u), -EINVAL);
	for (unsigned i = 0; i < ARRAY_SIZE(nowhere); i++) {
		assert_null(page_find(nowhere[i]));
		assert_int_equal(page_free(page_of(nowhere[i]), 1), -EINVAL);
	}
	/* Descriptors that never came to life hold anything, an allocated frame of old for example.
	 */
	page_of(4 * GIB + 8 * MIB + PAGE_BYTES)->state = PAGE_ALLOCATED;
	page_of(4 * GIB + 8 * MIB + PAGE_BYTES)->order = 0;
	page_of(4 * GIB + 8 * MIB + PAGE_BYTES)->node = 3;
	assert_int_equal(page_free(page_of(4 * GIB + 8 * MIB + PAGE_BYTES), 0), -EINVAL);
	assert_int_equal(page_free(page, 2), 0);
	assert_int_equal(page_free(page, 2), -EINVAL);
	assert_int_equal(page_bad_frees() - bad, 11);
	assert_int_equal(bad_frees_seen - seen, 11);
	check_all_home();
}

static void frames_of_boot(void **state)
{
	uint64_t hole = ALIGN_DOWN((memory[1].base + memory[1].end) / 2, PAGE_BYTES);
	struct page_counts before = counts_of(1);

	(void)state;
	assert_int_equal(page_find(hole)->state, PAGE_RESERVED);
	for (unsigned i = 0; i < 3; i++)
		assert_true(page_adopt(hole + i * PAGE_BYTES));
	assert_false(page_adopt(hole));
	assert_false(page_adopt(hole - PAGE_BYTES));
	assert_false(page_adopt(45 * MIB));
	assert_false(page_adopt(~0ull));
	assert_int_equal(counts_of(1).total_pages, before.total_pages + 3);
	assert_int_equal(counts_of(1).free_pages, before.free_pages + 3);
	assert_int_equal(counts_of(1).reserved_pages, before.reserved_pages - 3);
	memcpy(free_blocks_at_start[1], counts_of(1).free_blocks, sizeof(before.free_blocks));
}

static void gigapages(void **state)
{
	struct page *page = gigapage_alloc(2, 0);
	unsigned seen = bad_frees_seen;

	(void)state;
	assert_int_equal(counts_of(1).giga_total, 1);
	assert_non_null(page);
	assert_int_equal(page_phys(page), 5 * GIB);
	assert_int_equal(page->node, 1);
	assert_ptr_equal(page_find(5 * GIB), page);
	assert_null(page_find(5 * GIB + 512 * MIB));
	assert_null(gigapage_alloc(NODE_ANY, 0));
	assert_null(gigapage_alloc(0, PAGE_STRICT));
	assert_false(page_adopt(5 * GIB + 512 * MIB));
	assert_int_equal(page_free(page, 0), -EINVAL);
	assert_int_equal(page_free(page, PAGE_ORDER_MAX), -EINVAL);
	assert_int_equal(gigapage_free(page + BLOCK_FRAMES), -EINVAL);
	assert_int_equal(gigapage_free(page_of(4 * GIB)), -EINVAL);
	assert_int_equal(gigapage_free(page), 0);
	assert_int_equal(gigapage_free(page), -EINVAL);
	assert_int_equal(counts_of(1).giga_free, 1);
	assert_int_equal(bad_frees_seen - seen, 5);
	check_all_home();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_frees),	       cmocka_unit_test(frames_of_boot),
		cmocka_unit_test(gigapages),	       cmocka_unit_test(exhausted_nodes),
		cmocka_unit_test(hints_on_full_nodes), cmocka_unit_test(random_operations),
	};

	return cmocka_run_group_tests(tests, start_machine, NULL);
}
