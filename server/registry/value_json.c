#include "value_json.h"

#include "value.h"

static enum lwm2m_type type_of(const struct model *model, struct lwm2m_path path, const json_t *json)
{
	const struct resource_model *resource = model_resource(model, path);

	if (resource != NULL && resource->type != LWM2M_NONE)
		return resource->type;
	if (json_is_integer(json))
		return LWM2M_INTEGER;
	if (json_is_real(json))
		return LWM2M_FLOAT;
	return json_is_boolean(json) ? LWM2M_BOOLEAN : LWM2M_STRING;
}

/* A text may say any type, as in text/plain; the other JSON types only what they are. */
static enum err check_fit(const json_t *json, enum lwm2m_type type, struct fault *fault)
{
	bool fits = true;

	if (json_is_boolean(json))
		fits = type == LWM2M_BOOLEAN;
	else if (json_is_integer(json))
		fits = type == LWM2M_INTEGER || type == LWM2M_UNSIGNED || type == LWM2M_FLOAT ||
		       type == LWM2M_TIME;
	else if (json_is_real(json))
		fits = type == LWM2M_FLOAT;
	return fits ? ERR_NONE
		    : fault_set(fault, ERR_MALFORMED, "value: a JSON %s is no %s",
				json_is_boolean(json) ? "boolean" : "number", value_type_name(type));
}

static enum err scalar_text(struct arena *arena, const json_t *json, struct bytes *ret_text,
			    struct fault *fault)
{
	const char *text = NULL;

	if (json_is_string(json))
		return bytes_copy(arena, bytes_of(json_string_value(json), json_string_length(json)),
				  ret_text);
	if (json_is_boolean(json))
		text = json_is_true(json) ? "1" : "0";
	else if (json_is_integer(json))
		text = arena_printf(arena, "%lld", (long long)json_integer_value(json));
	else if (json_is_real(json))
		text = arena_printf(arena, "%.17f", json_real_value(json));
	else
		return fault_set(fault, ERR_MALFORMED, "value: %s",
				 json == NULL ? "is required" : "must be a scalar");
	if (text == NULL)
		return ERR_NOMEM;
	*ret_text = bytes_of_text(text);
	return ERR_NONE;
}

enum err value_from_json(struct arena *arena, const struct model *model, struct lwm2m_path path,
			 const json_t *json, const char *type_name, struct lwm2m_value *ret_value,
			 struct fault *fault)
{
	enum lwm2m_type type = type_name != NULL ? value_type_of(type_name) : type_of(model, path, json);
	struct bytes text;
	enum err err;

	if (type == LWM2M_NONE)
		return fault_set(fault, ERR_MALFORMED, "type: not one of ours");
	err = scalar_text(arena, json, &text, fault);
	if (err == ERR_NONE)
		err = check_fit(json, type, fault);
	return err == ERR_NONE ? value_parse(arena, type, text, ret_value, fault) : err;
}
