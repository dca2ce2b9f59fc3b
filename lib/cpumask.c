/*
 * Text form of CPU sets, "0-3,8". The mask belongs to the caller; no state.
 */
#include "lib/cpumask.h"
#include "lib/errno.h"
#include "lib/printf.h"

int cpumask_format(const struct cpumask *mask, char *buffer, size_t size)
{
	size_t length = 0;
	unsigned cpu = cpumask_first(mask);

	if (size)
		buffer[0] = '\0';
	while (cpu < CPU_MAX) {
		unsigned last = bitmap_next_clear(mask->bits, CPU_MAX, cpu) - 1;
		size_t room = length < size ? size - length : 0;
		char *at = room ? buffer + length : NULL;
		const char *comma = length ? "," : "";

		if (last == cpu)
			length += (size_t)fmt_snprintf(at, room, "%s%u", comma, cpu);
		else
			length += (size_t)fmt_snprintf(at, room, "%s%u-%u", comma, cpu, last);
		cpu = cpumask_next(mask, last);
	}
	return (int)length;
}

static int parse_cpu(const char **text, unsigned *cpu)
{
	const char *t = *text;
	unsigned value = 0;

	if (*t < '0' || *t > '9')
		return -EINVAL;
	for (; *t >= '0' && *t <= '9'; t++)
		value = MIN(value * 10 + (unsigned)(*t - '0'), (unsigned)CPU_MAX);
	*text = t;
	*cpu = value;
	return value < CPU_MAX ? 0 : -ERANGE;
}

static int parse_range(const char **text, struct cpumask *mask)
{
	unsigned first, last;
	int error = parse_cpu(text, &first);

	if (error)
		return error;
	last = first;
	if (**text == '-') {
		(*text)++;
		error = parse_cpu(text, &last);
		if (error)
			return error;
	}
	if (last < first)
		return -EINVAL;
	for (unsigned cpu = first; cpu <= last; cpu++)
		cpumask_set(mask, cpu);
	return 0;
}

int cpumask_parse(struct cpumask *mask, const char *text)
{
	struct cpumask parsed;
	int error;

	cpumask_zero(&parsed);
	if (*text) {
		for (;;) {
			error = parse_range(&text, &parsed);
			if (error)
				return error;
			if (!*text)
				break;
			if (*text++ != ',')
				return -EINVAL;
		}
	}
	cpumask_copy(mask, &parsed);
	return 0;
}
