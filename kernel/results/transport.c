/*
 * Transport of result records, format in lib/channel.h.
 *
 * Invariant: `committed` covers whole records only. A record grows behind it, in place, and is
 * covered by one release store at the end; whoever abandons a record, a panic too, just begins the
 * next one at the same spot. The serial form collects a record in a buffer, since its length goes
 * first. Caller's lock; any context.
 */
#include "kernel/results/transport.h"

#include "arch/x86_64/pci.h"
#include "arch/x86_64/serial.h"
#include "fanga/log.h"
#include "fanga/mm.h"
#include "lib/errno.h"
#include "lib/string.h"

/* What ordinary records leave free, so that a panic's text and the exit status always get through.
 */
#define RESERVED_BYTES 8192u
#define MEMORY_MIN     (CHANNEL_DATA_OFFSET + 2 * RESERVED_BYTES)
#define SERIAL_MAX     (128u * 1024u)

static enum transport kind;
static struct channel_header *header; /* memory form; the records follow CHANNEL_DATA_OFFSET on */
static uint8_t serial_record[SERIAL_MAX];
static uint64_t dropped;

/* The record being built: where, how far, how far it may go. */
static struct {
	uint8_t *bytes;
	uint64_t length; /* of payload */
	uint64_t limit;	 /* of header and payload */
	enum channel_type type;
	bool is_cut;
} record;

static int find_memory(struct pci_bar *bar)
{
	struct pci_device device;
	int error = pci_find(CHANNEL_PCI_VENDOR, CHANNEL_PCI_DEVICE, &device);

	if (!error)
		error = pci_read_bar(&device, CHANNEL_PCI_BAR, bar);
	if (error)
		return error;
	if (bar->io || !bar->base || bar->size < MEMORY_MIN) {
		log_warn("results: shared memory of %llu bytes at 0x%llx is of no use",
			 (unsigned long long)bar->size, (unsigned long long)bar->base);
		return -ENODEV;
	}
	pci_enable_memory(&device);
	return 0;
}

static bool open_memory(void)
{
	struct pci_bar bar;

	if (find_memory(&bar))
		return false;
	/*
	 * Cached: behind this BAR is the host's memory, coherent with its caches, without registers
	 * or side effects. Uncached it would be correct too, and some hundred times slower.
	 */
	header = device_memory_map(bar.base, bar.size);
	if (!header)
		return false;
	header->version = CHANNEL_VERSION;
	header->state = CHANNEL_STATE_OPEN;
	header->capacity = bar.size;
	header->committed = 0;
	header->dropped = 0;
	/* Release: pairs with the host's acquire load; who sees the magic sees the fields above. */
	__atomic_store_n(&header->magic, CHANNEL_MAGIC, __ATOMIC_RELEASE);
	return true;
}

enum transport transport_init(void)
{
	if (open_memory())
		kind = TRANSPORT_MEMORY;
	else if (serial_init(SERIAL_COM2))
		kind = TRANSPORT_SERIAL;
	return kind;
}

enum transport transport_kind(void)
{
	return kind;
}

static uint64_t memory_limit(enum channel_type type)
{
	uint64_t left = header->capacity - CHANNEL_DATA_OFFSET - header->committed;

	if (type == CHANNEL_EXIT || type == CHANNEL_MESSAGE)
		return left;
	return left > RESERVED_BYTES ? left - RESERVED_BYTES : 0;
}

void transport_begin(enum channel_type type)
{
	record.type = type;
	record.length = 0;
	record.is_cut = false;
	if (kind == TRANSPORT_MEMORY) {
		record.bytes = (uint8_t *)header + CHANNEL_DATA_OFFSET + header->committed;
		record.limit = memory_limit(type);
	} else {
		record.bytes = serial_record;
		record.limit = SERIAL_MAX;
	}
}

int transport_append(const void *bytes, size_t length)
{
	uint64_t used = sizeof(struct channel_record) + record.length;

	/* A whole multiple of the alignment, so that the padding fits too. */
	if (record.is_cut || used + length < length ||
	    used + length > ALIGN_DOWN(record.limit, CHANNEL_RECORD_ALIGN)) {
		record.is_cut = true;
		return -ENOSPC;
	}
	memcpy(record.bytes + used, bytes, length);
	record.length += length;
	return 0;
}

static void count_dropped(void)
{
	dropped++;
	if (kind == TRANSPORT_MEMORY)
		__atomic_store_n(&header->dropped, dropped, __ATOMIC_RELAXED);
}

int transport_commit(void)
{
	struct channel_record head = {
		.sync = CHANNEL_RECORD_SYNC, .type = record.type, .length = record.length};
	uint64_t used = sizeof(head) + record.length;
	uint64_t total = channel_record_bytes(record.length);

	if (record.is_cut || total > record.limit) {
		count_dropped();
		return -ENOSPC;
	}
	memcpy(record.bytes, &head, sizeof(head));
	memset(record.bytes + used, 0, total - used);
	if (kind == TRANSPORT_MEMORY) {
		/* Release: pairs with the host's acquire load, which then reads whole records. */
		__atomic_store_n(&header->committed, header->committed + total, __ATOMIC_RELEASE);
	} else if (serial_write(SERIAL_COM2, record.bytes, total) < total) {
		count_dropped();
		return -ENOSPC;
	}
	return 0;
}

void transport_close(void)
{
	/* Release: pairs with the host's acquire load; the EXIT record comes before. */
	if (kind == TRANSPORT_MEMORY)
		__atomic_store_n(&header->state, CHANNEL_STATE_CLOSED, __ATOMIC_RELEASE);
}

uint64_t transport_dropped(void)
{
	return dropped;
}
