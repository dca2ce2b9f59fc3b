/*
 * Options of run and debug. Each is checked for itself here; what they mean together is shape.c's.
 */
#include "tools/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/exits.h"
#include "tools/say.h"

struct option {
	const char *name;
	const char *argument; /* what stands for its value in messages; NULL: takes none */
	int (*apply)(struct options *options, const char *value); /* NULL: not available yet */
};

/* Digits only, at most `max`, ending where `*text` is left. */
static bool read_number(const char **text, unsigned long max, unsigned long *value)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	errno = 0;
	*value = strtoul(*text, &end, 10);
	*text = end;
	return !errno && *value <= max;
}

static int apply_count(const char *name, const char *text, unsigned max, unsigned *count)
{
	const char *rest = text;
	unsigned long value;

	if (!read_number(&rest, max, &value) || *rest || value < 1) {
		say("%s: '%s' is not a number from 1 to %u", name, text, max);
		return EXIT_USAGE;
	}
	*count = (unsigned)value;
	return 0;
}

/* "512M", "4G"; leaves `*text` behind it. */
static bool read_size(const char **text, uint64_t *bytes)
{
	unsigned long number;

	if (!read_number(text, 1u << 20, &number))
		return false;
	if (**text == 'M' || **text == 'm')
		*bytes = (uint64_t)number << 20;
	else if (**text == 'G' || **text == 'g')
		*bytes = (uint64_t)number << 30;
	else
		return number == 0 && (*bytes = 0, true); /* 0 needs no unit */
	++*text;
	return *bytes <= OPTION_BYTES_MAX;
}

static int apply_cpus(struct options *options, const char *value)
{
	return apply_count("--cpus", value, OPTION_CPUS_MAX, &options->cpus);
}

static int apply_nodes(struct options *options, const char *value)
{
	return apply_count("--nodes", value, OPTION_NODES_MAX, &options->nodes);
}

static int apply_threads(struct options *options, const char *value)
{
	return apply_count("--threads", value, OPTION_CPUS_MAX, &options->threads);
}

static int apply_mem(struct options *options, const char *value)
{
	const char *rest = value;

	if (!read_size(&rest, &options->memory_bytes) || *rest ||
	    options->memory_bytes < OPTION_NODE_BYTES_MIN) {
		say("--mem: '%s' is not a size from 4M to 512G, like 512M or 4G", value);
		return EXIT_USAGE;
	}
	return 0;
}

static bool read_node(const char *text, struct node_option *node)
{
	unsigned long first, last;

	*node = (struct node_option){0};
	if (!read_size(&text, &node->memory_bytes) ||
	    (node->memory_bytes && node->memory_bytes < OPTION_NODE_BYTES_MIN))
		return false;
	if (!*text)
		return true;
	if (strncmp(text, ",cpus=", 6) != 0)
		return false;
	text += 6;
	if (!*text)
		return true;
	if (!read_number(&text, OPTION_CPUS_MAX - 1, &first))
		return false;
	last = first;
	if (*text == '-' && (text++, !read_number(&text, OPTION_CPUS_MAX - 1, &last)))
		return false;
	node->has_cpus = true;
	node->first_cpu = (unsigned)first;
	node->last_cpu = (unsigned)last;
	return !*text && first <= last;
}

static int apply_node(struct options *options, const char *value)
{
	if (options->node_count == OPTION_NODES_MAX) {
		say("--node: more than %u nodes; allowed are 1 to %u", OPTION_NODES_MAX,
		    OPTION_NODES_MAX);
		return EXIT_USAGE;
	}
	if (!read_node(value, &options->node[options->node_count])) {
		say("--node: '%s' is not SIZE,cpus=A-B with SIZE 0 or 4M to 512G, and CPUs 0 to %u",
		    value, OPTION_CPUS_MAX - 1);
		return EXIT_USAGE;
	}
	options->node_count++;
	return 0;
}

static bool read_distance(const char *text, struct distance_option *distance)
{
	unsigned long from, to, value;

	if (!read_number(&text, OPTION_NODES_MAX - 1, &from) || *text++ != ',' ||
	    !read_number(&text, OPTION_NODES_MAX - 1, &to) || *text++ != '=' ||
	    !read_number(&text, 255, &value) || *text || value < 11 || from == to)
		return false;
	*distance = (struct distance_option){(unsigned)from, (unsigned)to, (unsigned)value};
	return true;
}

static int apply_distance(struct options *options, const char *text)
{
	struct distance_option distance;

	if (!read_distance(text, &distance)) {
		say("--distance: '%s' is not A,B=V with two different nodes A and B and V from 11 "
		    "to 255",
		    text);
		return EXIT_USAGE;
	}
	/* Of a pair given twice the last counts, as with every option. */
	for (unsigned i = 0; i < options->distance_count; i++) {
		struct distance_option *old = &options->distance[i];

		if (old->from == distance.from && old->to == distance.to) {
			*old = distance;
			return 0;
		}
	}
	options->distance[options->distance_count++] = distance;
	return 0;
}

static int apply_out(struct options *options, const char *value)
{
	if (!*value) {
		say("--out: the name is empty; allowed is a folder, which is made if it is not "
		    "there");
		return EXIT_USAGE;
	}
	options->out = value;
	return 0;
}

static int apply_acpi(struct options *options, const char *value)
{
	options->acpi = value;
	return 0;
}

static int apply_append(struct options *options, const char *value)
{
	for (const char *c = value; *c; c++) {
		if ((unsigned char)*c < 0x20) {
			say("--append: a control character; allowed is one line of KEY=VALUE "
			    "words");
			return EXIT_USAGE;
		}
	}
	if (strlen(value) > 1500) {
		say("--append: %zu characters; allowed are up to 1500", strlen(value));
		return EXIT_USAGE;
	}
	options->append = value;
	return 0;
}

static int apply_machine(struct options *options, const char *value)
{
	if (!strcmp(value, "q35")) {
		options->machine = MACHINE_Q35;
	} else if (!strcmp(value, "bochs")) {
		options->machine = MACHINE_BOCHS;
	} else {
		say("--machine: '%s' is not known; allowed are q35 and bochs", value);
		return EXIT_USAGE;
	}
	return 0;
}

static int apply_icount(struct options *options, const char *value)
{
	(void)value;
	options->is_icount = true;
	return 0;
}

static int apply_no_icount(struct options *options, const char *value)
{
	(void)value;
	options->is_icount = false;
	return 0;
}

int options_seconds(const char *text, double *seconds)
{
	char *end;

	if (!isdigit((unsigned char)*text) || strspn(text, "0123456789.") != strlen(text))
		return -EINVAL;
	*seconds = strtod(text, &end);
	return *end || *seconds <= 0 || *seconds > 1e7 ? -EINVAL : 0;
}

static int apply_timeout(struct options *options, const char *value)
{
	if (options_seconds(value, &options->timeout_s)) {
		say("--timeout: '%s' is not a number of seconds above 0", value);
		return EXIT_USAGE;
	}
	return 0;
}

static int apply_print(struct options *options, const char *value)
{
	(void)value;
	options->is_print = true;
	return 0;
}

static int apply_quiet(struct options *options, const char *value)
{
	(void)value;
	options->verbosity = -1;
	return 0;
}

static int apply_verbose(struct options *options, const char *value)
{
	(void)value;
	options->verbosity = 1;
	return 0;
}

static const struct option table[] = {
	{"--cpus", "N", apply_cpus},
	{"--nodes", "M", apply_nodes},
	{"--mem", "SIZE", apply_mem},
	{"--node", "SIZE,cpus=A-B", apply_node},
	{"--distance", "A,B=V", apply_distance},
	{"--threads", "T", apply_threads},
	{"--out", "DIR", apply_out},
	{"--acpi", "DIR", apply_acpi},
	{"--append", "ARGS", apply_append},
	{"--machine", "q35|bochs", apply_machine},
	{"--icount", NULL, apply_icount},
	{"--no-icount", NULL, apply_no_icount},
	{"--timeout", "S", apply_timeout},
	{"--print", NULL, apply_print},
	{"-q", NULL, apply_quiet},
	{"-v", NULL, apply_verbose},
	{"--profile", NULL, NULL},
	{"--add", NULL, NULL},
};

/* The option that `word`, NAME or NAME=VALUE, names; NULL if none. */
static const struct option *find_option(const char *word, size_t name_length)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (strlen(table[i].name) == name_length &&
		    !memcmp(table[i].name, word, name_length))
			return &table[i];
	return NULL;
}

static int unknown_option(const char *command, const char *word)
{
	char names[256] = "";

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		size_t used = strlen(names);

		if (table[i].apply && used + strlen(table[i].name) + 2 < sizeof(names))
			strcat(strcat(names, " "), table[i].name);
	}
	say("%s: unknown option '%s'; allowed are%s", command, word, names);
	return EXIT_USAGE;
}

/* Apply argv[*index]; steps over a value in a word of its own. */
static int apply_word(struct options *options, int argc, char **argv, int *index)
{
	const char *word = argv[*index];
	const char *equals = strncmp(word, "--", 2) != 0 ? NULL : strchr(word, '=');
	const struct option *option =
		find_option(word, equals ? (size_t)(equals - word) : strlen(word));
	const char *value = equals ? equals + 1 : NULL;

	if (!option)
		return unknown_option(argv[0], word);
	if (!option->apply) {
		say("%s is not available yet", option->name);
		return EXIT_USAGE;
	}
	if (!option->argument && value) {
		say("%s takes no value", option->name);
		return EXIT_USAGE;
	}
	if (option->argument && !value) {
		if (*index + 1 >= argc) {
			say("%s needs a value: %s %s", option->name, option->name,
			    option->argument);
			return EXIT_USAGE;
		}
		value = argv[++*index];
	}
	return option->apply(options, value);
}

int options_parse(struct options *options, int argc, char **argv)
{
	int index;

	*options = (struct options){.out = "out", .append = "", .is_icount = true};
	for (index = 1; index < argc; index++) {
		int status;

		if (!strcmp(argv[index], "--")) {
			index++;
			break;
		}
		if (argv[index][0] != '-')
			break;
		status = apply_word(options, argc, argv, &index);
		if (status)
			return status;
	}
	if (index < argc) {
		say("%s: running a program ('%s') is not available yet", argv[0], argv[index]);
		return EXIT_USAGE;
	}
	say_set_verbosity(options->verbosity);
	return 0;
}
