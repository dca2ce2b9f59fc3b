/*
 * `fanga topology [--json] [DIR|FILE...]`: what FangaOS makes of these ACPI tables.
 */
#ifndef TOOLS_TOPOLOGY_H
#define TOOLS_TOPOLOGY_H

/*
 * argv[0] is the command's name. Without a path, this computer's tables
 * (/sys/firmware/acpi/tables).
 *
 * Returns the exit status: 0 tables usable, result on standard output; 1 not usable, with a line
 * for each reason on standard error; 2 wrong usage or a path that does not exist, with one line.
 */
int topology_main(int argc, char **argv);

#endif
