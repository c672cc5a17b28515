/* LwM2M: payloads and parameters of CoAP requests. A vector of direction "both" is also written again from
 * what it expects. */
#include "kinds.h"

#include <string.h>

#include "arguments.h"
#include "attributes.h"
#include "kind_lwm2m.h"
#include "link.h"
#include "model.h"
#include "register_request.h"
#include "value.h"

bool is_written_too(const struct vector *v)
{
	return strcmp(vector_text(v, "direction", "decode"), "both") == 0;
}

bool is_decided(struct vector *v, enum err err, const struct fault *fault, enum verdict *ret_verdict)
{
	if (vector_flag(v, "expect_error")) {
		*ret_verdict = err == ERR_NONE ? vector_fail(v, "was accepted") : PASSED;
		return true;
	}
	if (err == ERR_NONE)
		return false;
	*ret_verdict = vector_fail(v, "refused: %s: %s", err_name(err), fault->text);
	return true;
}

/* ---- Execute ---- */

static bool is_argument(const struct argument *argument, const json_t *expected)
{
	const json_t *value = json_object_get(expected, "value");

	return json_integer_value(json_object_get(expected, "digit")) == argument->digit &&
	       argument->has_value == json_is_string(value) &&
	       (!argument->has_value || bytes_equal_text(argument->value, json_string_value(value)));
}

enum verdict check_execute_arguments(struct vector *v)
{
	struct bytes text = bytes_of_text(vector_text(v, "text", "")), printed;
	const json_t *expected = json_object_get(v->own, "expect");
	struct arguments arguments;
	struct fault fault = { 0 };
	enum verdict verdict;

	if (is_decided(v, arguments_parse(text, &arguments, &fault), &fault, &verdict))
		return verdict;
	if (arguments.count != json_array_size(expected))
		return vector_fail(v, "%zu arguments, not %zu", arguments.count, json_array_size(expected));
	for (size_t i = 0; i < arguments.count; i++) {
		if (!is_argument(&arguments.at[i], json_array_get(expected, i)))
			return vector_fail(v, "argument %zu differs", i);
	}
	if (!is_written_too(v))
		return PASSED;
	if (arguments_print(v->arena, &arguments, &printed) != ERR_NONE)
		return vector_fail(v, "cannot be written");
	return vector_compare(v, "written", printed, text);
}

/* ---- link format ---- */

static bool is_attribute(const struct link_attribute *attribute, const json_t *expected)
{
	if (json_is_null(expected))
		return !attribute->has_value;
	return attribute->has_value &&
	       attribute->quoted == json_is_true(json_object_get(expected, "quoted")) &&
	       bytes_equal_text(attribute->value, json_string_value(json_object_get(expected, "value")));
}

static bool is_link(const struct link *link, const json_t *expected)
{
	json_t *attributes = json_object_get(expected, "attrs"), *value;
	const char *name;

	if (!bytes_equal_text(link->target, json_string_value(json_object_get(expected, "uri"))) ||
	    link->attribute_count != json_object_size(attributes))
		return false;
	json_object_foreach (attributes, name, value) {
		const struct link_attribute *attribute = link_attribute(link, name);

		if (attribute == NULL || !is_attribute(attribute, value))
			return false;
	}
	return true;
}

enum verdict check_link(struct vector *v)
{
	struct bytes text = bytes_of_text(vector_text(v, "text", "")), printed;
	const json_t *expected = json_object_get(v->own, "expect");
	struct fault fault = { 0 };
	struct links links;
	enum verdict verdict;

	if (is_decided(v, link_parse(v->arena, text, false, &links, &fault), &fault, &verdict))
		return verdict;
	if (links.count != json_array_size(expected))
		return vector_fail(v, "%zu links, not %zu", links.count, json_array_size(expected));
	for (size_t i = 0; i < links.count; i++) {
		if (!is_link(&links.at[i], json_array_get(expected, i)))
			return vector_fail(v, "link %zu differs", i);
	}
	if (!is_written_too(v))
		return PASSED;
	if (link_print(v->arena, links, &printed) != ERR_NONE)
		return vector_fail(v, "cannot be written");
	return vector_compare(v, "written", printed, text);
}

/* ---- attributes ---- */

static bool is_attribute_value(const struct attributes *attributes, enum attribute_name name,
			       const json_t *expected)
{
	if (expected == NULL)
		return !attributes->at[name].present;
	if (json_is_null(expected))
		return attributes->at[name].present && attributes->at[name].unset;
	return attributes->at[name].present && !attributes->at[name].unset &&
	       attributes->at[name].value == json_number_value(expected);
}

static enum verdict compare_attributes(struct vector *v, const struct attributes *attributes)
{
	const json_t *expected = json_object_get(v->own, "expect");
	size_t count = 0;

	for (enum attribute_name i = 0; i < ATTRIBUTE_COUNT; i++) {
		count += attributes->at[i].present;
		if (!is_attribute_value(attributes, i, json_object_get(expected, attribute_text(i))))
			return vector_fail(v, "%s differs", attribute_text(i));
	}
	if (count != json_object_size(expected))
		return vector_fail(v, "%zu attributes, not %zu", count, json_object_size(expected));
	return PASSED;
}

/* The order in a query means nothing: what is written is as long, and reads back as the same set. */
enum verdict check_attributes(struct vector *v)
{
	struct bytes text = bytes_of_text(vector_text(v, "text", "")), printed;
	struct attributes attributes;
	struct fault fault = { 0 };
	enum verdict verdict;
	enum err err = attributes_parse(text, &attributes, &fault);

	if (err == ERR_NONE)
		err = attributes_check(&attributes, LWM2M_RESOURCE(3442, 0, 130), &fault);
	if (is_decided(v, err, &fault, &verdict))
		return verdict;
	verdict = compare_attributes(v, &attributes);
	if (verdict != PASSED || !is_written_too(v))
		return verdict;
	if (attributes_print(v->arena, &attributes, &printed) != ERR_NONE || printed.len != text.len ||
	    attributes_parse(printed, &attributes, &fault) != ERR_NONE)
		return vector_fail(v, "is not written as it was");
	return compare_attributes(v, &attributes);
}

/* ---- Register ---- */

/* The code that the server answers; the security layer names no device here, so the request has to. */
static const char *code_of(enum err err, const struct register_request *request)
{
	switch (err) {
	case ERR_NONE:
		return request->endpoint.len > 0 ? "2.01" : "4.00";
	case ERR_UNSUPPORTED:
		return "4.12";
	case ERR_CONFLICT:
		return "4.09";
	case ERR_MALFORMED:
		return "4.00";
	default:
		return "5.00";
	}
}

static bool is_text(struct bytes actual, const json_t *expected)
{
	return json_is_null(expected)
		       ? actual.len == 0
		       : json_is_string(expected) && bytes_equal_text(actual, json_string_value(expected));
}

static bool is_endpoint(const struct register_request *request, const json_t *expected)
{
	return is_text(request->endpoint, expected);
}

static bool is_lifetime(const struct register_request *request, const json_t *expected)
{
	return json_is_integer(expected) && json_integer_value(expected) == request->lifetime_s;
}

static bool is_version(const struct register_request *request, const json_t *expected)
{
	return is_text(request->version, expected);
}

/* A binding of LwM2M 1.0 has the queue mode in it. */
static bool is_binding(const struct register_request *request, const json_t *expected)
{
	struct bytes binding = bytes_of_text(json_is_string(expected) ? json_string_value(expected) : "");

	if (request->is_queue_mode && binding.len > 0 && binding.at[binding.len - 1] == 'Q')
		binding.len--;
	return bytes_equal(request->binding, binding);
}

static bool is_queue_mode(const struct register_request *request, const json_t *expected)
{
	return json_is_boolean(expected) && json_is_true(expected) == request->is_queue_mode;
}

static bool is_sms_number(const struct register_request *request, const json_t *expected)
{
	return is_text(request->sms_number, expected);
}

struct registration_row {
	const char *member;
	bool (*is_same)(const struct register_request *request, const json_t *expected);
};

static const struct registration_row registration_rows[] = {
	{ "ep", is_endpoint },     { "lifetime", is_lifetime }, { "version", is_version },
	{ "binding", is_binding }, { "queue", is_queue_mode },  { "sms", is_sms_number },
};

#define REGISTRATION_ROWS (sizeof(registration_rows) / sizeof(registration_rows[0]))

static enum verdict compare_registration(struct vector *v, const struct register_request *request)
{
	json_t *expected;
	const char *name;

	json_object_foreach (json_object_get(v->own, "expect"), name, expected) {
		size_t i = 0;

		while (i < REGISTRATION_ROWS && strcmp(registration_rows[i].member, name) != 0)
			i++;
		if (i == REGISTRATION_ROWS)
			return vector_skip(v, "no way to check '%s'", name);
		if (!registration_rows[i].is_same(request, expected))
			return vector_fail(v, "%s differs", name);
	}
	return PASSED;
}

enum verdict check_register_request(struct vector *v)
{
	const json_t *list = json_object_get(v->own, "uri_query");
	size_t count = json_array_size(list);
	struct bytes *queries = arena_alloc_array(v->arena, count, sizeof(*queries));
	struct bytes payload = bytes_of_text(vector_text(v, "payload", ""));
	const char *expected = vector_text(v, "expect_code", "2.01");
	struct register_request request = { 0 };
	struct fault fault = { 0 };
	enum err err;

	for (size_t i = 0; i < count; i++) {
		const char *query = json_string_value(json_array_get(list, i));

		queries[i] = bytes_of_text(query == NULL ? "" : query);
	}
	err = register_request_parse(v->arena, queries, count, payload, false, &request, &fault);
	if (strcmp(code_of(err, &request), expected) != 0)
		return vector_fail(v, "answered %s, not %s: %s", code_of(err, &request), expected,
				   fault.text);
	return err == ERR_NONE ? compare_registration(v, &request) : PASSED;
}

/* ---- object definitions ---- */

/* As the vectors name types, which for two is not as we do. */
static const char *type_text(enum lwm2m_type type)
{
	return type == LWM2M_UNSIGNED ? "unsigned integer" : value_type_name(type);
}

static const char *operations_text(unsigned access)
{
	static const char *const texts[] = { "", "R", "W", "RW", "E", "RE", "WE", "RWE" };

	return texts[access & 7];
}

static bool is_same_text(const char *actual, const json_t *expected)
{
	return expected == NULL ||
	       (json_is_string(expected) && strcmp(actual, json_string_value(expected)) == 0);
}

static bool is_same_flag(bool actual, const json_t *expected)
{
	return expected == NULL || (json_is_boolean(expected) && json_is_true(expected) == actual);
}

/* A resource stands there by its members, or short as [id, operations, multiple, mandatory, type]. */
static const json_t *member_of(const json_t *resource, const char *name, size_t position)
{
	return json_is_array(resource) ? json_array_get(resource, position) : json_object_get(resource, name);
}

static bool is_resource(const struct resource_model *resource, const json_t *expected)
{
	return json_integer_value(member_of(expected, "id", 0)) == resource->id &&
	       is_same_text(operations_text(resource->access), member_of(expected, "operations", 1)) &&
	       is_same_flag(resource->is_multiple, member_of(expected, "multiple", 2)) &&
	       is_same_flag(resource->is_mandatory, member_of(expected, "mandatory", 3)) &&
	       is_same_text(type_text(resource->type), member_of(expected, "type", 4)) &&
	       is_same_text(resource->name, json_object_get(expected, "name")) &&
	       is_same_text(resource->range, json_object_get(expected, "range")) &&
	       is_same_text(resource->units, json_object_get(expected, "units"));
}

static enum verdict compare_object(struct vector *v, const struct object_model *object)
{
	const json_t *expected = json_object_get(v->own, "expect");
	const json_t *resources = json_object_get(expected, "resources");
	const json_t *count = json_object_get(expected, "resource_count");

	if (!is_same_text(object->name, json_object_get(expected, "name")) ||
	    !is_same_text(object->urn, json_object_get(expected, "urn")) ||
	    !is_same_text(object->enabler_version, json_object_get(expected, "lwm2m")) ||
	    !is_same_flag(object->is_multiple, json_object_get(expected, "multiple")) ||
	    !is_same_flag(object->is_mandatory, json_object_get(expected, "mandatory")))
		return vector_fail(v, "object %u differs", object->id);
	if ((resources != NULL && json_array_size(resources) != object->resource_count) ||
	    (count != NULL && json_integer_value(count) != (json_int_t)object->resource_count))
		return vector_fail(v, "object %u has %zu resources", object->id, object->resource_count);
	for (size_t i = 0; i < json_array_size(resources); i++) {
		if (!is_resource(&object->resources[i], json_array_get(resources, i)))
			return vector_fail(v, "resource %u differs", object->resources[i].id);
	}
	return PASSED;
}

/* The object of the expected id and version. */
static const struct object_model *expected_object(const struct vector *v, const struct model *model)
{
	const json_t *expected = json_object_get(v->own, "expect");
	json_int_t id = json_integer_value(json_object_get(expected, "id"));

	return model_object(model, (uint16_t)id, json_string_value(json_object_get(expected, "version")));
}

enum verdict check_ddf(struct vector *v)
{
	const char *text = vector_text(v, "text", "");
	const struct object_model *object;
	struct fault fault = { 0 };
	struct model *model;
	enum verdict verdict;

	if (model_create(&model) != ERR_NONE)
		return vector_fail(v, "no memory");
	if (!is_decided(v, model_add_ddf(model, bytes_of_text(text), &fault), &fault, &verdict)) {
		object = expected_object(v, model);
		verdict = object == NULL ? vector_fail(v, "the object is not in the model")
					 : compare_object(v, object);
	}
	model_free(model);
	return verdict;
}

/* What the registry's own file holds has to be in the definition that we ship, where we ship one. */
enum verdict check_ddf_file(struct vector *v)
{
	const struct object_model *object;
	struct model *model;
	enum verdict verdict;

	if (model_create(&model) != ERR_NONE || model_add_folder(model, OBJECT_DEFINITIONS, NULL) != ERR_NONE)
		return vector_fail(v, "the definitions in " OBJECT_DEFINITIONS " cannot be read");
	object = expected_object(v, model);
	verdict = object == NULL ? vector_skip(v, "the file is not here, and no definition of ours")
				 : compare_object(v, object);
	model_free(model);
	return verdict;
}
