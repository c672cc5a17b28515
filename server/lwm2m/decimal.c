#include "decimal.h"

#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The longest exact double: sign, 0, point and 1074 digits. */
#define MAX_TEXT 1078

/* Enough digits to tell any double from its neighbours. */
#define MAX_DIGITS DBL_DECIMAL_DIG

static size_t take_digits(struct reader *r)
{
	size_t count = 0;

	for (; peek_u8(r) >= '0' && peek_u8(r) <= '9'; count++)
		read_u8(r);
	return count;
}

bool decimal_parse_unsigned(struct bytes text, uint64_t *ret_value)
{
	struct reader r = reader_of(text);
	uint64_t value = 0;

	if (text.len == 0)
		return false;
	while (reader_left(&r) > 0) {
		uint8_t c = read_u8(&r);

		if (c < '0' || c > '9' || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(c - '0'), &value))
			return false;
	}
	*ret_value = value;
	return true;
}

bool decimal_parse_signed(struct bytes text, int64_t *ret_value)
{
	bool is_negative = text.len > 0 && text.at[0] == '-';
	uint64_t magnitude;

	if (!decimal_parse_unsigned(is_negative ? bytes_from(text, 1) : text, &magnitude))
		return false;
	if (magnitude > (uint64_t)INT64_MAX + is_negative)
		return false;
	*ret_value = is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
	return true;
}

bool decimal_parse_real(struct bytes text, double *ret_value)
{
	struct reader r = reader_of(text);
	char copy[MAX_TEXT + 1];
	double value;

	read_if(&r, '-');
	if (text.len > MAX_TEXT || take_digits(&r) == 0)
		return false;
	if (read_if(&r, '.') && take_digits(&r) == 0)
		return false;
	if (!reader_done(&r))
		return false;
	memcpy(copy, text.at, text.len);
	copy[text.len] = 0;
	value = strtod(copy, NULL);
	if (!isfinite(value))
		return false;
	*ret_value = value;
	return true;
}

void build_decimal(struct builder *b, double value)
{
	char text[MAX_DIGITS + 16]; /* -d.ddde-ddd */
	char digits[MAX_DIGITS + 1];
	int count = 0, point;

	if (!isfinite(value)) {
		b->bad = true;
		return;
	}
	do {
		snprintf(text, sizeof(text), "%.*e", count++, value);
	} while (count < MAX_DIGITS && strtod(text, NULL) != value);
	if (signbit(value))
		build_u8(b, '-');
	point = atoi(strchr(text, 'e') + 1) + 1; /* how many digits stand before the point */
	count = 0;
	for (const char *at = text; *at != 'e'; at++) {
		if (isdigit((unsigned char)*at))
			digits[count++] = *at;
	}
	if (point <= 0) {
		build_text(b, "0.");
		for (int i = point; i < 0; i++)
			build_u8(b, '0');
	}
	for (int i = 0; i < count || i < point; i++) {
		if (i == point && i > 0)
			build_u8(b, '.');
		build_u8(b, i < count ? (uint8_t)digits[i] : '0');
	}
}
