/*
 * Merging of interrupt destinations, see apic_dest.h. Pure: compiles for the host.
 *
 * x2APIC clusters that are being collected sit in a small direct-mapped table, so that the usual
 * firmware order (first threads of all cores, then the second ones) meets each cluster's entry
 * again instead of opening it twice. A clash emits the older entry: more writes, never a wrong one.
 */
#include "arch/x86_64/apic_dest.h"

#include "arch/x86_64/apic.h"

#define OPEN_CLUSTERS	     64u /* one bit each in a word */
#define CLUSTER_ID_MASK	     (BIT(APIC_CLUSTER_BITS) - 1)
#define X2APIC_LOGICAL_LIMIT BIT(20) /* 16 bits of cluster, 4 of position */

bool apic_dest_reachable(bool x2apic, uint32_t apic_id)
{
	return apic_id < (x2apic ? APIC_ID_ALL : APIC_ID_ALL_XAPIC);
}

static void emit_physical(uint32_t apic_id, apic_dest_fn emit, void *arg)
{
	emit((struct apic_dest){.id = apic_id, .logical = false}, arg);
}

/* One member is named physically: hardware and simulators deliver that with less matching. */
static void emit_cluster(uint32_t cluster, uint16_t members, apic_dest_fn emit, void *arg)
{
	if ((members & (members - 1)) == 0)
		emit_physical(cluster << APIC_CLUSTER_BITS | (uint32_t)__builtin_ctz(members), emit,
			      arg);
	else
		emit((struct apic_dest){.id = cluster << 16 | members, .logical = true}, arg);
}

static unsigned merge_clusters(const uint32_t *apic_ids, unsigned n, apic_dest_fn emit, void *arg)
{
	uint16_t clusters[OPEN_CLUSTERS];
	uint16_t members[OPEN_CLUSTERS];
	uint64_t open = 0; /* bit s: entry s of both is in use */
	unsigned unreachable = 0;

	for (unsigned i = 0; i < n; i++) {
		uint32_t apic_id = apic_ids[i];
		uint32_t cluster = apic_id >> APIC_CLUSTER_BITS;
		unsigned slot = cluster % OPEN_CLUSTERS;

		if (!apic_dest_reachable(true, apic_id)) {
			unreachable++;
			continue;
		}
		if (apic_id >= X2APIC_LOGICAL_LIMIT) {
			emit_physical(apic_id, emit, arg);
			continue;
		}
		if ((open & BIT(slot)) && clusters[slot] != cluster) {
			emit_cluster(clusters[slot], members[slot], emit, arg);
			open &= ~BIT(slot);
		}
		if (!(open & BIT(slot))) {
			open |= BIT(slot);
			clusters[slot] = (uint16_t)cluster;
			members[slot] = 0;
		}
		members[slot] |= (uint16_t)BIT(apic_id & CLUSTER_ID_MASK);
	}
	for (; open; open &= open - 1) {
		unsigned slot = (unsigned)__builtin_ctzll(open);

		emit_cluster(clusters[slot], members[slot], emit, arg);
	}
	return unreachable;
}

static unsigned merge_flat(const uint32_t *apic_ids, unsigned n, apic_dest_fn emit, void *arg)
{
	uint8_t members = 0;
	unsigned unreachable = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!apic_dest_reachable(false, apic_ids[i]))
			unreachable++;
		else if (apic_ids[i] < APIC_FLAT_IDS)
			members |= (uint8_t)BIT(apic_ids[i]);
		else
			emit_physical(apic_ids[i], emit, arg);
	}
	if (members && (members & (members - 1)) == 0)
		emit_physical((uint32_t)__builtin_ctz(members), emit, arg);
	else if (members)
		emit((struct apic_dest){.id = members, .logical = true}, arg);
	return unreachable;
}

unsigned apic_dest_merge(bool x2apic, const uint32_t *apic_ids, unsigned n, apic_dest_fn emit,
			 void *arg)
{
	return x2apic ? merge_clusters(apic_ids, n, emit, arg) : merge_flat(apic_ids, n, emit, arg);
}
