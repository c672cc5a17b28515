/* LwM2M Core TS 1.1, 6.3 and 6.4: what may be asked of a device, before anything is sent */
#include "operation.h"

#include <string.h>

#include "arguments.h"
#include "attributes.h"
#include "end_devices.h"
#include "format.h"
#include "format_choice.h"
#include "observation.h"
#include "operation_message.h"
#include "operation_queue.h"
#include "path.h"

#define OPERATION_MAX_BYTES                                                                                  \
	(8u << 20) /* of one operation beside the values that it brings: message, decoded answer */

struct operation_rule {
	const char *name;
	uint8_t min_depth, max_depth; /* of its path */
	bool may_be_composite;        /* on the root */
};

/* clang-format off */
static const struct operation_rule rules[] = {
	[LWM2M_READ]             = { "read",             1, 4, true  },
	[LWM2M_DISCOVER]         = { "discover",         1, 3, false },
	[LWM2M_WRITE_REPLACE]    = { "write",            2, 4, false },
	[LWM2M_WRITE_PARTIAL]    = { "partial write",    2, 3, true  },
	[LWM2M_WRITE_ATTRIBUTES] = { "write-attributes", 1, 4, false },
	[LWM2M_EXECUTE]          = { "execute",          3, 3, false },
	[LWM2M_CREATE]           = { "create",           1, 1, false },
	[LWM2M_DELETE]           = { "delete",           2, 4, false },
	[LWM2M_OBSERVE]          = { "observe",          1, 4, true  },
	[LWM2M_CANCEL_OBSERVE]   = { "cancel",           1, 4, true  },
};

/* Security, OSCORE and COSE are the bootstrap server's alone. */
static const uint16_t secret_objects[] = { 0, 21, 23 };
/* clang-format on */

const char *operation_name(enum lwm2m_operation operation)
{
	return rules[operation].name;
}

enum err operation_of_name(const char *name, enum lwm2m_operation *ret_operation)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (strcmp(rules[i].name, name) == 0) {
			*ret_operation = (enum lwm2m_operation)i;
			return ERR_NONE;
		}
	}
	return ERR_MALFORMED;
}

/* ---- checks ---- */

static bool is_composite(const struct operation_request *request)
{
	return request->path.depth == 0 && rules[request->operation].may_be_composite;
}

static enum err check_object(struct lwm2m_path path, struct fault *fault)
{
	for (size_t i = 0; i < sizeof(secret_objects) / sizeof(secret_objects[0]); i++) {
		if (path.depth > 0 && path.object == secret_objects[i])
			return fault_set(fault, ERR_DENIED, "object %u belongs to the bootstrap server",
					 path.object);
	}
	return ERR_NONE;
}

static enum err check_path(const struct operation_request *request, struct fault *fault)
{
	const struct operation_rule *rule;
	char text[PATH_TEXT_SIZE];

	if ((size_t)request->operation >= sizeof(rules) / sizeof(rules[0]))
		return fault_set(fault, ERR_UNSUPPORTED, "unknown operation %d", (int)request->operation);
	rule = &rules[request->operation];
	path_print(request->path, text);
	if (!is_composite(request) &&
	    (request->path.depth < rule->min_depth || request->path.depth > rule->max_depth))
		return fault_set(fault, ERR_MALFORMED, "%s is not possible on %s", rule->name, text);
	if (request->operation == LWM2M_DELETE && request->path.depth == 3)
		return fault_set(fault, ERR_MALFORMED, "delete is not possible on a resource, %s", text);
	return check_object(request->path, fault);
}

static bool is_writing(enum lwm2m_operation operation)
{
	return operation == LWM2M_WRITE_REPLACE || operation == LWM2M_WRITE_PARTIAL ||
	       operation == LWM2M_CREATE;
}

/* RFC 8790, which LwM2M has since 1.2: null in a patch removes a resource instance. */
static enum err check_deletion(const struct device *device, const struct operation_request *request,
			       const struct lwm2m_record *record, struct fault *fault)
{
	char path[PATH_TEXT_SIZE];

	if (record->value.type != LWM2M_NULL)
		return ERR_NONE;
	path_print(record->path, path);
	if (!is_composite(request) || record->path.depth != 4)
		return fault_set(fault, ERR_MALFORMED,
				 "%s: null deletes a resource instance, in a composite write alone", path);
	if (format_choice_minor(bytes_of_text(device->version)) < 2)
		return fault_set(fault, ERR_UNSUPPORTED, "%s: null needs LwM2M 1.2, the device speaks %s",
				 path, device->version);
	return ERR_NONE;
}

static enum err check_record(const struct model *model, const struct operation_request *request,
			     const struct lwm2m_record *record, struct fault *fault)
{
	char path[PATH_TEXT_SIZE], base[PATH_TEXT_SIZE];

	path_print(record->path, path);
	if (!path_starts_with(record->path, request->path))
		return fault_set(fault, ERR_MALFORMED, "%s is not below %s", path,
				 path_print(request->path, base));
	if (is_composite(request) && is_writing(request->operation) != (record->value.type != LWM2M_NONE))
		return fault_set(fault, ERR_MALFORMED, "%s: %s", path,
				 is_writing(request->operation) ? "nothing to write" : "a name has no value");
	/* Of an object that nobody has described any value may be written. */
	if (!is_writing(request->operation) || model_object(model, record->path.object, NULL) == NULL)
		return ERR_NONE;
	return model_check(model, record, fault);
}

static enum err check_records(const struct model *model, const struct device *device,
			      const struct operation_request *request, struct fault *fault)
{
	for (size_t i = 0; i < request->records.count; i++) {
		enum err err = check_object(request->records.at[i].path, fault);

		if (err == ERR_NONE)
			err = check_deletion(device, request, &request->records.at[i], fault);
		if (err == ERR_NONE)
			err = check_record(model, request, &request->records.at[i], fault);
		if (err != ERR_NONE)
			return err;
	}
	return ERR_NONE;
}

static enum err check_composite(const struct device *device, const struct operation_request *request,
				struct fault *fault)
{
	if (strcmp(device->version, "1.0") == 0)
		return fault_set(fault, ERR_UNSUPPORTED,
				 "the device speaks LwM2M 1.0, without composite operations");
	if (request->payload_format != FORMAT_NONE || request->records.count == 0)
		return fault_set(fault, ERR_MALFORMED, "a composite operation names its resources");
	return ERR_NONE;
}

/* Those of an Observe and of a Discover came with LwM2M 1.2. */
static enum err check_parameters(const struct device *device, const struct operation_request *request,
				 struct fault *fault)
{
	bool may_have = request->operation == LWM2M_OBSERVE || request->operation == LWM2M_DISCOVER;

	if (may_have && request->attributes != NULL &&
	    format_choice_minor(bytes_of_text(device->version)) < 2)
		return fault_set(fault, ERR_UNSUPPORTED,
				 "%s with parameters needs LwM2M 1.2, the device speaks %s",
				 rules[request->operation].name, device->version);
	return ERR_NONE;
}

static enum err check_body(const struct operation_request *request, struct fault *fault)
{
	bool has_payload = request->payload_format != FORMAT_NONE, has_records = request->records.count > 0;

	if (!is_writing(request->operation) && !is_composite(request) && (has_payload || has_records))
		return fault_set(fault, ERR_MALFORMED, "%s takes no values", rules[request->operation].name);
	if (is_writing(request->operation) && !has_payload && !has_records &&
	    request->operation != LWM2M_CREATE)
		return fault_set(fault, ERR_MALFORMED, "nothing to write");
	return ERR_NONE;
}

static enum err check(const struct device *device, const struct operation_request *request,
		      struct fault *fault)
{
	enum err err = check_path(request, fault);

	if (err == ERR_NONE && is_composite(request))
		err = check_composite(device, request, fault);
	if (err == ERR_NONE)
		err = check_parameters(device, request, fault);
	if (err == ERR_NONE)
		err = check_body(request, fault);
	return err;
}

/* ---- the copy that lives until the answer ---- */

static enum err copy_text(struct arena *arena, const char *text, const char **ret_copy)
{
	if (text == NULL)
		return ERR_NONE;
	*ret_copy = arena_strdup(arena, text);
	return *ret_copy == NULL ? ERR_NOMEM : ERR_NONE;
}

static bool has_bytes(enum lwm2m_type type)
{
	return type == LWM2M_STRING || type == LWM2M_OPAQUE || type == LWM2M_CORELNK;
}

static enum err copy_records(struct arena *arena, struct lwm2m_records *records)
{
	struct lwm2m_record *copies = arena_alloc_array(arena, records->count + 1, sizeof(*copies));

	if (copies == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < records->count; i++) {
		enum err err;

		copies[i] = records->at[i];
		if (!has_bytes(copies[i].value.type))
			continue;
		err = bytes_copy(arena, copies[i].value.bytes, &copies[i].value.bytes);
		if (err != ERR_NONE)
			return err;
	}
	records->at = copies;
	return ERR_NONE;
}

/* Arguments and attributes in their one spelling: no blanks, nothing twice. */
static enum err normalize_arguments(struct arena *arena, const char **text, struct fault *fault)
{
	struct arguments arguments;
	struct bytes printed;
	enum err err;

	if (*text == NULL || (*text)[0] == 0)
		return ERR_NONE;
	err = arguments_parse(bytes_of_text(*text), &arguments, fault);
	if (err == ERR_NONE)
		err = arguments_print(arena, &arguments, &printed);
	if (err != ERR_NONE)
		return err;
	*text = arena_strndup(arena, (const char *)printed.at, printed.len);
	return *text == NULL ? ERR_NOMEM : ERR_NONE;
}

static enum err normalize_attributes(struct arena *arena, const struct model *model, struct lwm2m_path path,
				     const char **text, struct fault *fault)
{
	const struct resource_model *resource = model_resource(model, path);
	struct attributes attributes;
	struct bytes printed;
	enum err err;

	if (*text == NULL || (*text)[0] == 0)
		return fault_set(fault, ERR_MALFORMED, "no attributes");
	err = attributes_parse(bytes_of_text(*text), &attributes, fault);
	if (err == ERR_NONE)
		err = attributes_check(&attributes, path, fault);
	if (err == ERR_NONE && resource != NULL)
		err = attributes_check_type(&attributes, resource->type, fault);
	if (err == ERR_NONE)
		err = attributes_print(arena, &attributes, &printed);
	if (err != ERR_NONE)
		return err;
	*text = arena_strndup(arena, (const char *)printed.at, printed.len);
	return *text == NULL ? ERR_NOMEM : ERR_NONE;
}

/* What an Observe brings along counts for it alone: there is nothing to unset. */
static enum err normalize_conditions(struct arena *arena, const struct model *model, struct lwm2m_path path,
				     const char **text, struct fault *fault)
{
	struct attributes attributes;
	enum err err = normalize_attributes(arena, model, path, text, fault);

	if (err == ERR_NONE)
		err = attributes_parse(bytes_of_text(*text), &attributes, fault);
	for (size_t i = 0; err == ERR_NONE && i < ATTRIBUTE_COUNT; i++) {
		if (attributes.at[i].unset)
			err = fault_set(fault, ERR_MALFORMED, "%s: an observation needs its value",
					attribute_text((enum attribute_name)i));
	}
	return err;
}

/* LwM2M Core TS 1.2, 6.3.2: how many levels below the path; 3 from an object are the resource instances. */
static enum err normalize_depth(const char *text, struct fault *fault)
{
	static const char *const all[] = { "depth=0", "depth=1", "depth=2", "depth=3" };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(text, all[i]) == 0)
			return ERR_NONE;
	}
	return fault_set(fault, ERR_MALFORMED, "%s: a Discover takes depth, 0 to 3", text);
}

static enum err normalize_parameters(struct arena *arena, const struct model *model,
				     struct operation_request *request, struct fault *fault)
{
	if (request->operation == LWM2M_WRITE_ATTRIBUTES)
		return normalize_attributes(arena, model, request->path, &request->attributes, fault);
	if (request->operation == LWM2M_DISCOVER && request->attributes != NULL)
		return normalize_depth(request->attributes, fault);
	if (request->operation == LWM2M_OBSERVE && request->attributes != NULL)
		return normalize_conditions(arena, model, request->path, &request->attributes, fault);
	return ERR_NONE;
}

static enum err copy_request(struct arena *arena, const struct model *model,
			     const struct operation_request *from, struct operation_request *ret_to,
			     struct fault *fault)
{
	struct operation_request copy = *from;
	enum err err = copy_records(arena, &copy.records);

	if (err == ERR_NONE)
		err = bytes_copy(arena, from->payload, &copy.payload);
	if (err == ERR_NONE)
		err = copy_text(arena, from->arguments, &copy.arguments);
	if (err == ERR_NONE)
		err = copy_text(arena, from->attributes, &copy.attributes);
	if (err == ERR_NONE)
		err = copy_text(arena, from->prefix, &copy.prefix);
	if (err == ERR_NONE && from->operation == LWM2M_EXECUTE)
		err = normalize_arguments(arena, &copy.arguments, fault);
	if (err == ERR_NONE)
		err = normalize_parameters(arena, model, &copy, fault);
	if (err == ERR_NONE)
		*ret_to = copy;
	return err;
}

/* For what it brings along, once more as a message. */
static size_t room_for(const struct operation_request *request)
{
	size_t len = request->payload.len;

	for (size_t i = 0; i < request->records.count; i++)
		len += has_bytes(request->records.at[i].value.type) ? request->records.at[i].value.bytes.len
								    : 0;
	return OPERATION_MAX_BYTES + 2 * len;
}

static struct operation *operation_create(const struct operation_request *request)
{
	struct arena *arena = arena_create(room_for(request));
	struct operation *operation = arena == NULL ? NULL : arena_alloc(arena, sizeof(*operation));

	if (operation == NULL) {
		arena_free(arena);
		return NULL;
	}
	operation->arena = arena;
	return operation;
}

/* ---- starting ---- */

/* With one token for two formats, a notification that is under way would be taken for the new answer. */
static bool is_in_another_format(const struct observation *observation,
				 const struct operation_request *request)
{
	return request->operation == LWM2M_OBSERVE && request->accept != FORMAT_NONE &&
	       request->accept != observation->format;
}

/* What is observed already is asked for again with its token; what is cancelled has to be there, and is named
 * as it was asked for (RFC 7641, 3.6). */
static enum err find_observation(struct device_entry *entry, struct operation *operation, struct fault *fault)
{
	struct operation_request *request = &operation->request;
	const struct observation *observation;
	char text[PATH_TEXT_SIZE];
	enum err err = observation_target_of(operation->arena, request, &operation->target);

	if (err != ERR_NONE)
		return fault_set(fault, err, "more than %d names to observe", OBSERVATION_TARGET_MAX_NAMES);
	observation = observation_find(entry, &operation->target, request->job_id);
	if (observation != NULL && is_in_another_format(observation, request))
		operation->replaced_token = observation->token;
	else if (observation != NULL)
		operation->observation_token = observation->token;
	if (observation != NULL && request->operation == LWM2M_CANCEL_OBSERVE)
		return copy_text(operation->arena, observation->attributes, &request->attributes);
	if (observation != NULL)
		return ERR_NONE;
	if (request->operation == LWM2M_CANCEL_OBSERVE)
		return fault_set(fault, ERR_NOT_FOUND, "%s is not observed", path_print(request->path, text));
	if (entry->observation_count >= OBSERVATION_MAX)
		return fault_set(fault, ERR_LIMIT, "the device has %d observations already", OBSERVATION_MAX);
	return ERR_NONE;
}

/* The prefix of an end device is an alternate path: all is the same below it. */
static enum err prepare_root(struct operation *operation, const struct operation_request *request,
			     struct fault *fault)
{
	enum err err;

	if (request->prefix == NULL)
		return ERR_NONE;
	err = end_device_check_prefix(request->prefix, fault);
	if (err != ERR_NONE)
		return err;
	if (!device_has(&operation->entry->device, GATEWAY_OBJECT, LWM2M_ID_NONE))
		return fault_set(fault, ERR_UNSUPPORTED, "the device is no gateway: it has no object %d",
				 GATEWAY_OBJECT);
	return end_device_root(operation->arena, request->prefix, &operation->root);
}

/* One value for a multiple resource is that of its one instance: so object 19 is written in practice. */
static struct lwm2m_path payload_base(const struct operation *operation, const struct format *format)
{
	struct lwm2m_path path = operation->request.path;
	const struct resource_model *resource = model_resource(operation->model, path);

	if (format->single && path.depth == 3 && resource != NULL && resource->is_multiple) {
		path.resource_instance = 0;
		path.depth = 4;
	}
	return path;
}

/* Bytes in a format are read as the device will read them, so that they are checked, and known afterwards,
 * like values. In a Create without an instance id the resources stand alone, as below one that is not chosen
 * yet. */
static enum err read_payload(struct operation *operation, struct fault *fault)
{
	struct operation_request *request = &operation->request;
	const struct lwm2m_path chosen_later = LWM2M_INSTANCE(request->path.object, LWM2M_ID_NONE);
	const struct format *format = format_find(request->payload_format);
	struct fault why = { 0 };
	enum err err;

	if (!is_writing(request->operation) || request->payload_format == FORMAT_NONE)
		return ERR_NONE;
	if (format == NULL)
		return fault_set(fault, ERR_UNSUPPORTED, "%u is no content format of LwM2M",
				 request->payload_format);
	err = format->read(operation->arena, operation->model, payload_base(operation, format),
			   request->payload, &request->records, &why);
	if (err != ERR_NONE && request->operation == LWM2M_CREATE &&
	    format->read(operation->arena, operation->model, chosen_later, request->payload,
			 &request->records, NULL) == ERR_NONE)
		return ERR_NONE;
	return err == ERR_NONE ? ERR_NONE : fault_set(fault, err, "%s", why.text);
}

static enum err prepare(struct registry *registry, struct device_entry *entry,
			const struct operation_request *request, struct operation *operation,
			struct fault *fault)
{
	struct device device;
	enum err err;

	operation->entry = entry;
	err = prepare_root(operation, request, fault);
	device = operation_message_device(&entry->device, operation->root);
	if (err == ERR_NONE)
		err = device_model(&device, registry->parts.model, operation->arena, &operation->model);
	if (err == ERR_NONE)
		err = check(&device, request, fault);
	if (err == ERR_NONE)
		err = copy_request(operation->arena, operation->model, request, &operation->request, fault);
	if (err == ERR_NONE)
		err = read_payload(operation, fault);
	if (err == ERR_NONE)
		err = check_records(operation->model, &device, &operation->request, fault);
	if (err == ERR_NONE &&
	    (request->operation == LWM2M_OBSERVE || request->operation == LWM2M_CANCEL_OBSERVE))
		err = find_observation(entry, operation, fault);
	if (err == ERR_NONE)
		err = operation_message_make(operation, fault);
	return err;
}

/* The observation ends here and now. A device that sleeps is told when it wakes, and its notifications until
 * then are refused, which ends it there too; so whoever cancels need not wait. */
static enum err start_cancel(struct registry *registry, struct device_entry *entry,
			     struct operation *take_operation, struct fault *fault)
{
	static const struct operation_answer ended = { .code = COAP_CODE(2, 5), .format = FORMAT_NONE };

	observation_end(registry, take_operation->observation_token);
	if (operation_queue_add(registry, entry, take_operation, fault) != ERR_NONE)
		operation_queue_answer(registry, entry, take_operation, &ended);
	return ERR_NONE;
}

enum err operation_check(struct registry *registry, const char *endpoint,
			 const struct operation_request *request, struct fault *fault)
{
	struct device_entry *entry = registry_entry(registry, endpoint);
	struct operation *operation;
	enum err err;

	if (entry == NULL)
		return fault_set(fault, ERR_NOT_FOUND, "no device %s is registered", endpoint);
	operation = operation_create(request);
	if (operation == NULL)
		return ERR_NOMEM;
	err = prepare(registry, entry, request, operation, fault);
	operation_free(operation);
	return err;
}

enum err operation_start(struct registry *registry, const char *endpoint,
			 const struct operation_request *request, operation_done *done, void *self,
			 uint64_t id, struct fault *fault)
{
	struct device_entry *entry = registry_entry(registry, endpoint);
	struct operation *operation;
	enum err err;

	if (entry == NULL)
		return fault_set(fault, ERR_NOT_FOUND, "no device %s is registered", endpoint);
	operation = operation_create(request);
	if (operation == NULL)
		return ERR_NOMEM;
	operation->done = done;
	operation->self = self;
	operation->id = id;
	err = prepare(registry, entry, request, operation, fault);
	if (err == ERR_NONE && request->operation == LWM2M_CANCEL_OBSERVE)
		return start_cancel(registry, entry, operation, NULL);
	if (err == ERR_NONE)
		err = operation_queue_add(registry, entry, operation, fault);
	if (err != ERR_NONE)
		operation_free(operation);
	return err;
}

/* With the device's word or without it, the observation is gone afterwards. */
static void end_observation(struct registry *registry, struct device_entry *entry,
			    const struct observation *observation)
{
	uint64_t token = observation->token;
	struct operation_request request;
	enum err err;

	arena_reset(registry->brief);
	err = observation_request(observation, LWM2M_CANCEL_OBSERVE, registry->brief, &request);
	if (err == ERR_NONE)
		err = operation_start(registry, entry->device.endpoint, &request, NULL, NULL, 0, NULL);
	if (err != ERR_NONE)
		observation_end(registry, token);
}

void operation_end_job(struct registry *registry, const char *endpoint, uint64_t job_id)
{
	struct device_entry *entry = registry_entry(registry, endpoint);
	const struct observation *observation;

	while (entry != NULL && (observation = observation_of_job(entry, job_id)) != NULL)
		end_observation(registry, entry, observation);
}

enum err operation_observations(const struct registry *registry, struct arena *arena, const char *endpoint,
				struct observation_view **ret_views, size_t *ret_count)
{
	const struct device_entry *entry = registry_entry(registry, endpoint);

	return entry == NULL ? ERR_NOT_FOUND : observation_views(entry, arena, ret_views, ret_count);
}
