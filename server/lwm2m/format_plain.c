/* LwM2M Core TS 1.1, 7.4.1, 7.4.2 and 7.4.4: the formats that carry one resource or resource instance without
 * naming it */
#include "format_rows.h"

#include "cbor_value.h"
#include "path.h"
#include "value.h"

static enum err refuse(struct lwm2m_path path, struct fault *fault, enum err kind, const char *what)
{
	char text[PATH_TEXT_SIZE];

	return fault_set(fault, kind, "%s: %s", path_print(path, text), what);
}

static enum lwm2m_type type_at(const struct model *model, struct lwm2m_path path, enum lwm2m_type otherwise)
{
	const struct resource_model *resource = model_resource(model, path);

	return resource == NULL || resource->type == LWM2M_NONE ? otherwise : resource->type;
}

/* The request path names one resource or resource instance. */
static enum err check_base(struct lwm2m_path base, struct fault *fault)
{
	return base.depth >= 3 ? ERR_NONE
			       : refuse(base, fault, ERR_UNSUPPORTED, "the format carries a single resource");
}

static enum err answer_one(struct arena *arena, struct lwm2m_path path, const struct lwm2m_value *value,
			   struct lwm2m_records *ret_records)
{
	struct lwm2m_record *record = arena_alloc(arena, sizeof(*record));

	if (record == NULL)
		return ERR_NOMEM;
	record->path = path;
	record->value = *value;
	*ret_records = (struct lwm2m_records){ record, 1 };
	return ERR_NONE;
}

/* The one record that there is to write, at the path itself. */
static enum err take_one(struct lwm2m_path base, struct lwm2m_records records,
			 const struct lwm2m_value **ret_value, struct fault *fault)
{
	enum err err = check_base(base, fault);

	if (err != ERR_NONE)
		return err;
	if (records.count != 1)
		return refuse(base, fault, ERR_UNSUPPORTED, "the format carries a single value");
	if (!path_equal(records.at[0].path, base))
		return refuse(records.at[0].path, fault, ERR_MALFORMED, "is not the resource to write");
	if (records.at[0].has_time)
		return refuse(base, fault, ERR_UNSUPPORTED, "the format has no times");
	*ret_value = &records.at[0].value;
	return ERR_NONE;
}

/* ---- text/plain ---- */

enum err text_read(struct arena *arena, const struct model *model, struct lwm2m_path base,
		   struct bytes payload, struct lwm2m_records *ret_records, struct fault *fault)
{
	struct fault inner = { 0 };
	struct lwm2m_value value;
	enum err err = check_base(base, fault);

	if (err != ERR_NONE)
		return err;
	err = value_parse(arena, type_at(model, base, LWM2M_STRING), payload, &value, &inner);
	if (err != ERR_NONE)
		return refuse(base, fault, err, inner.text);
	return answer_one(arena, base, &value, ret_records);
}

enum err text_write(struct arena *arena, const struct model *model, struct lwm2m_path base,
		    struct lwm2m_records records, struct bytes *ret_payload, struct fault *fault)
{
	const struct lwm2m_value *value;
	enum err err = take_one(base, records, &value, fault);

	if (err != ERR_NONE)
		return err;
	err = value_print(arena, value, ret_payload);
	return err == ERR_UNSUPPORTED ? refuse(base, fault, err, "the value has no text") : err;
}

/* ---- application/octet-stream ---- */

enum err opaque_read(struct arena *arena, const struct model *model, struct lwm2m_path base,
		     struct bytes payload, struct lwm2m_records *ret_records, struct fault *fault)
{
	struct lwm2m_value value = { .type = type_at(model, base, LWM2M_OPAQUE), .bytes = payload };
	enum err err = check_base(base, fault);

	if (err != ERR_NONE)
		return err;
	if (value.type != LWM2M_OPAQUE)
		return refuse(base, fault, ERR_MALFORMED, "bytes, where the definition says otherwise");
	return answer_one(arena, base, &value, ret_records);
}

enum err opaque_write(struct arena *arena, const struct model *model, struct lwm2m_path base,
		      struct lwm2m_records records, struct bytes *ret_payload, struct fault *fault)
{
	const struct lwm2m_value *value;
	enum err err = take_one(base, records, &value, fault);

	if (err != ERR_NONE)
		return err;
	if (value->type != LWM2M_OPAQUE)
		return refuse(base, fault, ERR_UNSUPPORTED, "the format carries opaque values only");
	*ret_payload = value->bytes;
	return ERR_NONE;
}

/* ---- application/cbor ---- */

enum err cbor_read(struct arena *arena, const struct model *model, struct lwm2m_path base,
		   struct bytes payload, struct lwm2m_records *ret_records, struct fault *fault)
{
	struct reader r = reader_of(payload);
	struct fault inner = { 0 };
	struct lwm2m_value value;
	const char *broken;
	enum err err = check_base(base, fault);

	if (err != ERR_NONE)
		return err;
	broken = read_cbor_value(&r, arena, &value);
	if (broken == NULL && value.type == LWM2M_NULL)
		broken = "no value";
	if (broken == NULL && !reader_done(&r))
		broken = "more than one CBOR item";
	if (broken != NULL)
		return refuse(base, fault, ERR_MALFORMED, broken);
	err = value_convert(type_at(model, base, value.type), &value, &inner);
	if (err != ERR_NONE)
		return refuse(base, fault, err, inner.text);
	return answer_one(arena, base, &value, ret_records);
}

enum err cbor_write(struct arena *arena, const struct model *model, struct lwm2m_path base,
		    struct lwm2m_records records, struct bytes *ret_payload, struct fault *fault)
{
	struct builder b = builder_in(arena);
	const struct lwm2m_value *value;
	enum err err = take_one(base, records, &value, fault);

	if (err != ERR_NONE)
		return err;
	if (value->type == LWM2M_NONE || value->type == LWM2M_NULL)
		return refuse(base, fault, ERR_UNSUPPORTED, "there is no value");
	build_cbor_value(&b, value);
	return builder_bytes(&b, ret_payload);
}
