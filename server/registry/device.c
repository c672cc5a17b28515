/* LwM2M Core TS 1.1, 6.2.1: what a registration says about a device. */
#include "device.h"

#include <stdlib.h>
#include <string.h>

#include "device_kind.h"
#include "format_choice.h"

/* 0 for what is not given or not like "1.2", since an unknown version is no error. */
static uint16_t version_number(struct bytes text)
{
	uint16_t major, minor;

	return version_parse(text, &major, &minor) && major <= 255 && minor <= 255
		       ? (uint16_t)(major << 8 | minor)
		       : 0;
}

enum err device_describe(struct arena *arena, const struct register_request *request, struct bytes endpoint,
			 struct bytes identity, struct bytes links,
			 struct device_description *ret_description)
{
	struct device_object *objects = arena_alloc_array(arena, request->object_count + 1, sizeof(*objects));
	uint16_t announced;

	if (objects == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < request->object_count; i++) {
		objects[i] = (struct device_object){
			.object = request->objects[i].object,
			.instance = request->objects[i].instance,
			.version = version_number(request->objects[i].version),
		};
	}
	announced = format_choice_set(request->formats, request->format_count);
	*ret_description = (struct device_description){
		.endpoint = endpoint,
		.identity = identity,
		.version = request->version,
		.binding = request->binding,
		.root = request->root,
		.links = links,
		.is_queue_mode = request->is_queue_mode,
		.objects = objects,
		.object_count = request->object_count,
		.announced_formats = announced,
		.preferred_format = format_choice_first(format_choice_minor(request->version),
							request->root.len > 0, announced),
	};
	return ERR_NONE;
}

enum err device_pack(struct index *kinds, const struct device_description *description, struct device *device,
		     struct device_texts **ret_texts)
{
	const struct bytes endpoint = description->endpoint, identity = description->identity;
	struct device_texts *texts = calloc(1, sizeof(*texts) + endpoint.len + 1 + identity.len + 1);
	enum err err = texts != NULL ? ERR_NONE : ERR_NOMEM;

	if (err == ERR_NONE)
		err = device_kind_take(kinds, description, device, &texts->kind);
	if (err != ERR_NONE) {
		free(texts);
		return err;
	}
	if (endpoint.len > 0)
		memcpy(texts->names, endpoint.at, endpoint.len);
	if (identity.len > 0)
		memcpy(&texts->names[endpoint.len + 1], identity.at, identity.len);
	device->endpoint = texts->names;
	device->identity = &texts->names[endpoint.len + 1];
	device->is_queue_mode = description->is_queue_mode;
	device->announced_formats = description->announced_formats;
	device->preferred_format = description->preferred_format;
	*ret_texts = texts;
	return ERR_NONE;
}

void device_texts_free(struct device_texts *texts)
{
	if (texts == NULL)
		return;
	device_kind_give(texts->kind);
	free(texts);
}

bool device_entry_is_from(const struct device_entry *entry, const struct coap_address *from,
			  const char *identity)
{
	if (entry->device.identity[0] != 0 || identity[0] != 0)
		return strcmp(entry->device.identity, identity) == 0;
	return coap_address_equal(&entry->device.address, from);
}

struct address_key address_key_of(const struct coap_address *address)
{
	struct address_key key = { .socket = address->socket, .family = (uint8_t)address->any.sa_family };

	if (address->any.sa_family == AF_INET6) {
		memcpy(key.ip, &address->v6.sin6_addr, sizeof(key.ip));
		key.scope = address->v6.sin6_scope_id;
		key.port = address->v6.sin6_port;
	} else {
		memcpy(key.ip, &address->v4.sin_addr, sizeof(address->v4.sin_addr));
		key.port = address->v4.sin_port;
	}
	return key;
}

bool is_from_new_port(const struct device_entry *entry, const struct coap_address *from, const char *identity)
{
	struct address_key known = address_key_of(&entry->device.address), new = address_key_of(from);
	bool is_other_port = known.port != new.port;

	known.port = new.port;
	return entry->device.identity[0] == 0 && identity[0] == 0 && is_other_port &&
	       memcmp(&known, &new, sizeof(known)) == 0;
}

struct registration_row device_row(const struct device *device, char address[static COAP_ADDRESS_TEXT_SIZE])
{
	return (struct registration_row){
		.endpoint = device->endpoint,
		.location = device->location,
		.address = coap_address_print(&device->address, address),
		.socket = device->address.socket,
		.is_secure = device->address.is_secure,
		.is_stream = device->address.is_stream,
		.identity = device->identity,
		.lifetime_s = device->lifetime_s,
		.version = device->version,
		.binding = device->binding,
		.links = device->links,
		.root = device->root,
		.is_queue_mode = device->is_queue_mode,
		.registered_ms = device->registered_ms,
		.updated_ms = device->updated_ms,
		.expires_ms = device->expires_ms,
	};
}

bool device_has(const struct device *device, uint16_t object, uint16_t instance)
{
	for (size_t i = 0; i < device->object_count; i++) {
		if (device->objects[i].object == object &&
		    (instance == LWM2M_ID_NONE || device->objects[i].instance == instance))
			return true;
	}
	return false;
}
