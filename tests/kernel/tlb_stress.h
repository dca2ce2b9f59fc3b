/*
 * The shootdown stress: one CPU unmaps pages of a window and reuses their memory at once, all
 * others read the window all the time.
 */
#pragma once

#include <fanga/tlb.h>
#include "lib/types.h"

struct tlb_stress_result {
	uint64_t rounds; /* done; fewer than asked for when a stale read ended it */
	uint64_t reads;	 /* checked reads, all CPUs */
	uint64_t stale;	 /* of them, those that saw memory which had been given away */
};

/* Run up to @rounds rounds on all online CPUs. 0 or -ENOMEM. Thread context, boot CPU. */
int tlb_stress_run(uint64_t rounds, struct tlb_stress_result *result) __must_check;

/* `hook.tlb_rounds` of the command line, else a number that is short on this machine. */
uint64_t tlb_stress_rounds(void);

/* A batch on @space whose freed pages are only counted. */
void tlb_stress_batch_begin(struct tlb_batch *batch, struct tlb_space *space);
uint64_t tlb_stress_freed(void);
