/*
 * Round trips of IPIs and shootdowns on the running machine, for the demo and the benchmarks.
 */
#pragma once

#include <fanga/ipi.h>
#include "lib/histogram.h"

/*
 * Send @rounds IPIs of @type to @target, one after the other, and add to @times how long each took
 * in ns of clock_ns(), from before the send until every target has handled it (generic: its handler
 * has run; call: a function has run and its end is known here; halt: the target has stopped, and is
 * brought online again outside the measured time, so halt wants few rounds and not the caller).
 * 0, -EINVAL for a target without other CPUs or with the caller in it, -EBUSY when a generic
 * handler is registered, or what ipi_send() or cpu_bring_online() return. Thread context,
 * interrupts on, CPUs must not come or go meanwhile; one caller at a time.
 */
int ipi_measure(enum ipi_type type, struct ipi_target target, unsigned rounds,
		struct histogram *times) __must_check;

/*
 * The same for shootdowns of the kernel space by the caller: @pages of an unmapped range, 0 for
 * everything. Context as above; 0 or -ENOMEM.
 */
int tlb_measure(unsigned pages, unsigned rounds, struct histogram *times) __must_check;
