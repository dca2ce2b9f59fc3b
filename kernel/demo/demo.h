/*
 * What `./fanga run` shows without a program: the machine exercised, each figure measured in that
 * run.
 */
#pragma once

/* Run the demo and report. 0, or 1 when it found a fault. Boot CPU, thread context. */
int demo_run(void);
