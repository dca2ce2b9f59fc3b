/*
 * ACPI power management timer. State is set once at boot; reads need no lock. Some chipsets (PIIX4
 * errata 20, early ICH) latch the counter badly and return a value torn between two counts, hence
 * the reading in threes.
 */
#include "arch/x86_64/pmtimer.h"

#include "arch/x86_64/cpu.h"
#include "fanga/mm.h"
#include "lib/errno.h"

#define PMTIMER_MASK_24 0x00ffffffu
#define PMTIMER_MASK_32 0xffffffffu

/* A count takes 0.28 us, a read at most some us: this is ample to see it move. */
#define PMTIMER_PROBE_READS 10000
#define PMTIMER_READ_TRIES  10

static uint16_t port;
static const volatile uint32_t *mmio;
static uint32_t mask;
static bool is_present;

static uint32_t read_once(void)
{
	return (mmio ? *mmio : inl(port)) & mask;
}

uint32_t pmtimer_read(void)
{
	uint32_t a = 0, b = 0, c = 0;

	for (int tries = 0; tries < PMTIMER_READ_TRIES; tries++) {
		a = read_once();
		b = read_once();
		c = read_once();
		/* In order, give or take one wrap; half the range is far more than three reads
		 * take. */
		if (((b - a) & mask) <= mask / 2 && ((c - b) & mask) <= mask / 2)
			break;
	}
	return b;
}

static bool is_counting(void)
{
	uint32_t first = pmtimer_read();

	for (int i = 0; i < PMTIMER_PROBE_READS; i++) {
		if (pmtimer_read() != first)
			return true;
		cpu_relax();
	}
	return false;
}

int pmtimer_init(bool is_mmio, uint64_t address, bool wide)
{
	if (address == 0 || (!is_mmio && address > UINT16_MAX))
		return -EINVAL;
	mask = wide ? PMTIMER_MASK_32 : PMTIMER_MASK_24;
	if (is_mmio) {
		mmio = mmio_map(address, sizeof(*mmio));
		if (!mmio)
			return -ENOMEM;
	} else {
		port = (uint16_t)address;
	}
	is_present = is_counting();
	return is_present ? 0 : -ENODEV;
}

bool pmtimer_present(void)
{
	return is_present;
}

uint32_t pmtimer_mask(void)
{
	return mask;
}
