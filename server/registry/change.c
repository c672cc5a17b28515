#include "change.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "settings.h"

enum err change_prepare(struct registry *registry, const struct device_description *description,
			const struct device *before, struct change *ret_change)
{
	struct change change = { .device = *before };
	enum err err = device_pack(&registry->kinds, description, &change.device, &change.texts);

	if (err == ERR_NONE)
		*ret_change = change;
	return err;
}

enum err change_store(struct registry *registry, uint64_t reply, struct change *change, acknowledged *act,
		      struct acknowledgement **ret_acknowledgement)
{
	struct acknowledgement *acknowledgement;
	struct registration_row row;
	char address[COAP_ADDRESS_TEXT_SIZE];
	enum err err = acknowledgement_begin(registry, reply, change->location, act, &acknowledgement);

	if (err != ERR_NONE)
		return err;
	change->device.location = change->location;
	row = device_row(&change->device, address);
	err = store_put_registration(registry->parts.store, &row,
				     acknowledgement_stored(registry, acknowledgement));
	if (err != ERR_NONE)
		acknowledgement_cancel(registry, acknowledgement);
	else
		*ret_acknowledgement = acknowledgement;
	return err;
}

void change_apply(struct device_entry *entry, const struct change *take_change)
{
	bool is_awake = entry->device.is_awake;
	uint32_t awake_ms = entry->device.awake_ms;

	device_texts_free(entry->texts);
	entry->texts = take_change->texts;
	entry->device = take_change->device;
	entry->device.is_awake = is_awake;
	entry->device.awake_ms = awake_ms;
	memcpy(entry->location, take_change->location, LOCATION_SIZE);
	entry->device.location = entry->location;
}

enum err change_create_presented(struct registry *registry, const struct change *take_change,
				 const struct presenter *presenter, struct device_entry **ret_entry)
{
	struct device_entry *entry = calloc(1, sizeof(*entry));
	enum err err;

	if (entry == NULL) {
		device_texts_free(take_change->texts);
		return ERR_NOMEM;
	}
	entry->registry = registry;
	entry->presenter = *presenter;
	entry->sleep_due_ms = TIME_NEVER;
	entry->expiry_due_ms = TIME_NEVER;
	entry->retry_due_ms = TIME_NEVER;
	change_apply(entry, take_change);
	entry->device.awake_ms = settings_awake_ms(registry, entry->device.endpoint);
	err = registry_add(registry, entry);
	if (err != ERR_NONE)
		device_entry_free(entry);
	else
		*ret_entry = entry;
	return err;
}

enum err change_create(struct registry *registry, const struct change *take_change,
		       struct device_entry **ret_entry)
{
	return change_create_presented(registry, take_change, &(struct presenter){ .ask = NULL }, ret_entry);
}

void change_store_later(struct registry *registry, struct device_entry *entry)
{
	char address[COAP_ADDRESS_TEXT_SIZE];
	struct registration_row row = device_row(&entry->device, address);
	enum err err = store_put_registration(registry->parts.store, &row, (struct store_done){ 0 });

	entry->needs_row = err != ERR_NONE;
	if (err != ERR_NONE)
		log_warn("registration.not_stored", "endpoint=%s error=%s", row.endpoint, err_name(err));
}
