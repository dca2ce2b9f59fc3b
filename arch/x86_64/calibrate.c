/*
 * Calibration of the TSC and the local APIC timer, see calibrate.h and docs/time.md.
 *
 * Both ends of a window are edges of the reference, each the tightest of several: the TSC is read
 * before and after the reference, and what lies between is the uncertainty of that end. A host that
 * takes the CPU away in between makes one attempt wide, which is then not the one chosen.
 * Boot CPU only, interrupts off. Every loop is bounded: a reference that stops ends the
 * measurement.
 */
#include "arch/x86_64/calibrate.h"

#include "arch/x86_64/apic_regs.h"
#include "arch/x86_64/clock_math.h"
#include "arch/x86_64/hpet.h"
#include "arch/x86_64/pmtimer.h"
#include "lib/errno.h"

#define WINDOW_FS	1000000000000ull /* 1 ms */
#define FS_PER_SECOND	1000000000000000ull
#define EDGE_ATTEMPTS	8
#define EDGE_POLL_LIMIT 100000
#define AGREE_PPM	500
#define ROUND_LIMIT_PPM 100 /* a measurement vaguer than this cannot tell a round frequency */

#define PMTIMER_PERIOD_FS 279365115u /* 1 / 3.579545 MHz */
#define PIT_PERIOD_FS	  838095345u /* 1 / 1.193182 MHz */

#define PIT_CHANNEL_2	     0x42
#define PIT_COMMAND	     0x43
#define PIT_LATCH_2	     0x80
#define PIT_MODE_2_CHANNEL_2 0xb4 /* low byte then high byte, rate generator, binary */
#define PORT_B		     0x61
#define PORT_B_GATE_2	     0x01
#define PORT_B_SPEAKER	     0x02

struct reference {
	const char *name;
	uint32_t period_fs;
	uint32_t mask;
	uint32_t (*read)(void);
};

/* One moment, seen on all counters. */
struct edge {
	uint64_t tsc;
	uint64_t spread; /* TSC counts that the reading took */
	uint32_t reference;
	uint32_t apic_timer; /* counts down */
	uint64_t apic_spread;
	uint64_t apic_tsc; /* the moment at which apic_timer was read */
};

static uint32_t pit_read(void)
{
	uint32_t low;

	outb(PIT_COMMAND, PIT_LATCH_2);
	low = inb(PIT_CHANNEL_2);
	return ~(low | (uint32_t)inb(PIT_CHANNEL_2) << 8); /* it counts down */
}

static void pit_start(void)
{
	outb(PORT_B, (uint8_t)((inb(PORT_B) & ~PORT_B_SPEAKER) | PORT_B_GATE_2));
	outb(PIT_COMMAND, PIT_MODE_2_CHANNEL_2);
	outb(PIT_CHANNEL_2, 0); /* 65536 */
	outb(PIT_CHANNEL_2, 0);
}

/* The tightest of some edges of the reference; false when it does not move. */
static bool find_edge(const struct reference *reference, struct edge *edge)
{
	uint32_t last = reference->read();
	uint64_t before = rdtsc();
	int attempts = 0;

	edge->spread = UINT64_MAX;
	for (int polls = 0; polls < EDGE_POLL_LIMIT && attempts < EDGE_ATTEMPTS; polls++) {
		uint32_t value = reference->read();
		uint64_t after = rdtsc();

		if (value != last) {
			if (after - before < edge->spread) {
				edge->spread = after - before;
				edge->tsc = before + (after - before) / 2;
				edge->reference = value;
			}
			attempts++;
			last = value;
		}
		before = after;
	}
	return attempts == EDGE_ATTEMPTS;
}

static void read_apic_timer(struct edge *edge)
{
	edge->apic_spread = UINT64_MAX;
	for (int i = 0; i < EDGE_ATTEMPTS; i++) {
		uint64_t before = rdtsc();
		uint32_t value = apic_read(APIC_TIMER_CURRENT);
		uint64_t after = rdtsc();

		if (after - before < edge->apic_spread) {
			edge->apic_spread = after - before;
			edge->apic_tsc = before + (after - before) / 2;
			edge->apic_timer = value;
		}
	}
}

static bool wait_window(const struct reference *reference, uint32_t start)
{
	uint32_t want = (uint32_t)(WINDOW_FS / reference->period_fs);
	uint32_t last = start;
	int stopped = 0;

	for (;;) {
		uint32_t now = reference->read();

		if (clock_counter_delta(start, now, reference->mask) >= want)
			return true;
		stopped = now == last ? stopped + 1 : 0;
		if (stopped == EDGE_POLL_LIMIT)
			return false;
		last = now;
		cpu_relax();
	}
}

/* A round frequency where the measurement cannot tell it from the measured one. */
static uint64_t round_measured(uint64_t hz, uint64_t uncertain_counts, uint64_t counts)
{
	uint64_t uncertain_hz = clock_mul_div(hz, uncertain_counts, counts);

	if (!clock_hz_agree(hz, hz + uncertain_hz, ROUND_LIMIT_PPM))
		return hz;
	return clock_round_hz(hz, uncertain_hz);
}

/* The APIC timer's frequency follows from the TSC's: one source of error less than by the
 * reference. */
static uint64_t apic_hz(const struct edge *start, const struct edge *end, uint64_t tsc_hz)
{
	uint64_t counts = start->apic_timer - end->apic_timer;
	uint64_t tsc = end->apic_tsc - start->apic_tsc;
	uint64_t hz = clock_mul_div(counts, tsc_hz, tsc);

	return round_measured(hz, start->apic_spread + end->apic_spread, tsc);
}

uint64_t calibrate_apic_timer_hz(uint64_t tsc_hz)
{
	uint64_t counts = tsc_hz / (FS_PER_SECOND / WINDOW_FS);
	struct edge start, end;

	apic_write(APIC_TIMER_DIVIDE, APIC_DIVIDE_BY_1);
	apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED | APIC_LVT_TIMER_ONE_SHOT);
	apic_write(APIC_TIMER_INITIAL, UINT32_MAX);
	read_apic_timer(&start);
	while (rdtsc() - start.apic_tsc < counts)
		cpu_relax();
	read_apic_timer(&end);
	apic_write(APIC_TIMER_INITIAL, 0);
	return apic_hz(&start, &end, tsc_hz);
}

static bool measure_window(const struct reference *reference, uint64_t *tsc_hz, uint64_t *timer_hz)
{
	struct edge start, end;
	struct clock_window window;

	apic_write(APIC_TIMER_INITIAL, UINT32_MAX);
	if (!find_edge(reference, &start))
		return false;
	read_apic_timer(&start);
	if (!wait_window(reference, start.reference))
		return false;
	read_apic_timer(&end);
	if (!find_edge(reference, &end))
		return false;
	window = (struct clock_window){
		.counts = end.tsc - start.tsc,
		.reference = clock_counter_delta(start.reference, end.reference, reference->mask),
		.reference_fs = reference->period_fs,
		.uncertain_counts = start.spread + end.spread,
	};
	*tsc_hz = clock_window_hz(&window);
	*tsc_hz = round_measured(*tsc_hz, window.uncertain_counts, window.counts);
	*timer_hz = apic_hz(&start, &end, *tsc_hz);
	return *tsc_hz != 0;
}

static int measure_against(const struct reference *reference, struct calibration *result)
{
	uint64_t tsc_hz[CLOCK_TRIES_MAX], timer_hz[CLOCK_TRIES_MAX];
	bool timer_steady;
	unsigned n = 0;

	result->is_steady = false;
	while (n < CLOCK_TRIES_MAX && !result->is_steady) {
		if (!measure_window(reference, &tsc_hz[n], &timer_hz[n]))
			return -ENODEV;
		n++;
		result->tsc_hz = clock_choose_hz(tsc_hz, n, AGREE_PPM, &result->is_steady);
	}
	result->apic_timer_hz = clock_choose_hz(timer_hz, n, AGREE_PPM, &timer_steady);
	result->reference = reference->name;
	result->windows = n;
	return 0;
}

int calibrate_measure(struct calibration *result)
{
	struct reference references[3];
	unsigned n = 0;
	int error = -ENODEV;

	if (hpet_present())
		references[n++] =
			(struct reference){"hpet", hpet_period_fs(), UINT32_MAX, hpet_read};
	if (pmtimer_present())
		references[n++] = (struct reference){"pmtimer", PMTIMER_PERIOD_FS, pmtimer_mask(),
						     pmtimer_read};
	references[n++] = (struct reference){"pit", PIT_PERIOD_FS, UINT16_MAX, pit_read};

	apic_write(APIC_TIMER_DIVIDE, APIC_DIVIDE_BY_1);
	apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED | APIC_LVT_TIMER_ONE_SHOT);
	for (unsigned i = 0; i < n && error; i++) {
		if (references[i].read == pit_read)
			pit_start();
		error = measure_against(&references[i], result);
	}
	apic_write(APIC_TIMER_INITIAL, 0);
	return error;
}

#define CPUID_TSC_RATIO	       0x15
#define CPUID_FREQUENCY	       0x16
#define CPUID_HYPERVISOR       0x40000000
#define CPUID_HYPERVISOR_HZ    0x40000010
#define CPUID_1_ECX_HYPERVISOR BIT(31)

uint64_t calibrate_cpuid_hz(void)
{
	struct cpuid_regs regs;

	if (cpuid(0, 0).eax >= CPUID_TSC_RATIO) {
		/* SDM: TSC = crystal (ECX) * EBX / EAX; any of them 0 means "not enumerated". */
		regs = cpuid(CPUID_TSC_RATIO, 0);
		if (regs.eax && regs.ebx && regs.ecx)
			return clock_mul_div(regs.ecx, regs.ebx, regs.eax);
	}
	if ((cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR) &&
	    cpuid(CPUID_HYPERVISOR, 0).eax >= CPUID_HYPERVISOR_HZ) {
		regs = cpuid(CPUID_HYPERVISOR_HZ, 0);
		return (uint64_t)regs.eax * 1000; /* kHz */
	}
	return 0;
}

uint64_t calibrate_cpuid_nominal_hz(void)
{
	if (cpuid(0, 0).eax < CPUID_FREQUENCY)
		return 0;
	return (uint64_t)(cpuid(CPUID_FREQUENCY, 0).eax & 0xffff) * 1000000; /* MHz */
}
