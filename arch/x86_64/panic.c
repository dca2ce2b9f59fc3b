/*
 * Panic, warnings and symbolised backtraces.
 *
 * One CPU panics: the first to take `panic_owner`. A second one stops where it is; the same CPU
 * coming back (a fault while panicking) says so and only ends the machine. The report is
 * kept as text, since its first lines also go to the host beside the console.
 */
#include <stdarg.h>

#include "arch/x86_64/panic.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/power.h"
#include "fanga/log.h"
#include "fanga/percpu.h"
#include "lib/printf.h"
#include "lib/symtab.h"

#define BACKTRACE_MAX	24
#define REPORT_BYTES	2048
#define WARNINGS_LOUD	20 /* later ones are only counted */
#define MESSAGE_BYTES	256
#define SYMBOL_BYTES	160

static unsigned panic_owner; /* CPU + 1; 0: nobody */
static uint64_t warnings;
static struct symtab symbols;
static char report[REPORT_BYTES];
static size_t report_length;

void backtrace_init(void)
{
	if (symtab_open(&symbols, symtab_blob_start,
			(size_t)(symtab_blob_end - symtab_blob_start)) < 0)
		log_warn("no symbols in this image: addresses are not named");
}

bool backtrace_symbol(uint64_t pc, struct symtab_symbol *symbol)
{
	return symtab_lookup(&symbols, pc, symbol);
}

void backtrace_format(uint64_t pc, bool is_return, char *text, size_t bytes)
{
	(void)symtab_format(&symbols, pc, is_return, text, bytes);
}

void backtrace_print(const uint64_t *pcs, unsigned count)
{
	char text[SYMBOL_BYTES];

	for (unsigned i = 0; i < count; i++) {
		backtrace_format(pcs[i], i > 0, text, sizeof(text));
		log_err("  %s", text);
	}
}

/* One line to the log and to the report for the host. */
static void __printf(1, 2) report_line(const char *fmt, ...)
{
	char line[MESSAGE_BYTES + SYMBOL_BYTES];
	va_list args;

	va_start(args, fmt);
	(void)fmt_vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	log_err("%s", line);
	report_length += fmt_scnprintf(report + report_length, sizeof(report) - report_length,
				       "%s\n", line);
}

static void report_registers(const struct trap_frame *f)
{
	report_line("rip %04lx:%016lx rsp %04lx:%016lx flags %08lx", f->cs, f->rip, f->ss, f->rsp,
		    f->rflags);
	report_line("rax %016lx rbx %016lx rcx %016lx", f->rax, f->rbx, f->rcx);
	report_line("rdx %016lx rsi %016lx rdi %016lx", f->rdx, f->rsi, f->rdi);
	report_line("rbp %016lx r8  %016lx r9  %016lx", f->rbp, f->r8, f->r9);
	report_line("r10 %016lx r11 %016lx r12 %016lx", f->r10, f->r11, f->r12);
	report_line("r13 %016lx r14 %016lx r15 %016lx", f->r13, f->r14, f->r15);
	report_line("cr2 %016lx cr3 %016lx cr4 %016lx", read_cr2(), read_cr3(), read_cr4());
}

static void report_backtrace(const struct trap_frame *frame)
{
	uint64_t pcs[BACKTRACE_MAX];
	unsigned count = stack_walk(frame, pcs, BACKTRACE_MAX);
	char text[SYMBOL_BYTES];

	for (unsigned i = 0; i < count; i++) {
		backtrace_format(pcs[i], i > 0, text, sizeof(text));
		report_line("  %s", text);
	}
}

/* The owner once more: each time less is tried, so that this ends whatever is broken. */
static _Noreturn void panic_again(const char *fmt, va_list args)
{
	static unsigned times;
	char message[MESSAGE_BYTES];

	times++;
	if (times == 1) {
		(void)fmt_vsnprintf(message, sizeof(message), fmt, args);
		report_line("panic while panicking: %s", message);
	}
	if (times <= 2)
		panic_finish(report);
	power_off();
}

static _Noreturn void panic_va(const struct trap_frame *frame, const char *fmt, va_list args)
{
	unsigned self = current_cpu_id() + 1, owner = 0;
	char message[MESSAGE_BYTES];

	irq_disable();
	if (!__atomic_compare_exchange_n(&panic_owner, &owner, self, false, __ATOMIC_RELAXED,
					 __ATOMIC_RELAXED)) {
		if (owner == self)
			panic_again(fmt, args);
		for (;;)
			cpu_halt();
	}
	log_bust_lock();
	(void)fmt_vsnprintf(message, sizeof(message), fmt, args);
	report_line("panic: %s", message);
	report_line("on cpu %u, running %s", self - 1, panic_context_name());
	panic_stop_others();
	report_backtrace(frame);
	if (frame)
		report_registers(frame);
	panic_finish(report);
}

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	panic_va(NULL, fmt, args);
}

void panic_at(const struct trap_frame *frame, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	panic_va(frame, fmt, args);
}

bool panic_in_progress(void)
{
	return __atomic_load_n(&panic_owner, __ATOMIC_RELAXED);
}

void warn_at(const char *file, int line, const char *fmt, ...)
{
	uint64_t nth = __atomic_add_fetch(&warnings, 1, __ATOMIC_RELAXED);
	uint64_t pcs[BACKTRACE_MAX];
	char message[MESSAGE_BYTES];
	va_list args;

	if (nth > WARNINGS_LOUD)
		return;
	va_start(args, fmt);
	(void)fmt_vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	log_warn("warning at %s:%d: %s (running %s)", file, line, message, panic_context_name());
	backtrace_print(pcs, stack_walk(NULL, pcs, BACKTRACE_MAX));
	if (nth == WARNINGS_LOUD)
		log_warn("further warnings are only counted");
}

uint64_t warn_count(void)
{
	return __atomic_load_n(&warnings, __ATOMIC_RELAXED);
}

/* Called by the compiler's stack protector. */
_Noreturn void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
	panic("stack smashed in the caller");
}
