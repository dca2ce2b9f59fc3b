/*
 * \_S5_ (ACPI 6.5, 7.4.2.6): a search of the AML for the one package that power-off needs.
 *
 * Not an interpreter: it knows the encoding of Name (\_S5, Package {integer, integer, ...})
 * (chapter 20) and takes the first place where the bytes mean just that. Pure: no state, any
 * context.
 */
#include "kernel/acpi/table.h"

#include <fanga/acpi.h>

#include "lib/errno.h"

enum aml {
	AML_ZERO = 0x00,
	AML_ONE = 0x01,
	AML_NAME = 0x08,
	AML_BYTE = 0x0a,
	AML_WORD = 0x0b,
	AML_DWORD = 0x0c,
	AML_QWORD = 0x0e,
	AML_PACKAGE = 0x12,
	AML_ONES = 0xff,
};

/* Bytes that have not been read yet. */
struct aml_cursor {
	const uint8_t *at;
	size_t left;
};

static bool take(struct aml_cursor *cursor, uint8_t *byte)
{
	if (cursor->left == 0)
		return false;
	*byte = *cursor->at++;
	cursor->left--;
	return true;
}

/* An integer constant; only its low byte matters here, the rest is skipped (20.2.3). */
static bool take_integer(struct aml_cursor *cursor, uint8_t *value)
{
	unsigned more = 0;
	uint8_t op;

	if (!take(cursor, &op))
		return false;
	switch (op) {
	case AML_ZERO:
	case AML_ONE:
	case AML_ONES:
		*value = op;
		return true;
	case AML_BYTE:
		break;
	case AML_WORD:
		more = 1;
		break;
	case AML_DWORD:
		more = 3;
		break;
	case AML_QWORD:
		more = 7;
		break;
	default:
		return false;
	}
	if (cursor->left < 1 + more)
		return false;
	*value = cursor->at[0];
	cursor->at += 1 + more;
	cursor->left -= 1 + more;
	return true;
}

/* PackageOp PkgLength NumElements integer [integer]: the values, b as a if there is just one. */
static bool take_package(struct aml_cursor *cursor, uint8_t *a, uint8_t *b)
{
	uint8_t op, lead, count;
	unsigned more;

	if (!take(cursor, &op) || op != AML_PACKAGE || !take(cursor, &lead))
		return false;
	more = lead >> 6; /* length bytes after the first (20.2.4) */
	if (cursor->left < more)
		return false;
	cursor->at += more;
	cursor->left -= more;
	if (!take(cursor, &count) || count == 0 || !take_integer(cursor, a))
		return false;
	*b = *a;
	return count == 1 || take_integer(cursor, b);
}

int acpi_find_s5(struct acpi_s5 *out, const void *table, size_t bytes)
{
	const uint8_t *p = table;
	uint8_t a, b;

	for (size_t at = ACPI_HEADER_BYTES + 1; at + 4 <= bytes; at++) {
		struct aml_cursor cursor = {p + at + 4, bytes - at - 4};
		bool is_name =
			p[at - 1] == AML_NAME || (p[at - 1] == '\\' && p[at - 2] == AML_NAME);

		if (p[at] != '_' || !is_name || memcmp(p + at, "_S5_", 4) != 0)
			continue;
		if (!take_package(&cursor, &a, &b))
			continue;
		*out = (struct acpi_s5){.present = true, .slp_typ_a = a & 7, .slp_typ_b = b & 7};
		return 0;
	}
	return -ENOENT;
}
