/*
 * Table-driven command line. Bytes from outside go into the message only as printable ASCII. State
 * is the caller's: the table's values.
 */
#include "lib/cmdline.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"

/* One word of the line; all pieces point into it. */
struct word {
	const char *text;
	size_t length; /* quotes included */
	size_t key_length;
	const char *value; /* NULL: no '=' */
	size_t value_length;
	const char *fault; /* what is wrong with its form; NULL: nothing */
};

struct message {
	char *buffer;
	size_t size;
	size_t length;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Split off the word at `text`, which is not a space; returns what follows it. */
static const char *read_word(const char *text, struct word *word)
{
	const char *t = text;

	*word = (struct word){.text = text};
	while (*t && *t != '=' && !is_space(*t))
		t++;
	word->key_length = (size_t)(t - text);
	if (*t == '=') {
		bool is_quoted = *++t == '"';

		word->value = t + is_quoted;
		t = word->value;
		while (*t && (is_quoted ? *t != '"' : !is_space(*t)))
			t++;
		word->value_length = (size_t)(t - word->value);
		if (is_quoted && !*t)
			word->fault = "the quote is not closed";
		else if (is_quoted && *++t && !is_space(*t))
			word->fault = "a space must follow the closing quote";
		if (word->value_length >= CMDLINE_VALUE_BYTES)
			word->fault = "the value is too long";
	}
	word->length = (size_t)(t - text);
	return t;
}

static void append(struct message *message, const char *text)
{
	if (message->length < message->size)
		message->length += fmt_scnprintf(message->buffer + message->length,
						 message->size - message->length, "%s", text);
}

/* At most 64 bytes of the word, in quotes. */
static void append_word(struct message *message, const struct word *word)
{
	char text[72];
	size_t length = MIN(word->length, (size_t)64);

	for (size_t i = 0; i < length; i++)
		text[i] =
			(char)(word->text[i] >= ' ' && word->text[i] <= '~' ? word->text[i] : '?');
	text[length] = '\0';
	append(message, "'");
	append(message, text);
	append(message, length < word->length ? "...'" : "'");
}

/* "key=" and what is allowed behind it. */
static void append_allowed(struct message *message, const struct cmdline_option *option)
{
	char text[64];
	bool is_prefix = option->key[strlen(option->key) - 1] == '.';

	append(message, option->key);
	append(message, is_prefix ? "NAME=" : "=");
	switch (option->kind) {
	case CMDLINE_NUMBER:
		if (option->min || option->max)
			fmt_snprintf(text, sizeof(text), "%llu..%llu",
				     (unsigned long long)option->min,
				     (unsigned long long)option->max);
		else
			string_copy(text, sizeof(text), "NUMBER");
		append(message, text);
		break;
	case CMDLINE_SWITCH:
		append(message, "on|off");
		break;
	case CMDLINE_CHOICE:
		for (unsigned i = 0; option->choices[i]; i++) {
			append(message, i ? "|" : "");
			append(message, option->choices[i]);
		}
		break;
	case CMDLINE_TEXT:
	case CMDLINE_CALL:
		append(message, option->allowed ? option->allowed : "TEXT");
		break;
	}
}

int cmdline_number(const char *text, uint64_t *value)
{
	bool is_hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	unsigned radix = is_hex ? 16 : 10;
	uint64_t number = 0;

	if (is_hex)
		text += 2;
	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		unsigned digit;

		if (*text >= '0' && *text <= '9')
			digit = (unsigned)(*text - '0');
		else if (is_hex && (*text | 0x20) >= 'a' && (*text | 0x20) <= 'f')
			digit = (unsigned)((*text | 0x20) - 'a') + 10;
		else
			return -EINVAL;
		if (__builtin_mul_overflow(number, radix, &number) ||
		    __builtin_add_overflow(number, digit, &number))
			return -ERANGE;
	}
	*value = number;
	return 0;
}

static int set_number(const struct cmdline_option *option, const char *text)
{
	uint64_t number;
	int error = cmdline_number(text, &number);

	if (error)
		return error;
	if ((option->min || option->max) && (number < option->min || number > option->max))
		return -ERANGE;
	*(uint64_t *)option->value = number;
	return 0;
}

static int set_switch(const struct cmdline_option *option, const char *text)
{
	static const char *const words[] = {"off", "on", "0", "1", "no", "yes"};

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(text, words[i]) == 0) {
			*(bool *)option->value = i % 2;
			return 0;
		}
	}
	return -EINVAL;
}

static int set_choice(const struct cmdline_option *option, const char *text)
{
	for (unsigned i = 0; option->choices[i]; i++) {
		if (strcmp(text, option->choices[i]) == 0) {
			*(unsigned *)option->value = i;
			return 0;
		}
	}
	return -EINVAL;
}

/* `name` is what follows a prefix key, `text` the value or NULL. */
static int apply(const struct cmdline_option *option, const char *name, const char *text)
{
	if (option->kind == CMDLINE_CALL)
		return option->call(option->value, name, text);
	if (option->kind == CMDLINE_SWITCH)
		return set_switch(option, text ? text : "on");
	if (!text)
		return -EINVAL;
	if (option->kind == CMDLINE_NUMBER)
		return set_number(option, text);
	if (option->kind == CMDLINE_CHOICE)
		return set_choice(option, text);
	if (strlen(text) >= option->size)
		return -ERANGE;
	string_copy(option->value, option->size, text);
	return 0;
}

static bool matches(const struct cmdline_option *option, const struct word *word)
{
	size_t length = strlen(option->key);

	if (option->kind == CMDLINE_CALL && option->key[length - 1] == '.')
		return word->key_length > length && strncmp(word->text, option->key, length) == 0;
	return word->key_length == length && strncmp(word->text, option->key, length) == 0;
}

static int apply_word(const struct cmdline_option *option, const struct word *word)
{
	char name[CMDLINE_NAME_BYTES], value[CMDLINE_VALUE_BYTES];
	size_t skip = MIN(strlen(option->key), word->key_length);
	size_t name_length = word->key_length - skip;

	if (name_length >= sizeof(name))
		return -ERANGE;
	memcpy(name, word->text + skip, name_length);
	name[name_length] = '\0';
	if (!word->value)
		return apply(option, name, NULL);
	memcpy(value, word->value, word->value_length);
	value[word->value_length] = '\0';
	return apply(option, name, value);
}

static void explain_unknown(struct message *message, const struct word *word,
			    const struct cmdline_option *table, size_t options)
{
	append(message, "unknown word ");
	append_word(message, word);
	append(message, " on the kernel command line; allowed: ");
	for (size_t i = 0; i < options; i++) {
		append(message, i ? ", " : "");
		append_allowed(message, &table[i]);
	}
}

static void explain_value(struct message *message, const struct word *word,
			  const struct cmdline_option *option)
{
	append_word(message, word);
	append(message, " on the kernel command line: ");
	if (word->fault) {
		append(message, word->fault);
		append(message, "; ");
	}
	append(message, "allowed is ");
	append_allowed(message, option);
}

int cmdline_parse(const char *text, const struct cmdline_option *table, size_t options, char *error,
		  size_t error_bytes)
{
	struct message message = {.buffer = error, .size = error_bytes};
	struct word word;
	size_t i;

	if (error_bytes)
		error[0] = '\0';
	for (;;) {
		while (is_space(*text))
			text++;
		if (!*text)
			return 0;
		text = read_word(text, &word);
		for (i = 0; i < options && !matches(&table[i], &word); i++)
			;
		if (i == options) {
			explain_unknown(&message, &word, table, options);
			return -EINVAL;
		}
		if (word.fault || apply_word(&table[i], &word)) {
			explain_value(&message, &word, &table[i]);
			return -EINVAL;
		}
	}
}
