/* The registry itself, for the files of this folder only. */
#ifndef CARDEA_REGISTRY_STATE_H
#define CARDEA_REGISTRY_STATE_H

#include "device.h"
#include "events.h"
#include "index.h"
#include "loop.h"

#define REGISTRY_MAX_LISTENERS 4

struct acknowledgement;
struct file;

struct registry {
	struct registry_parts parts;
	struct endpoint *endpoint; /* NULL until registry_attach */
	void *by_name;             /* tree of tsearch(3), of struct device */
	struct index by_location, by_address;
	struct index kinds; /* what devices have in common: device_kind.c */
	size_t count;
	struct observation *by_token;
	struct device_settings *settings;         /* by endpoint, also of devices that are not here */
	struct operation *under_way;              /* by number */
	struct acknowledgement *acknowledgements; /* answers to devices that wait for the store, by number */
	struct file *files;                       /* that devices fetch, by name */
	uint64_t last_number;
	int64_t begun_ms;
	struct device_entry *removed; /* until the next turn, since somebody may still look at them */
	struct timer sweep;
	struct arena *scratch;     /* of the endpoint's callback that runs */
	struct arena *brief;       /* of a call that calls nobody back */
	struct arena *event_arena; /* of the event that is published */
	struct registry_listener listeners[REGISTRY_MAX_LISTENERS];
	size_t listener_count;
};

struct device_entry *registry_entry(const struct registry *registry, const char *endpoint);
struct device_entry *registry_entry_at(const struct registry *registry, struct bytes location);
/* Who sends: by identity where there is one, else by address. */
struct device_entry *registry_entry_from(const struct registry *registry, const struct coap_address *from,
					 const char *identity);

/* A new entry into all indexes. ERR_NOMEM, then it is in none. */
MUST_CHECK enum err registry_add(struct registry *registry, struct device_entry *entry);
/* After a change of location or address. A device that had the address before is no longer found by it. */
MUST_CHECK enum err registry_index_location(struct registry *registry, struct device_entry *entry);
MUST_CHECK enum err registry_index_address(struct registry *registry, struct device_entry *entry);
/* Out of all indexes, its observations and operations ended, the listeners told. The store's row is the
 * caller's. */
void registry_drop(struct registry *registry, struct device_entry *entry, const char *event);
/* Frees an entry that is in no index. Accepts NULL. */
void device_entry_free(struct device_entry *entry);

/* Sets the entry's timer for what comes first. */
void registry_schedule(struct device_entry *entry);

void registry_publish(struct registry *registry, const struct device *device, const char *event);

#endif
