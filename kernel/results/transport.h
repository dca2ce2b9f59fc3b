/*
 * One record at a time to the host, by shared memory or serial line. For results.c, which holds the
 * lock around everything here but transport_init() and the queries.
 */
#pragma once

#include "lib/channel.h"
#include "lib/types.h"

enum transport {
	TRANSPORT_NONE,
	TRANSPORT_MEMORY,
	TRANSPORT_SERIAL,
};

/* Find the way to the host. Boot CPU, once. */
enum transport transport_init(void);

enum transport transport_kind(void);

/* Start a record; one that was begun and not committed is forgotten. */
void transport_begin(enum channel_type type);

/* 0, or -ENOSPC when it no longer fits; the record cannot be committed then. */
int transport_append(const void *bytes, size_t length);

/* Hand the record over. 0, or -ENOSPC: it did not fit and is counted as dropped. */
int transport_commit(void) __must_check;

/* Nothing follows. */
void transport_close(void);

uint64_t transport_dropped(void);
