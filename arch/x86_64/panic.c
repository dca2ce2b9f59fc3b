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
#include "arch/x86_64/gdt.h"
#include "arch/x86_64/power.h"
#include "fanga/log.h"
#include "fanga/percpu.h"
#include "lib/printf.h"
#include "lib/symtab.h"

#define BACKTRACE_MAX 24
#define REPORT_BYTES  2048
#define WARNINGS_LOUD 20 /* later ones are only counted */
#define MESSAGE_BYTES 256
#define SYMBOL_BYTES  160

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
	report_length +=
		fmt_scnprintf(report + report_length, sizeof(report) - report_length, "%s\n", line);
}

typedef void (*line_fn)(const char *fmt, ...) __printf(1, 2);

static void print_registers(const struct trap_frame *f, line_fn print)
{
	print("rip %04lx:%016lx rsp %04lx:%016lx flags %08lx", f->cs, f->rip, f->ss, f->rsp,
	      f->rflags);
	print("rax %016lx rbx %016lx rcx %016lx", f->rax, f->rbx, f->rcx);
	print("rdx %016lx rsi %016lx rdi %016lx", f->rdx, f->rsi, f->rdi);
	print("rbp %016lx r8  %016lx r9  %016lx", f->rbp, f->r8, f->r9);
	print("r10 %016lx r11 %016lx r12 %016lx", f->r10, f->r11, f->r12);
	print("r13 %016lx r14 %016lx r15 %016lx", f->r13, f->r14, f->r15);
	print("cr2 %016lx cr3 %016lx cr4 %016lx", read_cr2(), read_cr3(), read_cr4());
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

/*
 * The registers as the caller of the function that this stands in has them; what a call may change
 * is as it happens to be. A macro, so that no further frame comes between.
 */
#define capture_caller(f)                                                                          \
	do {                                                                                       \
		const uint64_t *record_ = __builtin_frame_address(0);                              \
                                                                                                   \
		*(f) = (struct trap_frame){0};                                                     \
		__asm__ volatile("movq %%rax, %0\n\tmovq %%rcx, %1\n\t"                            \
				 "movq %%rdx, %2\n\tmovq %%rsi, %3\n\t"                            \
				 "movq %%rdi, %4\n\tmovq %%rbx, %5"                                \
				 : "=m"((f)->rax), "=m"((f)->rcx), "=m"((f)->rdx), "=m"((f)->rsi), \
				   "=m"((f)->rdi), "=m"((f)->rbx));                                \
		__asm__ volatile("movq %%r8, %0\n\tmovq %%r9, %1\n\t"                              \
				 "movq %%r10, %2\n\tmovq %%r11, %3\n\t"                            \
				 "movq %%r12, %4\n\tmovq %%r13, %5\n\t"                            \
				 "movq %%r14, %6\n\tmovq %%r15, %7"                                \
				 : "=m"((f)->r8), "=m"((f)->r9), "=m"((f)->r10), "=m"((f)->r11),   \
				   "=m"((f)->r12), "=m"((f)->r13), "=m"((f)->r14),                 \
				   "=m"((f)->r15));                                                \
		(f)->rbp = record_[0];                                                             \
		/* In the call: what follows one that does not return is another function. */      \
		(f)->rip = record_[1] - 1;                                                         \
		(f)->rsp = (uint64_t)(record_ + 2);                                                \
		(f)->rflags = cpu_flags();                                                         \
		(f)->cs = SELECTOR_KERNEL_CODE;                                                    \
		(f)->ss = SELECTOR_KERNEL_DATA;                                                    \
	} while (0)

/* The owner once more: each time less is tried, so that this ends whatever is broken. */
static _Noreturn void panic_again(const char *message)
{
	static unsigned times;

	times++;
	if (times == 1)
		report_line("panic while panicking: %s", message);
	if (times <= 2)
		panic_finish(report);
	power_off();
}

static _Noreturn void panic_with(const struct trap_frame *frame, const char *message)
{
	unsigned self = current_cpu_id() + 1, owner = 0;

	irq_disable();
	if (!__atomic_compare_exchange_n(&panic_owner, &owner, self, false, __ATOMIC_RELAXED,
					 __ATOMIC_RELAXED)) {
		if (owner == self)
			panic_again(message);
		for (;;)
			cpu_halt();
	}
	log_bust_lock();
	report_line("panic: %s", message);
	report_line("on cpu %u, running %s", self - 1, panic_context_name());
	panic_stop_others();
	report_backtrace(frame);
	print_registers(frame, report_line);
	panic_finish(report);
}

void panic(const char *fmt, ...)
{
	char message[MESSAGE_BYTES];
	struct trap_frame frame;
	va_list args;

	capture_caller(&frame);
	va_start(args, fmt);
	(void)fmt_vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	panic_with(&frame, message);
}

void panic_at(const struct trap_frame *frame, const char *fmt, ...)
{
	char message[MESSAGE_BYTES];
	va_list args;

	va_start(args, fmt);
	(void)fmt_vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	panic_with(frame, message);
}

static void __printf(1, 2) warn_line(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_vline(LOG_WARN, fmt, args);
	va_end(args);
}

void warn_at(const char *file, int line, const char *fmt, ...)
{
	uint64_t nth = __atomic_add_fetch(&warnings, 1, __ATOMIC_RELAXED);
	uint64_t pcs[BACKTRACE_MAX];
	char message[MESSAGE_BYTES];
	struct trap_frame frame;
	va_list args;

	if (nth > WARNINGS_LOUD)
		return;
	capture_caller(&frame);
	va_start(args, fmt);
	(void)fmt_vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	warn_line("warning at %s:%d: %s (running %s)", file, line, message, panic_context_name());
	backtrace_print(pcs, stack_walk(&frame, pcs, BACKTRACE_MAX));
	print_registers(&frame, warn_line);
	if (nth == WARNINGS_LOUD)
		warn_line("further warnings are only counted");
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
