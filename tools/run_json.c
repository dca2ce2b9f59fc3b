/*
 * Sections and facts into one JSON object. A section that the machine did not send is absent.
 */
#include "tools/run_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "tools/jsontext.h"

/* What `topology --json` has too stands first. */
static const char *const leading[] = {"cpus", "nodes", "firmware"};

static bool is_name(const char *name, size_t length)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

	for (size_t i = 0; i < length; i++)
		if (!memchr(allowed, name[i], sizeof(allowed) - 1))
			return false;
	return length > 0 && length < 64;
}

static const struct run_section *find_section(const struct run_facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->section_count; i++)
		if (!strcmp(facts->sections[i].name, name))
			return &facts->sections[i];
	return NULL;
}

int run_facts_add_section(struct run_facts *facts, const char *name, size_t name_bytes,
			  const char *json, size_t json_bytes)
{
	struct run_section *section;
	struct bytes copy = {0};
	char *own_name;

	if (!is_name(name, name_bytes) || !json_text_is_value(json, json_bytes))
		return -EINVAL;
	own_name = memory_format("%.*s", (int)name_bytes, name);
	section = (struct run_section *)find_section(facts, own_name);
	if (section) {
		free(section->name);
		free(section->json);
	} else {
		facts->sections = memory_resize(facts->sections,
						(facts->section_count + 1) * sizeof(*section));
		section = &facts->sections[facts->section_count++];
	}
	bytes_add(&copy, json, json_bytes);
	*section = (struct run_section){own_name, copy.data, json_bytes};
	return 0;
}

void run_facts_free(struct run_facts *facts)
{
	for (size_t i = 0; i < facts->section_count; i++) {
		free(facts->sections[i].name);
		free(facts->sections[i].json);
	}
	free(facts->sections);
	free(facts->commit);
	free(facts->command_line);
	free(facts->kernel_command_line);
	free(facts->simulator_version);
	*facts = (struct run_facts){0};
}

static void write_host(struct json *json, const struct run_facts *facts)
{
	json_u64(json, "schema", RUN_JSON_SCHEMA);
	json_string(json, "commit", facts->commit);
	json_string(json, "command_line", facts->command_line);
	json_string(json, "kernel_command_line", facts->kernel_command_line);
	json_object_begin(json, "simulator");
	json_string(json, "program", facts->simulator);
	json_string(json, "version", facts->simulator_version);
	json_object_end(json);
	json_u64(json, "seed", facts->seed);
}

static void write_exit(struct json *json, const struct run_facts *facts)
{
	json_object_begin(json, "exit");
	json_i64(json, "status", facts->status);
	if (facts->signal)
		json_i64(json, "signal", facts->signal);
	else
		json_null(json, "signal");
	json_string(json, "reason", facts->reason);
	json_object_end(json);
}

static bool is_host_time(const struct json_piece *key)
{
	static const char *const names[] = {"host_s", "clock", "host_cpus"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (key->length == strlen(names[i]) && !memcmp(key->text, names[i], key->length))
			return true;
	return false;
}

/* The machine's times, then the host's; what clock it ran on is the host's to say. */
static void write_time(struct json *json, const struct run_facts *facts)
{
	const struct run_section *section = find_section(facts, "time");
	struct json_piece key, value;
	size_t position = 0;

	json_object_begin(json, "time");
	while (section &&
	       json_text_next_member(section->json, section->json_bytes, &position, &key, &value)) {
		char *name = memory_format("%.*s", (int)key.length, key.text);

		if (!is_host_time(&key))
			json_raw(json, name, value.text, value.length);
		free(name);
	}
	if (!section) {
		json_null(json, "boot_to_init_ns");
		json_null(json, "run_ns");
	}
	json_fixed(json, "host_s", (int64_t)(facts->host_s * 1000 + 0.5), 3);
	json_string(json, "clock", facts->is_icount ? "icount" : "host");
	json_u64(json, "host_cpus", facts->host_cpus);
	json_object_end(json);
}

static bool is_written_apart(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(leading); i++)
		if (!strcmp(name, leading[i]))
			return true;
	return !strcmp(name, "exit") || !strcmp(name, "time");
}

int run_json_write(const struct run_facts *facts, struct bytes *out)
{
	struct json json;
	int error;

	json_init(&json, bytes_write, out);
	json_object_begin(&json, NULL);
	write_host(&json, facts);
	for (size_t i = 0; i < ARRAY_SIZE(leading); i++) {
		const struct run_section *section = find_section(facts, leading[i]);

		if (section)
			json_raw(&json, section->name, section->json, section->json_bytes);
	}
	write_exit(&json, facts);
	write_time(&json, facts);
	for (size_t i = 0; i < facts->section_count; i++) {
		const struct run_section *section = &facts->sections[i];

		if (!is_written_apart(section->name))
			json_raw(&json, section->name, section->json, section->json_bytes);
	}
	json_object_end(&json);
	error = json_finish(&json);
	bytes_add_text(out, "\n");
	return error;
}
