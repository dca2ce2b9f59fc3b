/*
 * Memory by policy, and the placement map. `notes` are guarded by `notes_lock`, a leaf in thread
 * context; an entry is constant once `note_count` includes it.
 */
#include <fanga/policy_alloc.h>
#include <fanga/mm.h>
#include <fanga/page.h>
#include <fanga/panic.h>
#include <fanga/preempt.h>
#include <fanga/spinlock.h>
#include "lib/errno.h"
#include "lib/printf.h"

#define NOTES_MAX  64u
#define NAME_BYTES 48

struct placement_note {
	char what[NAME_BYTES];
	struct numa_placement placement;
};

static DEFINE_SPINLOCK(notes_lock);
static struct placement_note notes[NOTES_MAX];
static unsigned note_count;

int numa_alloc_policy(size_t bytes, struct numa_policy *policy, void **address)
{
	struct numa_policy *before;
	int error;

	/* Interrupts have no policy of their own. */
	ASSERT(!in_interrupt());

	PREEMPT_GUARD();
	before = numa_policy_set_current(policy);
	error = numa_alloc(bytes, NUMA_ANY, address);
	(void)numa_policy_set_current(before);
	return error;
}

/* The head of the block that the frame at kernel address @va lies in, or NULL. */
static const struct page *block_at(uint64_t va)
{
	struct page *page;
	uint64_t phys;
	unsigned flags;

	if (va >= DIRECT_MAP_BASE && va - DIRECT_MAP_BASE < DIRECT_MAP_BYTES)
		phys = va - DIRECT_MAP_BASE;
	else if (kmap_lookup(va, &phys, &flags))
		return NULL;
	page = page_find(phys);
	return page ? page_head(page) : NULL;
}

int numa_placement_get(const void *address, size_t bytes, struct numa_placement *placement)
{
	uint64_t va = ALIGN_DOWN((uint64_t)address, PAGE_BYTES);
	uint64_t end = (uint64_t)address + bytes;

	*placement = (struct numa_placement){0};
	for (; va < end; va += PAGE_BYTES) {
		const struct page *block = block_at(va);

		if (!block || block->node >= NODE_MAX || block->why >= NUMA_WHY_COUNT)
			return -EFAULT;
		placement->pages[block->node]++;
		placement->why[block->why]++;
	}
	return 0;
}

int numa_placement_note(const char *what, const void *address, size_t bytes)
{
	struct numa_placement placement;
	int error = numa_placement_get(address, bytes, &placement);
	struct placement_note *note;

	if (error)
		return error;
	SPIN_GUARD(&notes_lock);
	if (note_count == NOTES_MAX)
		return -ENOSPC;
	note = &notes[note_count];
	(void)fmt_snprintf(note->what, sizeof(note->what), "%s", what);
	note->placement = placement;
	/* Release: pairs with the acquire in numa_placement_json(), which takes no lock. */
	__atomic_store_n(&note_count, note_count + 1, __ATOMIC_RELEASE);
	return 0;
}

static void write_note(struct json *json, const struct placement_note *note)
{
	const uint64_t *why = note->placement.why;

	json_object_begin(json, NULL);
	json_string(json, "what", note->what);
	json_array_begin(json, "pages");
	for (unsigned node = 0; node < numa_node_count(); node++)
		json_u64(json, NULL, note->placement.pages[node]);
	json_array_end(json);
	json_object_begin(json, "why");
	json_u64(json, "local", why[NUMA_WHY_LOCAL]);
	json_u64(json, "policy", why[NUMA_WHY_POLICY] + why[NUMA_WHY_INTERLEAVE]);
	json_u64(json, "fallback", why[NUMA_WHY_FALLBACK]);
	json_object_end(json);
	json_object_end(json);
}

void numa_placement_json(struct json *json, void *unused)
{
	unsigned count = __atomic_load_n(&note_count, __ATOMIC_ACQUIRE);

	(void)unused;
	json_array_begin(json, NULL);
	for (unsigned i = 0; i < count; i++)
		write_note(json, &notes[i]);
	json_array_end(json);
}
