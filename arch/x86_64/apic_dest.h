/*
 * Which destinations reach a set of APIC ids with the fewest ICR writes. Pure.
 *
 * x2APIC: logical id = cluster (id >> 4) << 16 | 1 << (id & 15), derived by hardware; ids from 2^20
 * have no logical id of their own (SDM vol. 3 section 11.12.10.2). xAPIC flat: 1 << id in 8 bits,
 * as apic.c programs it for ids below 8 (section 11.6.2.2).
 */
#pragma once

#include "lib/types.h"

struct apic_dest {
	uint32_t id; /* for the ICR's destination field */
	bool logical;
};

typedef void (*apic_dest_fn)(struct apic_dest dest, void *arg);

#define APIC_FLAT_IDS	  8u
#define APIC_CLUSTER_BITS 4

/* The x2APIC logical id of @apic_id. */
static inline uint32_t apic_dest_logical_id(uint32_t apic_id)
{
	return apic_id >> APIC_CLUSTER_BITS << 16 | 1u << (apic_id & 0xf);
}

/* Whether @apic_id can be named by a physical destination of this mode without being a broadcast.
 */
bool apic_dest_reachable(bool x2apic, uint32_t apic_id);

/*
 * Call @emit once per destination that together cover the reachable ones of @apic_ids exactly; a
 * duplicate may be covered twice. Ids may come in any order. Returns how many ids were unreachable.
 * Any context; uses some 300 bytes of stack.
 */
unsigned apic_dest_merge(bool x2apic, const uint32_t *apic_ids, unsigned n, apic_dest_fn emit,
			 void *arg);
