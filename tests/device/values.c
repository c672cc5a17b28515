#include "values.h"

#include <stdlib.h>

#include "state.h"

#define VALUES_BYTES_MAX (1 << 20)

void values_free(struct values *values)
{
	for (size_t i = 0; i < values->count; i++)
		buffer_clear(&values->at[i].content);
	free(values->at);
	*values = (struct values){ 0 };
}

static int path_order(struct path a, struct path b)
{
	for (size_t i = 0; i < a.depth && i < b.depth; i++)
		if (a.id[i] != b.id[i])
			return a.id[i] < b.id[i] ? -1 : 1;
	return (int)a.depth - (int)b.depth;
}

/* The index of the first value that is not before `path`. */
static size_t place_of(const struct values *values, struct path path)
{
	size_t i = 0;

	while (i < values->count && path_order(values->at[i].path, path) < 0)
		i++;
	return i;
}

const struct value *values_get(const struct values *values, struct path path)
{
	size_t i = place_of(values, path);

	return i < values->count && path_equal(values->at[i].path, path) ? &values->at[i].value : NULL;
}

static enum err open_place(struct values *values, size_t i, struct path path)
{
	if (values->count == values->capacity) {
		size_t capacity = values->capacity ? 2 * values->capacity : 16;
		struct stored_value *at = realloc(values->at, capacity * sizeof(*at));
		if (at == NULL)
			return ERR_NOMEM;
		values->at = at;
		values->capacity = capacity;
	}
	memmove(&values->at[i + 1], &values->at[i], (values->count - i) * sizeof(values->at[0]));
	values->at[i] = (struct stored_value){ .path = path };
	values->count++;
	return ERR_NONE;
}

static bool has_bytes(struct value value)
{
	return value.kind == KIND_STRING || value.kind == KIND_OPAQUE;
}

enum err values_set(struct values *values, struct path path, struct value value)
{
	size_t i = place_of(values, path);
	struct buffer content = { 0 };
	enum err err = has_bytes(value) ? buffer_set(&content, value.bytes) : ERR_NONE;

	if (err == ERR_NONE && (i == values->count || !path_equal(values->at[i].path, path)))
		err = open_place(values, i, path);
	if (err != ERR_NONE) {
		buffer_clear(&content);
		return err;
	}
	buffer_clear(&values->at[i].content);
	values->at[i].content = content;
	values->at[i].value = value;
	if (has_bytes(value))
		values->at[i].value.bytes = buffer_bytes(&content);
	values->is_changed = true;
	return ERR_NONE;
}

enum err values_copy(const struct values *from, struct values *to)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; i < from->count && err == ERR_NONE; i++)
		err = values_set(to, from->at[i].path, from->at[i].value);
	return err;
}

void values_remove(struct values *values, struct path path)
{
	size_t kept = 0;

	for (size_t i = 0; i < values->count; i++) {
		if (path_covers(path, values->at[i].path)) {
			buffer_clear(&values->at[i].content);
			values->is_changed = true;
		} else {
			values->at[kept++] = values->at[i];
		}
	}
	values->count = kept;
}

void values_read(const struct values *values, struct path path, struct records *records)
{
	for (size_t i = 0; i < values->count; i++)
		if (path_covers(path, values->at[i].path))
			records_add(records, values->at[i].path, values->at[i].value);
}

enum err values_save(struct values *values, const char *path)
{
	struct arena *arena;
	struct records records;
	enum err err = ERR_NONE;

	if (path != NULL && values->is_changed) {
		arena = arena_create(VALUES_BYTES_MAX);
		if (arena == NULL)
			return ERR_NOMEM;
		records = records_in(arena);
		values_read(values, (struct path){ .depth = 0 }, &records);
		err = state_write_records(path, &records);
		arena_free(arena);
	}
	if (err == ERR_NONE)
		values->is_changed = false;
	return err;
}

enum err values_load(struct values *values, const char *path, struct fault *fault)
{
	struct arena *arena;
	struct records records;
	enum err err;

	if (path == NULL)
		return ERR_NONE;
	arena = arena_create(VALUES_BYTES_MAX);
	if (arena == NULL)
		return ERR_NOMEM;
	records = records_in(arena);
	err = state_read_records(path, &records, fault);
	for (size_t i = 0; err == ERR_NONE && i < records.count; i++)
		err = values_set(values, records.at[i].path, records.at[i].value);
	values->is_changed = false;
	arena_free(arena);
	return err == ERR_NOT_FOUND ? ERR_NONE : err;
}
