// sources: kernel/acpi/root.c kernel/acpi/rsdp.c kernel/acpi/table.c kernel/acpi/note.c
// sources: kernel/acpi/cpus.c kernel/acpi/parse.c kernel/acpi/madt.c kernel/acpi/fadt.c
// sources: kernel/acpi/hpet.c kernel/acpi/srat.c kernel/acpi/slit.c kernel/acpi/hmat.c
// sources: kernel/acpi/s5.c kernel/numa/topology.c kernel/numa/ranges.c kernel/numa/distance.c
// sources: kernel/numa/topology_json.c tools/topology.c tools/acpi_files.c lib/json.c lib/printf.c
// sources: lib/cpumask.c
/* The topology command as it is called: files, folders, acpidump text, output, exit status. */
#include "tests/host/acpi_build.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/topology.h"

static char dir[] = "/tmp/fanga-topology-XXXXXX";
static char out[1 << 18], err[1 << 16];
static struct build b;

static char *path(const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *p = paths[next++ % 4];

	snprintf(p, sizeof(paths[0]), "%s/%s", dir, name);
	return p;
}

static void write_file(const char *name, const void *data, size_t bytes)
{
	FILE *file = fopen(path(name), "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, bytes, file), bytes);
	fclose(file);
}

static void write_table(const char *name)
{
	write_file(name, b.bytes, b.length);
}

static void write_madt(const char *name, unsigned cpus)
{
	madt_begin(&b);
	for (unsigned i = 0; i < cpus; i++)
		madt_lapic(&b, (uint8_t)i, (uint8_t)i, 1);
	madt_ioapic(&b, 0, 0xfec00000, 0);
	build_end(&b);
	write_table(name);
}

static void write_srat(const char *name)
{
	srat_begin(&b, 3);
	srat_cpu(&b, 1, 0, SRAT_ON);
	srat_cpu(&b, 4, 1, SRAT_ON);
	srat_memory(&b, 4, 0, 1 << 30, SRAT_ON);
	build_end(&b);
	write_table(name);
}

static void read_back(int fd, char *to, size_t room)
{
	ssize_t got;

	lseek(fd, 0, SEEK_SET);
	got = read(fd, to, room - 1);
	to[got < 0 ? 0 : got] = '\0';
	close(fd);
}

static int open_scratch(const char *name)
{
	int fd = open(path(name), O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	return fd;
}

/* Run the command with standard output and error in files; up to 4 arguments. */
static int run(const char *a, const char *a2, const char *a3, const char *a4)
{
	char *argv[6] = {"topology"};
	const char *args[] = {a, a2, a3, a4};
	int saved_out = dup(1), saved_err = dup(2);
	int to = open_scratch("out"), err_to = open_scratch("err");
	int argc = 1, status;

	for (unsigned i = 0; i < 4 && args[i]; i++)
		argv[argc++] = (char *)(uintptr_t)args[i];
	fflush(stdout);
	dup2(to, 1);
	dup2(err_to, 2);
	status = topology_main(argc, argv);
	fflush(stdout);
	dup2(saved_out, 1);
	dup2(saved_err, 2);
	close(saved_out);
	close(saved_err);
	read_back(to, out, sizeof(out));
	read_back(err_to, err, sizeof(err));
	return status;
}

static unsigned lines(const char *text)
{
	unsigned count = 0;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

static void json_of_a_folder(void **state)
{
	(void)state;
	mkdir(path("machine"), 0700);
	write_madt("machine/apic.dat", 2);
	write_madt("machine/apic2.dat", 7);
	write_srat("machine/SRAT");
	slit_build(&b, 5);
	write_table("machine/slit.aml");
	write_file("machine/source.txt", "where it comes from", 19);
	write_file("machine/README", "not a table, and its name is none", 33);
	assert_int_equal(run("--json", path("machine"), NULL, NULL), 0);
	assert_string_equal(err, "");
	assert_int_equal(lines(out), 1);
	assert_non_null(strstr(out, "{\"cpus\":[{\"cpu\":0,\"apic_id\":0,\"node\":0,\"bsp\":null,"
				    "\"state\":\"enabled\"},"));
	assert_non_null(strstr(out, "{\"node\":1,\"pxm\":4,\"cpus\":[1],\"memory\":[{\"base\":0,"
				    "\"length\":1073741824}],\"distances\":[20,10]}"));
	assert_non_null(strstr(out, "\"slit_n\":5"));
	assert_non_null(strstr(out, "apic2.dat: a second APIC"));
}

static void text_of_files(void **state)
{
	(void)state;
	assert_int_equal(run(path("machine/apic.dat"), path("machine/SRAT"), NULL, NULL), 0);
	assert_non_null(strstr(out, "CPUs: 2 enabled"));
	assert_non_null(strstr(out, "node 1 (domain 4): CPUs 1, memory 1 GiB"));
	assert_non_null(strstr(out, "     0:  10  20"));
	assert_null(strchr(out, '\x1b'));
	assert_null(strstr(out, "Warnings"));
}

static void single_tables(void **state)
{
	(void)state;
	assert_int_equal(run("--json", path("machine/SRAT"), NULL, NULL), 0);
	assert_non_null(strstr(out, "\"apic_id\":1,\"node\":1"));
	assert_non_null(strstr(out, "\"enabled\":2"));
	assert_int_equal(run("--json", path("machine/slit.aml"), NULL, NULL), 0);
	assert_non_null(strstr(out, "\"cpus\":[],\"nodes\":[{\"node\":0,\"pxm\":0,\"cpus\":[]"));
	assert_non_null(strstr(out, "\"max_apic_id\":null"));
	assert_int_equal(run("--json", path("machine/apic.dat"), NULL, NULL), 0);
	assert_non_null(strstr(out, "\"nodes\":[{\"node\":0,\"pxm\":0,\"cpus\":[0,1],\"memory\":[],"
				    "\"distances\":[10]}]"));
	build_begin(&b, "HMAT", 2);
	put32(&b, 0);
	build_end(&b);
	write_table("hmat");
	assert_int_equal(run("--json", path("hmat"), NULL, NULL), 0);
	assert_non_null(strstr(out, "{\"cpus\":[],\"nodes\":[],"));
	assert_int_equal(run(path("hmat"), NULL, NULL, NULL), 0);
	assert_non_null(strstr(out, "Nodes: 0"));
}

static void unusable(void **state)
{
	(void)state;
	write_file("empty.dat", "", 0);
	assert_int_equal(run(path("empty.dat"), NULL, NULL, NULL), 1);
	assert_string_equal(out, "");
	assert_int_equal(lines(err), 1);
	write_madt("bad.dat", 1);
	b.bytes[40] ^= 2;
	write_table("bad.dat");
	assert_int_equal(run("--json", path("bad.dat"), path("empty.dat"), NULL), 1);
	assert_string_equal(out, "");
	assert_int_equal(lines(err), 2);
	assert_non_null(strstr(err, "bad.dat: APIC: wrong checksum"));

	mkdir(path("nothing"), 0700);
	assert_int_equal(run(path("nothing"), NULL, NULL, NULL), 1);
	assert_non_null(strstr(err, "no ACPI tables in this folder"));
}

static void usage(void **state)
{
	(void)state;
	assert_int_equal(run("--jason", NULL, NULL, NULL), 2);
	assert_int_equal(lines(err), 1);
	assert_non_null(strstr(err, "unknown option --jason; allowed: --json"));
	assert_int_equal(run(path("machine"), path("gone"), NULL, NULL), 2);
	assert_non_null(strstr(err, "gone: No such file"));
	assert_string_equal(out, "");
	assert_int_equal(run(path("hmat/x"), NULL, NULL, NULL), 2);
	assert_int_equal(run("", NULL, NULL, NULL), 2);
	assert_int_equal(run("--", "--json", NULL, NULL), 2);
	assert_non_null(strstr(err, "--json: No such file"));
	/* Both: the worse one decides. */
	assert_int_equal(run(path("nothing"), path("gone"), NULL, NULL), 2);
	assert_int_equal(lines(err), 2);
}

/* The text that acpidump prints of what is in `b`. */
static void dump(FILE *file, const char *heading)
{
	fprintf(file, "%s @ 0x000000007FFE1E5C\n", heading);
	for (uint32_t at = 0; at < b.length; at += 16) {
		fprintf(file, "    %04X:", at);
		for (uint32_t i = at; i < at + 16; i++)
			if (i < b.length)
				fprintf(file, " %02X", b.bytes[i]);
			else
				fprintf(file, "   ");
		fprintf(file, "  ");
		for (uint32_t i = at; i < at + 16 && i < b.length; i++)
			fputc(b.bytes[i] > 32 && b.bytes[i] < 127 ? b.bytes[i] : '.', file);
		fprintf(file, "\n");
	}
	fprintf(file, "\n");
}

static void acpidump_text(void **state)
{
	FILE *file = fopen(path("acpidump.out"), "w");

	(void)state;
	write_madt("x", 3);
	dump(file, "APIC");
	write_srat("x");
	dump(file, "SRAT");
	/* The characters beside a short last line look like hexadecimal. */
	build_begin(&b, "SSDT", 2);
	for (unsigned i = 0; i < 7; i++)
		put8(&b, 'A');
	build_end(&b);
	dump(file, "SSDT");
	dump(file, "SSDT");
	fclose(file);
	assert_int_equal(run("--json", path("acpidump.out"), NULL, NULL), 0);
	assert_non_null(strstr(out, "\"enabled\":3"));
	assert_non_null(strstr(out, "\"pxm\":4"));

	file = fopen(path("acpidump.out"), "w");
	write_madt("x", 3);
	dump(file, "APIC");
	fprintf(file, "    0010: 00 00\n");
	fclose(file);
	assert_int_equal(run("--json", path("acpidump.out"), NULL, NULL), 1);
	assert_non_null(strstr(err, "broken acpidump output"));

	/* A heading with nothing below is an empty table. */
	write_file("acpidump.out", "APIC @ 0x0\n", 11);
	assert_int_equal(run(path("acpidump.out"), NULL, NULL, NULL), 1);
	assert_non_null(strstr(err, "not an ACPI table (0 bytes"));
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_of_a_folder),
		cmocka_unit_test(text_of_files),
		cmocka_unit_test(single_tables),
		cmocka_unit_test(unusable),
		cmocka_unit_test(usage),
		cmocka_unit_test(acpidump_text),
	};

	return cmocka_run_group_tests_name("topology", tests, make_dir, remove_dir);
}
