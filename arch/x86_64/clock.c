/*
 * The kernel's clock: TSC counts since entry, scaled. See include/fanga/clock.h and docs/time.md.
 *
 * Invariant: `scale` and the names are written once, by clock_calibrate() on the boot CPU before
 * others run, so readers need no lock and no barrier. Readings of different CPUs compare because
 * their TSCs started together and clock_init_ap() undoes what firmware did to one of them.
 */
#include "fanga/clock.h"

#include "arch/x86_64/calibrate.h"
#include "arch/x86_64/clock_math.h"
#include "arch/x86_64/cpu.h"
#include "fanga/log.h"
#include "lib/errno.h"

#define MSR_TSC_ADJUST	       0x3b
#define CPUID_7_EBX_TSC_ADJUST BIT(1)

#define ASSUMED_HZ 1000000000ull
#define VIRTUAL_HZ 1000000000ull /* QEMU: one instruction, one nanosecond */
#define STATED_PPM 10000	 /* a stated frequency this close to the measured one is believed */

static uint64_t boot_tsc;
static uint64_t calibrated_tsc; /* a moment before any other CPU started */
static uint64_t boot_tsc_adjust;
static uint64_t tsc_hz;
static uint64_t apic_timer_hz;
static struct clock_scale scale; /* multiplier 0 until calibrated */
static const char *reference_name = "assumed";
static bool is_virtual;

static bool has_tsc_adjust(void)
{
	return cpuid(0, 0).eax >= 7 && (cpuid(7, 0).ebx & CPUID_7_EBX_TSC_ADJUST);
}

void clock_init_boot(void)
{
	boot_tsc = rdtsc();
}

void clock_set_virtual(bool virtual_time)
{
	is_virtual = virtual_time;
}

bool clock_is_virtual(void)
{
	return is_virtual;
}

/*
 * What is said about the frequency is exact where it is true, and sometimes is not: so it is taken
 * when the measurement bears it out.
 */
static uint64_t choose_hz(uint64_t measured)
{
	uint64_t stated = is_virtual ? VIRTUAL_HZ : calibrate_cpuid_hz();

	if (!stated || clock_hz_agree(stated, measured, STATED_PPM))
		return stated ? stated : measured;
	/* Not every simulator's instruction is a nanosecond: Bochs has an option for it. */
	if (is_virtual)
		return measured;
	log_warn("clock: stated %llu Hz, measured %llu Hz against %s; using the latter",
		 (unsigned long long)stated, (unsigned long long)measured, reference_name);
	return measured;
}

/* Without a reference: what CPUID says, or a guess. */
static int assume_frequency(void)
{
	tsc_hz = calibrate_cpuid_hz();
	if (!tsc_hz)
		tsc_hz = calibrate_cpuid_nominal_hz();
	if (tsc_hz) {
		reference_name = "cpuid";
		return 0;
	}
	tsc_hz = ASSUMED_HZ;
	log_warn("clock: no reference and no word from CPUID; assuming 1 GHz");
	return -ENODEV;
}

static int find_frequency(void)
{
	struct calibration measured = {0};
	int error;

	if (calibrate_measure(&measured) == 0) {
		reference_name = measured.reference;
		apic_timer_hz = measured.apic_timer_hz;
		tsc_hz = choose_hz(measured.tsc_hz);
		if (!measured.is_steady)
			log_warn("clock: %u measurements against %s disagree; times may be off",
				 measured.windows, reference_name);
		return 0;
	}
	error = assume_frequency();
	apic_timer_hz = calibrate_apic_timer_hz(tsc_hz);
	return error;
}

int clock_calibrate(void)
{
	int error = find_frequency();

	if (has_tsc_adjust())
		boot_tsc_adjust = rdmsr(MSR_TSC_ADJUST);
	calibrated_tsc = rdtsc();
	scale = clock_scale_to_ns(tsc_hz);
	log_info("clock: tsc %llu Hz against %s, apic timer %llu Hz, %s time",
		 (unsigned long long)tsc_hz, reference_name, (unsigned long long)apic_timer_hz,
		 clock_name());
	return error;
}

void clock_init_ap(void)
{
	/* The TSCs count since one common reset; what differs is what somebody added (SDM 18.17.3).
	 */
	if (has_tsc_adjust() && rdmsr(MSR_TSC_ADJUST) != boot_tsc_adjust)
		wrmsr(MSR_TSC_ADJUST, boot_tsc_adjust);
	if (rdtsc() < calibrated_tsc)
		log_warn_ratelimited(
			"clock: this CPU's tsc is behind; its times are not comparable");
}

uint64_t clock_tsc_to_ns(uint64_t tsc)
{
	return clock_scale_apply(scale, tsc - boot_tsc);
}

uint64_t clock_ns(void)
{
	return clock_tsc_to_ns(rdtsc());
}

uint64_t log_clock_ns(void)
{
	return clock_ns();
}

void clock_delay_ns(uint64_t ns)
{
	uint64_t start = rdtsc();
	uint64_t counts =
		clock_scale_apply_up(clock_scale_from_ns(tsc_hz ? tsc_hz : ASSUMED_HZ), ns);

	while (rdtsc() - start < counts)
		cpu_relax();
}

uint64_t clock_tsc_hz(void)
{
	return tsc_hz;
}

uint64_t clock_apic_timer_hz(void)
{
	return apic_timer_hz;
}

const char *clock_name(void)
{
	return is_virtual ? "icount" : "host";
}

const char *clock_reference_name(void)
{
	return reference_name;
}
