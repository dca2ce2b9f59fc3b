/*
 * PCI configuration space, see pci.h. `access` guards the address/data port pair (leaf, interrupts
 * off). The walk visits each of the 256 buses at most once, so that bridges that point at each
 * other cost nothing but their visit.
 */
#include "arch/x86_64/pci.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/window_lock.h"
#include "lib/errno.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  0x80000000u

#define PCI_IDS		0x00
#define PCI_COMMAND	0x04
#define PCI_CLASS	0x08
#define PCI_HEADER	0x0c
#define PCI_BAR(n)	((uint8_t)(0x10 + 4 * (n)))
#define PCI_BUS_NUMBERS 0x18 /* header type 1 */

#define COMMAND_IO	   0x1u
#define COMMAND_MEMORY	   0x2u
#define COMMAND_MASK	   0xffffu /* the upper half is status, whose bits are cleared by ones */
#define HEADER_TYPE(v)	   ((v) >> 16 & 0x7f)
#define HEADER_MULTI(v)	   ((v) >> 23 & 1)
#define HEADER_TYPE_DEVICE 0
#define HEADER_TYPE_BRIDGE 1
#define SECONDARY_BUS(v)   ((uint8_t)((v) >> 8))

#define PCI_DEVICES   32
#define PCI_FUNCTIONS 8
#define PCI_BUSES     256
#define VENDOR_NONE   0xffffu

static struct window_lock access;

static uint32_t config_address(struct pci_address address, uint8_t offset)
{
	return CONFIG_ENABLE | (uint32_t)address.bus << 16 | (uint32_t)address.device << 11 |
	       (uint32_t)address.function << 8 | (offset & 0xfcu);
}

uint32_t pci_config_read(struct pci_address address, uint8_t offset)
{
	unsigned long flags = window_lock(&access);
	uint32_t value;

	outl(CONFIG_ADDRESS, config_address(address, offset));
	value = inl(CONFIG_DATA);
	window_unlock(&access, flags);
	return value;
}

void pci_config_write(struct pci_address address, uint8_t offset, uint32_t value)
{
	unsigned long flags = window_lock(&access);

	outl(CONFIG_ADDRESS, config_address(address, offset));
	outl(CONFIG_DATA, value);
	window_unlock(&access, flags);
}

/* ---- enumeration ---- */

struct walk {
	bool (*visit)(const struct pci_device *device, void *arg);
	void *arg;
	unsigned visited;
	bool is_stopped;
	uint64_t pending[PCI_BUSES / 64]; /* buses to walk */
	uint64_t done[PCI_BUSES / 64];
};

static void add_bus(struct walk *walk, uint8_t bus)
{
	walk->pending[bus / 64] |= BIT(bus % 64) & ~walk->done[bus / 64];
}

/* The next bus to walk, or -1. */
static int take_bus(struct walk *walk)
{
	for (unsigned word = 0; word < PCI_BUSES / 64; word++) {
		unsigned bit;

		if (!walk->pending[word])
			continue;
		bit = (unsigned)__builtin_ctzll(walk->pending[word]);
		walk->pending[word] &= ~BIT(bit);
		walk->done[word] |= BIT(bit);
		return (int)(word * 64 + bit);
	}
	return -1;
}

/* Returns whether the device has more functions than this one. */
static bool visit_function(struct walk *walk, struct pci_address address)
{
	uint32_t ids = pci_config_read(address, PCI_IDS);
	uint32_t header, class_code;
	struct pci_device device;

	if ((ids & 0xffff) == VENDOR_NONE)
		return false;
	header = pci_config_read(address, PCI_HEADER);
	class_code = pci_config_read(address, PCI_CLASS);
	device = (struct pci_device){
		.address = address,
		.vendor = (uint16_t)ids,
		.device = (uint16_t)(ids >> 16),
		.class_code = (uint8_t)(class_code >> 24),
		.subclass = (uint8_t)(class_code >> 16),
		.header_type = HEADER_TYPE(header),
	};
	if (device.header_type == HEADER_TYPE_BRIDGE)
		add_bus(walk, SECONDARY_BUS(pci_config_read(address, PCI_BUS_NUMBERS)));
	walk->visited++;
	walk->is_stopped = !walk->visit(&device, walk->arg);
	return HEADER_MULTI(header);
}

static void visit_device(struct walk *walk, uint8_t bus, uint8_t number)
{
	struct pci_address address = {.bus = bus, .device = number};

	if (!visit_function(walk, address))
		return;
	for (address.function = 1; address.function < PCI_FUNCTIONS; address.function++) {
		if (walk->is_stopped)
			return;
		(void)visit_function(walk, address);
	}
}

unsigned pci_enumerate(bool (*visit)(const struct pci_device *device, void *arg), void *arg)
{
	struct walk walk = {.visit = visit, .arg = arg};

	add_bus(&walk, 0);
	for (int bus = take_bus(&walk); bus >= 0; bus = take_bus(&walk))
		for (uint8_t number = 0; number < PCI_DEVICES && !walk.is_stopped; number++)
			visit_device(&walk, (uint8_t)bus, number);
	return walk.visited;
}

struct search {
	uint16_t vendor;
	uint16_t device;
	struct pci_device *found;
	bool is_found;
};

static bool compare(const struct pci_device *device, void *arg)
{
	struct search *search = arg;

	if (device->vendor != search->vendor || device->device != search->device)
		return true;
	*search->found = *device;
	search->is_found = true;
	return false;
}

int pci_find(uint16_t vendor, uint16_t device, struct pci_device *found)
{
	struct search search = {.vendor = vendor, .device = device, .found = found};

	(void)pci_enumerate(compare, &search);
	return search.is_found ? 0 : -ENODEV;
}

/* ---- base addresses ---- */

/* What sticks of all ones, which tells the size; the register's value is put back. */
static uint32_t probe_bar(struct pci_address address, unsigned index, uint32_t value)
{
	uint32_t mask;

	pci_config_write(address, PCI_BAR(index), UINT32_MAX);
	mask = pci_config_read(address, PCI_BAR(index));
	pci_config_write(address, PCI_BAR(index), value);
	return mask;
}

int pci_read_bar(const struct pci_device *device, unsigned index, struct pci_bar *bar)
{
	struct pci_address address = device->address;
	uint32_t command, low, low_mask, high = 0, high_mask = 0;
	bool is_wide;

	if (index >= PCI_BARS || device->header_type != HEADER_TYPE_DEVICE)
		return -EINVAL;
	command = pci_config_read(address, PCI_COMMAND) & COMMAND_MASK;
	low = pci_config_read(address, PCI_BAR(index));
	is_wide = (low & 0x7) == 0x4;
	if (is_wide && index + 1 == PCI_BARS)
		return -EINVAL;

	/* The device must not answer at the addresses that sizing writes. */
	pci_config_write(address, PCI_COMMAND, command & ~(COMMAND_IO | COMMAND_MEMORY));
	low_mask = probe_bar(address, index, low);
	if (is_wide) {
		high = pci_config_read(address, PCI_BAR(index + 1));
		high_mask = probe_bar(address, index + 1, high);
	}
	pci_config_write(address, PCI_COMMAND, command);
	return pci_bar_decode(low, high, low_mask, high_mask, bar);
}

void pci_enable_memory(const struct pci_device *device)
{
	uint32_t command = pci_config_read(device->address, PCI_COMMAND) & COMMAND_MASK;

	pci_config_write(device->address, PCI_COMMAND, command | COMMAND_MEMORY);
}
