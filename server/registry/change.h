/* What a registration changes in a device: prepared, given to the store, then applied. For this folder only.
 */
#ifndef CARDEA_REGISTRY_CHANGE_H
#define CARDEA_REGISTRY_CHANGE_H

#include "reply.h"
#include "state.h"

struct change {
	struct device device;
	char location[LOCATION_SIZE];
	struct device_texts *texts; /* what `device` points to; freed by whoever does not apply the change */
};

/* Takes over the description; the rest stays as `before` has it. ERR_NOMEM. */
MUST_CHECK enum err change_prepare(struct registry *registry, const struct device_description *description,
				   const struct device *before, struct change *ret_change);

/* Gives the row to the store. `act` is called when it is durable and the acknowledgement armed.
 * ERR_UNAVAILABLE, ERR_NOMEM: nothing has happened. */
MUST_CHECK enum err change_store(struct registry *registry, uint64_t reply, struct change *change,
				 acknowledged *act, struct acknowledgement **ret_acknowledgement);
/* The row of an entry, which nobody waits for. */
void change_store_later(struct registry *registry, struct device_entry *entry);

/* In an entry that exists. Location and address are not indexed anew. */
void change_apply(struct device_entry *entry, const struct change *take_change);
/* A new entry, in all indexes. ERR_NOMEM: the texts are freed. */
MUST_CHECK enum err change_create(struct registry *registry, const struct change *take_change,
				  struct device_entry **ret_entry);
/* One that is presented: it is found by its name alone. */
MUST_CHECK enum err change_create_presented(struct registry *registry, const struct change *take_change,
					    const struct presenter *presenter, struct device_entry **ret_entry);

#endif
