/*
 * Lock statistics: counting on the CPU that waited, summing when somebody asks.
 *
 * Invariant: a CPU's counters are written by that CPU alone, with interrupts off, as whole words,
 * so that others may read them at any time. `total` and `next_by_wait` of the sites belong to the
 * holder of `report_lock`: raw, lest the statistics wait at a site of their own, with interrupts
 * off, and the last in every order, so that a report may be made under other locks.
 */
#include <fanga/cpu.h>
#include <fanga/lockstat.h>
#include <fanga/spinlock.h>
#include "lib/printf.h"

#define SITE_NAME_BYTES 128

static struct raw_spinlock report_lock;

/* Relaxed: one writer; readers want each value whole, not the values as of one moment. */
static void counter_add(uint64_t *counter, uint64_t value) /* NOLINT: it is written */
{
	__atomic_store_n(counter, *counter + value, __ATOMIC_RELAXED);
}

void lockstat_record(struct lock_site *site, uint64_t wait_ns)
{
	unsigned long flags = irq_save();
	struct lock_stat *stat = raw_cpu_ptr(*site->stat);

	counter_add(&stat->contended, 1);
	counter_add(&stat->wait_ns, wait_ns);
	if (wait_ns > stat->max_wait_ns)
		__atomic_store_n(&stat->max_wait_ns, wait_ns, __ATOMIC_RELAXED);
	irq_restore(flags);
}

struct lock_stat lockstat_sum(const struct lock_site *site)
{
	struct lock_stat sum = {0};

	for (unsigned cpu = 0; cpu < cpu_count(); cpu++) {
		const struct lock_stat *stat = per_cpu_ptr(*site->stat, cpu);
		uint64_t max_wait_ns = __atomic_load_n(&stat->max_wait_ns, __ATOMIC_RELAXED);

		sum.contended += __atomic_load_n(&stat->contended, __ATOMIC_RELAXED);
		sum.wait_ns += __atomic_load_n(&stat->wait_ns, __ATOMIC_RELAXED);
		sum.max_wait_ns = MAX(sum.max_wait_ns, max_wait_ns);
	}
	return sum;
}

/* Sum up every site and link those that waited, the longest wait first. Returns the first. */
static struct lock_site *sites_collect_locked(void)
{
	struct lock_site *first = NULL;

	for (struct lock_site *site = __lock_sites_start; site < __lock_sites_end; site++) {
		struct lock_site **link = &first;

		site->total = lockstat_sum(site);
		if (!site->total.contended)
			continue;
		while (*link && (*link)->total.wait_ns >= site->total.wait_ns)
			link = &(*link)->next_by_wait;
		site->next_by_wait = *link;
		*link = site;
	}
	return first;
}

unsigned lockstat_for_each(unsigned max, void (*visit)(const struct lock_site *site, void *context),
			   void *context)
{
	unsigned long flags = irq_save();
	unsigned visited = 0;

	raw_spin_lock(&report_lock);
	for (const struct lock_site *site = sites_collect_locked(); site && visited < max;
	     site = site->next_by_wait, visited++)
		visit(site, context);
	raw_spin_unlock(&report_lock);
	irq_restore(flags);
	return visited;
}

void lockstat_site_name(const struct lock_site *site, char *buffer, size_t size)
{
	(void)fmt_snprintf(buffer, size, "%s %s:%u", site->function, site->file, site->line);
}

static void write_json(const struct lock_site *site, void *context)
{
	struct json *json = context;
	char name[SITE_NAME_BYTES];

	lockstat_site_name(site, name, sizeof(name));
	json_object_begin(json, NULL);
	json_string(json, "site", name);
	json_u64(json, "contended", site->total.contended);
	json_u64(json, "wait_ns", site->total.wait_ns);
	json_u64(json, "max_wait_ns", site->total.max_wait_ns);
	json_object_end(json);
}

void lockstat_json(struct json *json, void *unused)
{
	(void)unused;
	json_array_begin(json, NULL);
	(void)lockstat_for_each(UINT32_MAX, write_json, json);
	json_array_end(json);
}

/* A copy, for printing takes locks. */
struct report {
	unsigned count;
	struct {
		const struct lock_site *site;
		struct lock_stat total;
	} line[LOCKSTAT_REPORT_MAX];
};

static void report_add(const struct lock_site *site, void *context)
{
	struct report *report = context;

	report->line[report->count].site = site;
	report->line[report->count].total = site->total;
	report->count++;
}

void lockstat_report(unsigned max, void (*print)(const char *fmt, ...) __printf(1, 2))
{
	struct report report = {.count = 0};
	char name[SITE_NAME_BYTES];

	(void)lockstat_for_each(MIN(max, LOCKSTAT_REPORT_MAX), report_add, &report);
	print("%10s  %12s  %12s  %s\n", "contended", "wait ns", "longest ns", "lock taken at");
	for (unsigned i = 0; i < report.count; i++) {
		const struct lock_stat *total = &report.line[i].total;

		lockstat_site_name(report.line[i].site, name, sizeof(name));
		print("%10llu  %12llu  %12llu  %s\n", (unsigned long long)total->contended,
		      (unsigned long long)total->wait_ns, (unsigned long long)total->max_wait_ns,
		      name);
	}
	if (!report.count)
		print("%10s\n", "none");
}
