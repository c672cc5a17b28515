/* /bootstrap: what the bootstrap server writes to a device. The collection itself has the configuration of
 * all that have none of their own: its name is the empty one, which no endpoint can have. Keys are never
 * shown. */
#include "bootstrap.h"

#include "api_parts.h"
#include "bootstrap_configuration.h"
#include "credentials.h"
#include "handlers.h"
#include "loop.h"
#include "lwm2m.h"
#include "registry.h"
#include "reply.h"

#define EVERYBODY          ""
#define MAX_ENDPOINT_BYTES 255

/* ---- showing ---- */

/* The document with what it is about. */
static json_t *configuration_json(const struct bootstrap_row *row)
{
	json_t *json = json_text(row->document);
	if (row->endpoint[0] != 0)
		json_object_set_new(json, "endpoint", json_string(row->endpoint));
	json_object_set_new(json, "updatedAt", json_time(row->updated_ms));
	return json;
}

static json_t *outcome_json(const struct bootstrap_outcome_row *row)
{
	json_t *json = json_text(row->json);
	json_object_set_new(json, "endedAt", json_time(row->ended_ms));
	return json;
}

/* Null when there is none. */
static enum err read_for_all(struct http_request *request, json_t **ret_json)
{
	struct bootstrap_row row;
	enum err err = store_read_bootstrap(request->api->parts.store, request->arena, EVERYBODY, &row);
	if (err != ERR_NONE && err != ERR_NOT_FOUND)
		return err;
	*ret_json = err == ERR_NONE ? configuration_json(&row) : json_null();
	return ERR_NONE;
}

static enum err list(struct http_request *request, struct fault *fault)
{
	struct bootstrap_row *rows = NULL;
	const char *cursor = http_query(request, "cursor");
	size_t count = 0;
	uint64_t limit;
	json_t *for_all;
	enum err err = http_query_number(request, "limit", 100, 1000, &limit, fault);
	if (err == ERR_NONE && limit == 0)
		err = fault_set(fault, ERR_MALFORMED, "limit: from 1 to 1000");
	if (err == ERR_NONE)
		err = store_read_bootstraps(request->api->parts.store, request->arena,
					    cursor != NULL ? cursor : EVERYBODY, limit + 1, &rows, &count);
	if (err == ERR_NONE)
		err = read_for_all(request, &for_all);
	if (err != ERR_NONE)
		return err;
	size_t shown = count > limit ? limit : count;
	json_t *items = json_array();
	for (size_t i = 0; i < shown; i++)
		json_array_append_new(items, configuration_json(&rows[i]));
	http_reply_json(request, 200,
			json_pack("{s:o, s:o, s:s?}", "default", for_all, "items", items, "next",
				  count > limit ? rows[shown - 1].endpoint : NULL));
	return ERR_NONE;
}

void bootstrap_list(struct http_request *request)
{
	http_defer(request, list);
}

/* An endpoint without a configuration of its own may still have been bootstrapped, by the one of all. */
static enum err read_one(struct http_request *request, struct fault *fault)
{
	struct store *store = request->api->parts.store;
	struct bootstrap_outcome_row outcome;
	struct bootstrap_row row;
	enum err err = store_read_bootstrap(store, request->arena, request->endpoint, &row);
	enum err outcome_err =
		store_read_bootstrap_outcome(store, request->arena, request->endpoint, &outcome);
	if (err == ERR_NOT_FOUND && outcome_err == ERR_NOT_FOUND)
		return fault_set(fault, err, "bootstrap of %s: there is none", request->endpoint);
	if (err != ERR_NONE && err != ERR_NOT_FOUND)
		return err;
	if (outcome_err != ERR_NONE && outcome_err != ERR_NOT_FOUND)
		return outcome_err;
	json_t *json = err == ERR_NONE ? configuration_json(&row)
				       : json_pack("{s:s}", "endpoint", request->endpoint);
	json_object_set_new(json, "lastOutcome",
			    outcome_err == ERR_NONE ? outcome_json(&outcome) : json_null());
	http_reply_json(request, 200, json);
	return ERR_NONE;
}

void bootstrap_get(struct http_request *request)
{
	http_defer(request, read_one);
}

/* ---- setting ---- */

static enum err put(struct http_request *request, struct fault *fault)
{
	const struct api_parts *parts = &request->api->parts;
	struct bootstrap_row row = { .endpoint = request->endpoint, .updated_ms = loop_wall_ms(parts->loop) };
	bool is_for_all = row.endpoint[0] == 0;
	struct bootstrap_configuration configuration;
	enum err err = strlen(row.endpoint) <= MAX_ENDPOINT_BYTES
			       ? ERR_NONE
			       : fault_set(fault, ERR_MALFORMED, "endpoint: longer than %d bytes",
					   MAX_ENDPOINT_BYTES);
	if (err == ERR_NONE)
		err = bootstrap_configuration_read(request->arena, parts->model, request->body, is_for_all,
						   &configuration, &row.document, fault);
	if (err == ERR_NONE)
		err = bootstrap_configuration_check_key(
			&configuration, credentials_key(parts->bootstrap_credentials, row.endpoint), fault);
	if (err == ERR_NONE)
		err = bootstrap_seal(parts->vault, request->arena, row.endpoint, request->body, &row.sealed);
	return err == ERR_NONE ? store_put_bootstrap(parts->store, &row, http_when_done(request)) : err;
}

void bootstrap_put(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	json_t *body = NULL;
	enum err err = http_body_object(request, &body, &fault);
	json_decref(body);
	if (err == ERR_NONE)
		err = put(request, &fault);
	if (err != ERR_NONE)
		http_reply_fault_or(request, &fault, err);
}

void bootstrap_delete(struct http_request *request)
{
	enum err err =
		store_remove_bootstrap(request->api->parts.store, request->endpoint, http_when_done(request));
	if (err != ERR_NONE)
		http_reply_err(request, err);
}

/* ---- by the server ---- */

/* The device's server account: ?instance, else its first. */
static enum err account_of(const struct http_request *request, uint64_t *ret_instance, struct fault *fault)
{
	const struct device *device = registry_find(request->api->parts.registry, request->endpoint);
	if (device == NULL)
		return fault_set(fault, ERR_NOT_FOUND, "device %s: not registered", request->endpoint);
	for (size_t i = 0; i < device->object_count; i++) {
		if (device->objects[i].object == 1 && device->objects[i].instance != LWM2M_ID_NONE)
			return http_query_number(request, "instance", device->objects[i].instance,
						 LWM2M_ID_NONE - 1, ret_instance, fault);
	}
	return fault_set(fault, ERR_CONFLICT, "device %s: has registered without an instance of object 1",
			 request->endpoint);
}

/* Execute of the Bootstrap-Request Trigger (LwM2M Core TS 1.1, 6.1.2 and E.2). */
void bootstrap_start(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	uint64_t instance = 0;
	enum err err = account_of(request, &instance, &fault);
	struct operation_request operation = {
		.operation = LWM2M_EXECUTE,
		.path = LWM2M_RESOURCE(1, (uint16_t)instance, 9),
		.payload_format = FORMAT_NONE,
		.accept = FORMAT_NONE,
	};
	lwm2m_start(request, &operation, err, &fault);
}
