/*
 * `fanga help`: lists what works, and nothing else.
 */
#pragma once

/* argv[0] is "help"; argv[1] a command or absent. Returns the exit status. */
int help_main(int argc, char **argv);
