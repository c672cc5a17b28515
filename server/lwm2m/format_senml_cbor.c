/* RFC 8428, 6: SenML in CBOR. What its fields mean is in senml.c. */
#include "format_rows.h"

#include "cbor_value.h"
#include "senml.h"
#include "value.h"

/* ---- fields ---- */

/* What is wrong with the content of a field, or NULL. */
typedef const char *field_function(struct reader *r, struct arena *arena, struct senml_entry *entry);

static const char *read_base_version(struct reader *r, struct arena *arena, struct senml_entry *entry)
{
	return read_cbor_number(r, arena, &entry->base_version);
}

static const char *read_text(struct reader *r, struct arena *arena, struct bytes *ret_text)
{
	struct cbor_item item;

	if (!read_cbor(r, arena, &item) || item.kind != CBOR_TEXT)
		return "not a text";
	*ret_text = item.bytes;
	return NULL;
}

static const char *read_base_name(struct reader *r, struct arena *arena, struct senml_entry *entry)
{
	return read_text(r, arena, &entry->base_name);
}

static const char *read_base_time(struct reader *r, struct arena *arena, struct senml_entry *entry)
{
	return read_cbor_number(r, arena, &entry->base_time);
}

static const char *read_base_value(struct reader *r, struct arena *arena, struct senml_entry *entry)
{
	return read_cbor_number(r, arena, &entry->base_value);
}

static const char *read_name(struct reader *r, struct arena *arena, struct senml_entry *entry)
{
	return read_text(r, arena, &entry->name);
}

static const char *read_time(struct reader *r, struct arena *arena, struct senml_entry *entry)
{
	return read_cbor_number(r, arena, &entry->time);
}

static const char *read_value_of(struct reader *r, struct arena *arena, struct lwm2m_value *value,
				 enum lwm2m_type type, const char *otherwise)
{
	const char *fault = read_cbor_value(r, arena, value);

	if (fault == NULL && value->type != type)
		fault = otherwise;
	return fault;
}

/* A number, or null: RFC 8790 removes with it. */
static const char *read_number(struct reader *r, struct arena *arena, struct senml_entry *entry)
{
	struct reader start = *r;

	if (read_value_of(r, arena, &entry->value, LWM2M_NULL, "") == NULL)
		return NULL;
	*r = start;
	return read_cbor_number(r, arena, &entry->value);
}

static const char *read_string(struct reader *r, struct arena *arena, struct senml_entry *entry)
{
	return read_value_of(r, arena, &entry->value, LWM2M_STRING, "not a text");
}

static const char *read_boolean(struct reader *r, struct arena *arena, struct senml_entry *entry)
{
	return read_value_of(r, arena, &entry->value, LWM2M_BOOLEAN, "not a boolean");
}

static const char *read_data(struct reader *r, struct arena *arena, struct senml_entry *entry)
{
	return read_value_of(r, arena, &entry->value, LWM2M_OPAQUE, "not a byte string");
}

static const char *read_link(struct reader *r, struct arena *arena, struct senml_entry *entry)
{
	const char *fault = read_string(r, arena, entry);

	if (fault == NULL && value_convert(LWM2M_OBJLNK, &entry->value, NULL) != ERR_NONE)
		fault = "not an object link like 3:0";
	return fault;
}

static void build_base_name(struct builder *b, const struct senml_entry *entry)
{
	build_cbor_text(b, entry->base_name);
}

static void build_base_time(struct builder *b, const struct senml_entry *entry)
{
	build_cbor_value(b, &entry->base_time);
}

static void build_name(struct builder *b, const struct senml_entry *entry)
{
	build_cbor_text(b, entry->name);
}

static void build_time(struct builder *b, const struct senml_entry *entry)
{
	build_cbor_value(b, &entry->time);
}

static void build_value(struct builder *b, const struct senml_entry *entry)
{
	build_cbor_value(b, &entry->value);
}

struct field_row {
	int64_t label;
	const char *name;
	field_function *read;
	void (*build)(struct builder *b, const struct senml_entry *entry);
};

/* The object link is LwM2M's own and has no number: its name is the label. */
#define NO_NUMBER INT64_MAX

/* clang-format off */
static const struct field_row fields[SENML_FIELD_COUNT] = {
	[SENML_BASE_VERSION] = { -1,        "bver", read_base_version, NULL },
	[SENML_BASE_NAME]    = { -2,        "bn",   read_base_name,    build_base_name },
	[SENML_BASE_TIME]    = { -3,        "bt",   read_base_time,    build_base_time },
	[SENML_BASE_VALUE]   = { -5,        "bv",   read_base_value,   NULL },
	[SENML_NAME]         = { 0,         "n",    read_name,         build_name },
	[SENML_VALUE]        = { 2,         "v",    read_number,       build_value },
	[SENML_STRING]       = { 3,         "vs",   read_string,       build_value },
	[SENML_BOOLEAN]      = { 4,         "vb",   read_boolean,      build_value },
	[SENML_TIME]         = { 6,         "t",    read_time,         build_time },
	[SENML_DATA]         = { 8,         "vd",   read_data,         build_value },
	[SENML_LINK]         = { NO_NUMBER, "vlo",  read_link,         build_value },
};
/* clang-format on */

static bool is_label(const struct cbor_item *key, const struct field_row *field)
{
	switch (key->kind) {
	case CBOR_UINT:
		return field->label >= 0 && field->label != NO_NUMBER &&
		       key->number == (uint64_t)field->label;
	case CBOR_NEGINT:
		return field->label < 0 && key->number == (uint64_t)(-1 - field->label);
	default:
		return field->label == NO_NUMBER && bytes_equal_text(key->bytes, field->name);
	}
}

/* ---- reading ---- */

struct reading {
	struct reader r;
	const uint8_t *start;
	struct senml_reading pack;
};

static enum err refuse(const struct reading *reading, const char *field, const char *what)
{
	return fault_set_at(reading->pack.fault, ERR_MALFORMED, (size_t)(reading->r.at - reading->start),
			    "SenML record %zu: %s%s%s", reading->pack.list.count, field, *field == 0 ? "" : ": ",
			    what);
}

static enum err read_field(struct reading *reading, const struct cbor_item *key, struct senml_entry *entry)
{
	enum senml_field i = 0;
	const char *fault;

	if (key->kind != CBOR_UINT && key->kind != CBOR_NEGINT && key->kind != CBOR_TEXT)
		return refuse(reading, "", "a label is a number or a text");
	while (i < SENML_FIELD_COUNT && !is_label(key, &fields[i]))
		i++;
	if (i < SENML_FIELD_COUNT) {
		if (entry->present & SENML_BIT(i))
			return refuse(reading, fields[i].name, "stands there twice");
		entry->present |= SENML_BIT(i);
		fault = fields[i].read(&reading->r, reading->pack.arena, entry);
		return fault == NULL ? ERR_NONE : refuse(reading, fields[i].name, fault);
	}
	/* RFC 8428, 4.4: this one says that it must be understood */
	if (key->kind == CBOR_TEXT && key->bytes.len > 0 && key->bytes.at[key->bytes.len - 1] == '_')
		return refuse(reading, "", "a label that ends with '_' is not understood");
	return skip_cbor(&reading->r, reading->pack.arena) ? ERR_NONE
							   : refuse(reading, "", "broken or cut off CBOR");
}

static enum err read_entry(struct reading *reading, size_t pairs, struct senml_entry *entry)
{
	struct cbor_item key;

	for (size_t i = 0; i < pairs; i++) {
		enum err err;

		if (!read_cbor(&reading->r, reading->pack.arena, &key))
			return refuse(reading, "", "broken or cut off CBOR");
		if (key.kind == CBOR_BREAK && pairs == CBOR_INDEFINITE)
			break;
		err = read_field(reading, &key, entry);
		if (err != ERR_NONE)
			return err;
	}
	return ERR_NONE;
}

static enum err read_pack(struct reading *reading)
{
	struct cbor_item item;
	size_t count;

	if (!read_cbor(&reading->r, reading->pack.arena, &item) || item.kind != CBOR_ARRAY)
		return fault_set(reading->pack.fault, ERR_MALFORMED, "SenML: not an array");
	count = item.count;
	for (size_t i = 0; i < count; i++) {
		struct senml_entry entry = { 0 };
		enum err err;

		if (!read_cbor(&reading->r, reading->pack.arena, &item))
			return refuse(reading, "", "broken or cut off CBOR");
		if (item.kind == CBOR_BREAK && count == CBOR_INDEFINITE)
			break;
		if (item.kind != CBOR_MAP)
			return refuse(reading, "", "not a map");
		err = read_entry(reading, item.count, &entry);
		if (err == ERR_NONE)
			err = senml_add(&reading->pack, &entry);
		if (err != ERR_NONE)
			return err;
	}
	return reader_done(&reading->r) ? ERR_NONE : refuse(reading, "", "bytes after the array");
}

enum err senml_cbor_read(struct arena *arena, const struct model *model, struct lwm2m_path base,
			 struct bytes payload, struct lwm2m_records *ret_records, struct fault *fault)
{
	struct reading reading = {
		.r = reader_of(payload),
		.start = payload.at,
		.pack = { .model = model, .base = base, .arena = arena, .fault = fault },
	};
	enum err err = read_pack(&reading);

	return err == ERR_NONE ? senml_finish(&reading.pack, ret_records) : err;
}

/* ---- writing ---- */

/* Base fields first, then by label, the value last. */
static const enum senml_field order[] = {
	SENML_BASE_NAME, SENML_BASE_TIME, SENML_NAME, SENML_TIME, SENML_VALUE,
	SENML_STRING,    SENML_BOOLEAN,   SENML_DATA, SENML_LINK,
};

static void build_entry(struct builder *b, const struct senml_entry *entry)
{
	build_cbor_map(b, (size_t)__builtin_popcount(entry->present));
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		const struct field_row *field = &fields[order[i]];

		if (!(entry->present & SENML_BIT(order[i])))
			continue;
		if (field->label == NO_NUMBER)
			build_cbor_text(b, bytes_of_text(field->name));
		else
			build_cbor_int(b, field->label);
		field->build(b, entry);
	}
}

enum err senml_cbor_write(struct arena *arena, const struct model *model, struct lwm2m_path base,
			  struct lwm2m_records records, struct bytes *ret_payload, struct fault *fault)
{
	struct builder b = builder_in(arena);
	struct senml_pack pack;
	enum err err = senml_compose(arena, model_root(model), base, records, &pack, fault);

	if (err != ERR_NONE)
		return err;
	build_cbor_array(&b, pack.count);
	for (size_t i = 0; i < pack.count; i++)
		build_entry(&b, &pack.entries[i]);
	return builder_bytes(&b, ret_payload);
}
