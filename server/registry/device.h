/* One device as the registry keeps it: what others see of it, and what keeps it alive. For this folder only.
 */
#ifndef CARDEA_REGISTRY_DEVICE_H
#define CARDEA_REGISTRY_DEVICE_H

#define HASH_NONFATAL_OOM 1 /* what could not be added has no table afterwards */
#include <uthash.h>

#include "index.h"
#include "presented.h"
#include "register_request.h"
#include "registry.h"
#include "store.h"
#include "tolerance.h"
#include "wheel.h"

struct device_kind;
struct observation;
struct operation;

#define LOCATION_SIZE 17 /* 16 hexadecimal digits: Anjay Lite keeps no more of a segment */
#define TIME_NEVER    INT64_MAX

/* Where messages come from, without the padding that an address has, so that it can be a key. */
struct address_key {
	uint8_t ip[16];
	uint32_t scope; /* of a link-local address */
	uint16_t port;
	uint8_t socket, family;
};

/* What a device has for itself, and what it shares. */
struct device_texts {
	struct device_kind *kind;
	char names[]; /* endpoint, identity */
};

struct device_entry {
	struct device device; /* first: the tree of names compares it */
	struct device_texts *texts; /* what `device` points to */
	struct registry *registry;
	struct timer timer; /* when it falls asleep or expires, or earlier, and is then set again */
	int64_t expiry_due_ms, sleep_due_ms, retry_due_ms; /* on the loop's clock; TIME_NEVER */
	uint64_t location_hash, address_hash; /* under which it is in the indexes; 0: it is in none */
	struct observation *observations;
	struct operation *operations; /* in order */
	struct operation *under_way;  /* one of them, or NULL */
	struct presenter presenter;   /* who answers for it; without `ask` it does so itself */
	struct device_entry *next_removed;
	uint16_t *tolerated; /* TOLERANCE_COUNT: how often each rule was applied; NULL: none */
	uint16_t operation_count, observation_count;
	char location[LOCATION_SIZE];
	bool is_acknowledged; /* its Register was answered, so it may be spoken to */
	bool needs_row; /* the store did not take the last change */
	bool is_removed;
	bool has_moved; /* with the Update that is being stored */
};

/* The parts of a device that are texts or made of them; borrowed. */
struct device_description {
	struct bytes endpoint, identity, version, binding, root, links;
	bool is_queue_mode;
	const struct device_object *objects;
	size_t object_count;
	uint16_t announced_formats, preferred_format;
};

/* In the arena where needed, else borrowed from the request. ERR_NOMEM. */
MUST_CHECK enum err device_describe(struct arena *arena, const struct register_request *request,
				    struct bytes endpoint, struct bytes identity, struct bytes links,
				    struct device_description *ret_description);

/* A copy of the description, which is the caller's to free. `device` then points into it; its other members stay.
 * ERR_NOMEM. */
MUST_CHECK enum err device_pack(struct index *kinds, const struct device_description *description,
				struct device *device, struct device_texts **ret_texts);
void device_texts_free(struct device_texts *texts); /* accepts NULL */

/* Whether a message of this address and identity is the device's. */
bool device_entry_is_from(const struct device_entry *entry, const struct coap_address *from, const char *identity);
/* Neither has security, and they differ in nothing but the port. */
bool is_from_new_port(const struct device_entry *entry, const struct coap_address *from, const char *identity);
struct address_key address_key_of(const struct coap_address *address);

/* The row of a device; `address` holds the text that it borrows. */
struct registration_row device_row(const struct device *device, char address[static COAP_ADDRESS_TEXT_SIZE]);

#endif
