// sources: arch/x86_64/pci_bar.c
/* What base address registers say, well-formed and not. */
#include "tests/host/check.h"

#include "arch/x86_64/pci.h"
#include "lib/errno.h"

static void memory_of_32_bits(void **state)
{
	struct pci_bar bar;

	(void)state;
	assert_int_equal(pci_bar_decode(0xfebf1000, 0, 0xfffff000, 0, &bar), 0);
	assert_int_equal(bar.base, 0xfebf1000);
	assert_int_equal(bar.size, 4096);
	assert_false(bar.io || bar.wide || bar.prefetchable);
	/* The smallest, and the largest there can be. */
	assert_int_equal(pci_bar_decode(0x10, 0, 0xfffffff0, 0, &bar), 0);
	assert_int_equal(bar.size, 16);
	assert_int_equal(pci_bar_decode(0x80000000, 0, 0x80000000, 0, &bar), 0);
	assert_int_equal(bar.size, 1ull << 31);
}

static void memory_of_64_bits(void **state)
{
	struct pci_bar bar;

	(void)state;
	assert_int_equal(pci_bar_decode(0xf800000c, 0x7f, 0xfc00000c, 0xffffffff, &bar), 0);
	assert_int_equal(bar.base, 0x7ff8000000ull);
	assert_int_equal(bar.size, 64ull << 20);
	assert_true(bar.wide && bar.prefetchable && !bar.io);
	/* 8 GiB: nothing of the size sticks in the low half. */
	assert_int_equal(pci_bar_decode(0x0000000c, 0x10, 0x0000000c, 0xfffffffe, &bar), 0);
	assert_int_equal(bar.base, 0x1000000000ull);
	assert_int_equal(bar.size, 8ull << 30);
	/* Upper half hard-wired to zero. */
	assert_int_equal(pci_bar_decode(0xe0000004, 0, 0xf0000004, 0, &bar), 0);
	assert_int_equal(bar.size, 256ull << 20);
}

static void ports(void **state)
{
	struct pci_bar bar;

	(void)state;
	assert_int_equal(pci_bar_decode(0xc001, 0, 0xffffffe1, 0, &bar), 0);
	assert_true(bar.io);
	assert_int_equal(bar.base, 0xc000);
	assert_int_equal(bar.size, 32);
	assert_int_equal(pci_bar_decode(0xc001, 0, 0x0000ff01, 0, &bar), 0);
	assert_int_equal(bar.size, 256);
}

static void absent_and_unassigned(void **state)
{
	struct pci_bar bar;

	(void)state;
	assert_int_equal(pci_bar_decode(0, 0, 0, 0, &bar), 0);
	assert_int_equal(bar.size, 0);
	assert_int_equal(pci_bar_decode(0, 0, 0xffff0000, 0, &bar), 0);
	assert_int_equal(bar.base, 0);
	assert_int_equal(bar.size, 65536);
}

static void contradictions_are_refused(void **state)
{
	struct pci_bar bar;

	(void)state;
	/* Reserved types. */
	assert_int_equal(pci_bar_decode(0xfe000002, 0, 0xfffff002, 0, &bar), -EINVAL);
	assert_int_equal(pci_bar_decode(0xfe000006, 0, 0xfffff006, 0, &bar), -EINVAL);
	/* A mask with a hole, a base that is not aligned to its size. */
	assert_int_equal(pci_bar_decode(0xfe000000, 0, 0xfff0f000, 0, &bar), -EINVAL);
	assert_int_equal(pci_bar_decode(0xfe001000, 0, 0xffff0000, 0, &bar), -EINVAL);
	/* Nothing but flag bits sticks. */
	assert_int_equal(pci_bar_decode(0x4, 0, 0x4, 0xf0f0f0f0, &bar), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_of_32_bits),
		cmocka_unit_test(memory_of_64_bits),
		cmocka_unit_test(ports),
		cmocka_unit_test(absent_and_unassigned),
		cmocka_unit_test(contradictions_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
