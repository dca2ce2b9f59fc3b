/*
 * The kernel's command line: docs/command-line.md. Parsed once at boot, constant afterwards.
 */
#pragma once

#include "lib/types.h"

struct kernel_options {
	char test[512];	    /* suites to run instead of the demo, "" for the demo */
	uint64_t host_cpus; /* CPUs of the computer that simulates us; 0: unknown or real machine */
	uint64_t seed;	    /* of everything that is random in tests */
	uint64_t gigapages; /* 1 GiB pages to reserve */
	uint64_t gigapage_node; /* where; OPTIONS_ANY_NODE: on all nodes in turn */
	unsigned clock;		/* index into {"host", "icount"} */
	unsigned log;		/* enum log_level */
};

#define OPTIONS_CLOCK_ICOUNT 1
#define OPTIONS_ANY_NODE     (~0ul)

const struct kernel_options *kernel_options(void);

/*
 * Parse @text. 0, or -EINVAL with one line in @error that says what is wrong and what is allowed.
 * Hooks take effect as they are read. Boot CPU, once.
 */
int kernel_options_parse(const char *text, char *error, size_t error_bytes) __must_check;

/*
 * A test hook of the debug build: `hook.NAME=NUMBER` on the command line calls @set_ with it,
 * early, before other CPUs run. Other builds refuse the word.
 */
struct test_hook {
	const char *name;
	void (*set)(uint64_t value);
};

/* All hooks, from the linker. */
extern const struct test_hook __test_hooks_start[], __test_hooks_end[];

#ifdef CONFIG_DEBUG
#define TEST_HOOK(name_, set_)                          \
	static const struct test_hook test_hook_##name_ \
		__attribute__((used, section(".test_hooks"))) = {#name_, (set_)}
#endif
