#include "profiles.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "register_request.h"

#define NAME_SIZE 64 /* [ours] of an id, with its end */

struct profiles {
	json_t *links; /* by id */
};

/* ---- what the operator said ---- */

static enum err check_profile(const char *name, const json_t *links, struct fault *fault)
{
	struct arena *arena = arena_create(0);
	struct register_request asked;
	struct fault why = { 0 };
	enum err err = ERR_NONE;

	if (arena == NULL)
		return ERR_NOMEM;
	if (name[0] == 0 || strlen(name) >= NAME_SIZE || strpbrk(name, "\",") != NULL)
		err = fault_set(fault, ERR_MALFORMED, "profiles: \"%.80s\" is no profile id", name);
	else if (!json_is_string(links))
		err = fault_set(fault, ERR_MALFORMED, "profiles: %s: must be a list as in \"</1/0>,</3/0>\"",
				name);
	else if (register_request_parse(arena, NULL, 0, bytes_of_text(json_string_value(links)), true, &asked,
					&why) != ERR_NONE ||
		 asked.object_count == 0)
		err = fault_set(fault, ERR_MALFORMED, "profiles: %s: %s", name,
				why.text[0] != 0 ? why.text : "names no object");
	arena_free(arena);
	return err;
}

enum err profiles_create(const char *json, struct profiles **ret_profiles, struct fault *fault)
{
	struct profiles *profiles = calloc(1, sizeof(*profiles));
	enum err err = ERR_NONE;
	const char *name;
	json_t *links;

	if (profiles == NULL)
		return ERR_NOMEM;
	profiles->links = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(profiles->links))
		err = fault_set(fault, ERR_MALFORMED, "profiles: no JSON object");
	json_object_foreach (profiles->links, name, links) {
		if (err == ERR_NONE)
			err = check_profile(name, links, fault);
	}
	if (err != ERR_NONE) {
		profiles_free(profiles);
		return err;
	}
	*ret_profiles = profiles;
	return ERR_NONE;
}

void profiles_free(struct profiles *profiles)
{
	if (profiles == NULL)
		return;
	json_decref(profiles->links);
	free(profiles);
}

/* ---- what a device says ---- */

static const char *links_of(const struct profiles *profiles, struct bytes id)
{
	char name[NAME_SIZE];

	if (id.len >= sizeof(name) || memchr(id.at, 0, id.len) != NULL)
		return NULL;
	memcpy(name, id.at, id.len);
	name[id.len] = 0;
	return json_string_value(json_object_get(profiles->links, name));
}

static struct bytes without_quotes(struct bytes pid)
{
	bool is_quoted = pid.len >= 2 && pid.at[0] == '"' && pid.at[pid.len - 1] == '"';

	return is_quoted ? bytes_first(bytes_from(pid, 1), pid.len - 2) : pid;
}

/* Up to the next comma, which is skipped. */
static struct bytes read_id(struct reader *r)
{
	const uint8_t *comma = memchr(r->at, ',', reader_left(r));
	struct bytes id = read_bytes(r, comma == NULL ? reader_left(r) : (size_t)(comma - r->at));

	if (comma != NULL)
		(void)read_u8(r);
	return id;
}

static void build_list(struct builder *b, struct bytes links)
{
	if (b->len > 0 && links.len > 0)
		build_u8(b, ',');
	build_bytes(b, links);
}

enum err profiles_expand(const struct profiles *profiles, struct arena *arena, struct bytes pid,
			 struct bytes links, struct bytes *ret_links)
{
	struct reader r = reader_of(without_quotes(pid));
	struct builder b = builder_in(arena);
	const char *list;

	while (profiles != NULL && reader_left(&r) > 0) {
		list = links_of(profiles, read_id(&r));
		if (list != NULL)
			build_list(&b, bytes_of_text(list));
	}
	if (b.len == 0 && !b.bad) {
		*ret_links = links;
		return ERR_NONE;
	}
	build_list(&b, links);
	return builder_bytes(&b, ret_links);
}
