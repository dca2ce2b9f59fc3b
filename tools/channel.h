/*
 * The host's end of the results channel (lib/channel.h): the shared memory of an ivshmem-plain
 * device, or the bytes of a serial port. What the machine writes is input: no length is trusted.
 */
#pragma once

#include "lib/channel.h"

/* Size of the shared memory: room for tens of megabytes of profile and trace. A power of two, as
 * a PCI BAR must be. */
#define CHANNEL_BYTES (64u << 20)

/* Called for each whole record; `payload` is valid during the call. */
typedef void (*channel_record_fn)(void *context, enum channel_type type, const char *payload,
				  size_t length);

struct channel_memory {
	int fd; /* -1: none */
	uint8_t *memory;
	uint64_t consumed; /* bytes of records that have been handed on */
};

/*
 * Make the file `path`, with its disk space reserved, so that a full disk shows here and not as a
 * SIGBUS of the simulator. 0, or a negative errno after one line on standard error.
 */
int channel_memory_open(struct channel_memory *channel, const char *path) __must_check;
void channel_memory_close(struct channel_memory *channel);

/* Whether the machine has opened the channel. */
bool channel_memory_is_alive(const struct channel_memory *channel);

/* Records that found no room. */
uint64_t channel_memory_dropped(const struct channel_memory *channel);

/* Hand on what is new. Returns 0, or -EBADMSG when the bytes are no records. */
int channel_memory_poll(struct channel_memory *channel, channel_record_fn record,
			void *context) __must_check;

/*
 * Hand on the whole records at the start of `data`; *used says how many bytes they are. Returns 0,
 * or -EBADMSG. For the serial form, whose reader keeps the rest until more has come.
 */
int channel_records(const uint8_t *data, size_t bytes, size_t *used, channel_record_fn record,
		    void *context) __must_check;
