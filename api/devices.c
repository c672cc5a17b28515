#include <stdlib.h>
#include <string.h>

#include "api_parts.h"
#include "handlers.h"
#include "loop.h"
#include "registry.h"
#include "reply.h"

#define MIN_AWAKE_MS 100
#define MAX_AWAKE_MS 86400000

json_t *device_object_json(const struct device_object *object)
{
	json_t *json = json_pack("{s:i}", "object", object->object);
	if (json != NULL && object->instance != LWM2M_ID_NONE)
		json_object_set_new(json, "instance", json_integer(object->instance));
	if (json != NULL && object->version != 0)
		json_object_set_new(json, "version",
				    json_sprintf("%u.%u", object->version >> 8, object->version & 0xffu));
	return json;
}

static json_t *device_json(const struct device *device)
{
	char address[COAP_ADDRESS_TEXT_SIZE];
	json_t *objects = json_array();
	for (size_t i = 0; i < device->object_count; i++)
		json_array_append_new(objects, device_object_json(&device->objects[i]));
	json_t *at = device->is_presented ? json_null()
					  : json_sprintf("%s://%s", coap_address_scheme(&device->address),
							 coap_address_print(&device->address, address));
	return json_pack(
		"{s:s, s:o, s:s, s:I, s:s, s:s, s:b, s:b, s:I, s:o, s:o, s:o, s:o, s:o}", "endpoint",
		device->endpoint, "address", at,
		"location", device->location, "lifetime", (json_int_t)device->lifetime_s, "version",
		device->version, "binding", device->binding, "queueMode", device->is_queue_mode, "awake",
		device->is_awake || !(device->is_queue_mode || device->address.is_stream), "awakeMs",
		(json_int_t)device->awake_ms, "registeredAt", json_time(device->registered_ms), "updatedAt",
		json_time(device->updated_ms), "lastSeenAt", json_time(device->seen_ms), "expiresAt",
		device->expires_ms != 0 ? json_time(device->expires_ms) : json_null(), "objects", objects);
}

/* The rules of tolerance that the device has needed, and how often. */
static json_t *tolerances_json(const struct registry *registry, const char *endpoint)
{
	json_t *json = json_object();
	for (enum tolerance rule = 0; rule < TOLERANCE_COUNT; rule++) {
		uint32_t count = registry_tolerated(registry, endpoint, rule);
		if (count > 0)
			json_object_set_new(json, tolerance_name(rule), json_integer(count));
	}
	return json;
}

void devices_list(struct http_request *request)
{
	struct registry *registry = request->api->parts.registry;
	struct fault fault = { .kind = ERR_NONE };
	const char *cursor = http_query(request, "cursor");
	uint64_t limit;
	enum err err = page_limit(request, &limit, &fault);
	if (err != ERR_NONE) {
		http_reply_fault(request, &fault);
		return;
	}
	json_t *items = json_array();
	const struct device *device = registry_next(registry, cursor != NULL ? cursor : "");
	const char *last = NULL;
	for (; device != NULL && json_array_size(items) < limit;
	     device = registry_next(registry, device->endpoint)) {
		json_array_append_new(items, device_json(device));
		last = device->endpoint;
	}
	http_reply_list(request, items, device != NULL ? last : NULL);
}

/* Finds the device, or answers 404. */
static const struct device *device_of(struct http_request *request)
{
	const struct device *device = registry_find(request->api->parts.registry, request->endpoint);
	struct fault fault = { .kind = ERR_NONE };
	if (device == NULL) {
		fault_set(&fault, ERR_NOT_FOUND, "device %s: not registered", request->endpoint);
		http_reply_fault(request, &fault);
	}
	return device;
}

/* On a worker: what is known of the secure components joins what the registration says. */
static enum err add_components(struct http_request *request, struct fault *fault)
{
	struct inventory_row *rows;
	size_t count;
	json_t *device = request->own, *components = json_array();
	enum err err = store_read_inventory(request->api->parts.store, request->arena, request->endpoint,
					    NULL, &rows, &count);
	for (size_t i = 0; i < count && err == ERR_NONE; i++)
		json_array_append_new(components,
				      json_pack("{s:s, s:s, s:o}", "section", rows[i].section, "key",
						rows[i].key, "learnedAt", json_time(rows[i].learned_ms)));
	if (err != ERR_NONE) {
		json_decref(components);
		json_decref(device);
		return err;
	}
	json_object_set_new(device, "secureComponents", components);
	http_reply_json(request, 200, device);
	return ERR_NONE;
}

void device_get(struct http_request *request)
{
	const struct device *device = device_of(request);
	if (device == NULL)
		return;
	json_t *json = device_json(device);
	if (json == NULL) {
		http_reply_err(request, ERR_NOMEM);
		return;
	}
	json_object_set_new(json, "tolerances",
			    tolerances_json(request->api->parts.registry, device->endpoint));
	request->own = json;
	http_defer(request, add_components);
}

void device_delete(struct http_request *request)
{
	if (device_of(request) == NULL)
		return;
	enum err err = registry_remove(request->api->parts.registry, request->endpoint);
	if (err == ERR_NONE)
		http_reply_empty(request, 204);
	else
		http_reply_err(request, err);
}

/* null: as the server has it. */
static enum err read_awake_ms(const struct http_request *request, uint32_t *ret_awake_ms, struct fault *fault)
{
	static const char *const members[] = { "awakeMs", NULL };
	json_t *body = NULL;
	json_int_t awake_ms = 0;
	enum err err = http_body_object(request, &body, fault);
	if (err == ERR_NONE)
		err = body_members(body, members, fault);
	if (err == ERR_NONE && !json_is_null(json_object_get(body, "awakeMs")))
		err = body_number(body, "awakeMs", MIN_AWAKE_MS, MAX_AWAKE_MS, &awake_ms, fault);
	json_decref(body);
	if (err == ERR_NONE)
		*ret_awake_ms = (uint32_t)awake_ms;
	return err;
}

void device_patch(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	uint32_t awake_ms;
	if (device_of(request) == NULL)
		return;
	enum err err = read_awake_ms(request, &awake_ms, &fault);
	if (err == ERR_NONE)
		err = registry_set_awake(request->api->parts.registry, request->endpoint, awake_ms,
					 http_when_done(request));
	if (err != ERR_NONE)
		http_reply_fault_or(request, &fault, err);
}

/* ---- inventory ---- */

static enum err read_section(struct http_request *request, struct fault *fault)
{
	struct inventory_row *rows;
	size_t count;
	enum err err = store_read_inventory(request->api->parts.store, request->arena, request->endpoint,
					    request->own, &rows, &count);
	if (err != ERR_NONE)
		return err;
	json_t *items = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(items, json_pack("{s:s, s:o, s:o}", "key", rows[i].key, "learnedAt",
						       json_time(rows[i].learned_ms), "content",
						       json_text(rows[i].json)));
	http_reply_list(request, items, NULL);
	return ERR_NONE;
}

static void reply_section(struct http_request *request, char *section)
{
	request->own = section;
	http_defer(request, read_section);
}

void secure_elements_get(struct http_request *request)
{
	reply_section(request, "secure-elements");
}

void authentications_get(struct http_request *request)
{
	reply_section(request, "authentications");
}

void tees_get(struct http_request *request)
{
	reply_section(request, "tees");
}

void euiccs_get(struct http_request *request)
{
	reply_section(request, "euiccs");
}

void security_services_get(struct http_request *request)
{
	reply_section(request, "security-services");
}
