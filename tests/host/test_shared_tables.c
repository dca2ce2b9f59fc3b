// sources: kernel/acpi/root.c kernel/acpi/rsdp.c kernel/acpi/table.c kernel/acpi/note.c
// sources: kernel/acpi/cpus.c kernel/acpi/parse.c kernel/acpi/madt.c kernel/acpi/fadt.c
// sources: kernel/acpi/hpet.c kernel/acpi/srat.c kernel/acpi/slit.c kernel/acpi/hmat.c
// sources: kernel/acpi/s5.c kernel/numa/topology.c kernel/numa/ranges.c kernel/numa/distance.c
// sources: tools/acpi_files.c lib/printf.c
/*
 * Tables of some 290 real and reconstructed machines, and corrupted ones, against what is known of
 * them.
 *
 * They lie in $FANGA_SHARED or ../shared, in acpi/ with truth.tsv and in acpi-bad/ with
 * verdicts.tsv. Where they do not, these tests are skipped and say so; the other ACPI tests cover
 * the same cases.
 */
#include "tests/host/acpi_build.h"

#include <fanga/numa.h>

#include "tools/acpi_files.h"

#define MIB	(1ull << 20)
#define COLUMNS 64

static char shared[2048];

/* A file of tab-separated values: the header's names and the current row's cells. */
struct tsv {
	FILE *file;
	char *names[COLUMNS];
	char *cells[COLUMNS];
	char name_line[8192];
	char *line;
	size_t room;
	unsigned columns;
};

static unsigned split(char *line, char **cells)
{
	unsigned count = 0;

	line[strcspn(line, "\r\n")] = '\0';
	while (line && count < COLUMNS)
		cells[count++] = strsep(&line, "\t");
	return count;
}

static bool tsv_open(struct tsv *tsv, const char *name)
{
	char path[4096];

	memset(tsv, 0, sizeof(*tsv));
	snprintf(path, sizeof(path), "%s/%s", shared, name);
	tsv->file = fopen(path, "r");
	if (!tsv->file) {
		print_message("%s is not here: skipped\n", path);
		return false;
	}
	assert_non_null(fgets(tsv->name_line, sizeof(tsv->name_line), tsv->file));
	tsv->columns = split(tsv->name_line, tsv->names);
	return true;
}

static bool tsv_next(struct tsv *tsv)
{
	if (getline(&tsv->line, &tsv->room, tsv->file) <= 0) {
		free(tsv->line);
		fclose(tsv->file);
		return false;
	}
	assert_int_equal(split(tsv->line, tsv->cells), tsv->columns);
	return true;
}

static const char *cell(const struct tsv *tsv, const char *name)
{
	for (unsigned i = 0; i < tsv->columns; i++)
		if (strcmp(tsv->names[i], name) == 0)
			return tsv->cells[i];
	fail_msg("no column %s", name);
	return NULL;
}

static void assert_cell(const struct tsv *tsv, const char *name, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	if (strcmp(text, cell(tsv, name)) != 0)
		fail_msg("%s: %s is %s, we say %s", tsv->cells[0], name, cell(tsv, name), text);
}

/* Load acpi files below `folder`, all of one machine, and parse them. */
static int parse_path(const char *folder, const char *name, bool bsp_known,
		      struct acpi_files *files)
{
	struct acpi_source source = {.bsp_known = bsp_known};
	char path[4096], reason[4300];

	acpi_files_free(files);
	snprintf(path, sizeof(path), "%s/%s/%s", shared, folder, name);
	if (acpi_files_load(files, path, reason, sizeof(reason)) != 0)
		fail_msg("%s", reason);
	source.files = files->list;
	source.file_count = files->count;
	memset(&info, 0xa5, sizeof(info));
	return acpi_parse(&info, &source);
}

static void compare_madt(const struct tsv *tsv)
{
	assert_true(info.madt.present);
	assert_cell(tsv, "m_enabled_unique", info.enabled);
	assert_cell(tsv, "m_online_capable", info.madt.online_capable);
	assert_cell(tsv, "m_disabled", info.madt.disabled);
	assert_cell(tsv, "m_x2apic_entries", info.madt.x2apic);
	if (info.enabled)
		assert_cell(tsv, "m_max_apic_id_enabled", info.max_apic_id);
	assert_cell(tsv, "m_ioapics", info.madt.ioapic_count);
	assert_cell(tsv, "m_overrides", info.madt.override_count);
	assert_cell(tsv, "m_nmi_src", info.madt.nmi_source_count);
	assert_int_equal(strtoul(cell(tsv, "m_lapic_nmi"), NULL, 10) +
				 strtoul(cell(tsv, "m_x2apic_nmi"), NULL, 10),
			 info.madt.nmis);
}

/* The next number of a JSON text, decimal or "0x...", or false at its end. */
static bool next_number(const char **text, uint64_t *value)
{
	char *end;

	*text += strcspn(*text, "0123456789");
	if (!**text)
		return false;
	*value = strtoull(*text, &end, strncmp(*text, "0x", 2) == 0 ? 16 : 10);
	*text = end;
	return true;
}

/* Domains with enabled CPUs, ascending, as the truth lists them. */
static void compare_cpu_domains(const struct tsv *tsv)
{
	const char *text = cell(tsv, "s_domains_with_cpus");
	uint64_t pxm;
	unsigned listed = 0, ours = 0;

	while (next_number(&text, &pxm)) {
		bool found = false;

		for (unsigned i = 0; i < info.cpu_count; i++)
			found |= info.cpus[i].has_pxm && info.cpus[i].pxm == pxm;
		assert_true(found);
		listed++;
	}
	for (unsigned node = 0; node < numa_node_count(); node++)
		ours += numa_get_node(node)->cpu_count != 0;
	assert_int_equal(listed, ours);
}

/*
 * Each range of the truth that is not hot-plug is in the node of its domain, and there is no other
 * byte.
 */
static void compare_ranges(const struct tsv *tsv)
{
	const char *text = cell(tsv, "s_ranges");
	uint64_t base, length, pxm, flags, bytes = 0, ours = 0;

	while (next_number(&text, &base) && next_number(&text, &length) &&
	       next_number(&text, &pxm) && next_number(&text, &flags)) {
		const struct numa_node *node;
		bool is_inside = false;

		if (flags & SRAT_HOTPLUG)
			continue;
		bytes += length;
		assert_true(numa_node_for_pxm((uint32_t)pxm) >= 0);
		node = numa_get_node((unsigned)numa_node_for_pxm((uint32_t)pxm));
		for (unsigned i = 0; i < node->range_count; i++) {
			const struct numa_range *range = numa_get_range(node->range_first + i);

			is_inside |= base >= range->base && base + length <= range->end;
		}
		assert_true(is_inside);
	}
	for (unsigned node = 0; node < numa_node_count(); node++)
		ours += numa_get_node(node)->memory_bytes;
	assert_int_equal(ours, bytes);
}

static void compare_srat(const struct tsv *tsv)
{
	assert_true(info.srat.present);
	assert_cell(tsv, "s_cpus_enabled", info.srat.cpus_enabled);
	assert_cell(tsv, "s_cpus_disabled", info.srat.cpus_disabled);
	assert_cell(tsv, "s_mem_ranges", info.srat.range_entries);
	assert_cell(tsv, "s_hotplug", info.srat.hotplug_entries);
	assert_cell(tsv, "s_nonvolatile", info.srat.nonvolatile_entries);
	assert_int_equal(numa_init(&info, NULL, 0), 0);
	compare_cpu_domains(tsv);
	compare_ranges(tsv);
}

static void compare_slit(const struct tsv *tsv)
{
	const char *text = cell(tsv, "sl_matrix");
	bool is_symmetric = true;
	uint64_t distance;
	uint32_t n = info.slit.n;
	size_t count = 0;

	assert_true(info.slit.present);
	assert_cell(tsv, "sl_n", n);
	while (next_number(&text, &distance)) {
		assert_true(count < (size_t)n * n);
		assert_int_equal(info.slit.matrix[count], distance);
		is_symmetric &= info.slit.matrix[count % n * n + count / n] == distance;
		count++;
	}
	assert_int_equal(count, (size_t)n * n);
	assert_string_equal(cell(tsv, "sl_symmetric"), is_symmetric ? "True" : "False");
	/* Alone it makes N nodes, whose distances are its rows. */
	assert_int_equal(numa_init(&info, NULL, 0), 0);
	assert_int_equal(numa_node_count(), n);
	for (uint32_t from = 0; from < n; from++)
		for (uint32_t to = 0; to < n; to++)
			assert_int_equal(numa_distance(from, to), info.slit.matrix[from * n + to]);
}

static void compare_hmat(const struct tsv *tsv)
{
	const char *text = cell(tsv, "h_structs");
	uint64_t counts[3] = {0};

	assert_true(info.hmat.present);
	/* {"prox_attr":N,"latbw":N,"cache":N}, whatever its quoting */
	for (unsigned i = 0; i < 3; i++)
		assert_true(next_number(&text, &counts[i]));
	assert_int_equal(info.hmat.attribute_count, counts[0]);
	assert_int_equal(info.hmat.locality_count, counts[1]);
	assert_int_equal(info.hmat.cache_count, counts[2]);
}

static void truth(void **state)
{
	struct acpi_files files = {0};
	unsigned seen[4] = {0};
	struct tsv tsv;

	(void)state;
	if (!tsv_open(&tsv, "acpi/truth.tsv"))
		skip();
	while (tsv_next(&tsv)) {
		const char *signature = cell(&tsv, "signature");

		assert_int_equal(parse_path("acpi", tsv.cells[0], false, &files), 0);
		if (strcmp(signature, "APIC") == 0) {
			seen[0]++;
			compare_madt(&tsv);
		} else if (strcmp(signature, "SRAT") == 0) {
			seen[1]++;
			compare_srat(&tsv);
		} else if (strcmp(signature, "SLIT") == 0) {
			seen[2]++;
			compare_slit(&tsv);
		} else {
			seen[3]++;
			compare_hmat(&tsv);
		}
	}
	acpi_files_free(&files);
	print_message("compared %u MADT, %u SRAT, %u SLIT, %u HMAT\n", seen[0], seen[1], seen[2],
		      seen[3]);
	assert_true(seen[0] && seen[1] && seen[2] && seen[3]);
}

/* Each folder as one machine: usable, every CPU in a node, distances the SLIT's. */
static void machines(void **state)
{
	struct acpi_files files = {0};
	char last[512] = "";
	unsigned count = 0;
	struct tsv tsv;

	(void)state;
	if (!tsv_open(&tsv, "acpi/truth.tsv"))
		skip();
	while (tsv_next(&tsv)) {
		unsigned cpus = 0;
		char folder[512];

		snprintf(folder, sizeof(folder), "%.*s", (int)strcspn(tsv.cells[0], "/"),
			 tsv.cells[0]);
		if (strcmp(folder, last) == 0)
			continue;
		strcpy(last, folder);
		assert_int_equal(parse_path("acpi", folder, false, &files), 0);
		assert_int_equal(numa_init(&info, NULL, 0), 0);
		for (unsigned node = 0; node < numa_node_count(); node++) {
			assert_int_equal(numa_distance(node, node), 10);
			cpus += numa_get_node(node)->cpu_count;
		}
		assert_int_equal(cpus, info.cpu_count);
		assert_false(info.srat.rejected || info.slit.rejected || info.hmat.rejected);
		count++;
	}
	acpi_files_free(&files);
	print_message("%u machines\n", count);
}

/* What is expected of each corrupted table: on the host, and at boot over a good set of 4 CPUs. */
#define ANY UINT32_MAX

struct verdict {
	const char *file;
	const char *verdict;
	bool is_unusable;      /* the table makes the set unusable */
	unsigned enabled;      /* alone on the host */
	unsigned boot_enabled; /* at boot */
	unsigned boot_nodes;
	const char *note; /* part of a warning or reason; NULL if none is due */
};

static const struct verdict verdicts[] = {
	{"hdr-empty.dat", "REJECT", true, 0, 1, 2, "not an ACPI table"},
	{"hdr-8-bytes.dat", "REJECT", true, 0, 1, 2, "not an ACPI table"},
	{"hdr-length-0.dat", "REJECT", true, 0, 1, 2, "length"},
	{"hdr-length-4g.dat", "REJECT", true, 0, 1, 2, "length"},
	{"hdr-rev-255.dat", "ACCEPT", false, 4, 4, 2, NULL},
	{"madt-no-entries.dat", "ACCEPT", false, 0, 1, 2, "no usable I/O APIC"},
	{"madt-subtable-past-end.dat", "SKIP", false, 4, 4, 2, "past the end"},
	{"madt-unknown-types.dat", "ACCEPT", false, 2, 2, 2, NULL},
	{"madt-lapic-and-x2apic-same-ids.dat", "ACCEPT", false, 8, 8, 2, "repeat an APIC id"},
	{"madt-x2apic-id-ffffffff.dat", "SKIP", false, 1, 1, 2, "placeholder"},
	{"madt-boot-cpu-missing.dat", "ACCEPT", false, 4, 5, 2, "APIC id 0"},
	{"madt-all-disabled.dat", "ACCEPT", false, 0, 1, 2, "enabled"},
	{"madt-5000-cpus.dat", "CAP", false, 5000, 5000, 2, "5000 enabled CPUs"},
	{"madt-ghost-cpus.dat", "ACCEPT", false, 8, 8, 2, NULL},
	{"madt-enabled-and-online-capable.dat", "ACCEPT", false, 3, 3, 2, NULL},
	{"madt-ioapic-addr-0.dat", "SKIP", false, 1, 1, 2, "address 0"},
	{"madt-no-ioapic.dat", "ACCEPT", false, 1, 1, 2, "no usable I/O APIC"},
	{"madt-iso-irq-255-gsi-huge.dat", "SKIP", false, 1, 1, 2, "override"},
	{"srat-header-only.dat", "REJECT", false, 0, 4, 1, "SRAT"},
	{"srat-zero-length-subtable.dat", "REJECT", false, 0, 4, 1, "SRAT"},
	{"srat-mem-length-16.dat", "REJECT", false, 0, 4, 1, "SRAT"},
	{"srat-domain-ffffffff.dat", "ACCEPT", false, 2, 4, 2, NULL},
	{"srat-uncovered-ram.dat", "ACCEPT", false, 2, 4, 2, NULL},
	{"srat-cpu-without-madt.dat", "ACCEPT", false, 2, 4, 1, NULL},
	{"srat-cpu-in-two-domains.dat", "SKIP", false, 2, 4, 2, "second domain"},
	{"srat-2000-ranges.dat", "CAP", false, 1, 4, 1, NULL},
	{"srat-unsorted.dat", "ACCEPT", false, 2, 4, 2, NULL},
	{"slit-n-2p32-plus-2.dat", "REJECT", false, 0, 4, 2, "SLIT"},
	{"slit-n-max.dat", "REJECT", false, 0, 4, 2, "SLIT"},
	{"slit-n-smaller-than-body.dat", "ACCEPT", false, 0, 4, 2, "SLIT"},
	{"slit-truncated-40.dat", "REJECT", false, 0, 4, 2, "SLIT"},
	{"slit-diag-0.dat", "REJECT", false, 0, 4, 2, "SLIT"},
	{"slit-300.dat", "CAP", false, 0, 4, 2, NULL},
	{"hmat-zero-length.dat", "REJECT", false, 0, 4, 2, "HMAT"},
	{"hmat-length-past-end.dat", "REJECT", false, 0, 4, 2, "HMAT"},
	{"rsdp-good-control.dat", "ACCEPT", false, 0, ANY, 0, NULL},
	{"rsdp-bad-ext-checksum.dat", "REJECT", true, 0, ANY, 0, "extended checksum"},
};

static const struct verdict *find_verdict(const char *file)
{
	for (unsigned i = 0; i < ARRAY_SIZE(verdicts); i++)
		if (strcmp(verdicts[i].file, file) == 0)
			return &verdicts[i];
	fail_msg("no expectation for %s", file);
	return NULL;
}

/* A good machine: 4 CPUs with ids 0 to 3, two nodes of 256 MiB, equal distances of 20. */
static void good_set(struct build set[3])
{
	madt_begin(&set[0]);
	srat_begin(&set[1], 1);
	for (uint8_t i = 0; i < 4; i++) {
		madt_lapic(&set[0], i, i, 1);
		srat_cpu(&set[1], i / 2, i, SRAT_ON);
	}
	madt_ioapic(&set[0], 0, 0xfec00000, 0);
	build_end(&set[0]);
	srat_memory(&set[1], 0, 0, 256 * MIB, SRAT_ON);
	srat_memory(&set[1], 1, 256 * MIB, 256 * MIB, SRAT_ON);
	build_end(&set[1]);
	slit_build(&set[2], 2);
}

/* The signature that the file's table has or, beyond recognition, is named after. */
static unsigned kind_of_file(const char *name)
{
	if (strncmp(name, "srat", 4) == 0)
		return 1;
	if (strncmp(name, "slit", 4) == 0)
		return 2;
	return strncmp(name, "hmat", 4) == 0 ? 3 : 0;
}

/*
 * As the kernel gets it: the bad table under its signature's name over a good set, with a memory
 * map.
 */
static void boot_with(const struct verdict *v, const struct acpi_file *bad)
{
	static const struct numa_span ram[] = {{0, 0x9fc00}, {MIB, 511 * MIB}};
	static struct build set[3];
	struct acpi_file files[4];
	struct acpi_source source = {
		.files = files, .file_count = 4, .files_replace = true, .bsp_known = true};
	unsigned cpus = 0, kind = kind_of_file(v->file);
	uint64_t bytes = 0;

	good_set(set);
	for (unsigned i = 0; i < 3; i++)
		files[i] = (struct acpi_file){"good", set[i].bytes, set[i].length};
	files[kind] = *bad;
	source.file_count = kind == 3 ? 4 : 3;
	assert_int_equal(acpi_parse(&info, &source), v->is_unusable ? -EINVAL : 0);
	assert_int_equal(info.enabled, v->boot_enabled);
	assert_int_equal(info.cpus[0].apic_id, 0);
	assert_int_equal(numa_init(&info, ram, ARRAY_SIZE(ram)), 0);
	assert_int_equal(numa_node_count(), v->boot_nodes);
	for (unsigned node = 0; node < numa_node_count(); node++) {
		cpus += numa_get_node(node)->cpu_count;
		bytes += numa_get_node(node)->memory_bytes;
	}
	assert_int_equal(cpus, info.cpu_count);
	assert_int_equal(bytes, 0x9fc00 + 511 * MIB);
	if (kind == 2)
		assert_int_equal(numa_distance(0, 1), 20);
}

static void verdicts_of_the_corrupted(void **state)
{
	struct acpi_files files = {0};
	unsigned count = 0;
	struct tsv tsv;

	(void)state;
	if (!tsv_open(&tsv, "acpi-bad/verdicts.tsv"))
		skip();
	while (tsv_next(&tsv)) {
		const struct verdict *v = find_verdict(tsv.cells[0]);
		int error = parse_path("acpi-bad", v->file, false, &files);

		print_message("%s: %s\n", v->file,
			      info.errors.count	    ? info.errors.text[0]
			      : info.warnings.count ? info.warnings.text[0]
						    : "accepted");
		assert_string_equal(v->verdict, cell(&tsv, "verdict"));
		assert_int_equal(error, v->is_unusable ? -EINVAL : 0);
		assert_int_equal(info.enabled, v->enabled);
		assert_int_equal(numa_init(&info, NULL, 0), 0);
		if (v->note)
			assert_true(
				has_note(v->is_unusable ? &info.errors : &info.warnings, v->note));
		if (v->boot_enabled != ANY)
			boot_with(v, &files.list[0]);
		count++;
	}
	acpi_files_free(&files);
	print_message("%u corrupted tables\n", count);
	assert_int_equal(count, ARRAY_SIZE(verdicts));
}

static int find_folder(void **state)
{
	const char *folder = getenv("FANGA_SHARED");

	(void)state;
	snprintf(shared, sizeof(shared), "%s", folder ? folder : "../shared");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(truth),
		cmocka_unit_test(machines),
		cmocka_unit_test(verdicts_of_the_corrupted),
	};

	return cmocka_run_group_tests_name("shared_tables", tests, find_folder, NULL);
}
