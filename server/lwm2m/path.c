/* LwM2M Core TS 1.1, 6.3 and 7.1: identifiers are 16 bits wide, and 65535 addresses nothing */
#include "path.h"

#include <stdio.h>

#define MAX_DEPTH 4

/* Leading zeros are read, since clients send them in SenML names, but never written. */
static bool take_id(struct reader *r, uint16_t *ret_id)
{
	unsigned id = 0;
	bool has_digit = false;

	while (peek_u8(r) >= '0' && peek_u8(r) <= '9') {
		id = id * 10 + (read_u8(r) - '0');
		if (id >= LWM2M_ID_NONE)
			return false;
		has_digit = true;
	}
	*ret_id = (uint16_t)id;
	return has_digit;
}

enum err path_parse(struct bytes text, struct lwm2m_path *ret_path, struct fault *fault)
{
	uint16_t ids[MAX_DEPTH] = { LWM2M_ID_NONE, LWM2M_ID_NONE, LWM2M_ID_NONE, LWM2M_ID_NONE };
	struct reader r = reader_of(text);
	uint8_t depth = 0;

	read_if(&r, '/');
	while (reader_left(&r) > 0 || depth > 0) {
		size_t offset = (size_t)(r.at - text.at);

		if (depth == MAX_DEPTH)
			return fault_set_at(fault, ERR_MALFORMED, offset, "a path has at most 4 levels");
		if (!take_id(&r, &ids[depth]))
			return fault_set_at(fault, ERR_MALFORMED, offset,
					    "level %u of the path is not a number from 0 to 65534",
					    depth + 1u);
		depth++;
		if (reader_left(&r) == 0)
			break;
		if (!read_if(&r, '/'))
			return fault_set_at(fault, ERR_MALFORMED, (size_t)(r.at - text.at),
					    "level %u of the path is not a number", depth);
	}
	*ret_path = (struct lwm2m_path){ ids[0], ids[1], ids[2], ids[3], depth };
	return ERR_NONE;
}

const char *path_print(struct lwm2m_path path, char to[static PATH_TEXT_SIZE])
{
	size_t len = 0;

	for (unsigned level = 1; level <= path.depth && level <= MAX_DEPTH; level++)
		len += (size_t)snprintf(to + len, PATH_TEXT_SIZE - len, "/%u", path_id(path, level));
	if (len == 0)
		snprintf(to, PATH_TEXT_SIZE, "/");
	return to;
}

bool path_equal(struct lwm2m_path a, struct lwm2m_path b)
{
	return a.depth == b.depth && path_starts_with(a, b);
}

bool path_starts_with(struct lwm2m_path path, struct lwm2m_path prefix)
{
	return path.depth >= prefix.depth && (prefix.depth < 1 || path.object == prefix.object) &&
	       (prefix.depth < 2 || path.instance == prefix.instance) &&
	       (prefix.depth < 3 || path.resource == prefix.resource) &&
	       (prefix.depth < 4 || path.resource_instance == prefix.resource_instance);
}

int path_compare(struct lwm2m_path a, struct lwm2m_path b)
{
	for (unsigned level = 1; level <= a.depth && level <= b.depth; level++) {
		if (path_id(a, level) != path_id(b, level))
			return path_id(a, level) < path_id(b, level) ? -1 : 1;
	}
	return (a.depth > b.depth) - (a.depth < b.depth);
}

uint16_t path_id(struct lwm2m_path path, unsigned level)
{
	const uint16_t ids[MAX_DEPTH] = { path.object, path.instance, path.resource, path.resource_instance };

	return level >= 1 && level <= path.depth && level <= MAX_DEPTH ? ids[level - 1] : LWM2M_ID_NONE;
}

enum err path_append(struct lwm2m_path path, uint16_t id, struct lwm2m_path *ret_path)
{
	uint16_t *const levels[MAX_DEPTH] = { &path.object, &path.instance, &path.resource,
					      &path.resource_instance };

	if (path.depth >= MAX_DEPTH)
		return ERR_MALFORMED;
	*levels[path.depth++] = id;
	*ret_path = path;
	return ERR_NONE;
}
