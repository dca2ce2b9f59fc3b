/*
 * What is common to the simulators.
 */
#include "tools/machine.h"

#include <stdlib.h>
#include <string.h>

#include "tools/memory.h"
#include "tools/process.h"

const char *machine_program(enum machine_kind kind)
{
	return kind == MACHINE_BOCHS ? "bochs" : "qemu-system-x86_64";
}

char *machine_program_version(enum machine_kind kind)
{
	static const char *const marks[] = {
		[MACHINE_Q35] = "version ",
		[MACHINE_BOCHS] = "Bochs x86 Emulator ",
	};
	char *words[] = {(char *)machine_program(kind),
			 kind == MACHINE_BOCHS ? "--help" : "--version", NULL};
	char *output = process_read_output(words);
	char *mark = output ? strstr(output, marks[kind]) : NULL;
	char *version = NULL;

	if (mark) {
		mark += strlen(marks[kind]);
		mark[strcspn(mark, "\n")] = '\0';
		version = memory_string(mark);
	}
	free(output);
	return version;
}
