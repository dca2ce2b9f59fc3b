/*
 * The debug build's checks on locks: which locks each CPU holds, and what that allows.
 *
 * Invariant: a CPU's list of held locks is written by that CPU with interrupts off, in the order in
 * which they were taken; an interrupt leaves it as it found it. `graph_lock`, a raw lock taken with
 * interrupts off, protects the graph; nothing is reported under it, so that reports may take locks.
 * Locks taken in an NMI (by try only) are not tracked: the NMI may have interrupted this code.
 */
#include <fanga/lockdep.h>

#ifdef CONFIG_DEBUG

#include <fanga/check.h>
#include <fanga/clock.h>
#include <fanga/spinlock.h>
#include "kernel/sync/lock_graph.h"
#include "lib/errno.h"
#include "lib/printf.h"

#define HELD_MAX	  32
#define SITE_NAME_BYTES	  96
#define REPORT_TEXT_BYTES 1024

struct held_lock {
	const struct lock_debug *lock;
	const struct lock_site *site;
	uint64_t acquired_ns; /* 0: before the clock ran */
	uint16_t class_number;
	bool is_shared;
};

struct held_locks {
	unsigned count;
	struct held_lock entry[HELD_MAX];
};

static DEFINE_PER_CPU(struct held_locks, held_locks);

static struct raw_spinlock graph_lock;
static struct lock_graph graph;
static uint64_t hold_limit_ns;
static bool limit_reported;

struct site_name {
	char text[SITE_NAME_BYTES];
};

static struct site_name site_name(const struct lock_site *site)
{
	struct site_name name = {.text = ""};

	lockstat_site_name(site, name.text, sizeof(name.text));
	return name;
}

/* The checker knows less from now on; said once. */
static void report_limit(const char *what)
{
	if (!__atomic_exchange_n(&limit_reported, true, __ATOMIC_RELAXED))
		check_report(CHECK_LOCK_LIMIT, "lock checks: no room for more %s", what);
}

static const char *class_name(unsigned number)
{
	return graph.class[number].name;
}

/* The number of @lock's class, 0 when there are too many classes. */
static unsigned class_of(struct lock_debug *lock)
{
	unsigned number = __atomic_load_n(&lock->class_number, __ATOMIC_RELAXED);
	unsigned long flags;

	if (likely(number))
		return number;
	flags = irq_save();
	raw_spin_lock(&graph_lock);
	if (lock->class_name)
		number = lock_graph_class(&graph, lock->class_name, lock->class_name);
	else
		number = lock_graph_class(&graph, lock, "a lock without initialiser");
	raw_spin_unlock(&graph_lock);
	irq_restore(flags);
	__atomic_store_n(&lock->class_number, (uint16_t)number, __ATOMIC_RELAXED);
	if (!number)
		report_limit("classes");
	return number;
}

/* Append the pairs of @path, a line each. */
static size_t path_print(char *text, size_t size, const struct lock_path *path)
{
	size_t used = 0;

	for (unsigned i = 0; i < MIN(path->length, (unsigned)ARRAY_SIZE(path->pair)); i++) {
		const struct lock_pair *pair = path->pair[i];

		used += fmt_scnprintf(text + used, size - used,
				      "\n  known: %s waited for at %s\n    holding %s from %s",
				      class_name(pair->to), site_name(pair->to_site).text,
				      class_name(pair->from), site_name(pair->from_site).text);
	}
	return used;
}

static void report_irq(const struct lock_irq_conflict *conflict)
{
	const struct lock_class *waited = &graph.class[conflict->waited];
	const struct lock_class *held = &graph.class[conflict->held];
	char text[REPORT_TEXT_BYTES];

	text[0] = '\0';
	(void)path_print(text, sizeof(text), &conflict->path);
	check_report(CHECK_LOCK_IRQ,
		     "lock and interrupts: %s is waited for in an interrupt at %s\n"
		     "  while %s is held with interrupts on from %s%s",
		     waited->name, site_name(waited->usage_site[conflict->waited_usage]).text,
		     held->name, site_name(held->usage_site[conflict->held_usage]).text, text);
}

/* Note a usage of the class; if that is new, see whether it makes a deadlock by interrupt possible.
 */
static void note_usage(unsigned number, enum lock_usage usage, const struct lock_site *site)
{
	struct lock_irq_conflict conflict;
	bool found = false;
	unsigned long flags;

	if (!number || lock_graph_usage(&graph, number) >> usage & 1)
		return;
	flags = irq_save();
	raw_spin_lock(&graph_lock);
	if (lock_graph_use(&graph, number, usage, site))
		found = lock_graph_irq_conflict(&graph, &conflict);
	raw_spin_unlock(&graph_lock);
	irq_restore(flags);
	if (found)
		report_irq(&conflict);
}

static void report_order(const struct held_lock *held, unsigned number,
			 const struct lock_site *site, const struct lock_path *path)
{
	char text[REPORT_TEXT_BYTES];

	text[0] = '\0';
	(void)path_print(text, sizeof(text), path);
	check_report(CHECK_LOCK_ORDER,
		     "lock order: cpu%u waits for %s at %s\n  holding %s from %s%s",
		     current_cpu_id(), class_name(number), site_name(site).text,
		     class_name(held->class_number), site_name(held->site).text, text);
}

/* Learn that class @number is waited for while @held is; report it if the opposite was seen. */
static void note_pair(const struct held_lock *held, unsigned number, const struct lock_site *site)
{
	struct lock_irq_conflict conflict;
	struct lock_path path = {0};
	bool irq_found = false;
	unsigned long flags;
	int err;

	if (!held->class_number || lock_graph_knows(&graph, held->class_number, number))
		return;
	flags = irq_save();
	raw_spin_lock(&graph_lock);
	err = lock_graph_add(&graph, held->class_number, held->site, number, site, &path);
	if (!err)
		irq_found = lock_graph_irq_conflict(&graph, &conflict);
	raw_spin_unlock(&graph_lock);
	irq_restore(flags);

	if (err == -EDEADLK)
		report_order(held, number, site, &path);
	else if (err == -ENOSPC)
		report_limit("ordered pairs");
	if (irq_found)
		report_irq(&conflict);
}

/* Two locks of one class: ascending addresses, so that there is one order among them too. */
static void check_same_class(const struct held_lock *held, const struct lock_debug *lock,
			     const struct lock_site *site)
{
	if (lock > held->lock)
		return;
	check_report(CHECK_LOCK_ORDER,
		     "lock order: cpu%u waits for %s (%p) at %s\n  holding another (%p) from %s\n"
		     "  of one class, the lower address comes first",
		     current_cpu_id(), class_name(held->class_number), (const void *)lock,
		     site_name(site).text, (const void *)held->lock, site_name(held->site).text);
}

/*
 * A CPU that waits for what it holds waits for ever; but for an interrupt handler that reads what
 * the interrupted thread reads. That thread's entries lie before those of the handler.
 */
static void check_recursion(const struct held_lock *held, const struct lock_site *site,
			    enum lock_mode mode)
{
	if (mode == LOCK_SHARED && held->is_shared && in_interrupt())
		return;
	check_fatal(CHECK_LOCK_RECURSION,
		    "lock recursion: cpu%u waits at %s for %s,\n  which it holds from %s",
		    current_cpu_id(), site_name(site).text, class_name(held->class_number),
		    site_name(held->site).text);
}

void lockdep_wait(struct lock_debug *lock, const struct lock_site *site, enum lock_mode mode)
{
	const struct held_locks *held = raw_cpu_ptr(held_locks);
	unsigned number;

	if (in_nmi())
		return;
	number = class_of(lock);
	if (in_interrupt())
		note_usage(number,
			   mode == LOCK_SHARED ? LOCK_WAITED_SHARED_IN_IRQ : LOCK_WAITED_IN_IRQ,
			   site);
	/* An interrupt pushes behind these entries and takes its own away again. */
	for (unsigned i = held->count; i-- > 0;) {
		const struct held_lock *entry = &held->entry[i];

		if (entry->lock == lock) {
			check_recursion(entry, site, mode);
			return;
		}
		if (!number)
			continue;
		if (entry->class_number == number)
			check_same_class(entry, lock, site);
		else
			note_pair(entry, number, site);
	}
}

void lockdep_acquired(struct lock_debug *lock, const struct lock_site *site, enum lock_mode mode)
{
	struct held_locks *held = raw_cpu_ptr(held_locks);
	bool is_full = held->count == HELD_MAX;
	unsigned long flags;
	unsigned number;

	if (in_nmi())
		return;
	number = class_of(lock);
	if (irqs_enabled())
		note_usage(number,
			   mode == LOCK_SHARED ? LOCK_HELD_SHARED_IRQS_ON : LOCK_HELD_IRQS_ON,
			   site);
	if (mode == LOCK_EXCLUSIVE) {
		__atomic_store_n(&lock->site, site, __ATOMIC_RELAXED);
		__atomic_store_n(&lock->owner, current_cpu_id() + 1, __ATOMIC_RELAXED);
	}
	if (is_full) {
		report_limit("locks held by one CPU");
		return;
	}
	flags = irq_save();
	held->entry[held->count] = (struct held_lock){
		.lock = lock,
		.site = site,
		.acquired_ns = clock_ns(),
		.class_number = (uint16_t)number,
		.is_shared = mode == LOCK_SHARED,
	};
	held->count++;
	irq_restore(flags);
}

/* Take the last entry for @lock out of the list. Returns whether there was one. */
static bool held_remove(const struct lock_debug *lock, bool is_shared, struct held_lock *removed)
{
	struct held_locks *held = raw_cpu_ptr(held_locks);
	unsigned long flags = irq_save();
	unsigned i = held->count;

	while (i-- > 0) {
		if (held->entry[i].lock != lock || held->entry[i].is_shared != is_shared)
			continue;
		*removed = held->entry[i];
		held->count--;
		for (; i < held->count; i++)
			held->entry[i] = held->entry[i + 1];
		irq_restore(flags);
		return true;
	}
	irq_restore(flags);
	return false;
}

static void report_owner(const struct lock_debug *lock)
{
	uint32_t owner = __atomic_load_n(&lock->owner, __ATOMIC_RELAXED);
	const struct lock_site *site = __atomic_load_n(&lock->site, __ATOMIC_RELAXED);
	const char *name = lock->class_name ? lock->class_name : "a lock without initialiser";

	if (owner)
		check_report(CHECK_LOCK_OWNER,
			     "lock owner: cpu%u gives back %s, which cpu%u holds from %s",
			     current_cpu_id(), name, owner - 1, site_name(site).text);
	else
		check_report(CHECK_LOCK_OWNER, "lock owner: cpu%u gives back %s, which it has not",
			     current_cpu_id(), name);
}

void lockdep_release(struct lock_debug *lock, enum lock_mode mode)
{
	uint64_t limit_ns = __atomic_load_n(&hold_limit_ns, __ATOMIC_RELAXED);
	struct held_lock held;
	uint64_t held_ns;

	if (in_nmi())
		return;
	if (!held_remove(lock, mode == LOCK_SHARED, &held)) {
		if (!__atomic_load_n(&limit_reported, __ATOMIC_RELAXED))
			report_owner(lock);
		return;
	}
	if (mode == LOCK_EXCLUSIVE)
		__atomic_store_n(&lock->owner, 0, __ATOMIC_RELAXED);
	if (!limit_ns || !held.acquired_ns)
		return;
	held_ns = clock_ns() - held.acquired_ns;
	if (held_ns > limit_ns)
		check_report(
			CHECK_LOCK_HELD_LONG,
			"lock held long: cpu%u held %s from %s for %llu ns, the limit is %llu ns",
			current_cpu_id(), class_name(held.class_number), site_name(held.site).text,
			(unsigned long long)held_ns, (unsigned long long)limit_ns);
}

void lockdep_forget_irqoff(void)
{
	raw_cpu_ptr(held_locks)->count = 0;
}

bool lockdep_is_held(const struct lock_debug *lock)
{
	const struct held_locks *held = raw_cpu_ptr(held_locks);

	for (unsigned i = 0; i < held->count; i++)
		if (held->entry[i].lock == lock)
			return true;
	return false;
}

void lockdep_set_hold_limit_ns(uint64_t ns)
{
	__atomic_store_n(&hold_limit_ns, ns, __ATOMIC_RELAXED);
}

uint64_t lockdep_hold_limit_ns(void)
{
	return __atomic_load_n(&hold_limit_ns, __ATOMIC_RELAXED);
}

unsigned lockdep_class_count(void)
{
	return __atomic_load_n(&graph.classes, __ATOMIC_RELAXED);
}

unsigned lockdep_pair_count(void)
{
	return __atomic_load_n(&graph.pairs, __ATOMIC_RELAXED);
}

#endif
