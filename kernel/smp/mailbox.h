/*
 * Mailbox of one CPU: a bounded queue in memory with many senders and one reader, for the data of
 * IPIs (interrupts of one vector that are pending together are one, their data must not be).
 *
 * Invariant: slot i of lap L holds turn L (free), L + 1 (filled) or L + MAILBOX_SLOTS (read, which
 * is free for the next lap), L being the position rounded down to a multiple of MAILBOX_SLOTS. A
 * slot belongs to whoever moved `tail` or `head` over it. All zero is the empty mailbox. No locks;
 * any context but NMI. A sender that is interrupted between claim and fill holds back what lies
 * behind its slot until it has filled it; it sends its interrupt after that. Pure.
 */
#pragma once

#include "lib/types.h"

#define MAILBOX_SLOTS 64u
_Static_assert((MAILBOX_SLOTS & (MAILBOX_SLOTS - 1)) == 0, "positions wrap modulo 2^32");

struct mail {
	uint64_t data;
	uint16_t from; /* CPU */
	uint16_t type; /* enum ipi_type */
};

struct mailbox_slot {
	uint32_t turn;
	uint16_t from;
	uint16_t type;
	uint64_t data;
};

struct mailbox {
	uint32_t tail __cacheline_aligned; /* next position to fill; senders, compare-and-swap */
	uint32_t head __cacheline_aligned; /* next position to read; the reader's alone */
	struct mailbox_slot slots[MAILBOX_SLOTS] __cacheline_aligned;
};

static inline uint32_t mailbox_lap(uint32_t position)
{
	return position & ~(MAILBOX_SLOTS - 1);
}

/* Put @mail in. False when the mailbox is full. */
static inline bool mailbox_post(struct mailbox *box, struct mail mail)
{
	uint32_t position = __atomic_load_n(&box->tail, __ATOMIC_RELAXED);

	for (;;) {
		struct mailbox_slot *slot = &box->slots[position % MAILBOX_SLOTS];
		/* Acquire: pairs with the reader's release, its reads are over before we write. */
		uint32_t turn = __atomic_load_n(&slot->turn, __ATOMIC_ACQUIRE);
		int32_t ahead = (int32_t)(turn - mailbox_lap(position));

		if (ahead < 0)
			return false; /* still the letter of one lap ago */
		if (ahead > 0) {
			position = __atomic_load_n(&box->tail, __ATOMIC_RELAXED);
			continue; /* another sender was faster */
		}
		/* Relaxed: the claim orders nothing, the turns do. */
		if (!__atomic_compare_exchange_n(&box->tail, &position, position + 1, true,
						 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			continue;
		slot->data = mail.data;
		slot->from = mail.from;
		slot->type = mail.type;
		/* Release: pairs with the acquire in mailbox_take(). */
		__atomic_store_n(&slot->turn, mailbox_lap(position) + 1, __ATOMIC_RELEASE);
		return true;
	}
}

/* Take the oldest letter. False when there is none that is complete. The reader only. */
static inline bool mailbox_take(struct mailbox *box, struct mail *mail)
{
	uint32_t position = box->head;
	struct mailbox_slot *slot = &box->slots[position % MAILBOX_SLOTS];

	/* Acquire: pairs with the sender's release, the letter is complete. */
	if (__atomic_load_n(&slot->turn, __ATOMIC_ACQUIRE) != mailbox_lap(position) + 1)
		return false;
	mail->data = slot->data;
	mail->from = slot->from;
	mail->type = slot->type;
	box->head = position + 1;
	/* Release: pairs with the acquire in mailbox_post(). */
	__atomic_store_n(&slot->turn, mailbox_lap(position) + MAILBOX_SLOTS, __ATOMIC_RELEASE);
	return true;
}
