/*
 * The command line as a table: words of the form key=value, separated by white space; a value may
 * be quoted as a whole, key="a b". Every word must be in the table and its value in the allowed
 * range, else there is one line of text that names the word and what is allowed. A key given twice:
 * the last one counts. No allocation, any context.
 */
#pragma once

#include "lib/types.h"

#define CMDLINE_ERROR_BYTES 384
#define CMDLINE_VALUE_BYTES 512 /* longest value with its NUL */
#define CMDLINE_NAME_BYTES  64	/* longest name behind a key that ends in '.', with its NUL */

enum cmdline_kind {
	CMDLINE_NUMBER, /* uint64_t, decimal or 0x hexadecimal, min to max */
	CMDLINE_SWITCH, /* bool: on, off, 1, 0, yes, no; the bare key is on */
	CMDLINE_CHOICE, /* unsigned: index of the word in `choices` */
	CMDLINE_TEXT,	/* char[size]: any text that fits */
	CMDLINE_CALL,	/* handed to `call`; a key that ends in '.' matches every word that begins
			   with it */
};

struct cmdline_option {
	const char *key;
	enum cmdline_kind kind;
	void *value;		    /* of the type above; the context of `call` */
	uint64_t min, max;	    /* NUMBER; both 0: no bounds */
	size_t size;		    /* TEXT: bytes at `value`, the NUL included */
	const char *const *choices; /* CHOICE: ends in NULL */
	const char *allowed; /* CALL and TEXT: what the message says is allowed; NULL: "TEXT" */
	/*
	 * CALL: `name` is what follows the key's '.' ("" for a key without one), `text` the value
	 * (NULL: no '='). Returns 0, or a negative errno to have the value refused with the
	 * standard message.
	 */
	int (*call)(void *context, const char *name, const char *text);
};

/*
 * Apply `text` to the table of `options` entries. Returns 0; or -EINVAL, with one line in `error`
 * (CMDLINE_ERROR_BYTES are enough; longer lists of keys are cut) and the words before the bad one
 * already applied.
 */
int cmdline_parse(const char *text, const struct cmdline_option *table, size_t options, char *error,
		  size_t error_bytes) __must_check;

/*
 * An unsigned number, the whole text, decimal or 0x hexadecimal. 0, -EINVAL when it is none,
 * -ERANGE when it does not fit into 64 bits.
 */
int cmdline_number(const char *text, uint64_t *value) __must_check;
