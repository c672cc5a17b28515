/* LwM2M Core TS 1.1, 7.4.5 SenML CBOR (RFC 8428, section 6) and 7.4.6 CBOR. */
#include <cardea/cbor.h>

#include "format.h"

#include <math.h>
#include <stdio.h>

/* RFC 8428, table 4; an object link has the text "vlo" as its label. */
enum label {
	BASE_VERSION = -1,
	BASE_NAME = -2,
	BASE_TIME = -3,
	BASE_UNIT = -4,
	BASE_VALUE = -5,
	BASE_SUM = -6,
	NAME = 0,
	UNIT = 1,
	VALUE = 2,
	STRING_VALUE_LABEL = 3,
	BOOLEAN_VALUE_LABEL = 4,
	SUM = 5,
	TIME = 6,
	UPDATE_TIME = 7,
	DATA_VALUE = 8,
	LINK_VALUE = 1000, /* stands for "vlo" */
	IGNORED = 1001,
};

#define SENML_VERSION 10

/* ---- writing ---- */

void build_cbor_of(struct builder *b, struct value value)
{
	char link[12];
	int length;

	switch (value.kind) {
	case KIND_INTEGER:
	case KIND_TIME:
		build_cbor_int(b, value.integer);
		break;
	case KIND_UNSIGNED:
		build_cbor_uint(b, value.whole);
		break;
	case KIND_FLOAT:
		build_cbor_real(b, value.real);
		break;
	case KIND_BOOLEAN:
		build_cbor_bool(b, value.boolean);
		break;
	case KIND_STRING:
		build_cbor_text(b, value.bytes);
		break;
	case KIND_OPAQUE:
		build_cbor_bytes(b, value.bytes);
		break;
	case KIND_LINK:
		length = snprintf(link, sizeof(link), "%u:%u", value.link.object, value.link.instance);
		build_cbor_text(b, bytes_of(link, (size_t)length));
		break;
	default:
		b->bad = true;
	}
}

static void build_value_label(struct builder *b, enum kind kind)
{
	switch (kind) {
	case KIND_STRING:
		build_cbor_int(b, STRING_VALUE_LABEL);
		break;
	case KIND_BOOLEAN:
		build_cbor_int(b, BOOLEAN_VALUE_LABEL);
		break;
	case KIND_OPAQUE:
		build_cbor_int(b, DATA_VALUE);
		break;
	case KIND_LINK:
		build_cbor_text(b, bytes_of_text("vlo"));
		break;
	default:
		build_cbor_int(b, VALUE);
	}
}

static void build_name(struct builder *b, struct path path, size_t from)
{
	struct builder name = builder_in(b->arena);
	struct bytes bytes;

	for (size_t i = from; i < path.depth; i++)
		build_printf(&name, "%s%u", i == from ? "" : "/", path.id[i]);
	if (builder_bytes(&name, &bytes) != ERR_NONE)
		b->bad = true;
	else
		build_cbor_text(b, bytes);
}

static void build_base_name(struct builder *b, struct path base, bool is_open)
{
	struct builder name = builder_in(b->arena);
	struct bytes bytes;

	build_path(&name, base);
	if (is_open && base.depth > 0)
		build_u8(&name, '/');
	if (builder_bytes(&name, &bytes) != ERR_NONE)
		b->bad = true;
	else
		build_cbor_text(b, bytes);
}

enum err senml_write(const struct records *records, struct path base, struct builder *b)
{
	bool is_open = false; /* the names go on below the base */

	for (size_t i = 0; i < records->count; i++)
		if (records->at[i].path.depth > base.depth)
			is_open = true;
	build_cbor_array(b, records->count);
	for (size_t i = 0; i < records->count; i++) {
		const struct record *record = &records->at[i];
		bool has_name = record->path.depth > base.depth, has_value = record->value.kind != KIND_NONE;

		build_cbor_map(b, (i == 0) + (size_t)has_name + (size_t)has_value);
		if (i == 0) {
			build_cbor_int(b, BASE_NAME);
			build_base_name(b, base, is_open);
		}
		if (has_name) {
			build_cbor_int(b, NAME);
			build_name(b, record->path, base.depth);
		}
		if (has_value) {
			build_value_label(b, record->value.kind);
			build_cbor_of(b, record->value);
		}
	}
	return ERR_NONE;
}

enum err cbor_write(const struct records *records, struct path base, struct builder *b)
{
	if (records->count != 1 || base.depth < 3 || !path_equal(records->at[0].path, base) ||
	    records->at[0].value.kind == KIND_NONE)
		return ERR_UNSUPPORTED;
	build_cbor_of(b, records->at[0].value);
	return ERR_NONE;
}

/* ---- reading ---- */

struct pack {
	struct reader r;
	struct arena *arena;
	struct fault *fault;
	struct bytes base_name;
	double base_value;
	bool has_base_value, takes_null;
};

struct pack_record {
	struct bytes name;
	struct value value;
	bool has_value, has_name, has_base_name;
};

static enum err pack_fault(struct pack *pack, const char *reason)
{
	return fault_set(pack->fault, ERR_MALFORMED, "SenML: %s", reason);
}

static enum err read_label(struct pack *pack, const struct cbor_item *key, enum label *ret_label)
{
	if (key->kind == CBOR_TEXT && bytes_equal_text(key->bytes, "vlo")) {
		*ret_label = LINK_VALUE;
		return ERR_NONE;
	}
	if (key->kind == CBOR_TEXT) {
		if (key->bytes.len > 0 && key->bytes.at[key->bytes.len - 1] == '_')
			return pack_fault(pack, "a label that must be understood is unknown");
		*ret_label = IGNORED;
		return ERR_NONE;
	}
	if (key->kind == CBOR_UINT)
		*ret_label = key->number <= DATA_VALUE ? (enum label)key->number : IGNORED;
	else if (key->kind == CBOR_NEGINT)
		*ret_label = key->number < 6 ? (enum label)(-1 - (int)key->number) : IGNORED;
	else
		return pack_fault(pack, "a label is neither a number nor text");
	return ERR_NONE;
}

/* A number, or the number inside a tag (epoch time, RFC 8949 3.4.2). */
static enum err number_value(struct reader *r, struct arena *arena, struct cbor_item item,
			     struct value *ret_value)
{
	if (item.kind == CBOR_TAG && (item.number != 1 || !read_cbor(r, arena, &item)))
		return ERR_MALFORMED;
	switch (item.kind) {
	case CBOR_UINT:
		*ret_value = item.number <= INT64_MAX ? INTEGER_VALUE((int64_t)item.number)
						      : UNSIGNED_VALUE(item.number);
		return ERR_NONE;
	case CBOR_NEGINT:
		if (item.number > INT64_MAX)
			return ERR_MALFORMED;
		*ret_value = INTEGER_VALUE(-1 - (int64_t)item.number);
		return ERR_NONE;
	case CBOR_FLOAT:
		*ret_value = FLOAT_VALUE(item.real);
		return isfinite(item.real) ? ERR_NONE : ERR_MALFORMED;
	default:
		return ERR_MALFORMED;
	}
}

static enum err read_value(struct pack *pack, enum label label, struct cbor_item item,
			   struct pack_record *record)
{
	enum err err = ERR_NONE;

	if (record->has_value)
		return pack_fault(pack, "a record has two values");
	record->has_value = true;
	if (label == VALUE && item.kind == CBOR_NULL && !pack->takes_null)
		return pack_fault(pack, "a null value has no meaning here");
	if (label == VALUE && item.kind == CBOR_NULL)
		record->value = (struct value){ .kind = KIND_NULL };
	else if (label == VALUE)
		err = number_value(&pack->r, pack->arena, item, &record->value);
	else if (label == BOOLEAN_VALUE_LABEL && item.kind == CBOR_BOOL)
		record->value = BOOLEAN_VALUE(item.boolean);
	else if (label == DATA_VALUE && item.kind == CBOR_BYTES)
		record->value = OPAQUE_VALUE(item.bytes);
	else if (label == STRING_VALUE_LABEL && item.kind == CBOR_TEXT)
		record->value = (struct value){ .kind = KIND_STRING, .bytes = item.bytes };
	else if (label == LINK_VALUE && item.kind == CBOR_TEXT)
		err = value_convert((struct value){ .kind = KIND_STRING, .bytes = item.bytes }, KIND_LINK,
				    pack->arena, &record->value);
	else
		err = ERR_MALFORMED;
	return err == ERR_NONE ? err : pack_fault(pack, "a value is not of its label's type");
}

static enum err read_name(struct pack *pack, enum label label, struct cbor_item item,
			  struct pack_record *record)
{
	bool *has = label == NAME ? &record->has_name : &record->has_base_name;

	if (item.kind != CBOR_TEXT)
		return pack_fault(pack, "a name is not text");
	if (*has)
		return pack_fault(pack, "a record has two names");
	*has = true;
	if (label == NAME)
		record->name = item.bytes;
	else
		pack->base_name = item.bytes;
	return ERR_NONE;
}

static enum err read_base_value(struct pack *pack, struct cbor_item item)
{
	struct value value;

	if (number_value(&pack->r, pack->arena, item, &value) != ERR_NONE)
		return pack_fault(pack, "the base value is not a number");
	pack->base_value = value_number(value);
	pack->has_base_value = true;
	return ERR_NONE;
}

/* Consumes what follows a label of no interest: the item's head is already read. */
static enum err skip_value(struct pack *pack, struct cbor_item item)
{
	size_t nested = item.kind == CBOR_TAG ? 1 : item.kind == CBOR_ARRAY ? item.count : 2 * item.count;

	if (item.kind != CBOR_TAG && item.kind != CBOR_ARRAY && item.kind != CBOR_MAP)
		return item.kind == CBOR_BREAK ? pack_fault(pack, "a label without a value") : ERR_NONE;
	if (item.kind != CBOR_TAG && item.count > reader_left(&pack->r))
		return pack_fault(pack, "an unknown label holds a list of unknown length");
	while (nested-- > 0)
		if (!skip_cbor(&pack->r, pack->arena))
			return pack_fault(pack, "the payload ends inside a record");
	return ERR_NONE;
}

static enum err read_field(struct pack *pack, const struct cbor_item *key, struct pack_record *record)
{
	struct cbor_item item;
	enum label label = IGNORED;
	enum err err = read_label(pack, key, &label);

	if (err != ERR_NONE)
		return err;
	if (!read_cbor(&pack->r, pack->arena, &item))
		return pack_fault(pack, "the payload ends inside a record");
	switch (label) {
	case BASE_VERSION:
		if (item.kind != CBOR_UINT || item.number > SENML_VERSION)
			return pack_fault(pack, "unknown version");
		return ERR_NONE;
	case BASE_NAME:
	case NAME:
		return read_name(pack, label, item, record);
	case BASE_VALUE:
		return read_base_value(pack, item);
	case VALUE:
	case STRING_VALUE_LABEL:
	case BOOLEAN_VALUE_LABEL:
	case DATA_VALUE:
	case LINK_VALUE:
		return read_value(pack, label, item, record);
	default:
		return skip_value(pack, item);
	}
}

static enum err read_fields(struct pack *pack, struct pack_record *record)
{
	struct cbor_item map, key;

	if (!read_cbor(&pack->r, pack->arena, &map) || map.kind != CBOR_MAP)
		return pack_fault(pack, "a record is not a map");
	for (size_t i = 0; i < map.count; i++) {
		enum err err;
		if (!read_cbor(&pack->r, pack->arena, &key))
			return pack_fault(pack, "the payload ends inside a record");
		if (key.kind == CBOR_BREAK && map.count == CBOR_INDEFINITE)
			break;
		err = read_field(pack, &key, record);
		if (err != ERR_NONE)
			return err;
	}
	return ERR_NONE;
}

static enum err record_path(struct pack *pack, struct bytes name, struct path *ret_path)
{
	struct builder b = builder_in(pack->arena);
	struct bytes whole;
	struct path path;

	build_bytes(&b, pack->base_name);
	build_bytes(&b, name);
	if (builder_bytes(&b, &whole) != ERR_NONE)
		return ERR_NOMEM;
	if (path_parse(whole, &path) != ERR_NONE)
		return fault_set(pack->fault, ERR_MALFORMED, "SenML: \"%.*s\" is not a path",
				 (int)bytes_first(whole, 40).len, (const char *)whole.at);
	*ret_path = path;
	return ERR_NONE;
}

static enum err add_record(struct pack *pack, const struct pack_record *read, struct path base,
			   struct records *records)
{
	struct value value = read->value;
	struct path path;
	enum err err = record_path(pack, read->name, &path);

	if (err != ERR_NONE)
		return err;
	if (!path_covers(base, path))
		return pack_fault(pack, "a name lies outside of the path addressed");
	if (pack->has_base_value && value_is_number(value))
		value = FLOAT_VALUE(value_number(value) + pack->base_value);
	for (size_t i = 0; i < records->count; i++)
		if (path_equal(records->at[i].path, path))
			return pack_fault(pack, "a name occurs twice");
	records_add(records, path, value);
	return records->bad ? ERR_NOMEM : ERR_NONE;
}

static enum err read_pack(struct bytes payload, struct path base, bool takes_null, struct records *records,
			  struct fault *fault)
{
	struct pack pack = {
		.r = reader_of(payload), .arena = records->arena, .fault = fault, .takes_null = takes_null
	};
	struct cbor_item array;

	if (!read_cbor(&pack.r, pack.arena, &array) || array.kind != CBOR_ARRAY)
		return pack_fault(&pack, "the pack is not an array");
	for (size_t i = 0; i < array.count; i++) {
		struct pack_record record = { .value.kind = KIND_NONE };
		enum err err;
		if (array.count == CBOR_INDEFINITE && peek_u8(&pack.r) == 0xFF) {
			read_u8(&pack.r);
			break;
		}
		err = read_fields(&pack, &record);
		if (err == ERR_NONE)
			err = add_record(&pack, &record, base, records);
		if (err != ERR_NONE)
			return err;
	}
	return reader_done(&pack.r) ? ERR_NONE : pack_fault(&pack, "bytes after the pack");
}

enum err senml_read(struct bytes payload, struct path base, struct records *records, struct fault *fault)
{
	return read_pack(payload, base, false, records, fault);
}

/* RFC 8790: null removes. */
enum err senml_etch_read(struct bytes payload, struct path base, struct records *records, struct fault *fault)
{
	return read_pack(payload, base, true, records, fault);
}

enum err read_cbor_value(struct reader *r, struct arena *arena, struct value *ret_value)
{
	struct cbor_item item;

	if (!read_cbor(r, arena, &item))
		return ERR_MALFORMED;
	switch (item.kind) {
	case CBOR_BOOL:
		*ret_value = BOOLEAN_VALUE(item.boolean);
		return ERR_NONE;
	case CBOR_TEXT:
		*ret_value = (struct value){ .kind = KIND_STRING, .bytes = item.bytes };
		return ERR_NONE;
	case CBOR_BYTES:
		*ret_value = OPAQUE_VALUE(item.bytes);
		return ERR_NONE;
	default:
		return number_value(r, arena, item, ret_value);
	}
}

enum err cbor_read(struct bytes payload, struct path base, struct records *records, struct fault *fault)
{
	struct reader r = reader_of(payload);
	struct value value;

	if (base.depth < 3)
		return fault_set(fault, ERR_UNSUPPORTED,
				 "application/cbor cannot hold more than one resource");
	if (read_cbor_value(&r, records->arena, &value) != ERR_NONE || !reader_done(&r))
		return fault_set(fault, ERR_MALFORMED, "CBOR: not exactly one value");
	records_add(records, base, value);
	return records->bad ? ERR_NOMEM : ERR_NONE;
}
