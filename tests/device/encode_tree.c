/* LwM2M Core TS 1.2, 7.4.6 LwM2M CBOR: maps in maps. It is written with one map for each level; read also
 * with keys that span several. */
#include <cardea/cbor.h>

#include <stdlib.h>

#include "format.h"

/* ---- writing ---- */

static int compare_paths(const void *a, const void *b)
{
	const struct path *first = &((const struct record *)a)->path,
			  *second = &((const struct record *)b)->path;

	for (size_t i = 0; i < first->depth && i < second->depth; i++)
		if (first->id[i] != second->id[i])
			return first->id[i] < second->id[i] ? -1 : 1;
	return first->depth - second->depth;
}

/* How many of the first ones share the id at this level. */
static size_t group_length(const struct record *at, size_t count, size_t level)
{
	size_t length = 1;

	while (length < count && at[length].path.id[level] == at[0].path.id[level])
		length++;
	return length;
}

static size_t group_count(const struct record *at, size_t count, size_t level)
{
	size_t groups = 0;

	for (size_t i = 0; i < count; i += group_length(at + i, count - i, level))
		groups++;
	return groups;
}

static void build_level(struct builder *b, const struct record *at, size_t count, size_t level)
{
	build_cbor_map(b, group_count(at, count, level));
	for (size_t i = 0, length; i < count; i += length) {
		length = group_length(at + i, count - i, level);
		build_cbor_uint(b, at[i].path.id[level]);
		if (at[i].path.depth == level + 1)
			build_cbor_of(b, at[i].value);
		else
			build_level(b, at + i, length, level + 1);
	}
}

/* Nothing at all is no payload, since no map is empty. */
enum err tree_write(const struct records *records, struct path base, struct builder *b)
{
	struct record *sorted = arena_alloc_array(b->arena, records->count + 1, sizeof(*sorted));
	size_t count = 0, kept = 0;

	if (sorted == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < records->count; i++)
		if (records->at[i].value.kind != KIND_NONE && records->at[i].path.depth >= 3)
			sorted[count++] = records->at[i];
	qsort(sorted, count, sizeof(*sorted), compare_paths);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || compare_paths(&sorted[kept - 1], &sorted[i]) != 0)
			sorted[kept++] = sorted[i];
	if (kept > 0)
		build_level(b, sorted, kept, 0);
	return ERR_NONE;
}

/* ---- reading ---- */

struct tree {
	struct reader r;
	struct path base;
	struct records *records;
	struct fault *fault;
};

static enum err tree_fault(struct tree *tree, const char *reason)
{
	return fault_set(tree->fault, ERR_MALFORMED, "LwM2M CBOR: %s", reason);
}

/* 65535 stands for an instance whose id is ours to choose: Create goes to the object. */
static enum err add_id(struct tree *tree, const struct cbor_item *item, struct path *path)
{
	bool may_be_new = tree->base.depth == 1 && path->depth == 1;

	if (item->kind != CBOR_UINT || item->number > ID_NONE || (item->number == ID_NONE && !may_be_new))
		return tree_fault(tree, "a key is no id");
	if (path->depth == 4)
		return tree_fault(tree, "a path has more than four levels");
	*path = path_append(*path, (uint16_t)item->number);
	return ERR_NONE;
}

static enum err add_ids(struct tree *tree, size_t count, struct path *path)
{
	size_t depth = path->depth;
	struct cbor_item item;

	for (size_t i = 0; i < count; i++) {
		enum err err;

		if (!read_cbor(&tree->r, tree->records->arena, &item))
			return tree_fault(tree, "the payload ends inside a key");
		if (item.kind == CBOR_BREAK && count == CBOR_INDEFINITE)
			break;
		err = add_id(tree, &item, path);
		if (err != ERR_NONE)
			return err;
	}
	return path->depth > depth ? ERR_NONE : tree_fault(tree, "a key is empty");
}

static enum err add_leaf(struct tree *tree, struct path path)
{
	struct value value;

	if (path.depth < 3)
		return tree_fault(tree, "a value without a resource");
	if (!path_covers(tree->base, path))
		return tree_fault(tree, "a path lies outside of the path addressed");
	if (read_cbor_value(&tree->r, tree->records->arena, &value) != ERR_NONE)
		return tree_fault(tree, "not a value");
	for (size_t i = 0; i < tree->records->count; i++)
		if (path_covers(tree->records->at[i].path, path) ||
		    path_covers(path, tree->records->at[i].path))
			return tree_fault(tree, "a path occurs twice");
	records_add(tree->records, path, value);
	return tree->records->bad ? ERR_NOMEM : ERR_NONE;
}

static enum err read_level(struct tree *tree, struct path path, size_t pairs)
{
	struct cbor_item key, item;
	size_t i;

	for (i = 0; i < pairs; i++) {
		struct path below = path;
		struct reader start;
		enum err err;

		if (!read_cbor(&tree->r, tree->records->arena, &key))
			return tree_fault(tree, "the payload ends inside a map");
		if (key.kind == CBOR_BREAK && pairs == CBOR_INDEFINITE)
			break;
		err = key.kind == CBOR_ARRAY ? add_ids(tree, key.count, &below) : add_id(tree, &key, &below);
		if (err != ERR_NONE)
			return err;
		start = tree->r;
		if (!read_cbor(&tree->r, tree->records->arena, &item))
			return tree_fault(tree, "the payload ends before a value");
		if (item.kind != CBOR_MAP)
			tree->r = start;
		err = item.kind == CBOR_MAP ? read_level(tree, below, item.count) : add_leaf(tree, below);
		if (err != ERR_NONE)
			return err;
	}
	return i > 0 ? ERR_NONE : tree_fault(tree, "an empty map");
}

enum err tree_read(struct bytes payload, struct path base, struct records *records, struct fault *fault)
{
	struct tree tree = { .r = reader_of(payload), .base = base, .records = records, .fault = fault };
	struct cbor_item item;
	enum err err;

	if (!read_cbor(&tree.r, records->arena, &item) || item.kind != CBOR_MAP)
		return tree_fault(&tree, "not a map");
	err = read_level(&tree, (struct path){ .depth = 0 }, item.count);
	return err != ERR_NONE || reader_done(&tree.r) ? err : tree_fault(&tree, "bytes after the map");
}
