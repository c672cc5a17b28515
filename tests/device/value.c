/* LwM2M Core TS 1.1, appendix C: paths, records and values. */
#include "value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- paths ---- */

struct path path_append(struct path path, uint16_t id)
{
	if (path.depth < 4)
		path.id[path.depth++] = id;
	return path;
}

bool path_covers(struct path upper, struct path lower)
{
	if (upper.depth > lower.depth)
		return false;
	for (size_t i = 0; i < upper.depth; i++)
		if (upper.id[i] != lower.id[i])
			return false;
	return true;
}

bool path_equal(struct path a, struct path b)
{
	return a.depth == b.depth && path_covers(a, b);
}

static bool read_path_id(struct reader *r, uint16_t *ret_id)
{
	uint32_t id = 0;
	size_t digits = 0;

	while (reader_left(r) > 0 && peek_u8(r) >= '0' && peek_u8(r) <= '9' && digits < 5) {
		id = id * 10 + (uint32_t)(read_u8(r) - '0');
		digits++;
	}
	if (digits == 0 || id >= ID_NONE)
		return false;
	*ret_id = (uint16_t)id;
	return true;
}

enum err path_parse(struct bytes text, struct path *ret_path)
{
	struct reader r = reader_of(text);
	struct path path = { .depth = 0 };

	if (bytes_equal_text(text, "/")) {
		*ret_path = path;
		return ERR_NONE;
	}
	do {
		uint16_t id;
		if (read_u8(&r) != '/' || path.depth == 4 || !read_path_id(&r, &id))
			return ERR_MALFORMED;
		path = path_append(path, id);
	} while (reader_left(&r) > 0);
	*ret_path = path;
	return ERR_NONE;
}

void build_path(struct builder *b, struct path path)
{
	if (path.depth == 0)
		build_text(b, "/");
	for (size_t i = 0; i < path.depth; i++)
		build_printf(b, "/%u", path.id[i]);
}

/* ---- records ---- */

void records_add(struct records *records, struct path path, struct value value)
{
	if (records->bad)
		return;
	if (records->count == records->capacity) {
		size_t capacity = records->capacity ? 2 * records->capacity : 16;
		struct record *at = arena_alloc_array(records->arena, capacity, sizeof(*at));
		if (at == NULL) {
			records->bad = true;
			return;
		}
		if (records->count > 0)
			memcpy(at, records->at, records->count * sizeof(*at));
		records->at = at;
		records->capacity = capacity;
	}
	records->at[records->count++] = (struct record){ path, value };
}

const struct value *records_find(const struct records *records, struct path path)
{
	for (size_t i = 0; i < records->count; i++)
		if (path_equal(records->at[i].path, path))
			return &records->at[i].value;
	return NULL;
}

/* ---- values ---- */

bool value_equal(struct value a, struct value b)
{
	if (a.kind != b.kind)
		return false;
	switch (a.kind) {
	case KIND_NONE:
		return true;
	case KIND_INTEGER:
	case KIND_TIME:
		return a.integer == b.integer;
	case KIND_UNSIGNED:
		return a.whole == b.whole;
	case KIND_FLOAT:
		return a.real == b.real;
	case KIND_BOOLEAN:
		return a.boolean == b.boolean;
	case KIND_LINK:
		return a.link.object == b.link.object && a.link.instance == b.link.instance;
	default:
		return bytes_equal(a.bytes, b.bytes);
	}
}

bool value_is_number(struct value value)
{
	return value.kind == KIND_INTEGER || value.kind == KIND_TIME || value.kind == KIND_UNSIGNED ||
	       value.kind == KIND_FLOAT;
}

double value_number(struct value value)
{
	switch (value.kind) {
	case KIND_INTEGER:
	case KIND_TIME:
		return (double)value.integer;
	case KIND_UNSIGNED:
		return (double)value.whole;
	case KIND_FLOAT:
		return value.real;
	default:
		return 0;
	}
}

/* The fewest decimals that read back as the same number; plain, as C.1 knows no exponent. */
static void build_real_text(struct builder *b, double real)
{
	char text[400];
	int decimals = 0;

	do {
		snprintf(text, sizeof(text), "%.*f", decimals, real);
	} while (strtod(text, NULL) != real && ++decimals <= 20);
	build_text(b, text);
}

void build_value_text(struct builder *b, struct value value)
{
	char *base64;

	switch (value.kind) {
	case KIND_INTEGER:
	case KIND_TIME:
		build_printf(b, "%" PRId64, value.integer);
		break;
	case KIND_UNSIGNED:
		build_printf(b, "%" PRIu64, value.whole);
		break;
	case KIND_FLOAT:
		build_real_text(b, value.real);
		break;
	case KIND_BOOLEAN:
		build_text(b, value.boolean ? "1" : "0");
		break;
	case KIND_STRING:
		build_bytes(b, value.bytes);
		break;
	case KIND_OPAQUE:
		base64 = bytes_to_base64(b->arena, value.bytes);
		if (base64 == NULL)
			b->bad = true;
		else
			build_text(b, base64);
		break;
	case KIND_LINK:
		build_printf(b, "%u:%u", value.link.object, value.link.instance);
		break;
	default:
		b->bad = true;
	}
}
