/*
 * What the machine sends over the results channel, and what becomes of it: the report goes to
 * standard output while the machine runs, messages and stages to standard error, files to the
 * results folder, sections and the exit status are kept.
 */
#pragma once

#include "tools/channel.h"
#include "tools/results.h"
#include "tools/run_json.h"

struct records {
	struct results *results;
	struct run_facts *facts;
	bool is_silent;	  /* the report is not wanted */
	bool has_life;	  /* something has come */
	bool has_message; /* a MESSAGE has been shown */
	bool has_exit;
	struct channel_exit exit; /* valid with has_exit */
	bool is_output_gone;	  /* nobody reads standard output any more */
	int output_error;	  /* negative errno: standard output cannot be written */
	int results_error;	  /* negative errno: a file cannot be written */
};

/* A channel_record_fn; `context` is a struct records. */
void records_take(void *context, enum channel_type type, const char *payload, size_t length);
