/*
 * PCI configuration space through ports 0xcf8 and 0xcfc (PCI Local Bus 3.0 section 3.2.2.3.2).
 *
 * Buses are followed through bridges from bus 0, each at most once, whatever the bridges claim.
 */
#pragma once

#include "lib/types.h"

struct pci_address {
	uint8_t bus;
	uint8_t device;	  /* 0..31 */
	uint8_t function; /* 0..7 */
};

struct pci_device {
	struct pci_address address;
	uint16_t vendor;
	uint16_t device;
	uint8_t class_code;
	uint8_t subclass;
	uint8_t header_type; /* without the multi-function bit */
};

#define PCI_BARS 6

struct pci_bar {
	uint64_t base; /* physical or port address; 0: firmware assigned none */
	uint64_t size; /* bytes, a power of two; 0: not implemented */
	bool io;
	bool wide; /* occupies the next BAR too */
	bool prefetchable;
};

/* @offset is a multiple of 4. Any context but NMI. */
uint32_t pci_config_read(struct pci_address address, uint8_t offset);
void pci_config_write(struct pci_address address, uint8_t offset, uint32_t value);

/* Call @visit for each function until it returns false. Returns the functions visited. */
unsigned pci_enumerate(bool (*visit)(const struct pci_device *device, void *arg), void *arg);

/* The first function with these ids. 0 or -ENODEV. Boot context. */
int pci_find(uint16_t vendor, uint16_t device, struct pci_device *found) __must_check;

/*
 * Size and decode BAR @index of a function with header type 0; decoding is off meanwhile. 0, or
 * -EINVAL (no such BAR, the header has none, or it contradicts itself). Boot context.
 */
int pci_read_bar(const struct pci_device *device, unsigned index, struct pci_bar *bar) __must_check;

/* Let the function answer at its memory BARs. */
void pci_enable_memory(const struct pci_device *device);

/*
 * Pure: what two registers (@high 0 for a 32-bit BAR) and the values read back after writing ones
 * (@low_mask, @high_mask) say. Returns 0 or -EINVAL for a reserved type or a mask with holes.
 */
int pci_bar_decode(uint32_t low, uint32_t high, uint32_t low_mask, uint32_t high_mask,
		   struct pci_bar *bar) __must_check;
