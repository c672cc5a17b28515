/* LwM2M Core TS 1.1, 6.2: registration interface
 *
 * Store, then act: memory follows once the store has taken the row, and the device is answered once that is
 * durable. Only a plain refresh, which is most of the traffic of a fleet, is answered at once: it reads no
 * text and allocates nothing. */
#include "registration.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cardea/crypto.h>

#include "awake.h"
#include "change.h"
#include "credentials.h"
#include "endpoint_name.h"
#include "log.h"
#include "observation.h"
#include "operation_queue.h"
#include "profiles.h"
#include "reply.h"
#include "tolerated.h"

#define MAX_LINKS_BYTES 8192

/* ---- times ---- */

/* Heard now: what people and the store see of it. */
static void set_times(struct device *device, int64_t wall_ms)
{
	device->updated_ms = wall_ms;
	device->seen_ms = wall_ms;
	device->expires_ms = device->lifetime_s == 0 ? 0 : wall_ms + (int64_t)device->lifetime_s * 1000;
}

void registration_touch(struct device_entry *entry)
{
	struct loop *loop = entry->registry->parts.loop;
	int64_t lifetime_ms = (int64_t)entry->device.lifetime_s * 1000;

	set_times(&entry->device, loop_wall_ms(loop));
	entry->expiry_due_ms = lifetime_ms == 0
				       ? TIME_NEVER
				       : loop_now_ms(loop) + lifetime_ms + entry->registry->parts.grace_ms;
	registry_schedule(entry);
}

/* ---- refusing ---- */

/* The codes that the specification allows here differ from the general ones. */
static uint8_t refusal_code(enum err err)
{
	switch (err) {
	case ERR_MALFORMED:
	case ERR_LIMIT:
		return COAP_CODE(4, 0);
	case ERR_UNSUPPORTED:
		return COAP_CODE(4, 12);
	case ERR_DENIED:
		return COAP_CODE(4, 3);
	default:
		return err_coap_code(err);
	}
}

static void refuse(struct registry *registry, const struct coap_request *request, enum err err,
		   const struct fault *fault)
{
	char from[COAP_ADDRESS_TEXT_SIZE];

	log_info("registration.refused", "from=%s identity=%s error=%s reason=%s",
		 coap_address_print(request->from, from), request->identity, err_name(err), fault->text);
	if (err == ERR_UNAVAILABLE)
		reply_busy(registry, request->reply);
	else
		reply_fault(registry, request->reply, refusal_code(err), fault);
}

/* ---- Register ---- */

static enum err check_links(const struct coap_message *message, uint32_t *rules, struct fault *fault)
{
	if (message->payload.len > MAX_LINKS_BYTES)
		return fault_set(fault, ERR_LIMIT, "more than %d bytes of links", MAX_LINKS_BYTES);
	if (!bytes_are_utf8(message->payload))
		return fault_set(fault, ERR_MALFORMED, "the links are not UTF-8");
	if (message->payload.len > 0 && message->content_format != COAP_NO_FORMAT &&
	    message->content_format != FORMAT_LINK)
		return fault_set(fault, ERR_MALFORMED, "content format %u is not link format",
				 message->content_format);
	if (message->payload.len > 0 && message->content_format == COAP_NO_FORMAT)
		*rules |= TOLERANCE_BIT(TOLERANCE_MISSING_LINK_FORMAT);
	return ERR_NONE;
}

/* The message with the list that its profile id stands for, beside the links that it has. */
static enum err expand_profile(const struct registry *registry, const struct coap_request *request,
			       struct coap_message *ret_message)
{
	struct coap_message message = *request->message;
	enum err err = ERR_NONE;

	for (size_t i = 0; i < message.query_count && err == ERR_NONE; i++) {
		const struct bytes query = message.query[i];

		if (bytes_equal_text(bytes_first(query, strlen("pid=")), "pid="))
			err = profiles_expand(registry->parts.profiles, request->arena,
					      bytes_from(query, strlen("pid=")), message.payload,
					      &message.payload);
	}
	if (request->message->payload.len == 0 && message.payload.len > 0)
		message.content_format = FORMAT_LINK;
	if (err == ERR_NONE)
		*ret_message = message;
	return err;
}

/* Reads all of a Register, or says why not. */
static enum err read_register(const struct registry *registry, const struct coap_request *request,
			      struct register_request *ret_asked, struct device_description *ret_description,
			      struct fault *fault)
{
	struct coap_message message;
	struct bytes endpoint;
	enum err err = expand_profile(registry, request, &message);

	if (err == ERR_NONE)
		err = register_request_parse(request->arena, message.query, message.query_count,
					     message.payload, false, ret_asked, fault);
	if (err == ERR_NONE)
		err = endpoint_name_of(request->arena, ret_asked->endpoint, request->identity, &endpoint,
				       fault);
	if (err == ERR_NONE)
		err = check_links(&message, &ret_asked->rules, fault);
	if (err != ERR_NONE)
		return err;
	/* A device that has a credential must come with it. */
	if (request->identity[0] == 0 &&
	    credentials_has(registry->parts.credentials, (const char *)endpoint.at))
		return fault_set(fault, ERR_DENIED, "this device has to come with its credential");
	return device_describe(request->arena, ret_asked, endpoint, bytes_of_text(request->identity),
			       message.payload, ret_description);
}

/* 64 random bits: without security, knowing the location is all that an Update has to show. */
static enum err choose_location(char ret_location[static LOCATION_SIZE])
{
	uint64_t random;
	enum err err = random_bytes((uint8_t *)&random, sizeof(random));

	if (err != ERR_NONE)
		return err;
	snprintf(ret_location, LOCATION_SIZE, "%016" PRIx64, random);
	return ERR_NONE;
}

void registration_announce(struct registry *registry, struct device_entry *entry)
{
	awake_mark(entry);
	observation_drop_jobs(registry, entry);
	registry_publish(registry, &entry->device, "device.registered");
	for (size_t i = 0; i < registry->listener_count; i++) {
		if (registry->listeners[i].registered != NULL)
			registry->listeners[i].registered(registry->listeners[i].self, &entry->device);
	}
	observation_renew(registry, entry);
	awake_tell(registry, entry);
}

static void registered(struct registry *registry, const struct acknowledgement *acknowledgement,
		       enum err result)
{
	struct device_entry *entry = registry_entry_at(registry, bytes_of_text(acknowledgement->location));

	if (result != ERR_NONE) {
		log_error("registration.not_stored", "error=%s", err_name(result));
		reply_busy(registry, acknowledgement->reply);
		if (entry != NULL)
			registry_drop(registry, entry, "device.deregistered");
		return;
	}
	reply_created(registry, acknowledgement->reply, acknowledgement->location);
	if (entry == NULL) /* registered once more, or removed, before this was durable */
		return;
	entry->is_acknowledged = true;
	log_info("registration.accepted", "endpoint=%s location=%s lifetime_s=%" PRIu32 " version=%s",
		 entry->device.endpoint, entry->location, entry->device.lifetime_s, entry->device.version);
	registration_announce(registry, entry);
}

/* Memory follows the store. ERR_NOMEM: then the device is not in memory. */
static enum err follow_register(struct registry *registry, struct device_entry *entry,
				const struct change *take_change)
{
	enum err err = ERR_NONE;

	if (entry == NULL) {
		err = change_create(registry, take_change, &entry);
		if (err != ERR_NONE)
			return err;
	} else {
		operation_queue_break(registry, entry, "the device registered again before it answered");
		awake_end(registry, entry);
		change_apply(entry, take_change);
		err = registry_index_location(registry, entry);
		if (err == ERR_NONE)
			err = registry_index_address(registry, entry);
		if (err != ERR_NONE) {
			registry_drop(registry, entry, "device.deregistered");
			return err;
		}
	}
	entry->is_acknowledged = false;
	entry->needs_row = false;
	registration_touch(entry);
	return ERR_NONE;
}

void registration_register(struct registry *registry, const struct coap_request *request)
{
	const struct device nobody = { .registered_ms = loop_wall_ms(registry->parts.loop) };
	struct register_request asked;
	struct device_description description;
	struct acknowledgement *acknowledgement;
	struct device_entry *entry = NULL;
	struct change change = { 0 };
	struct fault fault = { 0 };
	enum err err = read_register(registry, request, &asked, &description, &fault);

	if (err == ERR_NONE)
		entry = registry_entry(registry, (const char *)description.endpoint.at);
	/* Who presented it has done so until it could speak for itself. */
	if (err == ERR_NONE && entry != NULL && entry->presenter.ask != NULL) {
		registry_drop(registry, entry, "device.deregistered");
		entry = NULL;
	}
	/* Its certificate may be all that says who it is. */
	if (err == ERR_NONE && entry != NULL && entry->device.identity[0] != 0 && request->identity[0] == 0 &&
	    credentials_accepts_issued(registry->parts.credentials))
		err = fault_set(&fault, ERR_DENIED, "this device has registered with a certificate");
	if (err == ERR_NONE && entry == NULL && registry->count >= registry->parts.max_devices)
		err = fault_set(&fault, ERR_UNAVAILABLE, "as many devices are registered as may be");
	if (err == ERR_NONE)
		err = change_prepare(registry, &description, &nobody, &change);
	if (err == ERR_NONE)
		err = choose_location(change.location);
	if (err == ERR_NONE) {
		change.device.address = *request->from;
		change.device.lifetime_s = asked.lifetime_s;
		set_times(&change.device, nobody.registered_ms);
		err = change_store(registry, request->reply, &change, registered, &acknowledgement);
	}
	if (err != ERR_NONE) {
		device_texts_free(change.texts);
		refuse(registry, request, err, &fault);
		return;
	}
	if (entry != NULL)
		asked.rules |= TOLERANCE_BIT(TOLERANCE_REGISTERED_AGAIN);
	err = follow_register(registry, entry, &change);
	if (err != ERR_NONE)
		log_error("registration.not_kept", "endpoint=%s error=%s",
			  (const char *)description.endpoint.at, err_name(err));
	else
		tolerated(registry, registry_entry_at(registry, bytes_of_text(change.location)), asked.rules);
	acknowledgement_arm(registry, acknowledgement);
}

/* ---- Update ---- */

/* A registration made with a credential is changed with that credential only. Without security whoever knows
 * the location may: like Leshan we take a new address from such an Update (NAT gives devices new ones all the
 * time), though the specification wants the client to register again. */
static enum err check_sender(const struct registry *registry, const struct device_entry *entry,
			     const struct coap_request *request, struct fault *fault)
{
	if (strcmp(entry->device.identity, request->identity) != 0)
		return fault_set(fault, ERR_MALFORMED, "the registration is not of this device");
	if (request->identity[0] == 0 && credentials_has(registry->parts.credentials, entry->device.endpoint))
		return fault_set(fault, ERR_MALFORMED, "this device has to come with its credential");
	return ERR_NONE;
}

void registration_move(struct registry *registry, struct device_entry *entry, const struct coap_address *to)
{
	char address[COAP_ADDRESS_TEXT_SIZE];

	log_debug("registration.moved", "endpoint=%s to=%s", entry->device.endpoint,
		  coap_address_print(to, address));
	entry->device.address = *to;
	if (registry_index_address(registry, entry) != ERR_NONE)
		log_error("registration.not_indexed", "endpoint=%s reason=no memory", entry->device.endpoint);
	change_store_later(registry, entry);
}

/* Its notifications came from the old address and were refused since: ask for them again. */
static void follow_sender(struct registry *registry, struct device_entry *entry,
			  const struct coap_request *request)
{
	if (coap_address_equal(&entry->device.address, request->from))
		return;
	if (request->identity[0] == 0)
		tolerated(registry, entry,
			  is_from_new_port(entry, request->from, "")
				  ? TOLERANCE_BIT(TOLERANCE_UPDATE_FROM_NEW_PORT)
				  : TOLERANCE_BIT(TOLERANCE_UPDATE_FROM_NEW_ADDRESS));
	registration_move(registry, entry, request->from);
	entry->has_moved = request->identity[0] == 0;
}

/* Not before its Update is answered. */
static void renew_moved(struct registry *registry, struct device_entry *entry)
{
	if (entry->has_moved)
		observation_renew(registry, entry);
	entry->has_moved = false;
}

static void refresh(struct registry *registry, struct device_entry *entry, const struct coap_request *request)
{
	enum err err;

	registration_touch(entry);
	err = store_touch_registration(registry->parts.store, entry->device.endpoint,
				       entry->device.updated_ms, entry->device.expires_ms);
	if (err != ERR_NONE) {
		reply_busy(registry, request->reply);
		return;
	}
	reply_code(registry, request->reply, COAP_CODE(2, 4));
	follow_sender(registry, entry, request);
	renew_moved(registry, entry);
	awake_begin(registry, entry);
}

static void updated(struct registry *registry, const struct acknowledgement *acknowledgement, enum err result)
{
	struct device_entry *entry = registry_entry_at(registry, bytes_of_text(acknowledgement->location));

	if (result != ERR_NONE) {
		log_error("registration.not_stored", "error=%s", err_name(result));
		reply_busy(registry, acknowledgement->reply);
		if (entry != NULL) /* the device brings the change again, which is no news by then */
			entry->needs_row = true;
		return;
	}
	reply_code(registry, acknowledgement->reply, COAP_CODE(2, 4));
	if (entry == NULL)
		return;
	log_info("registration.updated", "endpoint=%s lifetime_s=%" PRIu32, entry->device.endpoint,
		 entry->device.lifetime_s);
	registry_publish(registry, &entry->device, "device.updated");
	renew_moved(registry, entry);
	awake_begin(registry, entry);
}

/* An Update with `b` speaks of the queue mode too: always in 1.0, where Q is a letter of the binding; later
 * only when the binding differs, since clients repeat an unchanged `b` without `Q`. */
static bool updated_queue_mode(const struct device *device, const struct register_request *asked)
{
	if (asked->is_queue_mode || !asked->has_binding)
		return asked->is_queue_mode || device->is_queue_mode;
	if (strcmp(device->version, "1.0") == 0 || !bytes_equal_text(asked->binding, device->binding))
		return false;
	return device->is_queue_mode;
}

/* The device as the Update wants it. */
static enum err describe_update(const struct coap_request *request, const struct coap_message *message,
				const struct device *device, struct register_request *asked,
				struct device_description *ret_description, struct fault *fault)
{
	struct bytes endpoint = bytes_of_text(device->endpoint), identity = bytes_of_text(device->identity);
	struct bytes links = asked->has_links ? message->payload : bytes_of_text(device->links);
	enum err err = check_links(message, &asked->rules, fault);

	if (err != ERR_NONE)
		return err;
	asked->version = bytes_of_text(device->version);
	asked->is_queue_mode = updated_queue_mode(device, asked);
	if (!asked->has_binding)
		asked->binding = bytes_of_text(device->binding);
	if (!asked->has_lifetime)
		asked->lifetime_s = device->lifetime_s;
	err = device_describe(request->arena, asked, endpoint, identity, links, ret_description);
	if (err == ERR_NONE && !asked->has_links) {
		ret_description->root = bytes_of_text(device->root);
		ret_description->objects = device->objects;
		ret_description->object_count = device->object_count;
		ret_description->announced_formats = device->announced_formats;
		ret_description->preferred_format = device->preferred_format;
	}
	return err;
}

static bool differs(const struct device *device, const struct register_request *asked,
		    const struct device_description *wanted)
{
	return asked->lifetime_s != device->lifetime_s || wanted->is_queue_mode != device->is_queue_mode ||
	       !bytes_equal_text(wanted->binding, device->binding) ||
	       !bytes_equal_text(wanted->links, device->links);
}

static enum err update_change(struct registry *registry, struct device_entry *entry,
			      const struct coap_request *request, const struct device_description *wanted,
			      uint32_t lifetime_s)
{
	struct acknowledgement *acknowledgement;
	struct change change;
	enum err err = change_prepare(registry, wanted, &entry->device, &change);

	if (err != ERR_NONE)
		return err;
	memcpy(change.location, entry->location, LOCATION_SIZE);
	change.device.lifetime_s = lifetime_s;
	set_times(&change.device, loop_wall_ms(registry->parts.loop));
	err = change_store(registry, request->reply, &change, updated, &acknowledgement);
	if (err != ERR_NONE) {
		device_texts_free(change.texts);
		return err;
	}
	change_apply(entry, &change);
	entry->needs_row = false;
	registration_touch(entry);
	follow_sender(registry, entry, request);
	acknowledgement_arm(registry, acknowledgement);
	return ERR_NONE;
}

static void update_more(struct registry *registry, struct device_entry *entry,
			const struct coap_request *request)
{
	struct coap_message message;
	struct device_description wanted;
	struct register_request asked;
	struct fault fault = { 0 };
	enum err err = expand_profile(registry, request, &message);

	if (err == ERR_NONE)
		err = register_request_parse(request->arena, message.query, message.query_count,
					     message.payload, true, &asked, &fault);
	if (err == ERR_NONE)
		err = describe_update(request, &message, &entry->device, &asked, &wanted, &fault);
	if (err == ERR_NONE)
		tolerated(registry, entry, asked.rules);
	if (err == ERR_NONE && !entry->needs_row && !differs(&entry->device, &asked, &wanted)) {
		refresh(registry, entry, request);
		return;
	}
	if (err == ERR_NONE)
		err = update_change(registry, entry, request, &wanted, asked.lifetime_s);
	if (err != ERR_NONE)
		refuse(registry, request, err, &fault);
}

/* The device that a request to /rd/<location> is about; NULL: it has been answered. */
static struct device_entry *addressed(struct registry *registry, const struct coap_request *request)
{
	struct device_entry *entry = registry_entry_at(registry, request->message->path[1]);
	struct fault fault = { 0 };
	enum err err;

	if (entry == NULL) {
		reply_code(registry, request->reply, COAP_CODE(4, 4));
		return NULL;
	}
	err = check_sender(registry, entry, request, &fault);
	if (err != ERR_NONE) {
		refuse(registry, request, err, &fault);
		return NULL;
	}
	return entry;
}

void registration_update(struct registry *registry, const struct coap_request *request)
{
	struct device_entry *entry = addressed(registry, request);

	if (entry == NULL)
		return;
	if (entry->device.expires_ms != 0 && loop_wall_ms(registry->parts.loop) > entry->device.expires_ms)
		tolerated(registry, entry, TOLERANCE_BIT(TOLERANCE_LATE_UPDATE));
	if (request->message->query_count == 0 && request->message->payload.len == 0 && !entry->needs_row)
		refresh(registry, entry, request);
	else
		update_more(registry, entry, request);
}

void registration_set_lifetime(struct registry *registry, struct device_entry *entry, uint32_t lifetime_s)
{
	entry->device.lifetime_s = lifetime_s;
	registration_touch(entry);
	change_store_later(registry, entry);
	registry_publish(registry, &entry->device, "device.updated");
}

/* ---- De-register and the end of a lifetime ---- */

static void deregistered(struct registry *registry, const struct acknowledgement *acknowledgement,
			 enum err result)
{
	if (result == ERR_NONE || result == ERR_NOT_FOUND)
		reply_code(registry, acknowledgement->reply, COAP_CODE(2, 2));
	else
		reply_busy(registry, acknowledgement->reply);
}

void registration_deregister(struct registry *registry, const struct coap_request *request)
{
	struct device_entry *entry = addressed(registry, request);
	struct acknowledgement *acknowledgement;
	const struct fault fault = { 0 };
	enum err err;

	if (entry == NULL)
		return;
	err = acknowledgement_begin(registry, request->reply, entry->location, deregistered,
				    &acknowledgement);
	if (err != ERR_NONE) {
		refuse(registry, request, err, &fault);
		return;
	}
	err = store_remove_registration(registry->parts.store, entry->device.endpoint,
					acknowledgement_stored(registry, acknowledgement));
	if (err != ERR_NONE) {
		acknowledgement_cancel(registry, acknowledgement);
		refuse(registry, request, err, &fault);
		return;
	}
	registry_drop(registry, entry, "device.deregistered");
	acknowledgement_arm(registry, acknowledgement);
}

void registration_expire(struct registry *registry, struct device_entry *entry)
{
	enum err err = store_remove_registration(registry->parts.store, entry->device.endpoint,
						 (struct store_done){ 0 });

	/* A row that stays behind expires again after the next start. */
	if (err != ERR_NONE)
		log_warn("registration.row_stays", "endpoint=%s error=%s", entry->device.endpoint,
			 err_name(err));
	registry_drop(registry, entry, "device.expired");
}
