/* LwM2M Core TS 1.2, 7.4.6: LwM2M CBOR. Nested maps, whose keys are the levels of a path: one id, or an array
 * of the ids of several levels. Paths start at the root whatever was asked for. */
#include "format_rows.h"

#include "cbor_value.h"
#include "path.h"
#include "record_list.h"
#include "record_order.h"
#include "value.h"

#define BROKEN "broken or cut off CBOR"

/* ---- both ways ---- */

static enum err refuse(struct lwm2m_path path, struct fault *fault, enum err kind, const char *what)
{
	char text[PATH_TEXT_SIZE];

	return fault_set(fault, kind, "LwM2M CBOR, %s: %s", path_print(path, text), what);
}

/* In a Create, which goes to the object, 65535 stands for the instance whose id the device chooses (1.2.1).
 */
static bool may_be_new(struct lwm2m_path base, unsigned level)
{
	return base.depth == 1 && level == 2;
}

/* A value stands alone: there is nothing below it, and no second one. */
static enum err order_tree(struct arena *arena, struct lwm2m_records records,
			   const struct lwm2m_record *const **ret_ordered, struct fault *fault)
{
	const struct lwm2m_record *const *ordered;
	enum err err = records_order(arena, records, &ordered, fault);

	for (size_t i = 1; i < records.count && err == ERR_NONE; i++) {
		if (path_starts_with(ordered[i]->path, ordered[i - 1]->path))
			err = refuse(ordered[i - 1]->path, fault, ERR_MALFORMED, "a value and instances");
	}
	if (err == ERR_NONE)
		*ret_ordered = ordered;
	return err;
}

/* ---- reading ---- */

struct reading {
	struct reader r;
	const struct model *model;
	struct lwm2m_path base;
	struct arena *arena;
	struct fault *fault;
	struct record_list list;
};

static enum err read_id(struct reading *reading, const struct cbor_item *item, struct lwm2m_path *path)
{
	if (item->kind == CBOR_TEXT && path->depth == 0)
		return fault_set(reading->fault, ERR_UNSUPPORTED,
				 "LwM2M CBOR: the prefix of a gateway's device");
	if (item->kind != CBOR_UINT)
		return refuse(*path, reading->fault, ERR_MALFORMED,
			      "a key is a number or an array of numbers");
	if (item->number > LWM2M_ID_NONE ||
	    (item->number == LWM2M_ID_NONE && !may_be_new(reading->base, path->depth + 1u)))
		return refuse(*path, reading->fault, ERR_MALFORMED, "an id above 65534");
	if (path_append(*path, (uint16_t)item->number, path) != ERR_NONE)
		return refuse(*path, reading->fault, ERR_MALFORMED, "a path has at most 4 levels");
	return ERR_NONE;
}

static enum err read_ids(struct reading *reading, size_t count, struct lwm2m_path *path)
{
	struct cbor_item item;
	unsigned depth = path->depth;

	for (size_t i = 0; i < count; i++) {
		enum err err;

		if (!read_cbor(&reading->r, reading->arena, &item))
			return refuse(*path, reading->fault, ERR_MALFORMED, BROKEN);
		if (item.kind == CBOR_BREAK && count == CBOR_INDEFINITE)
			break;
		err = read_id(reading, &item, path);
		if (err != ERR_NONE)
			return err;
	}
	return path->depth > depth ? ERR_NONE
				   : refuse(*path, reading->fault, ERR_MALFORMED, "a key that is empty");
}

static enum err read_leaf(struct reading *reading, struct lwm2m_path path)
{
	const struct resource_model *resource = model_resource(reading->model, path);
	struct lwm2m_record *record = record_list_add(&reading->list);
	struct fault inner = { 0 };
	const char *broken;
	enum err err = ERR_NONE;

	if (record == NULL)
		return ERR_NOMEM;
	record->path = path;
	if (path.depth < 3)
		return refuse(path, reading->fault, ERR_MALFORMED, "a value belongs to a resource");
	if (!path_starts_with(path, reading->base))
		return refuse(path, reading->fault, ERR_MALFORMED, "was not asked for");
	broken = read_cbor_value(&reading->r, reading->arena, &record->value);
	if (broken != NULL)
		return refuse(path, reading->fault, ERR_MALFORMED, broken);
	if (resource != NULL && resource->type != LWM2M_NONE)
		err = value_convert(resource->type, &record->value, &inner);
	return err == ERR_NONE ? ERR_NONE : refuse(path, reading->fault, err, inner.text);
}

static enum err read_map(struct reading *reading, struct lwm2m_path path, size_t pairs);

static enum err read_pair(struct reading *reading, const struct cbor_item *key, struct lwm2m_path path)
{
	struct reader start;
	struct cbor_item item;
	enum err err =
		key->kind == CBOR_ARRAY ? read_ids(reading, key->count, &path) : read_id(reading, key, &path);

	if (err != ERR_NONE)
		return err;
	start = reading->r;
	if (!read_cbor(&reading->r, reading->arena, &item))
		return refuse(path, reading->fault, ERR_MALFORMED, BROKEN);
	if (item.kind == CBOR_MAP)
		return read_map(reading, path, item.count);
	reading->r = start;
	return read_leaf(reading, path);
}

/* As deep as a path at most, since each key adds a level. */
static enum err read_map(struct reading *reading, struct lwm2m_path path, size_t pairs)
{
	struct cbor_item key;
	size_t i;

	for (i = 0; i < pairs; i++) {
		enum err err;

		if (!read_cbor(&reading->r, reading->arena, &key))
			return refuse(path, reading->fault, ERR_MALFORMED, BROKEN);
		if (key.kind == CBOR_BREAK && pairs == CBOR_INDEFINITE)
			break;
		err = read_pair(reading, &key, path);
		if (err != ERR_NONE)
			return err;
	}
	return i > 0 ? ERR_NONE : refuse(path, reading->fault, ERR_MALFORMED, "a map that is empty");
}

static enum err read_all(struct reading *reading)
{
	const struct lwm2m_path root = { LWM2M_ID_NONE, LWM2M_ID_NONE, LWM2M_ID_NONE, LWM2M_ID_NONE, 0 };
	struct cbor_item item;
	enum err err;

	if (!read_cbor(&reading->r, reading->arena, &item) || item.kind != CBOR_MAP)
		return fault_set(reading->fault, ERR_MALFORMED, "LwM2M CBOR: not a map");
	err = read_map(reading, root, item.count);
	if (err == ERR_NONE && !reader_done(&reading->r))
		err = fault_set(reading->fault, ERR_MALFORMED, "LwM2M CBOR: bytes after the map");
	return err;
}

enum err lwm2m_cbor_read(struct arena *arena, const struct model *model, struct lwm2m_path base,
			 struct bytes payload, struct lwm2m_records *ret_records, struct fault *fault)
{
	struct reading reading = {
		.r = reader_of(payload),
		.model = model,
		.base = base,
		.arena = arena,
		.fault = fault,
		.list = { .arena = arena },
	};
	const struct lwm2m_record *const *ordered;
	enum err err = read_all(&reading);

	if (err == ERR_NONE)
		err = order_tree(arena, record_list_records(&reading.list), &ordered, fault);
	if (err == ERR_NONE)
		*ret_records = record_list_records(&reading.list);
	return err;
}

/* ---- writing ---- */

/* Some of the ordered records, all below one path of `level` levels. */
struct branch {
	const struct lwm2m_record *const *at;
	size_t count;
	unsigned level;
};

/* Those from `start` on that share its id one level down. */
static struct branch branch_at(struct branch whole, size_t start)
{
	struct branch branch = { whole.at + start, 1, whole.level + 1 };
	uint16_t id = path_id(branch.at[0]->path, branch.level);

	while (start + branch.count < whole.count &&
	       path_id(branch.at[branch.count]->path, branch.level) == id)
		branch.count++;
	return branch;
}

static size_t count_branches(struct branch whole)
{
	size_t count = 0;

	for (size_t i = 0; i < whole.count; i += branch_at(whole, i).count)
		count++;
	return count;
}

static bool is_leaf(struct branch branch)
{
	return branch.count == 1 && branch.at[0]->path.depth == branch.level;
}

/* The instances of a resource always have a map of their own, which says that there are instances. */
static struct branch pass_single_levels(struct branch branch)
{
	while (branch.level < 3 && !is_leaf(branch) && count_branches(branch) == 1)
		branch = branch_at(branch, 0);
	return branch;
}

static void build_key(struct builder *b, struct branch branch, unsigned levels)
{
	if (levels > 1)
		build_cbor_array(b, levels);
	for (unsigned i = 1; i <= levels; i++)
		build_cbor_uint(b, path_id(branch.at[0]->path, branch.level - levels + i));
}

/* At most 4 levels deep. At the root a key spans all levels in which there is nothing to choose. */
static void build_map(struct builder *b, struct branch whole)
{
	build_cbor_map(b, count_branches(whole));
	for (size_t i = 0; i < whole.count;) {
		struct branch branch = branch_at(whole, i);

		i += branch.count;
		if (whole.level == 0)
			branch = pass_single_levels(branch);
		build_key(b, branch, branch.level - whole.level);
		if (is_leaf(branch))
			build_cbor_value(b, &branch.at[0]->value);
		else
			build_map(b, branch);
	}
}

static enum err check_record(const struct lwm2m_record *record, struct lwm2m_path base, struct fault *fault)
{
	if (!path_starts_with(record->path, base))
		return refuse(record->path, fault, ERR_MALFORMED, "is not below what is written");
	if (record->path.depth < 3)
		return refuse(record->path, fault,
			      record->value.type == LWM2M_NONE ? ERR_UNSUPPORTED : ERR_MALFORMED,
			      "a value belongs to a resource");
	if (record->has_time)
		return refuse(record->path, fault, ERR_UNSUPPORTED, "the format has no times");
	for (unsigned level = 1; level <= record->path.depth; level++) {
		if (path_id(record->path, level) == LWM2M_ID_NONE && !may_be_new(base, level))
			return refuse(record->path, fault, ERR_UNSUPPORTED, "each level needs its id");
	}
	if (record->value.type == LWM2M_NONE && base.depth == 0)
		return refuse(record->path, fault, ERR_UNSUPPORTED, "the format has no names without values");
	return ERR_NONE;
}

/* Below a path a record without value is a resource without instances, which leaves no trace: no map is
 * empty. */
static enum err select_records(struct arena *arena, struct lwm2m_path base, struct lwm2m_records records,
			       struct lwm2m_records *ret_selected, struct fault *fault)
{
	struct lwm2m_record *selected = arena_alloc_array(arena, records.count, sizeof(*selected));
	size_t count = 0;

	if (selected == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < records.count; i++) {
		enum err err = check_record(&records.at[i], base, fault);

		if (err != ERR_NONE)
			return err;
		if (records.at[i].value.type != LWM2M_NONE)
			selected[count++] = records.at[i];
	}
	if (count == 0)
		return refuse(base, fault, ERR_UNSUPPORTED, "without a value there is nothing to write");
	*ret_selected = (struct lwm2m_records){ selected, count };
	return ERR_NONE;
}

enum err lwm2m_cbor_write(struct arena *arena, const struct model *model, struct lwm2m_path base,
			  struct lwm2m_records records, struct bytes *ret_payload, struct fault *fault)
{
	struct builder b = builder_in(arena);
	const struct lwm2m_record *const *ordered;
	struct lwm2m_records selected;
	enum err err = select_records(arena, base, records, &selected, fault);

	if (err == ERR_NONE)
		err = order_tree(arena, selected, &ordered, fault);
	if (err != ERR_NONE)
		return err;
	build_map(&b, (struct branch){ ordered, selected.count, 0 });
	return builder_bytes(&b, ret_payload);
}
