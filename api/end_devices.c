/* /devices/{ep}/end-devices: what is behind a gateway. */
#include "end_devices.h"

#include "api_parts.h"
#include "handlers.h"
#include "lwm2m.h"
#include "operation.h"
#include "reply.h"

static json_t *end_device_json(const struct end_device *device)
{
	json_t *objects = json_array();
	for (size_t i = 0; i < device->object_count; i++)
		json_array_append_new(objects, device_object_json(&device->objects[i]));
	return json_pack("{s:i, s:s, s:s, s:o}", "instance", device->instance, "id", device->id, "prefix",
			 device->prefix, "objects", objects);
}

static void reply_end_devices(struct http_request *request, const struct operation_answer *answer)
{
	struct end_device *devices;
	size_t count;
	enum err err = end_devices_read(request->arena, answer->records, &devices, &count);
	if (err != ERR_NONE) {
		http_reply_err(request, err);
		return;
	}
	json_t *items = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(items, end_device_json(&devices[i]));
	http_reply_list(request, items, NULL);
}

static void answered(void *self, uint64_t id, const struct operation_answer *answer)
{
	struct api *api = self;
	struct http_request *request = http_find(api->http, id);
	if (request != NULL && !lwm2m_reply_failure(request, answer))
		reply_end_devices(request, answer);
}

void end_devices_list(struct http_request *request)
{
	const struct device *device = registry_find(request->api->parts.registry, request->endpoint);
	const struct operation_request read = { .operation = LWM2M_READ,
						.path = LWM2M_OBJECT(GATEWAY_OBJECT),
						.payload_format = FORMAT_NONE,
						.accept = FORMAT_NONE };
	struct fault fault = { .kind = ERR_NONE };
	if (device != NULL && !device_has(device, GATEWAY_OBJECT, LWM2M_ID_NONE)) {
		http_reply_list(request, json_array(), NULL);
		return;
	}
	enum err err = operation_start(request->api->parts.registry, request->endpoint, &read, answered,
				       request->api, request->id, &fault);
	if (err != ERR_NONE)
		http_reply_fault_or(request, &fault, err);
}
