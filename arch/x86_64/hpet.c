/*
 * High Precision Event Timer. Set up once on the boot CPU before others run; afterwards the block
 * is only read, so there are no locks. Registers are touched 32 bits at a time: 64-bit accesses are
 * optional (HPET 1.0a section 2.2) and a simulator splits them anyway.
 */
#include "arch/x86_64/hpet.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/ioapic.h"
#include "fanga/clock.h"
#include "fanga/log.h"
#include "fanga/mm.h"
#include "lib/errno.h"

#define HPET_BYTES 1024

#define HPET_CAPABILITIES  0x000
#define HPET_PERIOD	   0x004
#define HPET_CONFIG	   0x010
#define HPET_COUNTER	   0x0f0
#define HPET_TIMER(n)	   (0x100 + 0x20 * (n))
#define HPET_TIMER_PINS(n) (HPET_TIMER(n) + 4)
#define HPET_COMPARATOR(n) (HPET_TIMER(n) + 8)

#define CAPABILITIES_LAST_TIMER(v) ((v) >> 8 & 0x1f)

#define CONFIG_ENABLE 0x1u
#define CONFIG_LEGACY 0x2u

#define TIMER_LEVEL	   BIT(1)
#define TIMER_INTERRUPT	   BIT(2)
#define TIMER_PERIODIC	   BIT(3)
#define TIMER_CAN_PERIODIC BIT(4)
#define TIMER_SET_VALUE	   BIT(6)
#define TIMER_32BIT	   BIT(8)
#define TIMER_PIN_SHIFT	   9
#define TIMER_PIN_MASK	   (0x1full << TIMER_PIN_SHIFT)
#define TIMER_FSB	   BIT(14)

#define PERIOD_FS_MAX 100000000u /* 100 ns, section 2.3.4 */
#define PROBE_READS   10000
#define TURN_BOUND_FS 20000000000ull /* 20 us */
#define FIRST_PCI_PIN 16 /* below are the ISA interrupts */

static volatile uint32_t *registers;
static uint32_t period_fs;
static bool is_present;
static int turn_bound_gsi = -ENOENT;

static uint32_t reg_read(uint32_t offset)
{
	return registers[offset / 4];
}

static void reg_write(uint32_t offset, uint32_t value)
{
	registers[offset / 4] = value;
}

static bool is_counting(void)
{
	uint32_t first = reg_read(HPET_COUNTER);

	for (int i = 0; i < PROBE_READS; i++) {
		if (reg_read(HPET_COUNTER) != first)
			return true;
		cpu_relax();
	}
	return false;
}

int hpet_init(uint64_t phys)
{
	uint32_t capabilities;

	registers = mmio_map(phys, HPET_BYTES);
	if (!registers)
		return -ENOMEM;
	capabilities = reg_read(HPET_CAPABILITIES);
	period_fs = reg_read(HPET_PERIOD);
	if (period_fs == 0 || period_fs > PERIOD_FS_MAX)
		return -ENODEV;

	for (unsigned n = 0; n <= CAPABILITIES_LAST_TIMER(capabilities); n++) {
		uint32_t config = reg_read(HPET_TIMER(n));

		reg_write(HPET_TIMER(n), config & ~(uint32_t)(TIMER_INTERRUPT | TIMER_FSB));
	}
	reg_write(HPET_CONFIG, (reg_read(HPET_CONFIG) & ~CONFIG_LEGACY) | CONFIG_ENABLE);
	if (!is_counting())
		return -ENODEV;
	is_present = true;
	return 0;
}

bool hpet_present(void)
{
	return is_present;
}

uint32_t hpet_period_fs(void)
{
	return period_fs;
}

uint32_t hpet_read(void)
{
	return reg_read(HPET_COUNTER);
}

/*
 * A pin that comparator @n can drive and that is masked at an I/O APIC; -ENOENT if there is none.
 * From the top: the low pins double as ISA interrupts. Where the tables name no I/O APIC nobody has
 * unmasked any pin of the one that may be there.
 */
static int find_masked_pin(unsigned n)
{
	uint32_t pins = reg_read(HPET_TIMER_PINS(n));

	for (int pin = 31; pin >= FIRST_PCI_PIN; pin--)
		if ((pins & BIT(pin)) && ioapic_count() == 0)
			return pin;
	for (int pin = 31; pin >= 0; pin--)
		if ((pins & BIT(pin)) && ioapic_has_gsi((uint32_t)pin) &&
		    ioapic_is_masked((uint32_t)pin))
			return pin;
	return -ENOENT;
}

static void arm_periodic(unsigned n, int pin, uint32_t period)
{
	uint32_t config = reg_read(HPET_TIMER(n));

	config &= ~(uint32_t)(TIMER_PIN_MASK | TIMER_LEVEL | TIMER_FSB);
	config |= TIMER_INTERRUPT | TIMER_PERIODIC | TIMER_SET_VALUE | TIMER_32BIT;
	config |= (uint32_t)pin << TIMER_PIN_SHIFT;
	/* Section 2.3.9.2.3: SET_VALUE lets the first write set the comparator; the second is the
	 * period. */
	reg_write(HPET_TIMER(n), config);
	reg_write(HPET_COMPARATOR(n), reg_read(HPET_COUNTER) + period);
	reg_write(HPET_COMPARATOR(n), period);
}

void hpet_arm_turn_bound(void)
{
	unsigned last;

	if (!clock_is_virtual())
		return;
	if (!is_present) {
		log_warn("hpet: none; a CPU that spins is not interrupted, virtual time may jump");
		return;
	}
	last = CAPABILITIES_LAST_TIMER(reg_read(HPET_CAPABILITIES));
	for (unsigned n = 0; n <= last; n++) {
		int pin;

		if (!(reg_read(HPET_TIMER(n)) & TIMER_CAN_PERIODIC))
			continue;
		pin = find_masked_pin(n);
		if (pin < 0)
			continue;
		turn_bound_gsi = pin;
		arm_periodic(n, pin, (uint32_t)(TURN_BOUND_FS / period_fs));
		log_debug("hpet: timer %u on masked gsi %d bounds turns to 20 us", n, pin);
		return;
	}
	log_warn("hpet: no periodic comparator with a masked pin; turns are not bounded");
}

int hpet_turn_bound_gsi(void)
{
	return turn_bound_gsi;
}
