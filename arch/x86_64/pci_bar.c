/* Decoding of PCI base address registers (PCI Local Bus 3.0 section 6.2.5.1). Pure. */
#include "arch/x86_64/pci.h"

#include "lib/errno.h"

#define BAR_IO		 0x1u
#define BAR_TYPE(low)	 ((low) >> 1 & 0x3)
#define BAR_TYPE_32	 0x0
#define BAR_TYPE_64	 0x2
#define BAR_PREFETCHABLE 0x8u
#define BAR_IO_ADDRESS	 0xfffffffcu
#define BAR_MEM_ADDRESS	 0xfffffff0u

int pci_bar_decode(uint32_t low, uint32_t high, uint32_t low_mask, uint32_t high_mask,
		   struct pci_bar *bar)
{
	uint64_t mask;

	*bar = (struct pci_bar){0};
	if (low_mask == 0)
		return 0; /* not implemented */
	if (low & BAR_IO) {
		bar->io = true;
		bar->base = low & BAR_IO_ADDRESS;
		/* The upper half of an I/O BAR may be hard-wired to zero. */
		mask = (low_mask & BAR_IO_ADDRESS) | ((low_mask >> 16) ? 0 : 0xffff0000u);
		mask |= 0xffffffff00000000ull;
	} else {
		bar->wide = BAR_TYPE(low) == BAR_TYPE_64;
		if (!bar->wide && BAR_TYPE(low) != BAR_TYPE_32)
			return -EINVAL;
		bar->prefetchable = low & BAR_PREFETCHABLE;
		bar->base = low & BAR_MEM_ADDRESS;
		mask = low_mask & BAR_MEM_ADDRESS;
		if (bar->wide) {
			bar->base |= (uint64_t)high << 32;
			mask |= (uint64_t)high_mask << 32;
			/* Upper bits beyond the device's reach may be hard-wired to zero too. */
			if (high_mask == 0)
				mask |= 0xffffffff00000000ull;
		} else {
			mask |= 0xffffffff00000000ull;
		}
	}
	bar->size = ~mask + 1;
	if (bar->size == 0 || (bar->size & (bar->size - 1)) || (bar->base & (bar->size - 1)))
		return -EINVAL;
	return 0;
}
