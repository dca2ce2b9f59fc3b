/*
 * The bounded list of one-line texts that parsing leaves for a person. Pure: no state, any context.
 */
#include <fanga/acpi.h>

#include "lib/printf.h"

void acpi_note(struct acpi_notes *notes, const char *format, ...)
{
	va_list args;
	char *text;

	if (notes->count == ACPI_NOTE_MAX) {
		notes->dropped++;
		return;
	}
	text = notes->text[notes->count++];
	va_start(args, format);
	fmt_vsnprintf(text, ACPI_NOTE_BYTES, format, args);
	va_end(args);
	/* Signatures and file names are input; a line must stay one line. */
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}
