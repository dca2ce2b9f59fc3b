/*
 * Reading the results channel while the machine writes it.
 */
#include "tools/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tools/say.h"

#define DATA_BYTES (CHANNEL_BYTES - CHANNEL_DATA_OFFSET)

int channel_records(const uint8_t *data, size_t bytes, size_t *used, channel_record_fn record,
		    void *context)
{
	*used = 0;
	while (bytes - *used >= sizeof(struct channel_record)) {
		struct channel_record head;
		size_t room = bytes - *used;

		memcpy(&head, data + *used, sizeof(head));
		if (head.sync != CHANNEL_RECORD_SYNC || head.length > DATA_BYTES)
			return -EBADMSG;
		if (channel_record_bytes(head.length) > room)
			break;
		record(context, (enum channel_type)head.type,
		       (const char *)data + *used + sizeof(head), (size_t)head.length);
		*used += (size_t)channel_record_bytes(head.length);
	}
	return 0;
}

int channel_memory_open(struct channel_memory *channel, const char *path)
{
	int error;

	*channel = (struct channel_memory){.fd = -1};
	channel->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	error = channel->fd < 0 ? errno : posix_fallocate(channel->fd, 0, CHANNEL_BYTES);
	if (!error) {
		channel->memory = mmap(NULL, CHANNEL_BYTES, PROT_READ, MAP_SHARED, channel->fd, 0);
		if (channel->memory != MAP_FAILED)
			return 0;
		channel->memory = NULL;
		error = errno;
	}
	say("cannot make the results channel '%s': %s", path, strerror(error));
	channel_memory_close(channel);
	return -error;
}

void channel_memory_close(struct channel_memory *channel)
{
	if (channel->memory)
		munmap(channel->memory, CHANNEL_BYTES);
	if (channel->fd >= 0)
		close(channel->fd);
	*channel = (struct channel_memory){.fd = -1};
}

static const struct channel_header *header(const struct channel_memory *channel)
{
	return (const struct channel_header *)channel->memory;
}

bool channel_memory_is_alive(const struct channel_memory *channel)
{
	return channel->memory &&
	       __atomic_load_n(&header(channel)->magic, __ATOMIC_ACQUIRE) == CHANNEL_MAGIC;
}

uint64_t channel_memory_dropped(const struct channel_memory *channel)
{
	return channel->memory ? __atomic_load_n(&header(channel)->dropped, __ATOMIC_RELAXED) : 0;
}

int channel_memory_poll(struct channel_memory *channel, channel_record_fn record, void *context)
{
	uint64_t committed;
	size_t used;
	int error;

	if (!channel_memory_is_alive(channel))
		return 0;
	if (header(channel)->version != CHANNEL_VERSION)
		return -EBADMSG;
	/* Pairs with the kernel's release after it has written the records. */
	committed = __atomic_load_n(&header(channel)->committed, __ATOMIC_ACQUIRE);
	if (committed < channel->consumed || committed > DATA_BYTES)
		return -EBADMSG;
	error = channel_records(channel->memory + CHANNEL_DATA_OFFSET + channel->consumed,
				(size_t)(committed - channel->consumed), &used, record, context);
	channel->consumed += used;
	return error;
}
