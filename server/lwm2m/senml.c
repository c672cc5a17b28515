/* RFC 8428, 4 with LwM2M Core TS 1.1, 7.4.5; nulls and records that are only a name as in RFC 8790 */
#include "senml.h"

#include <math.h>

#include "path.h"
#include "record_order.h"
#include "value.h"

#define SENML_VERSION 10

/* "/65534/65534/65534/65534" with room for some zeros and a slash, and what may stand in front. */
#define MAX_PATH_BYTES 64
#define MAX_ROOT_BYTES 256

/* ---- reading ---- */

static enum err refuse(const struct senml_reading *reading, const char *what)
{
	return fault_set(reading->fault, ERR_MALFORMED, "SenML record %zu: %s", reading->list.count, what);
}

/* Without the alternate path: some clients leave it out by themselves. */
static struct bytes below_root(struct bytes name, const char *root)
{
	size_t length = strlen(root);

	if (length > 0 && name.len > length && name.at[length] == '/' &&
	    bytes_equal_text(bytes_first(name, length), root))
		return bytes_from(name, length);
	return name;
}

static enum err resolve_name(const struct senml_reading *reading, const struct senml_entry *entry,
			     struct lwm2m_path *ret_path)
{
	uint8_t name[MAX_ROOT_BYTES + MAX_PATH_BYTES];
	const char *root = model_root(reading->model);
	struct bytes first = reading->base_name, second = entry->name;
	size_t length = first.len + second.len;

	if (length == 0 || length > sizeof(name) || length > strlen(root) + MAX_PATH_BYTES)
		return refuse(reading, length == 0 ? "it has no name" : "the name is too long for a path");
	if (first.len > 0)
		memcpy(name, first.at, first.len);
	if (second.len > 0)
		memcpy(name + first.len, second.at, second.len);
	if (name[0] != '/' ||
	    path_parse(below_root(bytes_of(name, length), root), ret_path, NULL) != ERR_NONE)
		return fault_set(reading->fault, ERR_MALFORMED, "SenML record %zu: '%.*s' is not a path",
				 reading->list.count, (int)length, (const char *)name);
	if (!path_starts_with(*ret_path, reading->base))
		return fault_set(reading->fault, ERR_MALFORMED, "SenML record %zu: '%.*s' was not asked for",
				 reading->list.count, (int)length, (const char *)name);
	if (ret_path->depth < 3 && (entry->present & SENML_VALUES))
		return refuse(reading, "a value belongs to a resource");
	return ERR_NONE;
}

static double to_real(const struct lwm2m_value *number)
{
	struct lwm2m_value real = *number;

	return value_convert(LWM2M_FLOAT, &real, NULL) == ERR_NONE && real.type == LWM2M_FLOAT ? real.real
											       : 0;
}

/* 4.1: the base value is added; exactly where both are integers. False when the sum does not fit. */
static bool add_base_value(const struct lwm2m_value *base, struct lwm2m_value *value)
{
	struct lwm2m_value left = *base, right = *value;

	if (base->type == LWM2M_FLOAT || value->type == LWM2M_FLOAT) {
		value->real = to_real(&left) + to_real(&right);
		value->type = LWM2M_FLOAT;
		return true;
	}
	if (value_convert(LWM2M_INTEGER, &left, NULL) != ERR_NONE ||
	    value_convert(LWM2M_INTEGER, &right, NULL) != ERR_NONE ||
	    __builtin_add_overflow(left.integer, right.integer, &value->integer))
		return false;
	value->type = LWM2M_INTEGER;
	return true;
}

/* A text that the definition knows for bytes. */
static enum err decode_text(const struct senml_reading *reading, const struct resource_model *resource,
			    struct lwm2m_value *value)
{
	enum err err;

	if (!reading->opaque_is_text || resource->type != LWM2M_OPAQUE || value->type != LWM2M_STRING)
		return ERR_NONE;
	err = bytes_from_base64(reading->arena, value->bytes, &value->bytes);
	if (err == ERR_MALFORMED)
		return refuse(reading, "the value is not base64");
	if (err == ERR_NONE)
		value->type = LWM2M_OPAQUE;
	return err;
}

static enum err resolve_value(const struct senml_reading *reading, const struct senml_entry *entry,
			      struct lwm2m_record *record)
{
	const struct resource_model *resource = model_resource(reading->model, record->path);
	bool is_number = (entry->present & SENML_BIT(SENML_VALUE)) && entry->value.type != LWM2M_NULL;
	struct fault inner = { 0 };
	char path[PATH_TEXT_SIZE];
	enum err err;

	record->value = entry->value;
	if (is_number && reading->base_value.type != LWM2M_NONE &&
	    !add_base_value(&reading->base_value, &record->value))
		return refuse(reading, "base value and value together do not fit");
	if (resource == NULL || resource->type == LWM2M_NONE)
		return ERR_NONE;
	err = decode_text(reading, resource, &record->value);
	if (err != ERR_NONE)
		return err;
	err = value_convert(resource->type, &record->value, &inner);
	if (err != ERR_NONE)
		return fault_set(reading->fault, err, "%s: %s", path_print(record->path, path), inner.text);
	return ERR_NONE;
}

static void apply_base(struct senml_reading *reading, const struct senml_entry *entry)
{
	if (entry->present & SENML_BIT(SENML_BASE_NAME))
		reading->base_name = entry->base_name;
	if (entry->present & SENML_BIT(SENML_BASE_VALUE))
		reading->base_value = entry->base_value;
	if (entry->present & SENML_BIT(SENML_BASE_TIME)) {
		reading->base_time = entry->base_time;
		reading->has_base_time = true;
	}
}

enum err senml_add(struct senml_reading *reading, const struct senml_entry *entry)
{
	bool has_time = entry->present & (SENML_BIT(SENML_TIME) | SENML_BIT(SENML_BASE_TIME));
	struct lwm2m_record record = { 0 }, *added;
	enum err err;

	if ((entry->present & SENML_BIT(SENML_BASE_VERSION)) && to_real(&entry->base_version) > SENML_VERSION)
		return refuse(reading, "bver is above 10");
	if (__builtin_popcount(entry->present & SENML_VALUES) > 1)
		return refuse(reading, "it has more than one value");
	apply_base(reading, entry);
	err = resolve_name(reading, entry, &record.path);
	if (err == ERR_NONE)
		err = resolve_value(reading, entry, &record);
	if (err != ERR_NONE)
		return err;
	record.has_time = has_time || reading->has_base_time;
	record.time_s = to_real(&reading->base_time) + to_real(&entry->time);
	if (!isfinite(record.time_s))
		return refuse(reading, "the time is not finite");
	reading->list.arena = reading->arena;
	added = record_list_add(&reading->list);
	if (added == NULL)
		return ERR_NOMEM;
	*added = record;
	return ERR_NONE;
}

enum err senml_finish(const struct senml_reading *reading, struct lwm2m_records *ret_records)
{
	struct lwm2m_records records = record_list_records(&reading->list);
	const struct lwm2m_record *const *ordered;
	enum err err = records_order(reading->arena, records, &ordered, reading->fault);

	if (err == ERR_NONE)
		*ret_records = records;
	return err;
}

/* ---- writing ---- */

static enum err check_record(const struct lwm2m_record *record, struct lwm2m_path base, struct fault *fault)
{
	char path[PATH_TEXT_SIZE], below[PATH_TEXT_SIZE];

	path_print(record->path, path);
	if (!path_starts_with(record->path, base))
		return fault_set(fault, ERR_MALFORMED, "%s is not below %s", path, path_print(base, below));
	for (unsigned level = 1; level <= record->path.depth; level++) {
		if (path_id(record->path, level) == LWM2M_ID_NONE)
			return fault_set(fault, ERR_UNSUPPORTED,
					 "SenML needs the id of each instance, %s has none", path);
	}
	if (record->value.type != LWM2M_NONE && record->path.depth < 3)
		return fault_set(fault, ERR_MALFORMED, "%s: a value belongs to a resource", path);
	if (record->has_time && !isfinite(record->time_s))
		return fault_set(fault, ERR_MALFORMED, "%s: the time is not finite", path);
	return ERR_NONE;
}

/* Those that are written, checked. */
static enum err select_records(struct arena *arena, struct lwm2m_path base, struct lwm2m_records records,
			       struct lwm2m_records *ret_selected, struct fault *fault)
{
	struct lwm2m_record *selected = arena_alloc_array(arena, records.count, sizeof(*selected));
	const struct lwm2m_record *const *ordered;
	size_t count = 0;

	if (selected == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < records.count; i++) {
		enum err err = check_record(&records.at[i], base, fault);

		if (err != ERR_NONE)
			return err;
		if (base.depth == 0 || records.at[i].value.type != LWM2M_NONE)
			selected[count++] = records.at[i];
	}
	*ret_selected = (struct lwm2m_records){ selected, count };
	return records_order(arena, *ret_selected, &ordered, fault);
}

/* How many levels all paths share. */
static unsigned common_depth(struct lwm2m_records records)
{
	unsigned depth = records.at[0].path.depth;

	for (size_t i = 1; i < records.count; i++) {
		unsigned level = 1;

		while (level <= depth && level <= records.at[i].path.depth &&
		       path_id(records.at[i].path, level) == path_id(records.at[0].path, level))
			level++;
		depth = level - 1;
	}
	return depth;
}

/* How many bytes all names share at their start, as the base name. When all paths are the same it is the
 * whole name; else it ends with the slash after the levels in common, where each name needs a level of its
 * own behind it: there is none when one of them is the root. */
static size_t base_name_length(struct lwm2m_records records, bool have_same_path)
{
	struct lwm2m_path path = records.at[0].path;
	unsigned depth = common_depth(records);
	char text[PATH_TEXT_SIZE];

	if (have_same_path)
		return strlen(path_print(path, text));
	for (size_t i = 0; i < records.count; i++) {
		if (records.at[i].path.depth == 0)
			return 0;
		if (records.at[i].path.depth == depth)
			depth--;
	}
	path.depth = (uint8_t)depth;
	return depth == 0 ? 1 : strlen(path_print(path, text)) + 1;
}

static bool have_same_path(struct lwm2m_records records)
{
	for (size_t i = 1; i < records.count; i++) {
		if (!path_equal(records.at[i].path, records.at[0].path))
			return false;
	}
	return true;
}

/* Else a base time would give one to those that have none, or change one. */
static bool is_base_of_all_times(double base_time_s, struct lwm2m_records records)
{
	for (size_t i = 0; i < records.count; i++) {
		double time_s = records.at[i].time_s;

		if (!records.at[i].has_time || base_time_s + (time_s - base_time_s) != time_s)
			return false;
	}
	return true;
}

static enum senml_field field_of(enum lwm2m_type type)
{
	switch (type) {
	case LWM2M_STRING:
	case LWM2M_CORELNK:
		return SENML_STRING;
	case LWM2M_BOOLEAN:
		return SENML_BOOLEAN;
	case LWM2M_OPAQUE:
		return SENML_DATA;
	case LWM2M_OBJLNK:
		return SENML_LINK;
	default:
		return SENML_VALUE;
	}
}

/* Whole seconds as an integer, where a double has them exactly. */
static struct lwm2m_value time_value(double time_s)
{
	const double exact_end = 9007199254740992.0; /* 2^53 */

	if (time_s == floor(time_s) && fabs(time_s) < exact_end)
		return (struct lwm2m_value){ .type = LWM2M_INTEGER, .integer = (int64_t)time_s };
	return (struct lwm2m_value){ .type = LWM2M_FLOAT, .real = time_s };
}

static void set_name(struct senml_entry *entry, struct bytes whole, size_t base_length, bool is_first)
{
	if (is_first && base_length > 0) {
		entry->base_name = bytes_first(whole, base_length);
		entry->present |= SENML_BIT(SENML_BASE_NAME);
	}
	if (whole.len > base_length) {
		entry->name = bytes_from(whole, base_length);
		entry->present |= SENML_BIT(SENML_NAME);
	}
}

static void set_time(struct senml_entry *entry, const struct lwm2m_record *record, const double *base_time_s,
		     bool is_first)
{
	double time_s = base_time_s == NULL ? record->time_s : record->time_s - *base_time_s;

	if (is_first && base_time_s != NULL) {
		entry->base_time = time_value(*base_time_s);
		entry->present |= SENML_BIT(SENML_BASE_TIME);
	}
	if (record->has_time && (base_time_s == NULL || time_s != 0)) {
		entry->time = time_value(time_s);
		entry->present |= SENML_BIT(SENML_TIME);
	}
}

enum err senml_compose(struct arena *arena, const char *root, struct lwm2m_path base,
		       struct lwm2m_records records, struct senml_pack *ret_pack, struct fault *fault)
{
	struct senml_entry *entries;
	const double *base_time_s;
	size_t base_length;
	enum err err = select_records(arena, base, records, &records, fault);

	if (err != ERR_NONE)
		return err;
	if (records.count == 0) {
		*ret_pack = (struct senml_pack){ 0 };
		return ERR_NONE;
	}
	entries = arena_alloc_array(arena, records.count, sizeof(*entries));
	if (entries == NULL)
		return ERR_NOMEM;
	base_length = strlen(root) + base_name_length(records, have_same_path(records));
	base_time_s = &records.at[0].time_s;
	if (!is_base_of_all_times(*base_time_s, records))
		base_time_s = NULL;
	for (size_t i = 0; i < records.count; i++) {
		const struct lwm2m_record *record = &records.at[i];
		char path[PATH_TEXT_SIZE];
		const char *name = arena_printf(arena, "%s%s", root, path_print(record->path, path));

		if (name == NULL)
			return ERR_NOMEM;
		set_name(&entries[i], bytes_of_text(name), base_length, i == 0);
		set_time(&entries[i], record, base_time_s, i == 0);
		entries[i].value = record->value;
		if (record->value.type != LWM2M_NONE)
			entries[i].present |= SENML_BIT(field_of(record->value.type));
	}
	*ret_pack = (struct senml_pack){ entries, records.count };
	return ERR_NONE;
}
