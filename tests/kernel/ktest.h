/*
 * Tests that run inside the kernel.
 *
 *	KTEST(spinlock, trylock_fails_when_held)
 *	{
 *		KT_CHECK(spin_trylock(&lock));
 *		KT_EQ(count, 4);
 *	}
 *
 * A test runs in thread-like context on the boot CPU with interrupts on. A check that fails records
 * file, line and values and leaves the function it stands in, so checks belong into functions that
 * return void (the test, or what it runs on other CPUs: they work on every CPU, in any context but
 * NMI); scoped guards release on the way out. Only a test's first failure is kept.
 */
#pragma once

#include "arch/x86_64/trap.h"
#include "lib/types.h"

struct ktest {
	const char *suite;
	const char *name;
	void (*run)(void);
};

/* All tests, from the linker. */
extern const struct ktest *const __ktests_start[], *const __ktests_end[];

#define KTEST(suite_, name_)                                            \
	static void ktest_##suite_##_##name_(void);                     \
	static const struct ktest ktest_of_##suite_##_##name_ = {       \
		.suite = #suite_,                                       \
		.name = #name_,                                         \
		.run = ktest_##suite_##_##name_,                        \
	};                                                              \
	static const struct ktest *const ktest_entry_##suite_##_##name_ \
		__attribute__((used, no_reorder, section(".ktests"))) = \
			&ktest_of_##suite_##_##name_;                   \
	static void ktest_##suite_##_##name_(void)

/* Fail the test and return unless @cond holds. */
#define KT_CHECK(cond)                                               \
	do {                                                         \
		if (!(cond)) {                                       \
			ktest_fail(__FILE__, __LINE__, "%s", #cond); \
			return;                                      \
		}                                                    \
	} while (0)

/* Fail the test and return unless @got, an integer or pointer, equals @want. Prints both. */
#define KT_EQ(got, want)                                                                    \
	do {                                                                                \
		unsigned long long kt_got_ = (unsigned long long)(got);                     \
		unsigned long long kt_want_ = (unsigned long long)(want);                   \
                                                                                            \
		if (kt_got_ != kt_want_) {                                                  \
			ktest_fail(__FILE__, __LINE__,                                      \
				   "%s is %lld (0x%llx), not %s = %lld (0x%llx)", #got,     \
				   (long long)kt_got_, kt_got_, #want, (long long)kt_want_, \
				   kt_want_);                                               \
			return;                                                             \
		}                                                                           \
	} while (0)

/* Fail the test and return, saying why in printf's words. */
#define KT_FAIL(...)                                         \
	do {                                                 \
		ktest_fail(__FILE__, __LINE__, __VA_ARGS__); \
		return;                                      \
	} while (0)

/* Leave the test without a verdict; @why (a string) is printed and the test counted as skipped. */
#define KT_SKIP(why)             \
	do {                     \
		ktest_skip(why); \
		return;          \
	} while (0)

/* A line of measured figures beside the verdict; it starts with '#' in the output. */
void ktest_note(const char *fmt, ...) __printf(1, 2);

/*
 * Offer NMIs to @handler from now on, in place of the one before: there is room for few handlers,
 * so the tests share one. 0 or -ENOSPC. Boot CPU.
 */
int ktest_nmi_offer(nmi_handler_fn handler) __must_check;

/*
 * Run the tests that @selection names: "all", or suites separated by commas; a suite that does not
 * exist counts as a failure. Prints TAP (plan first) to the log's sinks and ends with the line
 * "# N passed, N failed, N skipped". Returns 0 when none failed, else 1. Boot CPU, interrupts on.
 */
int ktest_run(const char *selection) __must_check;

/* Behind the macros. */
void ktest_fail(const char *file, int line, const char *fmt, ...) __printf(3, 4);
void ktest_skip(const char *why);
