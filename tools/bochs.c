/*
 * Bochs: a second simulator, with x2APIC and TSC-deadline, that boots from a GRUB image. It has no
 * shared-memory device, so results come over its second serial port. Everything is deterministic:
 * virtual time is instructions.
 */
#include "tools/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/exits.h"
#include "tools/memory.h"
#include "tools/process.h"
#include "tools/say.h"

#define MIB (1ull << 20)

/* Instructions per virtual second. More makes the BIOS's delays, which are real work here, longer.
 */
#define INSTRUCTIONS_PER_S 30000000u

#define GRUB_FOLDER "/usr/lib/grub/i386-pc"

void bochs_command(struct arguments *command, const struct machine *machine)
{
	const struct shape *shape = &machine->shape;
	const char *folder = machine->folder;

	/*
	 * Without any configuration file it would ask for one; with -rc the debugger that Debian
	 * builds in does not wait either.
	 */
	arguments_add(command, machine_program(MACHINE_BOCHS));
	arguments_add(command, "-q");
	arguments_add(command, "-f");
	arguments_add(command, "/dev/null");
	arguments_add(command, "-rc");
	arguments_addf(command, "%s/continue", folder);
	arguments_add(command, "romimage: file=/usr/share/bochs/BIOS-bochs-latest");
	arguments_add(command, "vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest");
	arguments_addf(command, "megs: %llu", (unsigned long long)(shape->memory_bytes / MIB));
	arguments_addf(
		command,
		"cpu: model=corei7_skylake_x, count=%u:%u:%u, ips=%u, reset_on_triple_fault=0, "
		"ignore_bad_msrs=1",
		shape->sockets, shape->cores, shape->threads, INSTRUCTIONS_PER_S);
	arguments_addf(command, "clock: sync=none, time0=%u", MACHINE_START_S);
	arguments_add(command, "boot: cdrom");
	arguments_addf(command,
		       "ata0-master: type=cdrom, path=\"%s/" BOCHS_IMAGE "\", status=inserted",
		       folder);
	arguments_addf(command, "com1: enabled=1, mode=file, dev=\"%s/" BOCHS_CONSOLE "\"", folder);
	arguments_addf(command, "com2: enabled=1, mode=file, dev=\"%s/" BOCHS_CHANNEL "\"", folder);
	arguments_add(command, "display_library: term");
	arguments_add(command, "panic: action=fatal");
	arguments_addf(command, "log: %s/" BOCHS_LOG, folder);
}

/* Write `data` to FOLDER/NAME; a line and a status on failure. */
static int write_file(const char *folder, const char *name, const void *data, size_t bytes)
{
	char *path = memory_format("%s/%s", folder, name);
	FILE *file = fopen(path, "we");
	bool is_written = file && fwrite(data, 1, bytes, file) == bytes;

	if (file && fclose(file))
		is_written = false;
	if (!is_written)
		say("cannot write '%s': %s", path, strerror(errno));
	free(path);
	return is_written ? 0 : EXIT_NO_RESULTS;
}

static int append_file(struct bytes *to, const char *path)
{
	char chunk[65536];
	FILE *file = fopen(path, "re");
	size_t count;

	if (!file) {
		say("cannot read '%s': %s", path, strerror(errno));
		return EXIT_NO_SIMULATOR;
	}
	while ((count = fread(chunk, 1, sizeof(chunk), file)) > 0)
		bytes_add(to, chunk, count);
	fclose(file);
	return 0;
}

static int copy_file(const char *from, const char *folder, const char *name)
{
	struct bytes content = {0};
	int status = append_file(&content, from);

	if (!status)
		status = write_file(folder, name, content.data, content.length);
	free(content.data);
	return status;
}

/* Run a tool with its output in FOLDER/NAME.log; a line and a status if it fails. */
static int run_tool(const struct machine *machine, struct arguments *command)
{
	struct process process;
	char *log = memory_format("%s/%s.log", machine->folder, command->words[0]);
	int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int error = process_start(&process, command->words, &(struct process_streams){-1, fd, fd},
				  true);

	if (!error)
		while (!process_has_ended(&process) && !process_stop_signal())
			usleep(2000);
	process_kill(&process);
	close(fd);
	if (error || process.status) {
		struct bytes output = {0};

		say("%s failed%s%s; a boot image for Bochs needs grub-pc-bin, grub-common and "
		    "xorriso",
		    command->words[0], error ? ": " : "", error ? strerror(-error) : "");
		if (!error && !append_file(&output, log) && output.length)
			say_text(output.data, output.length);
		free(output.data);
		error = EXIT_NO_SIMULATOR;
	}
	free(log);
	arguments_free(command);
	return error;
}

/* The first megabyte: GRUB's core image behind its loader for CDs, with the menu's one entry. */
static int make_grub(const struct machine *machine)
{
	struct arguments command = {0};
	struct bytes image = {0};
	char *core = memory_format("%s/core.img", machine->folder);
	int status;

	arguments_add(&command, "grub-mkimage");
	arguments_add(&command, "-O");
	arguments_add(&command, "i386-pc");
	arguments_add(&command, "-d");
	arguments_add(&command, GRUB_FOLDER);
	arguments_add(&command, "-p");
	arguments_add(&command, "(cd)/boot/grub");
	arguments_add(&command, "-o");
	arguments_add(&command, core);
	arguments_add(&command, "biosdisk");
	arguments_add(&command, "iso9660");
	arguments_add(&command, "multiboot2");
	arguments_add(&command, "normal");
	status = run_tool(machine, &command);
	if (!status)
		status = append_file(&image, GRUB_FOLDER "/cdboot.img");
	if (!status)
		status = append_file(&image, core);
	if (!status)
		status = write_file(machine->folder, "iso/boot/grub/boot.img", image.data,
				    image.length);
	free(image.data);
	free(core);
	return status;
}

/* GRUB reads the line as a shell does: in single quotes only a single quote is special. */
static void add_quoted(struct bytes *menu, const char *word, size_t length)
{
	bytes_add_text(menu, " '");
	for (size_t i = 0; i < length; i++) {
		if (word[i] == '\'')
			bytes_add_text(menu, "'\\''");
		else
			bytes_add(menu, &word[i], 1);
	}
	bytes_add_text(menu, "'");
}

static int write_menu(const struct machine *machine)
{
	struct bytes menu = {0};
	int status;

	bytes_add_text(&menu, "set timeout=0\nmultiboot2 /boot/fanga.elf");
	for (const char *word = machine->append; *word; word += strspn(word, " ")) {
		size_t length = strcspn(word, " ");

		if (length)
			add_quoted(&menu, word, length);
		word += length;
	}
	bytes_add_text(&menu,
		       machine->archive ? "\nmodule2 /boot/archive.cpio\nboot\n" : "\nboot\n");
	status = write_file(machine->folder, "iso/boot/grub/grub.cfg", menu.data, menu.length);
	free(menu.data);
	return status;
}

static int make_folder(const char *folder, const char *name)
{
	char *path = memory_format("%s/%s", folder, name);
	int status = mkdir(path, 0700) ? EXIT_NO_RESULTS : 0;

	if (status)
		say("cannot make '%s': %s", path, strerror(errno));
	free(path);
	return status;
}

static int make_iso(const struct machine *machine)
{
	struct arguments command = {0};

	arguments_add(&command, "xorriso");
	arguments_add(&command, "-as");
	arguments_add(&command, "mkisofs");
	arguments_add(&command, "-quiet");
	arguments_add(&command, "-o");
	arguments_addf(&command, "%s/" BOCHS_IMAGE, machine->folder);
	arguments_add(&command, "-b");
	arguments_add(&command, "boot/grub/boot.img");
	arguments_add(&command, "-no-emul-boot");
	arguments_add(&command, "-boot-load-size");
	arguments_add(&command, "4");
	arguments_add(&command, "-boot-info-table");
	arguments_addf(&command, "%s/iso", machine->folder);
	return run_tool(machine, &command);
}

int bochs_prepare(const struct machine *machine)
{
	const char *folder = machine->folder;
	int status = make_folder(folder, "iso");

	if (!status)
		status = make_folder(folder, "iso/boot");
	if (!status)
		status = make_folder(folder, "iso/boot/grub");
	if (!status)
		status = copy_file(machine->kernel, folder, "iso/boot/fanga.elf");
	if (!status && machine->archive)
		status = copy_file(machine->archive, folder, "iso/boot/archive.cpio");
	if (!status)
		status = write_menu(machine);
	if (!status)
		status = make_grub(machine);
	if (!status)
		status = make_iso(machine);
	if (!status)
		status = write_file(folder, "continue", "c\n", 2);
	if (!status) /* they must be there before Bochs opens them */
		status = write_file(folder, BOCHS_CONSOLE, "", 0);
	if (!status)
		status = write_file(folder, BOCHS_CHANNEL, "", 0);
	return status;
}
