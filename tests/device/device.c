#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "card/scp11_factory.h"
#include "card_profile.h"
#include "misbehave.h"
#include "state.h"

#define PATHS_BYTES_MAX      65536
#define CARD_FILES_BYTES_MAX (1 << 20)

/* ---- secure elements ---- */

struct agent_owner { /* what an agent's callbacks are about */
	struct device *device;
	uint16_t instance;
};

static void agent_changed(void *arg, enum agent_change change)
{
	const struct agent_owner *owner = arg;

	secure_element_changed(owner->device, owner->instance, change);
}

static void agent_moment_passed(void *arg, enum agent_moment moment)
{
	const struct agent_owner *owner = arg;

	misbehave_at_apdu(owner->device->misbehaviour, moment);
}

/* Each card has its own identity: two devices of a fleet are never the same card. */
static enum err make_card_number(struct device *device, uint16_t instance, uint8_t ret_digest[SHA256_SIZE])
{
	char *name = arena_printf(device->paths, "%s/%u", device->endpoint, instance);

	return name == NULL ? ERR_NOMEM : sha256(bytes_of_text(name), ret_digest);
}

/* The card in the first reader gets the files of the folder anew each time that it is switched on. */
static enum err open_smartcard(struct device *device, struct agent_settings *settings, struct fault *fault)
{
	const struct options *options = device->options;
	struct arena *arena = arena_create(CARD_FILES_BYTES_MAX);
	enum err err = arena == NULL ? ERR_NOMEM
				     : smartcard_load_files(options->smartcard, arena, &settings->card.files,
							    &settings->card.file_count, fault);

	if (err == ERR_NONE)
		err = agent_open(&device->agents[0], settings, fault);
	device->agents[0].settings.card.files = NULL; /* borrowed until now */
	arena_free(arena);
	return err;
}

static enum err write_text(const char *path, const char *text, struct fault *fault)
{
	FILE *file = fopen(path, "w");
	bool is_written = file != NULL && fputs(text, file) >= 0;

	if (file != NULL && fclose(file) != 0)
		is_written = false;
	return is_written ? ERR_NONE : fault_set(fault, ERR_IO, "%s: cannot be written", path);
}

/* Cards with SCP11 have keys that everybody knows; the operator's part of them may be asked for. */
static enum err add_scp11(const struct options *options, struct card_settings *card, struct fault *fault)
{
	struct arena *arena = arena_create(CARD_FILES_BYTES_MAX);
	const char *keyset;
	enum err err = arena == NULL ? ERR_NOMEM
				     : scp11_factory(arena, card->scp11.curve, card->scp11.options, card->iin,
						     &card->scp11, &keyset);

	if (err == ERR_NONE && options->scp11_keyset != NULL)
		err = write_text(options->scp11_keyset, keyset, fault);
	arena_free(arena);
	return err;
}

static enum err open_agent(struct device *device, uint16_t instance, struct fault *fault)
{
	const struct options *options = device->options;
	struct agent_owner *owner = arena_alloc(device->paths, sizeof(*owner));
	uint8_t number[SHA256_SIZE];
	struct agent_settings settings = {
		.is_in_reader = options->se_is_in_reader,
		.reader = options->reader,
		.reader_index = instance,
		.card = options->card,
		.se_state = options->is_se_absent ? SE_ABSENT : SE_PRESENT,
		.max_request_bytes = options->max_request_bytes,
		.has_no_scripts = options->has_no_scripts,
		.has_orders = options->has_orders,
		.wants_session = options->wants_session,
		.max_response_bytes = options->max_response_bytes,
		.allowed_aids = options->allowed_aids,
		.refusal_count = options->refusal_count,
		.command_delay_ms = options->apdu_delay_ms,
		.changed = agent_changed,
		.moment = agent_moment_passed,
		.arg = owner,
	};
	enum err err = make_card_number(device, instance, number);

	if (owner == NULL || err != ERR_NONE)
		return ERR_NOMEM;
	*owner = (struct agent_owner){ device, instance };
	memcpy(settings.refusals, options->refusals, sizeof(settings.refusals));
	memcpy(settings.card.diversification_data, number, sizeof(settings.card.diversification_data));
	settings.card.cin = bytes_of(number, 10);
	if (options->card.scp11.options != 0) {
		err = add_scp11(options, &settings.card, fault);
		if (err != ERR_NONE)
			return err;
	}
	if (options->card_profile != NULL) {
		err = card_profile_read(options->card_profile, device->paths, &settings.card, fault);
		if (err != ERR_NONE)
			return err;
	}
	if (device->folder != NULL) {
		settings.state_path = arena_printf(device->paths, "%s/agent-%u", device->folder, instance);
		settings.card_path = arena_printf(device->paths, "%s/card-%u", device->folder, instance);
		if (settings.state_path == NULL || settings.card_path == NULL)
			return ERR_NOMEM;
	}
	return instance == 0 && options->smartcard != NULL
		       ? open_smartcard(device, &settings, fault)
		       : agent_open(&device->agents[instance], &settings, fault);
}

/* ---- open, close, reboot ---- */

void device_fill_objects(struct device *device)
{
	for (size_t i = 0; i < object_count(); i++)
		if (object_at(i)->fill != NULL)
			object_at(i)->fill(device, 0);
}

static enum err start(struct device *device, struct fault *fault)
{
	enum err err = ERR_NONE;

	device->battery_percent = 100;
	device->signal_dbm = -87;
	device->clock_offset_s = 0;
	device->firmware = (struct firmware){ 0 };
	device->wish = WISH_NONE;
	device_fill_objects(device);
	err = device_save(device);
	if (err == ERR_NONE)
		err = servers_find(device);
	if (err == ERR_NONE)
		err = firmware_start(device);
	while (err == ERR_NONE && device->agent_count < device->options->se_count) {
		err = open_agent(device, (uint16_t)device->agent_count, fault);
		if (err == ERR_NONE)
			device->agent_count++;
	}
	return err;
}

static void stop(struct device *device)
{
	servers_forget(device);
	while (device->agent_count > 0)
		agent_close(&device->agents[--device->agent_count]);
}

enum err device_open(const struct options *options, struct misbehaviour *misbehaviour, const char *endpoint,
		     struct device **ret_device, struct fault *fault)
{
	struct device *device = calloc(1, sizeof(*device));
	enum err err = ERR_NOMEM;

	if (device == NULL)
		return ERR_NOMEM;
	device->options = options;
	device->misbehaviour = misbehaviour;
	device->endpoint = strdup(endpoint);
	device->paths = arena_create(PATHS_BYTES_MAX);
	if (device->endpoint != NULL && device->paths != NULL)
		err = ERR_NONE;
	if (err == ERR_NONE && options->state_folder != NULL) {
		err = state_folder(options->state_folder, endpoint, device->paths, &device->folder, fault);
		if (err == ERR_NONE)
			device->values_path = arena_printf(device->paths, "%s/values", device->folder);
		if (err == ERR_NONE && device->values_path == NULL)
			err = ERR_NOMEM;
	}
	if (err == ERR_NONE)
		err = values_load(&device->values, device->values_path, fault);
	if (err == ERR_NONE)
		err = smartcard_load(device);
	if (err == ERR_NONE)
		err = start(device, fault);
	if (err != ERR_NONE) {
		device_close(device);
		return fault_set(fault, err, "the device %s cannot start: %s", endpoint, err_name(err));
	}
	*ret_device = device;
	return ERR_NONE;
}

void device_close(struct device *device)
{
	if (device == NULL)
		return;
	stop(device);
	values_free(&device->values);
	smartcard_free(&device->smartcard);
	arena_free(device->paths);
	free(device->endpoint);
	free(device);
}

enum err device_reboot(struct device *device, struct fault *fault)
{
	stop(device);
	return start(device, fault);
}

enum err device_factory_reset(struct device *device)
{
	values_remove(&device->values, (struct path){ .depth = 0 });
	smartcard_forget(device);
	device_fill_objects(device);
	return device_save(device);
}

/* ---- life ---- */

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
	if (a_ms < 0 || b_ms < 0)
		return a_ms < 0 ? b_ms : a_ms;
	return a_ms < b_ms ? a_ms : b_ms;
}

int64_t device_step(struct device *device, int64_t now_ms)
{
	int64_t next_ms;

	device->now_ms = now_ms;
	next_ms = firmware_step(device);
	for (size_t i = 0; i < device->agent_count; i++)
		next_ms = earlier(next_ms, agent_step(&device->agents[i], now_ms));
	return next_ms;
}

void device_changed(struct device *device, struct path path)
{
	observe_changed(device, path);
}

void device_fill(struct device *device, const struct record *defaults, size_t count)
{
	for (size_t i = 0; i < count && device->save_error == ERR_NONE; i++)
		if (values_get(&device->values, defaults[i].path) == NULL)
			device->save_error = values_set(&device->values, defaults[i].path, defaults[i].value);
}

enum err device_save(struct device *device)
{
	enum err err = device->save_error;

	device->save_error = ERR_NONE;
	return err == ERR_NONE ? values_save(&device->values, device->values_path) : err;
}

uint8_t device_minor_version(const struct device *device)
{
	return device->servers.served == NULL ? device->options->minor_version
					      : device->servers.served->minor_version;
}

/* An older version may not have the format that was asked for. */
uint16_t device_format(const struct device *device)
{
	uint8_t minor_version = device_minor_version(device);
	uint16_t preferred = device->options->preferred_format;

	if (format_find(preferred, minor_version) != NULL)
		return preferred;
	return minor_version == 0 ? FORMAT_TLV : FORMAT_SENML_CBOR;
}

int64_t device_time_s(const struct device *device)
{
	return (int64_t)time(NULL) + device->clock_offset_s;
}

int64_t device_stored_integer(const struct device *device, struct path path, int64_t fallback)
{
	const struct value *value = values_get(&device->values, path);

	return value != NULL && value_is_number(*value) ? (int64_t)value_number(*value) : fallback;
}

void device_live(struct device *device)
{
	device->battery_percent = device->battery_percent > 0 ? device->battery_percent - 1 : 100;
	device->signal_dbm = device->signal_dbm > -110 ? device->signal_dbm - 1 : -60;
	device_changed(device, RESOURCE_PATH(3, 0, 9));
	device_changed(device, RESOURCE_PATH(4, 0, 2));
	device_changed(device, RESOURCE_PATH(4, 0, 3));
}
