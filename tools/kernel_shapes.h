/*
 * The machines on which the kernel's suites run.
 */
#pragma once

#include "lib/types.h"

struct kernel_shape {
	const char *name;
	const char *options; /* of `fanga run`, words separated by spaces */
	double limit_s;	     /* hangs are found by it; a healthy machine needs a fraction */
	const char *suites;  /* that run where none are asked for; NULL: all */
};

/* In the order in which they are started: the longest first. */
extern const struct kernel_shape kernel_shapes[];
extern const size_t kernel_shape_count;
