/*
 * Local APIC: mode, set-up of each CPU, sending of interrupts. See apic.h.
 *
 * Invariant: apic_uses_msrs and apic_mmio are set before the second CPU starts. Everything else is
 * the running CPU's own hardware, so there are no locks. The one thing that two contexts of a CPU
 * share is xAPIC's two-register ICR: interrupts are off between its halves, and a sender that comes
 * in between by NMI or machine check (icr_busy) puts the destination back.
 */
#include "arch/x86_64/apic.h"

#include "arch/x86_64/apic_dest.h"
#include "arch/x86_64/apic_regs.h"
#include "arch/x86_64/trap.h"
#include "fanga/log.h"
#include "fanga/mm.h"
#include "lib/errno.h"

#define CPUID_1_EDX_APIC   BIT(9)
#define CPUID_1_ECX_X2APIC BIT(21)

#define APIC_BASE_X2_ENABLE BIT(10)
#define APIC_BASE_ENABLE    BIT(11)

#define SPURIOUS_ENABLE	     0x100u
#define LOGICAL_FORMAT_FLAT  0xffffffffu
#define VERSION_MAX_LVT(v)   ((v) >> 16 & 0xff)
#define LVT_WITH_PERFORMANCE 4 /* highest LVT index from which the counter entry exists */
#define LVT_NMI		     0x400u
#define LVT_ACTIVE_LOW	     0x2000u

#define ICR_INIT	 0x500u
#define ICR_STARTUP	 0x600u
#define ICR_NMI		 0x400u
#define ICR_LOGICAL	 0x800u
#define ICR_PENDING	 0x1000u
#define ICR_ASSERT	 0x4000u
#define ICR_SELF	 0x40000u
#define ICR_ALL		 0x80000u
#define ICR_ALL_BUT_SELF 0xc0000u

/* An accepted IPI leaves the ICR within microseconds; this is some 100 ms of reads on hardware. */
#define ICR_POLL_LIMIT 1000000u

#define NMI_LINTS_MAX CPU_MAX

struct nmi_lint {
	uint32_t apic_id;
	uint8_t lint;
	bool active_low;
};

bool apic_uses_msrs;
volatile uint32_t *apic_mmio;

/* Some CPU's x2APIC does not answer to its logical id. Atomic: set while CPUs start, never cleared.
 */
static bool has_no_logical_ids;

DEFINE_PER_CPU(struct apic_counters, apic_counters);

/* xAPIC: this CPU is between the two halves of an ICR write. */
static DEFINE_PER_CPU(uint32_t, icr_busy);

/* What the firmware's tables said; complete before apic_init_bsp(). */
static struct nmi_lint nmi_lints[NMI_LINTS_MAX];
static unsigned nmi_lint_count;

int apic_add_nmi_lint(uint32_t apic_id, unsigned lint, struct irq_signal signal)
{
	if (lint > 1)
		return -EINVAL;
	if (nmi_lint_count == NMI_LINTS_MAX)
		return -ENOSPC;
	/* An NMI pin is edge-triggered whatever the table says (SDM 11.5.1). */
	nmi_lints[nmi_lint_count++] = (struct nmi_lint){
		.apic_id = apic_id, .lint = (uint8_t)lint, .active_low = signal.active_low};
	return 0;
}

/* ---- set-up of one CPU ---- */

/* From "off" x2APIC is reached only through xAPIC (SDM 11.12.5); from either mode one write does.
 */
static void set_mode(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	if (!(base & APIC_BASE_ENABLE)) {
		base |= APIC_BASE_ENABLE;
		wrmsr(MSR_APIC_BASE, base);
	}
	if (apic_uses_msrs && !(base & APIC_BASE_X2_ENABLE))
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2_ENABLE);
}

/*
 * In x2APIC mode the logical id follows from the id by itself. Bochs 2.7 derives it only when the
 * mode is written a second time, and wrongly from id 16 on: where it is not what it must be, nobody
 * is named by it.
 */
static void check_logical_id(uint32_t self)
{
	uint32_t want = apic_dest_logical_id(self);

	if (apic_read(APIC_LOGICAL_ID) == want)
		return;
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE));
	if (apic_read(APIC_LOGICAL_ID) != want)
		__atomic_store_n(&has_no_logical_ids, true, __ATOMIC_RELAXED);
}

static void set_local_pins(uint32_t self)
{
	uint32_t lvt[2] = {APIC_LVT_MASKED, APIC_LVT_MASKED};

	for (unsigned i = 0; i < nmi_lint_count; i++) {
		const struct nmi_lint *nmi = &nmi_lints[i];

		if (nmi->apic_id == APIC_ID_ALL || nmi->apic_id == self)
			lvt[nmi->lint] = LVT_NMI | (nmi->active_low ? LVT_ACTIVE_LOW : 0);
	}
	apic_write(APIC_LVT_LINT0, lvt[0]);
	apic_write(APIC_LVT_LINT1, lvt[1]);
}

/* The ESR latches its value on a write; the first write after an error arms it anew (SDM 11.5.3).
 */
static uint32_t take_error_status(void)
{
	apic_write(APIC_ERROR_STATUS, 0);
	return apic_read(APIC_ERROR_STATUS);
}

void apic_init_ap(void)
{
	uint32_t self;

	set_mode();
	self = apic_self_id();

	/* While software-disabled all LVT entries stay masked, so the enabling write comes first.
	 */
	apic_write(APIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
	apic_write(APIC_TASK_PRIORITY, 0);
	if (apic_uses_msrs) {
		check_logical_id(self);
	} else {
		apic_write(APIC_LOGICAL_FORMAT, LOGICAL_FORMAT_FLAT);
		apic_write(APIC_LOGICAL_ID, self < APIC_FLAT_IDS ? 1u << (24 + self) : 0);
	}
	apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED | VECTOR_TIMER);
	apic_write(APIC_TIMER_INITIAL, 0);
	if (VERSION_MAX_LVT(apic_read(APIC_VERSION)) >= LVT_WITH_PERFORMANCE)
		apic_write(APIC_LVT_PERFORMANCE, APIC_LVT_MASKED);
	set_local_pins(self);
	(void)take_error_status();
	apic_write(APIC_LVT_ERROR, VECTOR_APIC_ERROR);
}

void apic_shutdown(void)
{
	apic_write(APIC_TIMER_INITIAL, 0);
	apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED | VECTOR_TIMER);
	apic_write(APIC_SPURIOUS, VECTOR_SPURIOUS);
}

static void handle_spurious(struct trap_frame *frame)
{
	(void)frame;
	this_cpu_inc(apic_counters.spurious);
}

static void handle_error(struct trap_frame *frame)
{
	uint32_t bits = take_error_status();
	uint32_t known = this_cpu_read(apic_counters.error_bits);

	(void)frame;
	this_cpu_inc(apic_counters.errors);
	this_cpu_or(apic_counters.error_bits, bits);
	/* Each kind once per CPU: a storm of errors must not become a storm of lines. */
	if (bits & ~known)
		log_warn("apic: error status 0x%x", bits);
}

static uint64_t base_address(void)
{
	unsigned bits = 36;

	if (cpuid(0x80000000, 0).eax >= 0x80000008)
		bits = cpuid(0x80000008, 0).eax & 0xff;
	return rdmsr(MSR_APIC_BASE) & (BIT(bits) - 1) & ~(uint64_t)(PAGE_BYTES - 1);
}

static int map_registers(uint64_t phys)
{
	uint64_t base = base_address();

	if (phys && phys != base)
		log_warn("apic: MADT says 0x%llx, the processor 0x%llx; using the latter",
			 (unsigned long long)phys, (unsigned long long)base);
	apic_mmio = mmio_map(base, PAGE_BYTES);
	return apic_mmio ? 0 : -ENOMEM;
}

int apic_init_bsp(uint64_t phys)
{
	struct cpuid_regs features = cpuid(1, 0);
	int error;

	if (!(features.edx & CPUID_1_EDX_APIC))
		return -ENODEV;
	apic_uses_msrs = features.ecx & CPUID_1_ECX_X2APIC;
	if (!apic_uses_msrs) {
		error = map_registers(phys);
		if (error)
			return error;
	}
	error = irq_register(VECTOR_SPURIOUS, handle_spurious);
	if (!error)
		error = irq_register(VECTOR_APIC_ERROR, handle_error);
	if (error)
		return error;
	apic_init_ap();
	return 0;
}

bool apic_is_x2apic(void)
{
	return apic_uses_msrs;
}

const char *apic_mode_name(void)
{
	return apic_uses_msrs ? "x2APIC" : "xAPIC";
}

uint32_t apic_self_id(void)
{
	uint32_t id = apic_read(APIC_ID);

	return apic_uses_msrs ? id : id >> 24;
}

uint32_t apic_boot_id(void)
{
	/* 32 bits from leaf 0xb where it exists and is not empty, else 8 from leaf 1. */
	if (cpuid(0, 0).eax >= 0xb) {
		struct cpuid_regs topology = cpuid(0xb, 0);

		if (topology.ebx)
			return topology.edx;
	}
	return cpuid(1, 0).ebx >> 24;
}

bool apic_id_reachable(uint32_t apic_id)
{
	return apic_dest_reachable(apic_uses_msrs, apic_id);
}

bool apic_in_service(uint8_t vector)
{
	if (!apic_uses_msrs && !apic_mmio)
		return false;
	return apic_read(APIC_IN_SERVICE + (vector / 32u) * 0x10u) & BIT(vector % 32u);
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

/* Bochs does not end one of the vector that stands in the register, so another does meanwhile. */
void apic_eoi_spurious(void)
{
	apic_write(APIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_APIC_ERROR);
	apic_write(APIC_EOI, 0);
	apic_write(APIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
}

/* ---- sending ---- */

static bool wait_icr_idle(void)
{
	for (unsigned polls = 0; polls < ICR_POLL_LIMIT; polls++) {
		if (!(apic_mmio[APIC_ICR / 4] & ICR_PENDING))
			return true;
		cpu_relax();
	}
	return false;
}

static int send_xapic(uint32_t destination, uint32_t command)
{
	unsigned long flags = irq_save();
	bool is_nested = this_cpu_read(icr_busy);
	uint32_t interrupted = is_nested ? apic_mmio[APIC_ICR_HIGH / 4] : 0;
	int error = -ETIMEDOUT;

	this_cpu_write(icr_busy, 1);
	if (wait_icr_idle()) {
		/* Uncached stores drain the store buffer first: the target sees what came before.
		 */
		apic_mmio[APIC_ICR_HIGH / 4] = destination << 24;
		apic_mmio[APIC_ICR / 4] = command;
		error = 0;
	} else {
		this_cpu_inc(apic_counters.send_timeouts);
	}
	if (is_nested) {
		/* The interrupted sender has passed its own wait and writes the command next. */
		(void)wait_icr_idle();
		apic_mmio[APIC_ICR_HIGH / 4] = interrupted;
		this_cpu_inc(apic_counters.nested_sends);
	} else {
		this_cpu_write(icr_busy, 0);
	}
	irq_restore(flags);
	return error;
}

/*
 * A WRMSR to an x2APIC register serialises nothing (SDM 11.12.3): the IPI could overtake stores
 * that still sit in the store buffer, and its handler would not find what it was sent for. MFENCE
 * drains the stores, LFENCE keeps the WRMSR behind the MFENCE. Pairs with the interrupt's
 * acceptance on the target, which serialises there.
 */
static void send_x2apic(uint32_t destination, uint32_t command)
{
	__asm__ volatile("mfence; lfence" ::: "memory");
	wrmsr(APIC_X2_MSR_BASE + (APIC_ICR >> 4), (uint64_t)destination << 32 | command);
}

static int send(uint32_t destination, uint32_t command)
{
	if (!apic_uses_msrs)
		return send_xapic(destination, command);
	send_x2apic(destination, command);
	return 0;
}

static int send_physical(uint32_t apic_id, uint32_t command)
{
	if (!apic_id_reachable(apic_id)) {
		this_cpu_inc(apic_counters.refused);
		return -ERANGE;
	}
	return send(apic_id, ICR_ASSERT | command);
}

int apic_send_ipi(uint32_t apic_id, uint8_t vector)
{
	return send_physical(apic_id, vector);
}

int apic_send_self(uint8_t vector)
{
	if (!apic_uses_msrs)
		return send_xapic(0, ICR_SELF | ICR_ASSERT | vector);
	/* No fence: a CPU sees its own stores in order, also from its interrupt handler. */
	apic_write(APIC_SELF_IPI, vector);
	return 0;
}

int apic_send_all_but_self(uint8_t vector)
{
	return send(0, ICR_ALL_BUT_SELF | ICR_ASSERT | vector);
}

int apic_send_all(uint8_t vector)
{
	return send(0, ICR_ALL | ICR_ASSERT | vector);
}

struct send_state {
	uint32_t command;
	unsigned writes;
};

static void send_destination(struct apic_dest dest, void *arg)
{
	struct send_state *state = arg;

	if (send(dest.id, state->command | (dest.logical ? ICR_LOGICAL : 0)) == 0)
		state->writes++;
}

unsigned apic_send_many(const uint32_t *apic_ids, unsigned n, uint8_t vector)
{
	struct send_state state = {.command = ICR_ASSERT | vector};
	unsigned unreachable;

	if (__atomic_load_n(&has_no_logical_ids, __ATOMIC_RELAXED)) {
		for (unsigned i = 0; i < n; i++)
			state.writes += apic_send_ipi(apic_ids[i], vector) == 0;
		return state.writes;
	}
	unreachable = apic_dest_merge(apic_uses_msrs, apic_ids, n, send_destination, &state);
	if (unreachable)
		this_cpu_add(apic_counters.refused, unreachable);
	return state.writes;
}

int apic_send_nmi(uint32_t apic_id)
{
	return send_physical(apic_id, ICR_NMI);
}

int apic_send_init(uint32_t apic_id)
{
	return send_physical(apic_id, ICR_INIT);
}

int apic_send_startup(uint32_t apic_id, uint8_t page)
{
	return send_physical(apic_id, ICR_STARTUP | page);
}

int apic_broadcast_init(void)
{
	return send(0, ICR_ALL_BUT_SELF | ICR_ASSERT | ICR_INIT);
}

int apic_broadcast_startup(uint8_t page)
{
	return send(0, ICR_ALL_BUT_SELF | ICR_ASSERT | ICR_STARTUP | page);
}
