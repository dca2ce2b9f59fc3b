// sources: arch/x86_64/apic_dest.c
/* Merging of APIC destinations, against a model of what the hardware delivers. */
#include "tests/host/check.h"

#include "arch/x86_64/apic.h"
#include "arch/x86_64/apic_dest.h"
#include "lib/prng.h"

#define IDS_MAX 4096

struct machine {
	bool is_x2apic;
	unsigned hits[IDS_MAX]; /* interrupts by APIC id */
	unsigned high_hits;	/* physical ones to ids from IDS_MAX up */
	unsigned writes;
};

static void hit(struct machine *machine, uint32_t apic_id)
{
	if (apic_id < IDS_MAX)
		machine->hits[apic_id]++;
	else
		machine->high_hits++;
}

/* What the processors' APICs do with a destination. */
static void deliver(struct apic_dest dest, void *arg)
{
	struct machine *machine = arg;

	machine->writes++;
	if (!dest.logical) {
		assert_true(dest.id < (machine->is_x2apic ? APIC_ID_ALL : APIC_ID_ALL_XAPIC));
		hit(machine, dest.id);
		return;
	}
	assert_true((dest.id & 0xffff) != 0);
	for (unsigned bit = 0; bit < 16; bit++)
		if (dest.id & BIT(bit))
			hit(machine, machine->is_x2apic ? (dest.id >> 16) * 16 + bit : bit);
	if (!machine->is_x2apic)
		assert_true(dest.id <= 0xff);
}

static unsigned merge(struct machine *machine, bool is_x2apic, const uint32_t *ids, unsigned n)
{
	memset(machine, 0, sizeof(*machine));
	machine->is_x2apic = is_x2apic;
	return apic_dest_merge(is_x2apic, ids, n, deliver, machine);
}

static void nothing_sends_nothing(void **state)
{
	struct machine machine;

	(void)state;
	assert_int_equal(merge(&machine, true, NULL, 0), 0);
	assert_int_equal(machine.writes, 0);
	assert_int_equal(merge(&machine, false, NULL, 0), 0);
	assert_int_equal(machine.writes, 0);
}

static void clusters_take_one_write_each(void **state)
{
	struct machine machine;
	uint32_t ids[255];

	(void)state;
	for (uint32_t i = 0; i < 255; i++)
		ids[i] = i;
	assert_int_equal(merge(&machine, true, ids, 255), 0);
	assert_int_equal(machine.writes, 16);
	/* First threads of all cores, then the second ones: the usual order of firmware. */
	for (uint32_t i = 0; i < 128; i++)
		ids[i] = i < 64 ? 2 * i : 2 * (i - 64) + 1;
	assert_int_equal(merge(&machine, true, ids, 128), 0);
	assert_int_equal(machine.writes, 8);
	for (unsigned id = 0; id < 128; id++)
		assert_int_equal(machine.hits[id], 1);
}

static void flat_set_takes_one_write(void **state)
{
	static const uint32_t ids[] = {3, 0, 7, 8, 254, 5};
	static const uint32_t single[] = {6};
	struct machine machine;

	(void)state;
	assert_int_equal(merge(&machine, false, ids, ARRAY_SIZE(ids)), 0);
	assert_int_equal(machine.writes, 3);
	for (unsigned i = 0; i < ARRAY_SIZE(ids); i++)
		assert_int_equal(machine.hits[ids[i]], 1);
	assert_int_equal(merge(&machine, false, single, 1), 0);
	assert_int_equal(machine.writes, 1);
	assert_int_equal(machine.hits[6], 1);
}

static void broadcast_ids_are_refused(void **state)
{
	static const uint32_t ids[] = {255, 256, UINT32_MAX, 9};
	struct machine machine;

	(void)state;
	assert_int_equal(merge(&machine, false, ids, ARRAY_SIZE(ids)), 3);
	assert_int_equal(machine.writes, 1);
	assert_int_equal(machine.hits[9], 1);
	assert_int_equal(merge(&machine, true, ids, ARRAY_SIZE(ids)), 1);
	assert_int_equal(machine.writes, 3);
	assert_int_equal(machine.hits[255], 1);
	assert_int_equal(machine.hits[256], 1);
}

static void ids_without_logical_id_go_alone(void **state)
{
	static const uint32_t ids[] = {1u << 20, (1u << 20) + 1, UINT32_MAX - 1};
	struct machine machine;

	(void)state;
	assert_int_equal(merge(&machine, true, ids, ARRAY_SIZE(ids)), 0);
	assert_int_equal(machine.writes, 3);
	assert_int_equal(machine.high_hits, 3);
}

static void random_sets_are_covered_exactly(void **state)
{
	struct prng prng;

	(void)state;
	prng_seed(&prng, 11);
	for (unsigned round = 0; round < 2000; round++) {
		bool is_x2apic = round & 1;
		uint32_t span = (uint32_t)prng_below(&prng, is_x2apic ? IDS_MAX : 255) + 1;
		uint32_t ids[512];
		bool is_wanted[IDS_MAX] = {false};
		unsigned n = 0;
		struct machine machine;

		for (unsigned i = 0; i < ARRAY_SIZE(ids); i++) {
			uint32_t id = (uint32_t)prng_below(&prng, span);

			if (is_wanted[id])
				continue;
			is_wanted[id] = true;
			ids[n++] = id;
		}
		assert_int_equal(merge(&machine, is_x2apic, ids, n), 0);
		assert_true(machine.writes <= n);
		for (unsigned id = 0; id < IDS_MAX; id++)
			assert_int_equal(machine.hits[id], is_wanted[id]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_sends_nothing),
		cmocka_unit_test(clusters_take_one_write_each),
		cmocka_unit_test(flat_set_takes_one_write),
		cmocka_unit_test(broadcast_ids_are_refused),
		cmocka_unit_test(ids_without_logical_id_go_alone),
		cmocka_unit_test(random_sets_are_covered_exactly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
