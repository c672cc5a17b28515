#include "materials.h"

#include <stdlib.h>

#include "keyset.h"
#include "package.h"
#include "store.h"

#define MAX_ROWS_BYTES (1u << 20)

struct held_keyset {
	const char *kind;
	struct bytes aid;
	struct cardea_keyset keyset;
	struct bytes document; /* instead of keys */
};

struct materials {
	struct arena *rows; /* names of the key sets */
	struct arena *content;
	struct bytes package;
	struct held_keyset *keysets; /* in rows; wiped */
	size_t keyset_count;
};

static enum err read_keysets(struct materials *materials, struct store *store, const struct vault *vault,
			     const char *endpoint)
{
	struct keyset_row *rows;
	size_t count;
	enum err err = store_read_keysets(store, materials->rows, endpoint, &rows, &count);
	if (err != ERR_NONE)
		return err;
	materials->keysets = arena_alloc_array(materials->rows, count + 1, sizeof *materials->keysets);
	if (materials->keysets == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < count; i++) {
		struct held_keyset *held = &materials->keysets[i];
		held->kind = rows[i].kind;
		err = bytes_from_hex(materials->rows, rows[i].aid, &held->aid);
		held->keyset.version = rows[i].version;
		if (err == ERR_NONE)
			err = strcmp(rows[i].kind, KEYSET_DOCUMENT_KIND) == 0
				      ? keyset_open_document(vault, materials->rows, &rows[i],
							     &held->document)
				      : keyset_open(vault, materials->rows, &rows[i], &held->keyset);
		if (err != ERR_NONE)
			return err;
		materials->keyset_count++;
	}
	return ERR_NONE;
}

enum err materials_read(struct store *store, const struct vault *vault, struct packages *packages,
			const char *endpoint, uint64_t package_id, struct materials **ret_materials)
{
	struct materials *materials = calloc(1, sizeof *materials);
	if (materials == NULL)
		return ERR_NOMEM;
	enum err err = ERR_NOMEM;
	materials->rows = arena_create(MAX_ROWS_BYTES);
	materials->content = arena_create(0);
	if (materials->rows != NULL && materials->content != NULL)
		err = read_keysets(materials, store, vault, endpoint);
	if (err == ERR_NONE && package_id != 0)
		err = package_read(packages, materials->content, package_id, &materials->package);
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
	if (materials->package.len > 0)
		wipe((void *)(uintptr_t)materials->package.at, materials->package.len);
	arena_free(materials->rows);
	arena_free(materials->content);
	free(materials);
}

struct bytes materials_package(const struct materials *materials)
{
	return materials->package;
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
		if (fits && (best == NULL || held->keyset.version < best->keyset.version))
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
