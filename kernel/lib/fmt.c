/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * printf without floating point, locale or allocation (C11 7.21.6.1 for what each part means).
 * Output goes through one function that counts always and stores while there is room, so the text
 * is cut, never overrun, and the return value is the length that the whole would have had.
 */
#include "lib/fmt.h"
#include "lib/string.h"

struct out {
	char *buf;
	size_t size, len; /* room in buf; characters so far, stored or not */
};

struct spec {
	bool left, zero, plus, space, alternate;
	int width, precision; /* precision < 0: none */
	unsigned size_bytes;  /* of the integer argument */
	char conversion;
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void put_repeat(struct out *o, char c, int n)
{
	for (; n > 0; n--)
		put(o, c);
}

static void put_text(struct out *o, const char *s, size_t len)
{
	for (; len > 0; len--)
		put(o, *s++);
}

static int parse_number(const char **at)
{
	int n = 0;

	for (; **at >= '0' && **at <= '9'; (*at)++)
		n = n < 100000000 ? n * 10 + (**at - '0') : n;
	return n;
}

static void parse_flags(struct spec *s, const char **at)
{
	for (;; (*at)++) {
		switch (**at) {
		case '-':
			s->left = true;
			break;
		case '0':
			s->zero = true;
			break;
		case '+':
			s->plus = true;
			break;
		case ' ':
			s->space = true;
			break;
		case '#':
			s->alternate = true;
			break;
		default:
			return;
		}
	}
}

static void parse_length(struct spec *s, const char **at)
{
	s->size_bytes = sizeof(int);
	if (**at == 'h') {
		s->size_bytes = (*at)[1] == 'h' ? sizeof(char) : sizeof(short);
		*at += (*at)[1] == 'h' ? 2 : 1;
	} else if (**at == 'l') {
		s->size_bytes = sizeof(long);
		*at += (*at)[1] == 'l' ? 2 : 1;
	} else if (**at == 'z' || **at == 'j' || **at == 't') {
		s->size_bytes = sizeof(long);
		(*at)++;
	}
}

/*
 * Fewest characters: sign or base prefix, zeros up to the precision, digits; then the width
 * around.
 */
static void put_digits(struct out *o, const struct spec *s, const char *prefix, const char *digits)
{
	int nr = (int)strlen(digits), nr_prefix = (int)strlen(prefix);
	int zeros = s->precision > nr ? s->precision - nr : 0;
	int pad = s->width - nr_prefix - zeros - nr;

	if (s->zero && !s->left && s->precision < 0 && pad > 0) {
		zeros = pad;
		pad = 0;
	}
	if (!s->left)
		put_repeat(o, ' ', pad);
	put_text(o, prefix, (size_t)nr_prefix);
	put_repeat(o, '0', zeros);
	put_text(o, digits, (size_t)nr);
	if (s->left)
		put_repeat(o, ' ', pad);
}

static const char *to_digits(uint64_t value, unsigned base, bool upper, char buf[24])
{
	const char *alphabet = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char *at = buf + 23;

	*at = '\0';
	for (; value != 0; value /= base)
		*--at = alphabet[value % base];
	return at;
}

static void put_unsigned(struct out *o, const struct spec *s, uint64_t value)
{
	unsigned base = s->conversion == 'o' ? 8 : s->conversion == 'u' ? 10 : 16;
	const char *digits, *prefix = "";
	char buf[24];

	if (s->size_bytes < sizeof(value))
		value &= (1ull << (s->size_bytes * 8)) - 1;
	digits = to_digits(value, base, s->conversion == 'X', buf);
	if (value == 0 && s->precision != 0)
		digits = "0";
	if (s->alternate && base == 16 && value != 0)
		prefix = s->conversion == 'X' ? "0X" : "0x";
	if (s->alternate && base == 8 && *digits != '0' && s->precision <= (int)strlen(digits)) {
		struct spec longer = *s;

		longer.precision = (int)strlen(digits) + 1;
		put_digits(o, &longer, prefix, digits);
		return;
	}
	put_digits(o, s, prefix, digits);
}

static void put_signed(struct out *o, const struct spec *s, int64_t value)
{
	const char *digits, *prefix;
	char buf[24];

	if (s->size_bytes == sizeof(char))
		value = (signed char)value;
	else if (s->size_bytes == sizeof(short))
		value = (short)value;
	else if (s->size_bytes == sizeof(int))
		value = (int)value;
	prefix = value < 0 ? "-" : s->plus ? "+" : s->space ? " " : "";
	digits = to_digits(value < 0 ? -(uint64_t)value : (uint64_t)value, 10, false, buf);
	if (value == 0 && s->precision != 0)
		digits = "0";
	put_digits(o, s, prefix, digits);
}

static void put_string(struct out *o, const struct spec *s, const char *text, size_t len)
{
	int pad = s->width - (int)len;

	if (!s->left)
		put_repeat(o, ' ', pad);
	put_text(o, text, len);
	if (s->left)
		put_repeat(o, ' ', pad);
}

static void put_pointer(struct out *o, const struct spec *s, const void *p)
{
	struct spec hex = *s;

	if (p == NULL) {
		put_string(o, s, "(nil)", 5);
		return;
	}
	hex.alternate = true;
	hex.size_bytes = sizeof(p);
	hex.conversion = 'x';
	put_unsigned(o, &hex, (uintptr_t)p);
}

static int64_t next_integer(const struct spec *s, va_list *args)
{
	return s->size_bytes == sizeof(long) ? va_arg(*args, long) : va_arg(*args, int);
}

static void convert(struct out *o, const struct spec *s, va_list *args)
{
	const char *text;
	char c;

	switch (s->conversion) {
	case 'd':
	case 'i':
		put_signed(o, s, next_integer(s, args));
		break;
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		put_unsigned(o, s, (uint64_t)next_integer(s, args));
		break;
	case 'c':
		c = (char)va_arg(*args, int);
		put_string(o, s, &c, 1);
		break;
	case 's':
		text = va_arg(*args, const char *);
		if (text == NULL)
			text = "(null)";
		put_string(o, s, text,
			   s->precision < 0 ? strlen(text) : strnlen(text, (size_t)s->precision));
		break;
	case 'p':
		put_pointer(o, s, va_arg(*args, void *));
		break;
	default:
		put(o, '%');
		if (s->conversion != '%' && s->conversion != '\0')
			put(o, s->conversion);
	}
}

/* *at stands behind the '%'; afterwards behind the conversion. */
static struct spec parse_spec(const char **at, va_list *args)
{
	struct spec s = { .precision = -1 };

	parse_flags(&s, at);
	if (**at == '*') {
		s.width = va_arg(*args, int);
		(*at)++;
		s.left |= s.width < 0;
		s.width = s.width < 0 ? -s.width : s.width;
	} else {
		s.width = parse_number(at);
	}
	if (**at == '.') {
		(*at)++;
		if (**at == '*') {
			s.precision = va_arg(*args, int);
			(*at)++;
		} else {
			s.precision = parse_number(at);
		}
	}
	parse_length(&s, at);
	s.conversion = **at;
	if (**at != '\0')
		(*at)++;
	return s;
}

int fmt_v(char *buf, size_t size, const char *format, va_list args)
{
	struct out o = { .buf = buf, .size = size };
	const char *at = format;
	struct spec s;
	va_list copy;

	va_copy(copy, args);
	while (*at != '\0') {
		if (*at != '%') {
			put(&o, *at++);
			continue;
		}
		at++;
		s = parse_spec(&at, &copy);
		convert(&o, &s, &copy);
	}
	va_end(copy);
	if (size > 0)
		buf[o.len < size ? o.len : size - 1] = '\0';
	return (int)o.len;
}

int fmt(char *buf, size_t size, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = fmt_v(buf, size, format, args);
	va_end(args);
	return len;
}
