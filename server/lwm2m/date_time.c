/* RFC 3339, 5.6 */
#include "date_time.h"

#include <time.h>

static bool read_digits(struct reader *r, size_t count, int *ret_value)
{
	struct bytes digits = read_bytes(r, count);
	int value = 0;

	if (digits.len != count)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (digits.at[i] < '0' || digits.at[i] > '9')
			return false;
		value = value * 10 + (digits.at[i] - '0');
	}
	*ret_value = value;
	return true;
}

static int days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && is_leap ? 29 : days[month - 1];
}

static bool read_date(struct reader *r, struct tm *date)
{
	int year, month, day;

	if (!read_digits(r, 4, &year) || !read_if(r, '-') || !read_digits(r, 2, &month) || !read_if(r, '-') ||
	    !read_digits(r, 2, &day))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > days_in(year, month))
		return false;
	date->tm_year = year - 1900;
	date->tm_mon = month - 1;
	date->tm_mday = day;
	return true;
}

static bool read_time(struct reader *r, struct tm *date)
{
	if (!read_digits(r, 2, &date->tm_hour) || !read_if(r, ':') || !read_digits(r, 2, &date->tm_min) ||
	    !read_if(r, ':') || !read_digits(r, 2, &date->tm_sec))
		return false;
	if (date->tm_hour > 23 || date->tm_min > 59 || date->tm_sec > 60)
		return false;
	if (!read_if(r, '.'))
		return true;
	if (peek_u8(r) < '0' || peek_u8(r) > '9')
		return false;
	while (peek_u8(r) >= '0' && peek_u8(r) <= '9')
		read_u8(r);
	return true;
}

static bool read_offset(struct reader *r, int *ret_seconds)
{
	bool is_west;
	int hours, minutes;

	*ret_seconds = 0;
	if (read_if(r, 'Z') || read_if(r, 'z'))
		return true;
	is_west = read_if(r, '-');
	if ((!is_west && !read_if(r, '+')) || !read_digits(r, 2, &hours) || !read_if(r, ':') ||
	    !read_digits(r, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_seconds = (hours * 60 + minutes) * (is_west ? -60 : 60);
	return true;
}

bool date_time_parse(struct bytes text, int64_t *ret_seconds)
{
	struct reader r = reader_of(text);
	struct tm date = { 0 };
	int offset;

	if (!read_date(&r, &date) || (!read_if(&r, 'T') && !read_if(&r, 't')) || !read_time(&r, &date) ||
	    !read_offset(&r, &offset) || !reader_done(&r))
		return false;
	*ret_seconds = (int64_t)timegm(&date) - offset;
	return true;
}
