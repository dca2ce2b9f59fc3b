// sources: kernel/mm/ranges.c lib/string.c
/*
 * The early allocator's set of ranges against a model of one byte per page: random additions,
 * removals and takings, after each of which both must tell the same, and the edges by hand.
 */
#include "tests/host/check.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/mm/ranges.h"
#include "lib/errno.h"
#include "lib/prng.h"

#define PAGES 600 /* of the model; address 0 is never in the set */
#define PAGE  4096ull
#define NODES 3

static struct ranges set;
static uint8_t model[PAGES + 1]; /* 0: not in the set, else node + 1 */
static struct prng prng;

static void check_same(void)
{
	uint8_t seen[PAGES + 1] = {0};
	uint64_t bytes[NODES] = {0};

	for (unsigned i = 0; i < set.count; i++) {
		const struct range *range = &set.range[i];

		assert_true(range->base < range->end);
		assert_int_equal((range->base | range->end) % PAGE, 0);
		if (i) {
			const struct range *before = range - 1;

			assert_true(before->end <= range->base);
			/* Neighbours of one node are one range. */
			assert_true(before->end < range->base || before->node != range->node);
		}
		for (uint64_t page = range->base / PAGE; page < range->end / PAGE; page++)
			seen[page] = (uint8_t)(range->node + 1);
	}
	assert_memory_equal(seen, model, sizeof(model));
	for (unsigned page = 0; page <= PAGES; page++)
		if (model[page])
			bytes[model[page] - 1] += PAGE;
	for (unsigned node = 0; node < NODES; node++)
		assert_int_equal(ranges_bytes(&set, node), bytes[node]);
	assert_int_equal(ranges_bytes(&set, RANGES_ANY), bytes[0] + bytes[1] + bytes[2]);
	assert_int_equal(set.lost_bytes, 0);
}

static void random_add(uint64_t first, uint64_t end, unsigned node)
{
	bool overlaps = false;

	for (uint64_t page = first; page < end; page++)
		overlaps |= model[page] != 0;

	int result = ranges_add(&set, first * PAGE, end * PAGE, node);

	assert_int_equal(result, first >= end ? -EINVAL : overlaps ? -EEXIST : 0);
	if (!result)
		memset(model + first, (int)node + 1, end - first);
}

static void random_remove(uint64_t first, uint64_t end)
{
	assert_int_equal(ranges_remove(&set, first * PAGE, end * PAGE), 0);
	if (first < end)
		memset(model + first, 0, end - first);
}

/* What ranges_take() must give: the lowest aligned run of pages inside one range of that node. */
static uint64_t model_take(unsigned node, uint64_t pages, uint64_t align)
{
	for (uint64_t first = align; first + pages <= PAGES + 1; first += align) {
		uint64_t n = 0;

		while (n < pages && model[first + n] && model[first + n] == model[first] &&
		       (node == RANGES_ANY || model[first] == node + 1))
			n++;
		if (n == pages)
			return first;
	}
	return 0;
}

static void random_take(unsigned node, uint64_t pages, uint64_t align)
{
	uint64_t want = model_take(node, pages, align);

	assert_int_equal(ranges_take(&set, node, pages * PAGE, align * PAGE), want * PAGE);
	if (want)
		memset(model + want, 0, pages);
}

static void random_operation(void)
{
	uint64_t first = 1 + prng_below(&prng, PAGES);
	uint64_t end = MIN(first + prng_below(&prng, 24), PAGES + 1ull);
	unsigned node = (unsigned)prng_below(&prng, NODES + 1);

	switch (prng_below(&prng, 4)) {
	case 0:
	case 1:
		random_add(first, end, node % NODES);
		break;
	case 2:
		random_remove(first, end);
		break;
	case 3:
		random_take(node == NODES ? RANGES_ANY : node, 1 + prng_below(&prng, 12),
			    1ull << prng_below(&prng, 4));
		break;
	}
}

static void random_operations_match_the_model(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		prng_seed(&prng, seed);
		memset(&set, 0, sizeof(set));
		memset(model, 0, sizeof(model));
		for (unsigned i = 0; i < 600; i++) {
			random_operation();
			check_same();
		}
	}
}

static void wrong_ranges_are_refused(void **state)
{
	(void)state;
	memset(&set, 0, sizeof(set));
	assert_int_equal(ranges_add(&set, 0, PAGE, 0), -EINVAL); /* 0 means none */
	assert_int_equal(ranges_add(&set, PAGE, PAGE, 0), -EINVAL);
	assert_int_equal(ranges_add(&set, 2 * PAGE, PAGE, 0), -EINVAL);
	assert_int_equal(set.count, 0);
	assert_int_equal(ranges_add(&set, 4 * PAGE, 8 * PAGE, 0), 0);
	assert_int_equal(ranges_add(&set, 4 * PAGE, 8 * PAGE, 0), -EEXIST);
	assert_int_equal(ranges_add(&set, 7 * PAGE, 9 * PAGE, 0), -EEXIST);
	assert_int_equal(ranges_add(&set, 3 * PAGE, 5 * PAGE, 1), -EEXIST);
	assert_int_equal(ranges_add(&set, 5 * PAGE, 6 * PAGE, 0), -EEXIST);
	assert_int_equal(ranges_add(&set, PAGE, 20 * PAGE, 0), -EEXIST);
	assert_int_equal(ranges_bytes(&set, RANGES_ANY), 4 * PAGE);
	/* Nothing is not split off. */
	assert_int_equal(ranges_remove(&set, 5 * PAGE, 5 * PAGE), 0);
	assert_int_equal(ranges_remove(&set, 6 * PAGE, 5 * PAGE), 0);
	assert_int_equal(set.count, 1);
}

static void impossible_takings_take_nothing(void **state)
{
	(void)state;
	memset(&set, 0, sizeof(set));
	assert_int_equal(ranges_take(&set, 0, PAGE, PAGE), 0);
	assert_int_equal(ranges_add(&set, 4 * PAGE, 8 * PAGE, 2), 0);
	assert_int_equal(ranges_take(&set, 2, 0, PAGE), 0);
	assert_int_equal(ranges_take(&set, 2, 5 * PAGE, PAGE), 0);
	assert_int_equal(ranges_take(&set, 1, PAGE, PAGE), 0);
	assert_int_equal(ranges_take(&set, 2, ~0ull, PAGE), 0);
	assert_int_equal(ranges_take(&set, 2, PAGE, 1ull << 63), 0);
	assert_int_equal(ranges_take(&set, 2, PAGE, 64 * PAGE), 0);
	assert_int_equal(ranges_bytes(&set, RANGES_ANY), 4 * PAGE);
	assert_int_equal(ranges_take(&set, 2, 4 * PAGE, 4 * PAGE), 4 * PAGE);
	assert_int_equal(set.count, 0);
}

static void the_top_of_the_address_space(void **state)
{
	uint64_t top = ~0ull & ~(PAGE - 1);

	(void)state;
	memset(&set, 0, sizeof(set));
	assert_int_equal(ranges_add(&set, top - PAGE, top, 0), 0);
	/* Aligning up from here wraps. */
	assert_int_equal(ranges_take(&set, 0, PAGE, 1ull << 62), 0);
	assert_int_equal(ranges_take(&set, 0, PAGE, PAGE), top - PAGE);
}

static void a_full_table_loses_but_says_so(void **state)
{
	(void)state;
	memset(&set, 0, sizeof(set));
	for (uint64_t i = 0; i < RANGES_MAX; i++)
		assert_int_equal(ranges_add(&set, (1 + 4 * i) * PAGE, (4 + 4 * i) * PAGE, 0), 0);
	assert_int_equal(set.count, RANGES_MAX);
	assert_int_equal(ranges_add(&set, 1ull << 40, (1ull << 40) + PAGE, 0), -ENOSPC);
	assert_int_equal(set.lost_bytes, PAGE);
	/* A hole needs one more entry, too; nothing changes. */
	assert_int_equal(ranges_remove(&set, 2 * PAGE, 3 * PAGE), -ENOSPC);
	assert_int_equal(ranges_bytes(&set, 0), RANGES_MAX * 3 * PAGE);
	/* So has a taking out of the middle; one from an end has not. */
	assert_int_equal(ranges_take(&set, 0, PAGE, 2 * PAGE), 0);
	assert_int_equal(ranges_take(&set, 0, PAGE, PAGE), PAGE);
	/* What joins needs none. */
	assert_int_equal(ranges_add(&set, 4 * PAGE, 5 * PAGE, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_match_the_model),
		cmocka_unit_test(wrong_ranges_are_refused),
		cmocka_unit_test(impossible_takings_take_nothing),
		cmocka_unit_test(the_top_of_the_address_space),
		cmocka_unit_test(a_full_table_loses_but_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
