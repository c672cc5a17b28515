#include "materials.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "keyset.h"
#include "package.h"
#include "store.h"

#define MAX_ROWS_BYTES   (1u << 20)
#define MAX_KNOWN_BYTES  (8u << 20)
#define MAX_COUNTER_NAME 128

struct held_keyset {
	bool is_fleet;
	const char *kind;
	struct bytes aid;
	struct cardea_keyset keyset;
	struct bytes document; /* instead of keys */
};

struct held_package {
	uint64_t id;
	struct cardea_package package;
};

struct known_item {
	struct known_item *next;
	const char *section, *key, *json; /* json NULL: nothing any more */
};

struct held_counter {
	struct held_counter *next;
	const char *name;
	uint64_t value;
};

struct materials {
	struct arena *rows; /* names of the key sets */
	struct arena *content;
	struct arena *known_arena;
	struct held_package *packages; /* in content; the first is that of package_id, when there is one */
	size_t package_count;
	bool has_first;
	struct known_item *known;
	struct held_counter *counters; /* in known_arena */
	struct held_keyset *keysets;   /* in rows; wiped */
	size_t keyset_count;
};

static enum err hold_keyset(struct materials *materials, const struct material_sources *sources,
			    const struct keyset_row *row)
{
	struct held_keyset *held = &materials->keysets[materials->keyset_count];
	held->is_fleet = row->is_fleet;
	held->kind = row->kind;
	held->keyset.version = row->version;
	enum err err = bytes_from_hex(materials->rows, row->aid, &held->aid);
	if (err != ERR_NONE)
		return err;
	err = keyset_is_document(row->kind)
		      ? keyset_open_document(sources->vault, materials->rows, row, &held->document)
		      : keyset_open(sources->vault, sources->token, materials->rows, row, &held->keyset);
	if (err == ERR_NONE)
		materials->keyset_count++;
	return err;
}

/* First its own, then those of its fleets, the closest first. */
static enum err read_keysets(struct materials *materials, const struct material_sources *sources,
			     const char *endpoint)
{
	struct keyset_row *own, *fleet;
	size_t own_count, fleet_count;
	enum err err = store_read_keysets(sources->store, materials->rows, endpoint, &own, &own_count);
	if (err == ERR_NONE)
		err = store_read_fleet_keysets(sources->store, materials->rows, endpoint, &fleet,
					       &fleet_count);
	if (err != ERR_NONE)
		return err;
	materials->keysets =
		arena_alloc_array(materials->rows, own_count + fleet_count + 1, sizeof *materials->keysets);
	if (materials->keysets == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < own_count + fleet_count && err == ERR_NONE; i++)
		err = hold_keyset(materials, sources, i < own_count ? &own[i] : &fleet[i - own_count]);
	return err;
}

/* ---- packages ---- */

static enum err read_package(struct materials *materials, struct store *store, struct packages *packages,
			     uint64_t id)
{
	struct held_package *held = &materials->packages[materials->package_count];
	struct package_row row;
	enum err err = store_read_package(store, materials->content, id, &row);
	if (err != ERR_NONE)
		return err;
	*held = (struct held_package){ .id = id, .package.description = row.description };
	materials->package_count++;
	return package_read(packages, materials->content, id, &held->package.content);
}

static enum err read_packages(struct materials *materials, struct store *store, struct packages *packages,
			      const struct material_needs *needs)
{
	json_t *ids = needs->packages[0] != 0 ? json_loads(needs->packages, 0, NULL) : json_array(), *id;
	size_t i;
	enum err err = ids != NULL ? ERR_NONE : ERR_MALFORMED;
	materials->packages =
		arena_alloc_array(materials->content, json_array_size(ids) + 1, sizeof *materials->packages);
	if (err == ERR_NONE && materials->packages == NULL)
		err = ERR_NOMEM;
	materials->has_first = needs->package_id != 0;
	if (err == ERR_NONE && needs->package_id != 0)
		err = read_package(materials, store, packages, needs->package_id);
	json_array_foreach (ids, i, id) {
		if (err == ERR_NONE)
			err = read_package(materials, store, packages, (uint64_t)json_integer_value(id));
	}
	json_decref(ids);
	return err;
}

struct bytes materials_package(const struct materials *materials)
{
	return materials->has_first ? materials->packages[0].package.content : bytes_of(NULL, 0);
}

enum err materials_find_package(const struct materials *materials, const char *id,
				struct cardea_package *ret_package)
{
	char *end;
	errno = 0;
	unsigned long long number = strtoull(id, &end, 10);
	for (size_t i = 0; i < materials->package_count && errno == 0 && *end == 0; i++) {
		if (materials->packages[i].id == number) {
			*ret_package = materials->packages[i].package;
			return ERR_NONE;
		}
	}
	return ERR_NOT_FOUND;
}

/* ---- what is known ---- */

static struct known_item *known_find(const struct materials *materials, const char *section, const char *key)
{
	struct known_item *item = materials->known;
	while (item != NULL && (strcmp(item->section, section) != 0 || strcmp(item->key, key) != 0))
		item = item->next;
	return item;
}

static enum err known_add(struct materials *materials, const char *section, const char *key, const char *json)
{
	struct known_item *item = arena_alloc(materials->known_arena, sizeof *item);
	if (item == NULL)
		return ERR_LIMIT;
	*item = (struct known_item){ materials->known, section, key, json };
	materials->known = item;
	return ERR_NONE;
}

static enum err read_known(struct materials *materials, struct store *store, const char *endpoint)
{
	struct inventory_row *rows;
	size_t count;
	enum err err = store_read_inventory(store, materials->known_arena, endpoint, NULL, &rows, &count);
	for (size_t i = 0; i < count && err == ERR_NONE; i++)
		err = known_add(materials, rows[i].section, rows[i].key, rows[i].json);
	return err;
}

enum err materials_known(const struct materials *materials, const char *section, const char *key,
			 const char **ret_json)
{
	const struct known_item *item = known_find(materials, section, key);
	if (item == NULL || item->json == NULL)
		return ERR_NOT_FOUND;
	*ret_json = item->json;
	return ERR_NONE;
}

enum err materials_learn(struct materials *materials, const char *section, const char *key, const char *json)
{
	struct arena *arena = materials->known_arena;
	struct known_item *item = known_find(materials, section, key);
	const char *copy = json != NULL ? arena_strdup(arena, json) : NULL;
	if (json != NULL && copy == NULL)
		return ERR_LIMIT;
	if (item == NULL) {
		const char *new_section = arena_strdup(arena, section), *new_key = arena_strdup(arena, key);
		return new_section != NULL && new_key != NULL
			       ? known_add(materials, new_section, new_key, copy)
			       : ERR_LIMIT;
	}
	item->json = copy;
	return ERR_NONE;
}

/* ---- counters ---- */

static enum err counter_add(struct materials *materials, const char *name, uint64_t value)
{
	struct held_counter *counter = arena_alloc(materials->known_arena, sizeof *counter);
	if (counter == NULL)
		return ERR_LIMIT;
	*counter = (struct held_counter){ materials->counters, name, value };
	materials->counters = counter;
	return ERR_NONE;
}

static enum err read_counters(struct materials *materials, struct store *store, const char *endpoint)
{
	struct counter_row *rows;
	size_t count;
	enum err err = store_read_counters(store, materials->known_arena, endpoint, &rows, &count);
	for (size_t i = 0; i < count && err == ERR_NONE; i++)
		err = counter_add(materials, rows[i].name, rows[i].value);
	return err;
}

enum err materials_next_counter(struct materials *materials, const char *name, uint64_t floor,
				uint64_t *ret_value)
{
	struct held_counter *counter = materials->counters;
	if (strlen(name) > MAX_COUNTER_NAME)
		return ERR_LIMIT;
	while (counter != NULL && strcmp(counter->name, name) != 0)
		counter = counter->next;
	const uint64_t last = counter != NULL && counter->value > floor ? counter->value : floor;
	if (last >= INT64_MAX)
		return ERR_LIMIT;
	if (counter == NULL) {
		const char *copy = arena_strdup(materials->known_arena, name);
		enum err err = copy != NULL ? counter_add(materials, copy, last + 1) : ERR_LIMIT;
		if (err != ERR_NONE)
			return err;
	} else {
		counter->value = last + 1;
	}
	*ret_value = last + 1;
	return ERR_NONE;
}

/* ---- all of it ---- */

enum err materials_read(const struct material_sources *sources, const struct material_needs *needs,
			struct materials **ret_materials)
{
	struct materials *materials = calloc(1, sizeof *materials);
	if (materials == NULL)
		return ERR_NOMEM;
	enum err err = ERR_NOMEM;
	materials->rows = arena_create(MAX_ROWS_BYTES);
	materials->content = arena_create(0);
	materials->known_arena = arena_create(MAX_KNOWN_BYTES);
	if (materials->rows != NULL && materials->content != NULL && materials->known_arena != NULL)
		err = read_keysets(materials, sources, needs->endpoint);
	if (err == ERR_NONE)
		err = read_packages(materials, sources->store, sources->packages, needs);
	if (err == ERR_NONE)
		err = read_known(materials, sources->store, needs->endpoint);
	if (err == ERR_NONE)
		err = read_counters(materials, sources->store, needs->endpoint);
	if (err != ERR_NONE) {
		materials_free(materials);
		return err;
	}
	*ret_materials = materials;
	return ERR_NONE;
}

void materials_forget_keysets(struct materials *materials)
{
	for (size_t i = 0; i < materials->keyset_count; i++) {
		struct held_keyset *held = &materials->keysets[i];
		keyset_wipe(&held->keyset);
		if (held->document.len > 0)
			wipe((void *)(uintptr_t)held->document.at, held->document.len);
	}
	materials->keyset_count = 0;
}

void materials_free(struct materials *materials)
{
	if (materials == NULL)
		return;
	materials_forget_keysets(materials);
	for (size_t i = 0; i < materials->package_count; i++) {
		struct bytes content = materials->packages[i].package.content;
		if (content.len > 0)
			wipe((void *)(uintptr_t)content.at, content.len);
	}
	arena_free(materials->rows);
	arena_free(materials->content);
	arena_free(materials->known_arena);
	free(materials);
}

bool materials_have_token_keys(const struct materials *materials)
{
	for (size_t i = 0; i < materials->keyset_count; i++) {
		const struct held_keyset *held = &materials->keysets[i];
		if (held->document.len == 0 && keyset_is_in_token(&held->keyset))
			return true;
	}
	return false;
}

static bool is_before(const struct held_keyset *a, const struct held_keyset *b)
{
	if (a->is_fleet != b->is_fleet)
		return b->is_fleet;
	return a->keyset.version < b->keyset.version;
}

/* NULL when there is none. */
static const struct held_keyset *find(const struct materials *materials, const char *kind, struct bytes aid,
				      uint8_t version)
{
	const struct held_keyset *best = NULL;
	for (size_t i = 0; i < materials->keyset_count; i++) {
		const struct held_keyset *held = &materials->keysets[i];
		bool fits = strcmp(held->kind, kind) == 0 &&
			    (held->aid.len == 0 || aid.len == 0 || bytes_equal(held->aid, aid)) &&
			    (version == 0 || held->keyset.version == version);
		if (fits && (best == NULL || is_before(held, best)))
			best = held;
	}
	return best;
}

enum err materials_keyset(const struct materials *materials, const char *kind, struct bytes aid,
			  uint8_t version, struct cardea_keyset *ret_keyset)
{
	const struct held_keyset *held = find(materials, kind, aid, version);
	if (held == NULL || held->document.len > 0)
		return ERR_NOT_FOUND;
	*ret_keyset = held->keyset;
	return ERR_NONE;
}

enum err materials_keyset_document(const struct materials *materials, const char *kind, struct bytes aid,
				   uint8_t version, const char **ret_json)
{
	const struct held_keyset *held = find(materials, kind, aid, version);
	if (held == NULL || held->document.len == 0)
		return ERR_NOT_FOUND;
	*ret_json = (const char *)held->document.at;
	return ERR_NONE;
}
