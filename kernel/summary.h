/*
 * What every run says about the machine: on the console at boot, and as sections of run.json.
 */
#pragma once

#include "fanga/boot.h"

/* The loader's map and the processor, to the log. */
void summary_log_boot(const struct boot_info *boot);

/* The machine is up: what follows is the run. */
void summary_note_boot_done(void);

/* Hand run.json's sections over. Thread context, when the run is over. */
void summary_write(void);
