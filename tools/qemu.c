/*
 * QEMU's command line for a machine: q35, software emulation, nothing that depends on the host.
 */
#include "tools/machine.h"

#include <stdlib.h>

#include "tools/channel.h"
#include "tools/memory.h"

#define MIB (1ull << 20)

/* A value inside an option list: a comma is doubled. For free(). */
static char *option_value(const char *text)
{
	struct bytes value = {0};

	for (; *text; text++) {
		bytes_add(&value, text, 1);
		if (*text == ',')
			bytes_add(&value, ",", 1);
	}
	bytes_add(&value, "", 1);
	return value.data;
}

static void add_words(struct arguments *command, const char *const *words)
{
	for (; *words; words++)
		arguments_add(command, *words);
}

static void add_clock(struct arguments *command, const struct machine *machine)
{
	arguments_add(command, "-accel");
	if (machine->options->is_icount) {
		/* One instruction is one virtual nanosecond, and sleeping takes no host time. */
		add_words(command, (const char *[]){"tcg,thread=single", "-icount",
						    "shift=0,sleep=off", NULL});
	} else {
		arguments_add(command, "tcg,thread=multi");
	}
	add_words(command,
		  (const char *[]){"-rtc", "clock=vm,base=2024-01-01T00:00:00", "-seed", NULL});
	arguments_addf(command, "%lu", machine->seed);
}

static void add_node(struct arguments *command, const struct shape_node *node, unsigned number)
{
	char cpus[40] = "", memory[24] = "";

	if (node->cpu_count == 1)
		snprintf(cpus, sizeof(cpus), ",cpus=%u", node->first_cpu);
	else if (node->cpu_count)
		snprintf(cpus, sizeof(cpus), ",cpus=%u-%u", node->first_cpu,
			 node->first_cpu + node->cpu_count - 1);
	if (node->memory_bytes) {
		snprintf(memory, sizeof(memory), ",memdev=m%u", number);
		arguments_add(command, "-object");
		arguments_addf(command, "memory-backend-ram,id=m%u,size=%lluM", number,
			       (unsigned long long)(node->memory_bytes / MIB));
	}
	arguments_add(command, "-numa");
	arguments_addf(command, "node,nodeid=%u%s%s", number, cpus, memory);
}

static void add_shape(struct arguments *command, const struct shape *shape)
{
	arguments_add(command, "-smp");
	arguments_addf(command, "%u,sockets=%u,cores=%u,threads=%u", shape->cpus, shape->sockets,
		       shape->cores, shape->threads);
	arguments_add(command, "-m");
	arguments_addf(command, "%lluM", (unsigned long long)(shape->memory_bytes / MIB));
	for (unsigned i = 0; i < shape->nodes; i++)
		add_node(command, &shape->node[i], i);
	for (unsigned a = 0; shape->has_distances && a < shape->nodes; a++) {
		for (unsigned b = 0; b < shape->nodes; b++) {
			if (a == b)
				continue;
			arguments_add(command, "-numa");
			arguments_addf(command, "dist,src=%u,dst=%u,val=%u", a, b,
				       shape->distance[a][b]);
		}
	}
}

static void add_channel(struct arguments *command, const char *path)
{
	char *value = option_value(path);

	arguments_add(command, "-object");
	arguments_addf(command, "memory-backend-file,id=channel,size=%uM,share=on,mem-path=%s",
		       (unsigned)(CHANNEL_BYTES / MIB), value);
	add_words(command, (const char *[]){"-device", "ivshmem-plain,memdev=channel", NULL});
	free(value);
}

void qemu_command(struct arguments *command, const struct machine *machine)
{
	arguments_add(command, machine_program(MACHINE_Q35));
	add_words(command, (const char *[]){"-machine", "q35", "-cpu", "max", NULL});
	add_clock(command, machine);
	add_shape(command, &machine->shape);
	add_words(command, (const char *[]){"-nodefaults", "-no-user-config", "-display", "none",
					    "-no-reboot", "-net", "none", "-chardev",
					    "stdio,id=console,signal=off", "-serial",
					    "chardev:console", NULL});
	add_channel(command, machine->channel);
	add_words(command,
		  (const char *[]){"-kernel", machine->kernel, "-append", machine->append, NULL});
	if (machine->archive)
		add_words(command, (const char *[]){"-initrd", machine->archive, NULL});
	if (machine->debugger) {
		char *value = option_value(machine->debugger);

		arguments_add(command, "-gdb");
		arguments_addf(command, "unix:%s,server=on,wait=off", value);
		arguments_add(command, "-S");
		free(value);
	}
}
