/* The devices: who is registered, where, and with what. The truth while the server runs; the store holds its copy.
 *
 * The registry owns its devices. Pointers to them are valid until the loop's next turn: across turns hold the endpoint
 * name. Everything here runs on the loop's thread. */
#ifndef CARDEA_REGISTRY_REGISTRY_H
#define CARDEA_REGISTRY_REGISTRY_H

#include <cardea/lwm2m.h>

#include "coap.h"
#include "model.h"
#include "store.h"
#include "tolerance.h"

struct credentials;
struct events;
struct loop;
struct profiles;
struct registry;

struct device_object {
	uint16_t object, instance;              /* instance LWM2M_ID_NONE: none */
	uint16_t version;                       /* major << 8 | minor; 0: not given */
};

struct device {
	const char *endpoint, *location;
	struct coap_address address;
	const char *identity;                   /* of the security layer, "" without */
	uint32_t lifetime_s;
	uint32_t awake_ms;                      /* how long it listens after it was heard, in queue mode */
	const char *version, *binding, *root, *links;           /* links as registered */
	uint16_t announced_formats;             /* of ours, those in its `ct`: bit i is format_at(i) */
	uint16_t preferred_format;              /* what it is spoken to in first, where there is a choice */
	bool is_queue_mode, is_awake;           /* beside the times: an Update touches both */
	bool is_presented;                      /* answered for by somebody in this process; it has no address */
	int64_t registered_ms, updated_ms, seen_ms, expires_ms; /* since 1970; expires 0: never */
	const struct device_object *objects;
	size_t object_count;
};

struct registry_parts {                         /* all borrowed */
	struct loop *loop;
	struct store *store;
	struct model *model;
	struct events *events;
	struct credentials *credentials;
	const struct profiles *profiles;        /* NULL: none is known */
	const char *public_host;                /* in URIs for devices; NULL or "": the address that each speaks to */
	uint32_t max_devices;
	uint32_t awake_ms;                      /* of devices of which nothing else was said (LwM2M Core TS 1.1, 6.5) */
	uint32_t grace_ms;                      /* REGISTRY_GRACE_MS */
};

/* How long a registration outlives its lifetime: an Update sent just in time, whose first datagrams were lost, arrives
 * within MAX_TRANSMIT_SPAN (RFC 7252 4.8.2). */
#define REGISTRY_GRACE_MS 45000

/* What others want to hear. Called after the registry has changed. Any may be NULL. */
struct registry_listener {
	/* A new or replaced registration is durable and acknowledged: its observations are gone. */
	void (*registered)(void *self, const struct device *device);
	/* The device may be spoken to (again): it sent something after it slept, was lost or moved. */
	void (*awake)(void *self, const struct device *device);
	/* De-registered or expired. */
	void (*gone)(void *self, const char *endpoint);
	/* A notification, decoded; `fault.kind` tells whether it could be. */
	void (*notified)(void *self, const char *endpoint, uint64_t job_id, struct lwm2m_path path, uint16_t format,
	                 struct bytes payload, struct lwm2m_records records, const struct fault *fault);
	void *self;
};

/* Reads registrations and observations from the store. */
MUST_CHECK enum err registry_create(const struct registry_parts *parts, struct registry **ret_registry);
void registry_free(struct registry *registry);          /* accepts NULL */

/* The endpoint's handlers, and the endpoint once it exists. NULL before it is freed: then operations that have not ended
 * are forgotten. */
struct endpoint_handlers registry_handlers(struct registry *registry);
void registry_attach(struct registry *registry, struct endpoint *endpoint);
void registry_listen(struct registry *registry, const struct registry_listener *listener);      /* at most 4 */

const struct device *registry_find(const struct registry *registry, const char *endpoint);
size_t registry_count(const struct registry *registry);
/* In order of endpoint name, after `after` ("" for the first). NULL after the last. */
const struct device *registry_next(const struct registry *registry, const char *after);
/* How long a device listens, from the next time that it is heard; it stays so over registrations. 0: as the server has it.
 * ERR_NOT_FOUND: it is not registered. */
MUST_CHECK enum err registry_set_awake(struct registry *registry, const char *endpoint, uint32_t awake_ms,
                                       struct store_done done);
/* As if the device had de-registered. ERR_NOT_FOUND. */
MUST_CHECK enum err registry_remove(struct registry *registry, const char *endpoint);
/* The definitions in the versions that the device has (those that it registered, else those that its version of
 * LwM2M implies), with the path in front of its names. See model_view. ERR_NOMEM. */
MUST_CHECK enum err device_model(const struct device *device, const struct model *model, struct arena *arena,
                                 const struct model **ret_model);
/* How often a rule of tolerance was applied to the device since the server started; 65535: so often or more. */
uint32_t registry_tolerated(const struct registry *registry, const char *endpoint, enum tolerance rule);
bool device_has(const struct device *device, uint16_t object, uint16_t instance);       /* LWM2M_ID_NONE: any instance */

#endif
