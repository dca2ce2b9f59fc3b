/*
 * The IPI mailbox under ThreadSanitizer: senders that find it full try again, one reader; every
 * letter arrives once, each sender's in order, and its content is complete.
 */
#include "tests/host/check.h"

#include <pthread.h>
#include <sched.h>

#include "kernel/smp/mailbox.h"

#define SENDERS 4u
#define LETTERS 40000u

static struct mailbox box;

static void *send(void *arg)
{
	uint16_t sender = (uint16_t)(uintptr_t)arg;

	for (uint64_t i = 0; i < LETTERS; i++) {
		struct mail mail = {.data = i << 16 | sender, .from = sender, .type = 1};

		while (!mailbox_post(&box, mail))
			sched_yield();
	}
	return NULL;
}

static void no_letter_is_lost(void **state)
{
	uint64_t next[SENDERS] = {0};
	pthread_t threads[SENDERS];
	unsigned taken = 0;

	(void)state;
	for (unsigned i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, send, (void *)(uintptr_t)i), 0);
	while (taken < SENDERS * LETTERS) {
		struct mail mail;

		if (!mailbox_take(&box, &mail)) {
			sched_yield();
			continue;
		}
		taken++;
		assert_in_range(mail.from, 0, SENDERS - 1);
		assert_int_equal(mail.type, 1);
		assert_int_equal(mail.data, next[mail.from]++ << 16 | mail.from);
	}
	for (unsigned i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_false(mailbox_take(&box, &(struct mail){0}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_letter_is_lost),
	};

	return cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}
