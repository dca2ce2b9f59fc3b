// sources: kernel/results/transport.c
/*
 * The results channel: records as the host finds them, full channels, abandoned records. PCI,
 * memory and the serial port are this file's.
 */
#include "tests/host/check.h"

#include "arch/x86_64/pci.h"
#include "arch/x86_64/serial.h"
#include "fanga/log.h"
#include "fanga/mm.h"
#include "kernel/results/transport.h"
#include "lib/errno.h"

#define MEMORY_BYTES 32768u

static _Alignas(4096) uint8_t memory[MEMORY_BYTES];
static uint8_t line[262144];
static size_t line_bytes;
static bool has_memory, has_serial;
static size_t serial_accepts;
static uint64_t bar_size;

int pci_find(uint16_t vendor, uint16_t device, struct pci_device *found)
{
	assert_int_equal(vendor, CHANNEL_PCI_VENDOR);
	assert_int_equal(device, CHANNEL_PCI_DEVICE);
	*found = (struct pci_device){.vendor = vendor, .device = device};
	return has_memory ? 0 : -ENODEV;
}

int pci_read_bar(const struct pci_device *device, unsigned index, struct pci_bar *bar)
{
	(void)device;
	assert_int_equal(index, CHANNEL_PCI_BAR);
	*bar = (struct pci_bar){.base = 0x100000, .size = bar_size};
	return 0;
}

void pci_enable_memory(const struct pci_device *device)
{
	(void)device;
}

void *device_memory_map(uint64_t phys, size_t bytes)
{
	assert_int_equal(phys, 0x100000);
	assert_int_equal(bytes, MEMORY_BYTES);
	return memory;
}

bool serial_init(enum serial_port port)
{
	assert_int_equal(port, SERIAL_COM2);
	return has_serial;
}

size_t serial_write(enum serial_port port, const void *bytes, size_t length)
{
	(void)port;
	length = length < serial_accepts ? length : serial_accepts;
	memcpy(line + line_bytes, bytes, length);
	line_bytes += length;
	return length;
}

void log_line(enum log_level level, const char *format, ...)
{
	(void)level;
	(void)format;
}

static const struct channel_header *header(void)
{
	return (const struct channel_header *)memory;
}

static int put(enum channel_type type, const void *bytes, size_t length)
{
	transport_begin(type);
	(void)transport_append(bytes, length);
	return transport_commit();
}

static int open_memory(void **state)
{
	(void)state;
	memset(memory, 0xee, sizeof(memory));
	has_memory = true;
	has_serial = true;
	bar_size = MEMORY_BYTES;
	assert_int_equal(transport_init(), TRANSPORT_MEMORY);
	return 0;
}

static int open_serial(void **state)
{
	(void)state;
	has_memory = false;
	has_serial = true;
	serial_accepts = sizeof(line);
	line_bytes = 0;
	assert_int_equal(transport_init(), TRANSPORT_SERIAL);
	return 0;
}

static void memory_record_is_whole(void **state)
{
	const struct channel_record *record = (const void *)(memory + CHANNEL_DATA_OFFSET);

	(void)state;
	assert_true(header()->magic == CHANNEL_MAGIC);
	assert_int_equal(header()->version, CHANNEL_VERSION);
	assert_int_equal(header()->state, CHANNEL_STATE_OPEN);
	assert_int_equal(header()->capacity, MEMORY_BYTES);
	assert_int_equal(header()->committed, 0);
	assert_int_equal(put(CHANNEL_REPORT, "hello", 5), 0);
	assert_int_equal(header()->committed, 24);
	assert_int_equal(record->sync, CHANNEL_RECORD_SYNC);
	assert_int_equal(record->type, CHANNEL_REPORT);
	assert_int_equal(record->length, 5);
	assert_memory_equal(record + 1, "hello\0\0\0", 8);
	transport_close();
	assert_int_equal(header()->state, CHANNEL_STATE_CLOSED);
}

static void abandoned_record_is_overwritten(void **state)
{
	const struct channel_record *record = (const void *)(memory + CHANNEL_DATA_OFFSET);

	(void)state;
	transport_begin(CHANNEL_SECTION);
	assert_int_equal(transport_append("half of something", 17), 0);
	assert_int_equal(header()->committed, 0);
	assert_int_equal(put(CHANNEL_MESSAGE, "panic", 5), 0);
	assert_int_equal(header()->committed, 24);
	assert_int_equal(record->type, CHANNEL_MESSAGE);
	assert_memory_equal(record + 1, "panic\0\0\0", 8);
}

static void full_channel_still_takes_the_exit(void **state)
{
	static const uint8_t big[MEMORY_BYTES];
	struct channel_exit exit = {.status = 3, .signal = -1};
	uint64_t dropped = transport_dropped();
	uint64_t committed;

	(void)state;
	assert_int_equal(put(CHANNEL_FILE, big, sizeof(big)), -ENOSPC);
	while (put(CHANNEL_REPORT, big, 1000) == 0)
		;
	committed = header()->committed;
	assert_int_equal(transport_dropped() - dropped, 2);
	assert_int_equal(header()->dropped, transport_dropped());
	assert_int_equal(put(CHANNEL_MESSAGE, big, 4000), 0);
	assert_int_equal(put(CHANNEL_EXIT, &exit, sizeof(exit)), 0);
	assert_true(header()->committed > committed);
	/* To the last byte, and not beyond. */
	while (put(CHANNEL_MESSAGE, big, 1) == 0)
		;
	assert_true(CHANNEL_DATA_OFFSET + header()->committed <= MEMORY_BYTES);
	assert_true(CHANNEL_DATA_OFFSET + header()->committed + 24 > MEMORY_BYTES);
}

static void length_that_wraps_is_refused(void **state)
{
	(void)state;
	transport_begin(CHANNEL_FILE);
	assert_int_equal(transport_append("x", 1), 0);
	assert_int_equal(transport_append(NULL, SIZE_MAX - 4), -ENOSPC);
	assert_int_equal(transport_append("y", 1), -ENOSPC);
	assert_int_equal(transport_commit(), -ENOSPC);
	assert_int_equal(header()->committed, 0);
}

static void serial_line_gets_the_same_bytes(void **state)
{
	struct channel_record record;

	(void)state;
	assert_int_equal(put(CHANNEL_STAGE, "booting", 7), 0);
	assert_int_equal(put(CHANNEL_REPORT, "12345678", 8), 0);
	assert_int_equal(line_bytes, 48);
	memcpy(&record, line + 24, sizeof(record));
	assert_int_equal(record.sync, CHANNEL_RECORD_SYNC);
	assert_int_equal(record.type, CHANNEL_REPORT);
	assert_int_equal(record.length, 8);
	assert_memory_equal(line + 40, "12345678", 8);
}

static void serial_line_drops_what_it_cannot(void **state)
{
	static const uint8_t big[200000];
	uint64_t dropped = transport_dropped();

	(void)state;
	assert_int_equal(put(CHANNEL_FILE, big, sizeof(big)), -ENOSPC);
	assert_int_equal(line_bytes, 0);
	serial_accepts = 10;
	assert_int_equal(put(CHANNEL_REPORT, "text", 4), -ENOSPC);
	assert_int_equal(transport_dropped() - dropped, 2);
}

static void small_memory_is_not_used(void **state)
{
	(void)state;
	has_memory = true;
	has_serial = false;
	bar_size = 4096;
	assert_int_equal(transport_init(), TRANSPORT_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_memory_is_not_used),
		cmocka_unit_test_setup(memory_record_is_whole, open_memory),
		cmocka_unit_test_setup(abandoned_record_is_overwritten, open_memory),
		cmocka_unit_test_setup(full_channel_still_takes_the_exit, open_memory),
		cmocka_unit_test_setup(length_that_wraps_is_refused, open_memory),
		cmocka_unit_test_setup(serial_line_gets_the_same_bytes, open_serial),
		cmocka_unit_test_setup(serial_line_drops_what_it_cannot, open_serial),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
