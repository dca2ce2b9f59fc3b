/*
 * Formatted output into a buffer. Conversions: d i u o x X c s p %, flags `- + space 0 #`, width
 * and precision (also
 * `*`), lengths hh h l ll z j t; semantics of C17 section 7.21.6.1. No floating point and no %n.
 * Differences from the host's library: %p prints 0x and the digits also for NULL, and %s prints
 * "(null)" for NULL. A conversion that does not exist is copied as it stands. Any context (NMI
 * included), no state, no locks.
 */
#pragma once

#include <stdarg.h>

#include "lib/types.h"

/*
 * Write at most size - 1 bytes and a NUL (nothing when size is 0). Returns the number of bytes that
 * the whole text has, without the NUL, so a result >= size says that it was cut; -EOVERFLOW when
 * that exceeds INT_MAX.
 */
int fmt_vsnprintf(char *buffer, size_t size, const char *format, va_list args) __printf(3, 0);
int fmt_snprintf(char *buffer, size_t size, const char *format, ...) __printf(3, 4);

/*
 * As fmt_snprintf, for appending: returns the bytes that are really in the buffer, without the NUL
 * (at most size - 1; 0 when size is 0).
 */
size_t fmt_scnprintf(char *buffer, size_t size, const char *format, ...) __printf(3, 4);
