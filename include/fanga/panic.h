/*
 * When an invariant of ours is broken: stop with everything that is needed to find the bug, or
 * report it and go on. Never for input from outside.
 */
#pragma once

#include "lib/types.h"

/*
 * Print the message, registers, CPU, what it ran and a symbolised backtrace, stop the other CPUs,
 * hand the first lines to the results channel and power off with status 255. Any context.
 */
_Noreturn void panic(const char *fmt, ...) __printf(1, 2);

/* Print a warning with CPU and backtrace and go on; rate limited. Any context. */
void warn_at(const char *file, int line, const char *fmt, ...) __printf(3, 4);

/* Warnings printed or suppressed since boot; a test run with any has failed. */
uint64_t warn_count(void);

#define WARN(...) warn_at(__FILE__, __LINE__, __VA_ARGS__)

/* Report when @cond holds; the value of the expression is @cond. */
#define WARN_ON(cond)                                             \
	({                                                        \
		bool warn_cond_ = (cond);                         \
		if (__builtin_expect(warn_cond_, 0))              \
			warn_at(__FILE__, __LINE__, "%s", #cond); \
		warn_cond_;                                       \
	})

#define BUG_ON(cond)                                                   \
	do {                                                           \
		if (__builtin_expect(!!(cond), 0))                     \
			panic("%s:%d: %s", __FILE__, __LINE__, #cond); \
	} while (0)

#ifdef CONFIG_DEBUG
#define ASSERT(cond) BUG_ON(!(cond))
#else
#define ASSERT(cond) ((void)sizeof(!(cond)))
#endif

/*
 * Program counters of the callers of @trap (NULL: of this function's caller), innermost first.
 * Never faults, whatever the frame pointers hold: it stays on stacks it knows. Any context.
 */
struct trap_frame;
unsigned stack_walk(const struct trap_frame *trap, uint64_t *pcs, unsigned max);

/* Open the image's symbol table. Boot CPU, once; until then addresses stay numbers. */
void backtrace_init(void);

/* The function that @pc lies in. False when none is known. Any context. */
struct symtab_symbol;
bool backtrace_symbol(uint64_t pc, struct symtab_symbol *symbol);

/* "function+0x12/0x80" into @text; @is_return: @pc is a return address, of the call before it. */
void backtrace_format(uint64_t pc, bool is_return, char *text, size_t bytes);

/* Print the names of @pcs (the first one exact, the others return addresses) to the log. */
void backtrace_print(const uint64_t *pcs, unsigned count);

/* Hooks of the rooms to the right. */
void panic_stop_others(void);		       /* ask every other CPU to stop; bounded */
_Noreturn void panic_finish(const char *text); /* tell the host the first lines, power off */
const char *panic_context_name(void);	       /* what the running CPU does: "boot", "idle", … */
