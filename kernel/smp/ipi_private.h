/*
 * What the two sides of IPIs share: ipi.c sends, ipi_receive.c receives.
 */
#pragma once

#include <fanga/ipi.h>
#include <fanga/percpu.h>
#include "kernel/smp/mailbox.h"

/* What a TLB flush IPI without an address carries: not canonical, so no address. */
#define IPI_FLUSH_EVERYTHING (1ull << 63)

/* Written by their own CPU only. */
DECLARE_PER_CPU(struct ipi_counts, ipi_counters);

/* Posted to by all, read by their own CPU. */
DECLARE_PER_CPU(struct mailbox, ipi_mailbox);

/* Sends under way on the CPU, nested ones too; ipi_generic_unregister() waits for their end. */
DECLARE_PER_CPU(uint32_t, ipi_sending);

/* The interrupt vector of each type. */
extern const uint8_t ipi_vector[IPI_TYPES];

/* Whether there is a generic handler and it takes messages. Any context. */
bool ipi_generic_accepts(void);

/* Stop this CPU in the middle of what it does. Interrupts off. */
_Noreturn void ipi_stop_here_irqoff(void);
