/*
 * Fixed-width types and the handful of macros that every file may use. Header only, no state, any
 * context; compiles for the kernel (freestanding) and for the host.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__STDC_HOSTED__) && __STDC_HOSTED__
#include <sys/types.h> /* ssize_t; may also bring <sys/cdefs.h> names, hence the guards below */
#else
typedef long ssize_t;
#endif

#ifndef __packed
#define __packed __attribute__((packed))
#endif
#ifndef __must_check
#define __must_check __attribute__((warn_unused_result))
#endif
#ifndef __printf
#define __printf(format_index, first_arg) __attribute__((format(printf, format_index, first_arg)))
#endif
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif
#ifndef __noreturn
#define __noreturn __attribute__((noreturn))
#endif
#ifndef __maybe_unused
#define __maybe_unused __attribute__((unused))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif
#ifndef __section
#define __section(name) __attribute__((section(name)))
#endif
#ifndef __aligned
#define __aligned(bytes) __attribute__((aligned(bytes)))
#endif

/* The unit of sharing between CPUs: every x86-64 CPU has 64-byte lines. */
#define CACHELINE_BYTES 64
#ifndef __cacheline_aligned
#define __cacheline_aligned __aligned(CACHELINE_BYTES)
#endif

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define BIT(n) (1ull << (n))

/* Elements of a true array; a pointer does not compile. */
#define ARRAY_SIZE(a)                                                                           \
	(sizeof(a) / sizeof((a)[0]) +                                                           \
	 sizeof(char[1 -                                                                        \
		     2 * !!__builtin_types_compatible_p(__typeof__(a), __typeof__(&(a)[0]))]) - \
	 1)

#define MIN(a, b)                                  \
	__extension__({                            \
		__typeof__(a) min_a_ = (a);        \
		__typeof__(b) min_b_ = (b);        \
		min_a_ < min_b_ ? min_a_ : min_b_; \
	})
#define MAX(a, b)                                  \
	__extension__({                            \
		__typeof__(a) max_a_ = (a);        \
		__typeof__(b) max_b_ = (b);        \
		max_a_ > max_b_ ? max_a_ : max_b_; \
	})

/* Round to a multiple of `a`, a power of two. ALIGN_UP wraps to 0 at the top of the type. */
#define ALIGN_UP(x, a)	   (((x) + ((__typeof__(x))(a)-1)) & ~((__typeof__(x))(a)-1))
#define ALIGN_DOWN(x, a)   ((x) & ~((__typeof__(x))(a)-1))
#define IS_ALIGNED(x, a)   (((x) & ((__typeof__(x))(a)-1)) == 0)
#define DIV_ROUND_UP(n, d) (((n) + (d)-1) / (d))

/*
 * The structure that `pointer`, the address of its field `member`, lies in; `pointer` is evaluated
 * once (the cast in typeof is never executed).
 */
#define container_of(pointer, type, member)                                                 \
	__extension__({                                                                     \
		const __typeof__(((type *)(void *)(pointer))->member) *member_ = (pointer); \
		(type *)((uintptr_t)member_ - offsetof(type, member));                      \
	})
