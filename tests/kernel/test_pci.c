/* PCI configuration space as the simulators have it. */
#include "arch/x86_64/pci.h"
#include "fanga/results.h"
#include "lib/channel.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "tests/kernel/ktest.h"

#define CLASS_BRIDGE  0x06
#define SUBCLASS_HOST 0x00
#define COMMAND	      0x04

struct census {
	unsigned count;
	unsigned host_bridges;
	bool is_ascending; /* within a bus, so nothing comes twice */
	int last;
};

static bool count_device(const struct pci_device *device, void *arg)
{
	struct census *census = arg;
	int at = device->address.bus << 8 | device->address.device << 3 | device->address.function;

	census->count++;
	census->host_bridges +=
		device->class_code == CLASS_BRIDGE && device->subclass == SUBCLASS_HOST;
	if (at <= census->last)
		census->is_ascending = false;
	census->last = at;
	return true;
}

KTEST(pci, each_function_once)
{
	struct census census = {.is_ascending = true, .last = -1};

	KT_EQ(pci_enumerate(count_device, &census), census.count);
	KT_CHECK(census.host_bridges >= 1);
	KT_CHECK(census.is_ascending);
	ktest_note("%u functions", census.count);
}

static bool stop_at_first(const struct pci_device *device, void *arg)
{
	(void)device;
	++*(unsigned *)arg;
	return false;
}

KTEST(pci, walk_stops_when_told)
{
	unsigned seen = 0;

	KT_EQ(pci_enumerate(stop_at_first, &seen), 1);
	KT_EQ(seen, 1);
}

KTEST(pci, absent_device_is_not_found)
{
	struct pci_device device;

	KT_EQ(pci_find(0x1234, 0xfffe, &device), -ENODEV);
}

KTEST(pci, sizing_leaves_no_trace)
{
	struct pci_device device;
	struct pci_bar first, second;
	uint32_t command;

	if (pci_find(CHANNEL_PCI_VENDOR, CHANNEL_PCI_DEVICE, &device))
		KT_SKIP("no shared-memory device");
	command = pci_config_read(device.address, COMMAND);
	/* BAR 0 are the doorbell registers; the channel lives in BAR 2 and is left alone. */
	KT_EQ(pci_read_bar(&device, 0, &first), 0);
	KT_EQ(pci_read_bar(&device, 0, &second), 0);
	KT_EQ(pci_config_read(device.address, COMMAND), command);
	KT_EQ(memcmp(&first, &second, sizeof(first)), 0);
	KT_CHECK(!first.io && first.size >= 256 && first.base);
	KT_EQ(pci_read_bar(&device, PCI_BARS, &first), -EINVAL);
}
