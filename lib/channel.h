/*
 * The results channel: how the kernel hands the report, files and the exit status to the host.
 * Shared by both sides.
 *
 * Memory form (BAR 2 of an ivshmem-plain device): struct channel_header in page 0, records from
 * CHANNEL_DATA_OFFSET on, never wrapping. The kernel writes a record, then stores `committed` with
 * release; the host reads `committed` with acquire and looks no further. A record that does not fit
 * is not written and counted in `dropped`. Serial form: the same record bytes, one after the other,
 * no header. All numbers are little-endian.
 */
#pragma once

#include "lib/types.h"

#define CHANNEL_MAGIC	     0x31484341474e4146ull /* "FANGACH1" */
#define CHANNEL_VERSION	     1u
#define CHANNEL_DATA_OFFSET  4096u
#define CHANNEL_RECORD_SYNC  0x43455246u /* "FREC" */
#define CHANNEL_RECORD_ALIGN 8u
#define CHANNEL_PCI_VENDOR   0x1af4u
#define CHANNEL_PCI_DEVICE   0x1110u
#define CHANNEL_PCI_BAR	     2u

enum channel_state {
	CHANNEL_STATE_EMPTY = 0,  /* as the host made it */
	CHANNEL_STATE_OPEN = 1,	  /* the kernel writes */
	CHANNEL_STATE_CLOSED = 2, /* EXIT has been written, nothing follows */
};

struct channel_header {
	uint64_t magic;
	uint32_t version;
	uint32_t state;	    /* enum channel_state */
	uint64_t capacity;  /* bytes of the whole area, header page included */
	uint64_t committed; /* bytes of records behind CHANNEL_DATA_OFFSET that are complete */
	uint64_t dropped;   /* records that did not fit */
};

enum channel_type {
	CHANNEL_REPORT = 1,  /* text for the person's standard output */
	CHANNEL_SECTION = 2, /* name NUL json: one key of run.json */
	CHANNEL_FILE = 3,    /* name NUL bytes: one file of the results folder */
	CHANNEL_EXIT = 4,    /* struct channel_exit, the last record */
	CHANNEL_MESSAGE = 5, /* one line for standard error */
	CHANNEL_STAGE = 6,   /* one line of progress */
};

struct channel_record {
	uint32_t sync;	 /* CHANNEL_RECORD_SYNC */
	uint32_t type;	 /* enum channel_type */
	uint64_t length; /* payload bytes, without the padding to CHANNEL_RECORD_ALIGN that follows
			    it */
};

enum channel_exit_reason {
	CHANNEL_EXITED = 0,
	CHANNEL_SIGNALLED = 1,
	CHANNEL_TIMED_OUT = 2,
	CHANNEL_PANICKED = 3,
	CHANNEL_NOT_BOOTED = 4,
};

struct channel_exit {
	int32_t status;
	int32_t signal;	 /* -1: none */
	uint32_t reason; /* enum channel_exit_reason */
	uint32_t zero;
};

_Static_assert(sizeof(struct channel_header) == 40, "shared with the host");
_Static_assert(offsetof(struct channel_header, committed) == 24, "shared with the host");
_Static_assert(sizeof(struct channel_record) == 16, "shared with the host");
_Static_assert(sizeof(struct channel_exit) == 16, "shared with the host");

/* Bytes that a record with `length` payload bytes takes. `length` below 2^63. */
static inline uint64_t channel_record_bytes(uint64_t length)
{
	return sizeof(struct channel_record) + ALIGN_UP(length, CHANNEL_RECORD_ALIGN);
}
