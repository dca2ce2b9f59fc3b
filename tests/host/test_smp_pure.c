/*
 * The pure parts of the smp room: the mailbox's bounds and wrap, the packed word of a flush, and
 * what a CPU drops to catch up.
 */
#include "tests/host/check.h"

#include "kernel/smp/call_queue.h"
#include "kernel/smp/mailbox.h"
#include "kernel/smp/tlb_recent.h"

static void mailbox_is_bounded_and_wraps(void **state)
{
	static struct mailbox box;
	struct mail mail = {.from = 1023, .type = 4};
	uint64_t sent = 0, taken = 0;

	(void)state;
	assert_false(mailbox_take(&box, &mail));
	/* Positions wrap at 2^32; start one lap before that. */
	box.head = box.tail = 0u - MAILBOX_SLOTS;
	for (unsigned i = 0; i < MAILBOX_SLOTS; i++)
		box.slots[i].turn = 0u - MAILBOX_SLOTS;
	for (unsigned lap = 0; lap < 5; lap++) {
		for (unsigned i = 0; i < MAILBOX_SLOTS; i++) {
			mail.data = sent++;
			assert_true(mailbox_post(&box, mail));
		}
		assert_false(mailbox_post(&box, mail));
		for (unsigned i = 0; i < MAILBOX_SLOTS; i++) {
			assert_true(mailbox_take(&box, &mail));
			assert_int_equal(mail.data, taken++);
			assert_int_equal(mail.from, 1023);
			assert_int_equal(mail.type, 4);
		}
		assert_false(mailbox_take(&box, &mail));
	}
}

static void word_keeps_what_it_is_given(void **state)
{
	static const uint64_t starts[] = {0,
					  0x1000,
					  0x7ffffffff000ull,
					  0xffff800000000000ull,
					  0xffffc00000201000ull,
					  0xfffffffffffdf000ull};
	static const uint64_t generations[] = {1, 7, 0x3fffff, 0x400000, 0x123456789abull};
	struct tlb_range range;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(starts); i++) {
		for (unsigned g = 0; g < ARRAY_SIZE(generations); g++) {
			for (uint64_t pages = 1; pages <= TLB_RANGE_PAGES_MAX; pages++) {
				uint64_t word = tlb_recent_pack(generations[g], starts[i], pages);

				assert_true(tlb_recent_unpack(word, generations[g], &range));
				assert_int_equal(range.start, starts[i]);
				assert_int_equal(range.end, starts[i] + pages * 4096);
				assert_false(tlb_recent_unpack(word, generations[g] + 1, &range));
				assert_false(tlb_recent_unpack(word, generations[g] + 7, &range));
			}
		}
	}
	assert_false(tlb_recent_unpack(tlb_recent_pack(5, 0x1000, 0), 5, &range));
	assert_false(tlb_recent_unpack(tlb_recent_pack(5, 0x1000, 34), 5, &range));
	assert_false(tlb_recent_unpack(tlb_recent_pack(5, 0, UINT64_MAX >> 12), 5, &range));
}

static void catching_up(void **state)
{
	static struct tlb_space space;
	struct tlb_range ranges[TLB_RECENT];

	(void)state;
	/* Nothing remembered: everything, at the wrap of the packed number too. */
	assert_int_equal(tlb_recent_collect(&space, 0, 1, ranges), -1);
	assert_int_equal(tlb_recent_collect(&space, 0x3fffff, 0x400000, ranges), -1);
	for (uint64_t g = 1; g <= TLB_RECENT; g++)
		tlb_recent_put(&space, g, g << 20, 2);
	assert_int_equal(tlb_recent_collect(&space, 0, TLB_RECENT, ranges), TLB_RECENT);
	for (uint64_t g = 1; g <= TLB_RECENT; g++) {
		assert_int_equal(ranges[g - 1].start, g << 20);
		assert_int_equal(ranges[g - 1].end, (g << 20) + 2 * 4096);
	}
	assert_int_equal(tlb_recent_collect(&space, TLB_RECENT - 1, TLB_RECENT, ranges), 1);
	/* A generation whose word is not there yet. */
	assert_int_equal(tlb_recent_collect(&space, TLB_RECENT, TLB_RECENT + 1, ranges), -1);
	/* One that has been overwritten, and more than are remembered. */
	tlb_recent_put(&space, TLB_RECENT + 1, 0x5000, 1);
	assert_int_equal(tlb_recent_collect(&space, 0, TLB_RECENT, ranges), -1);
	assert_int_equal(tlb_recent_collect(&space, 0, TLB_RECENT + 1, ranges), -1);
	assert_int_equal(tlb_recent_collect(&space, 1, TLB_RECENT + 1, ranges), TLB_RECENT);
	/* Together more than the limit of single invalidations. */
	tlb_recent_put(&space, 20, 0x100000, 20);
	tlb_recent_put(&space, 21, 0x200000, TLB_RANGE_PAGES_MAX - 20);
	assert_int_equal(tlb_recent_collect(&space, 19, 21, ranges), 2);
	tlb_recent_put(&space, 21, 0x200000, TLB_RANGE_PAGES_MAX - 19);
	assert_int_equal(tlb_recent_collect(&space, 19, 21, ranges), -1);
}

static unsigned order[4], ran;

static void note(void *arg)
{
	order[ran++] = (unsigned)(uintptr_t)arg;
}

static void queue_runs_in_order_and_tells_when_it_was_empty(void **state)
{
	struct llist queue = {0};
	struct call calls[3] = {0};

	(void)state;
	ran = 0;
	assert_false(call_queue_serve(&queue));
	for (uintptr_t i = 0; i < 3; i++) {
		assert_true(call_claim(&calls[i], 7));
		assert_false(call_claim(&calls[i], 8));
		assert_int_equal(call_queue_push(&queue, &calls[i], note, (void *)i), i == 0);
		assert_true(call_in_flight(&calls[i], 7));
		assert_false(call_in_flight(&calls[i], 8));
	}
	assert_true(call_queue_serve(&queue));
	assert_int_equal(ran, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(order[i], i);
		assert_false(call_is_busy(&calls[i]));
	}
	assert_true(call_claim(&calls[0], 9));
	assert_true(call_queue_push(&queue, &calls[0], note, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mailbox_is_bounded_and_wraps),
		cmocka_unit_test(word_keeps_what_it_is_given),
		cmocka_unit_test(catching_up),
		cmocka_unit_test(queue_runs_in_order_and_tells_when_it_was_empty),
	};

	return cmocka_run_group_tests_name("smp_pure", tests, NULL, NULL);
}
