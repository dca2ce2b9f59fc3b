/*
 * Formatted output. One pass over the format; every byte goes through put(), which counts all of
 * them and stores those that fit, so the result is exact whatever the buffer's size. No state, no
 * memory but the stack.
 */
#include <limits.h>

#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"

struct output {
	char *buffer;
	size_t size;
	size_t length; /* bytes of the text so far, stored or not */
};

struct spec {
	bool left, plus, space, zero, alternate;
	bool has_precision;
	size_t width;
	size_t precision;
	unsigned bytes; /* of the integer argument */
	char conversion;
};

static __always_inline void put(struct output *out, char c)
{
	/* The last byte is kept for the NUL. */
	if (out->length + 1 < out->size)
		out->buffer[out->length] = c;
	out->length++;
}

static void put_many(struct output *out, const char *text, size_t bytes)
{
	if (out->length + 1 < out->size)
		memcpy(out->buffer + out->length, text, MIN(bytes, out->size - 1 - out->length));
	out->length += bytes;
}

static void put_fill(struct output *out, char c, size_t count)
{
	if (out->length + 1 < out->size)
		memset(out->buffer + out->length, c, MIN(count, out->size - 1 - out->length));
	out->length += count;
}

static const char *read_flags(const char *f, struct spec *spec)
{
	for (;; f++) {
		switch (*f) {
		case '-':
			spec->left = true;
			break;
		case '+':
			spec->plus = true;
			break;
		case ' ':
			spec->space = true;
			break;
		case '0':
			spec->zero = true;
			break;
		case '#':
			spec->alternate = true;
			break;
		default:
			return f;
		}
	}
}

/* Digits to a number, held at INT_MAX: no sane text is that wide. */
static const char *read_number(const char *f, size_t *value)
{
	size_t n = 0;

	for (; *f >= '0' && *f <= '9'; f++)
		n = MIN(n * 10 + (size_t)(*f - '0'), (size_t)INT_MAX);
	*value = n;
	return f;
}

static const char *read_length(const char *f, struct spec *spec)
{
	spec->bytes = sizeof(int);
	switch (*f) {
	case 'h':
		spec->bytes = f[1] == 'h' ? sizeof(char) : sizeof(short);
		return f[1] == 'h' ? f + 2 : f + 1;
	case 'l':
		spec->bytes = sizeof(long);
		return f[1] == 'l' ? f + 2 : f + 1;
	case 'z':
	case 'j':
	case 't':
		spec->bytes = sizeof(long);
		return f + 1;
	default:
		return f;
	}
}

_Static_assert(sizeof(long) == sizeof(long long) && sizeof(long) == sizeof(intmax_t) &&
		       sizeof(long) == sizeof(size_t) && sizeof(long) == sizeof(ptrdiff_t),
	       "one case serves all the 64-bit lengths");

static void put_text(struct output *out, const struct spec *spec, const char *text, size_t length)
{
	size_t fill = spec->width > length ? spec->width - length : 0;

	if (!spec->left)
		put_fill(out, ' ', fill);
	put_many(out, text, length);
	if (spec->left)
		put_fill(out, ' ', fill);
}

/* The digits of `value`, backwards from `end`; returns the first. */
static char *digits_before(char *end, uint64_t value, char conversion)
{
	const char *digits = conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";

	switch (conversion) {
	case 'x':
	case 'X':
	case 'p':
		for (; value; value >>= 4)
			*--end = digits[value & 15];
		break;
	case 'o':
		for (; value; value >>= 3)
			*--end = digits[value & 7];
		break;
	default:
		for (; value; value /= 10)
			*--end = digits[value % 10];
	}
	return end;
}

static bool has_base_prefix(const struct spec *spec, uint64_t value)
{
	if (spec->conversion == 'p')
		return true;
	return spec->alternate && value && (spec->conversion == 'x' || spec->conversion == 'X');
}

static void put_integer(struct output *out, const struct spec *spec, uint64_t value, char sign)
{
	char digits[24]; /* 22 octal ones at most */
	char *end = digits + sizeof(digits);
	char *first = digits_before(end, value, spec->conversion);
	size_t count = (size_t)(end - first);
	size_t zeros = 0, prefix = 0, fill = 0, total;
	char prefix_text[3];

	if (sign)
		prefix_text[prefix++] = sign;
	if (has_base_prefix(spec, value)) {
		prefix_text[prefix++] = '0';
		prefix_text[prefix++] = (char)(spec->conversion == 'X' ? 'X' : 'x');
	}
	/* Without a precision there is at least one digit; with precision 0 a zero has none. */
	if (count < (spec->has_precision ? spec->precision : 1))
		zeros = (spec->has_precision ? spec->precision : 1) - count;
	if (spec->alternate && spec->conversion == 'o' && !zeros)
		zeros = 1;
	total = prefix + zeros + count;
	if (spec->width > total)
		fill = spec->width - total;
	if (spec->zero && !spec->left && !spec->has_precision) {
		zeros += fill;
		fill = 0;
	}

	if (!spec->left)
		put_fill(out, ' ', fill);
	put_many(out, prefix_text, prefix);
	put_fill(out, '0', zeros);
	put_many(out, first, count);
	if (spec->left)
		put_fill(out, ' ', fill);
}

static int64_t signed_argument(unsigned bytes, va_list *args)
{
	int value;

	if (bytes == sizeof(long))
		return va_arg(*args, long);
	value = va_arg(*args, int);
	if (bytes == sizeof(short))
		return (short)value;
	if (bytes == sizeof(char))
		return (signed char)value;
	return value;
}

static uint64_t unsigned_argument(unsigned bytes, va_list *args)
{
	unsigned value;

	if (bytes == sizeof(long))
		return va_arg(*args, unsigned long);
	value = va_arg(*args, unsigned);
	if (bytes == sizeof(short))
		return (unsigned short)value;
	if (bytes == sizeof(char))
		return (unsigned char)value;
	return value;
}

/* One conversion, `spec->conversion`. False when there is none of that name. */
static bool put_conversion(struct output *out, struct spec *spec, va_list *args)
{
	int64_t number;
	const char *text;
	char c;

	switch (spec->conversion) {
	case 'd':
	case 'i':
		number = signed_argument(spec->bytes, args);
		put_integer(out, spec, number < 0 ? 0 - (uint64_t)number : (uint64_t)number,
			    (char)(number < 0	 ? '-'
				   : spec->plus	 ? '+'
				   : spec->space ? ' '
						 : '\0'));
		return true;
	case 'u':
	case 'o':
	case 'x':
	case 'X':
		put_integer(out, spec, unsigned_argument(spec->bytes, args), '\0');
		return true;
	case 'p':
		put_integer(out, spec, (uintptr_t)va_arg(*args, void *), '\0');
		return true;
	case 'c':
		c = (char)va_arg(*args, int);
		put_text(out, spec, &c, 1);
		return true;
	case 's':
		text = va_arg(*args, const char *);
		if (!text)
			text = "(null)";
		put_text(out, spec, text,
			 spec->has_precision ? strnlen(text, spec->precision) : strlen(text));
		return true;
	case '%':
		put(out, '%');
		return true;
	default:
		return false;
	}
}

static const char *read_spec(const char *f, struct spec *spec, va_list *args)
{
	int number;

	f = read_flags(f, spec);
	if (*f == '*') {
		number = va_arg(*args, int);
		spec->left = spec->left || number < 0;
		spec->width = number < 0 ? 0 - (size_t)number : (size_t)number;
		f++;
	} else {
		f = read_number(f, &spec->width);
	}
	if (*f == '.') {
		f++;
		spec->has_precision = true;
		if (*f == '*') {
			number = va_arg(*args, int);
			spec->has_precision = number >= 0;
			spec->precision = number < 0 ? 0 : (size_t)number;
			f++;
		} else {
			f = read_number(f, &spec->precision);
		}
	}
	f = read_length(f, spec);
	spec->conversion = *f;
	return f;
}

int fmt_vsnprintf(char *buffer, size_t size, const char *format, va_list args)
{
	struct output out = {.buffer = buffer, .size = size};
	va_list copy;

	/* A va_list parameter may be an array; a copy has an address of the right type to hand on.
	 */
	va_copy(copy, args);
	for (const char *f = format; *f; f++) {
		struct spec spec = {0};
		const char *start = f;

		if (*f != '%') {
			put(&out, *f);
			continue;
		}
		f = read_spec(f + 1, &spec, &copy);
		if (!put_conversion(&out, &spec, &copy)) {
			/* Not a conversion: as it stands, up to the odd byte or the format's end.
			 */
			put_many(&out, start, (size_t)(f - start) + (*f != '\0'));
			if (!*f)
				break;
		}
	}
	va_end(copy);
	if (size)
		buffer[MIN(out.length, size - 1)] = '\0';
	return out.length > INT_MAX ? -EOVERFLOW : (int)out.length;
}

int fmt_snprintf(char *buffer, size_t size, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = fmt_vsnprintf(buffer, size, format, args);
	va_end(args);
	return length;
}

size_t fmt_scnprintf(char *buffer, size_t size, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = fmt_vsnprintf(buffer, size, format, args);
	va_end(args);
	if (!size)
		return 0;
	if (length < 0)
		return size - 1;
	return MIN((size_t)length, size - 1);
}
