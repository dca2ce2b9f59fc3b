/*
 * panic() with the registers of a trap: for the dispatcher of exceptions.
 */
#pragma once

#include "arch/x86_64/trap.h"
#include "fanga/panic.h"

/* As panic(), for what happened at @frame. */
_Noreturn void panic_at(const struct trap_frame *frame, const char *fmt, ...) __printf(2, 3);
