#include "gateway/query.h"

static struct bytes read_until(struct reader *r, uint8_t end)
{
	const uint8_t *at = reader_left(r) > 0 ? memchr(r->at, end, reader_left(r)) : NULL;
	struct bytes part = read_bytes(r, at != NULL ? (size_t)(at - r->at) : reader_left(r));

	(void)read_if(r, end);
	return part;
}

struct bytes query_value(const char *query, const char *name)
{
	struct reader r = reader_of(bytes_of_text(query));

	while (reader_left(&r) > 0) {
		struct reader pair = reader_of(read_until(&r, '&'));

		if (bytes_equal_text(read_until(&pair, '='), name))
			return read_rest(&pair);
	}
	return bytes_of(NULL, 0);
}

bool query_number(const char *query, const char *name, uint32_t max, uint32_t *ret_number)
{
	const struct bytes text = query_value(query, name);
	uint64_t number = 0;

	if (text.len == 0 || text.len > 10)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		number = number * 10 + (uint64_t)(text.at[i] - '0');
	}
	if (number > max)
		return false;
	*ret_number = (uint32_t)number;
	return true;
}
