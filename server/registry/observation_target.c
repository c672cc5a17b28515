#include "observation_target.h"

#include <string.h>

#include "end_devices.h"
#include "path.h"

enum err observation_target_of(struct arena *arena, const struct operation_request *request,
			       struct observation_target *ret_target)
{
	struct observation_target target = {
		.prefix = request->prefix,
		.path = request->path,
		.attributes = request->attributes,
	};
	struct lwm2m_path *names;

	if (request->path.depth == 0)
		target.name_count = request->records.count;
	if (target.name_count > OBSERVATION_TARGET_MAX_NAMES)
		return ERR_LIMIT;
	names = arena_alloc_array(arena, target.name_count + 1, sizeof(*names));
	if (names == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < target.name_count; i++)
		names[i] = request->records.at[i].path;
	target.names = names;
	*ret_target = target;
	return ERR_NONE;
}

static const char *text_or_none(const char *text)
{
	return text != NULL ? text : "";
}

bool observation_target_equal(const struct observation_target *a, const struct observation_target *b)
{
	if (!path_equal(a->path, b->path) || a->name_count != b->name_count ||
	    strcmp(text_or_none(a->prefix), text_or_none(b->prefix)) != 0)
		return false;
	for (size_t i = 0; i < a->name_count; i++) {
		if (!path_equal(a->names[i], b->names[i]))
			return false;
	}
	return true;
}

enum err observation_target_records(struct arena *arena, const struct observation_target *target,
				    struct lwm2m_records *ret_records)
{
	struct lwm2m_record *records = arena_alloc_array(arena, target->name_count + 1, sizeof(*records));

	if (records == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < target->name_count; i++)
		records[i] =
			(struct lwm2m_record){ .path = target->names[i], .value = { .type = LWM2M_NONE } };
	*ret_records = (struct lwm2m_records){ records, target->name_count };
	return ERR_NONE;
}

enum err observation_target_print(struct arena *arena, const struct observation_target *target,
				  const char **ret_text)
{
	struct builder b = builder_in(arena);
	char path[PATH_TEXT_SIZE];
	struct bytes text;
	enum err err;

	build_text(&b, text_or_none(target->prefix));
	build_text(&b, path_print(target->path, path));
	for (size_t i = 0; i < target->name_count; i++)
		build_printf(&b, ",%s", path_print(target->names[i], path));
	if (target->attributes != NULL)
		build_printf(&b, "?%s", target->attributes);
	build_u8(&b, 0);
	err = builder_bytes(&b, &text);
	if (err == ERR_NONE)
		*ret_text = (const char *)text.at;
	return err;
}

/* What stands before the path; NULL where there is nothing. */
static enum err read_prefix(struct arena *arena, struct reader *r, const char **ret_prefix)
{
	const struct bytes prefix = read_bytes(r, strcspn((const char *)r->at, "/"));

	if (prefix.len == 0)
		return ERR_NONE;
	*ret_prefix = arena_strndup(arena, (const char *)prefix.at, prefix.len);
	return *ret_prefix == NULL ? ERR_NOMEM : end_device_check_prefix(*ret_prefix, NULL);
}

/* The rest, after a question mark; NULL where there is none. */
static enum err read_attributes(struct arena *arena, const char *text, const char **ret_attributes)
{
	const char *mark = strchr(text, '?');

	if (mark == NULL)
		return ERR_NONE;
	*ret_attributes = arena_strdup(arena, mark + 1);
	return *ret_attributes == NULL ? ERR_NOMEM : ERR_NONE;
}

/* Up to the next comma, which is skipped. */
static struct bytes read_part(struct reader *r)
{
	const uint8_t *comma = memchr(r->at, ',', reader_left(r));
	struct bytes part = read_bytes(r, comma == NULL ? reader_left(r) : (size_t)(comma - r->at));

	if (comma != NULL)
		(void)read_u8(r);
	return part;
}

enum err observation_target_parse(struct arena *arena, const char *text,
				  struct observation_target *ret_target)
{
	struct lwm2m_path *names = arena_alloc_array(arena, OBSERVATION_TARGET_MAX_NAMES, sizeof(*names));
	struct observation_target target = { .names = names };
	struct reader r = reader_of(bytes_first(bytes_of_text(text), strcspn(text, "?")));
	enum err err;

	if (names == NULL)
		return ERR_NOMEM;
	err = read_attributes(arena, text, &target.attributes);
	if (err == ERR_NONE)
		err = read_prefix(arena, &r, &target.prefix);
	if (err == ERR_NONE)
		err = path_parse(read_part(&r), &target.path, NULL);
	while (err == ERR_NONE && reader_left(&r) > 0) {
		if (target.name_count == OBSERVATION_TARGET_MAX_NAMES)
			return ERR_MALFORMED;
		err = path_parse(read_part(&r), &names[target.name_count++], NULL);
	}
	if (err == ERR_NONE && (target.path.depth == 0) != (target.name_count > 0))
		err = ERR_MALFORMED;
	if (err == ERR_NONE)
		*ret_target = target;
	return err;
}
