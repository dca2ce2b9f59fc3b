/*
 * Records of the results channel. Their payload is input: names and lengths are checked here.
 */
#include "tools/records.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tools/say.h"

#define MESSAGE_LINES_MAX 8 /* the rest of a panic is in console.log */

static void take_report(struct records *records, const char *text, size_t length)
{
	if (records->is_silent || records->is_output_gone || records->output_error)
		return;
	if (isatty(STDOUT_FILENO))
		say_stage_clear();
	errno = 0;
	if (fwrite(text, 1, length, stdout) == length && !fflush(stdout))
		return;
	/* A reader that has seen enough, as in `fanga run | head`, is no fault. */
	if (errno == EPIPE)
		records->is_output_gone = true;
	else
		records->output_error = errno ? -errno : -EIO;
	clearerr(stdout);
}

static void take_message(struct records *records, const char *text, size_t length)
{
	size_t lines = 0, end = 0;

	while (end < length && lines < MESSAGE_LINES_MAX)
		lines += text[end++] == '\n';
	say_text(text, end);
	records->has_message = true;
}

/* The name before the NUL; false if there is none. */
static bool split_name(const char *payload, size_t length, size_t *name_bytes)
{
	const char *nul = memchr(payload, '\0', length);

	*name_bytes = nul ? (size_t)(nul - payload) : 0;
	return nul != NULL;
}

static bool is_file_name(const char *name, size_t length)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789._-";

	return length > 0 && length < 100 && name[0] != '.' && strspn(name, allowed) == length;
}

static void take_section(struct records *records, const char *payload, size_t length)
{
	size_t name_bytes;

	if (!split_name(payload, length, &name_bytes) ||
	    run_facts_add_section(records->facts, payload, name_bytes, payload + name_bytes + 1,
				  length - name_bytes - 1))
		say("warning: the machine sent a section that is no JSON; it is left out of "
		    "run.json");
}

static void take_file(struct records *records, const char *payload, size_t length)
{
	size_t name_bytes;
	int error;

	if (!split_name(payload, length, &name_bytes) || !is_file_name(payload, name_bytes)) {
		say("warning: the machine sent a file without a plain name; it is left out");
		return;
	}
	error = results_write(records->results, payload, payload + name_bytes + 1,
			      length - name_bytes - 1);
	if (error)
		records->results_error = error;
}

static void take_exit(struct records *records, const char *payload, size_t length)
{
	if (length != sizeof(records->exit)) {
		say("warning: the machine sent an exit record of %zu bytes", length);
		return;
	}
	memcpy(&records->exit, payload, sizeof(records->exit));
	records->has_exit = true;
}

void records_take(void *context, enum channel_type type, const char *payload, size_t length)
{
	struct records *records = context;

	records->has_life = true;
	switch (type) {
	case CHANNEL_REPORT:
		take_report(records, payload, length);
		break;
	case CHANNEL_SECTION:
		take_section(records, payload, length);
		break;
	case CHANNEL_FILE:
		take_file(records, payload, length);
		break;
	case CHANNEL_EXIT:
		take_exit(records, payload, length);
		break;
	case CHANNEL_MESSAGE:
		take_message(records, payload, length);
		break;
	case CHANNEL_STAGE:
		say_stage("%.*s", (int)length, payload);
		break;
	default:
		say("warning: the machine sent a record of unknown type %u", (unsigned)type);
	}
}
