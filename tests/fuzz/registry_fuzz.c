/* What devices send: frames of two bytes of length and a CoAP message, one after the other. Whatever comes,
 * the registry and the store know the same devices. A path segment "L" stands for the location of the first
 * device, which no input can know. */
#include "fuzz.h"

#include <string.h>

#include "credentials.h"
#include "events.h"
#include "log.h"
#include "loop.h"
#include "model.h"
#include "pdu.h"
#include "registry.h"
#include "store.h"

struct lab {
	struct store *store;
	struct events *events;
	struct credentials *credentials;
	struct registry *registry;
	struct arena *arena;
};

/* What takes long to make and what no message changes, or what is taken back: made once. */
static struct {
	struct loop *loop;
	struct store *store;
	struct model *model;
} kept;

static void kept_open(void)
{
	if (kept.loop != NULL)
		return;
	log_set_level(LOG_ERROR);
	require(loop_create(&kept.loop) == ERR_NONE);
	require(store_open("", STORE_INLINE, kept.loop, &kept.store, NULL) == ERR_NONE);
	require(model_create(&kept.model) == ERR_NONE);
}

static void lab_open(struct lab *lab)
{
	struct registry_parts parts = { .max_devices = 3, .awake_ms = 1000 };

	lab->store = kept.store;
	require(events_create(1, &lab->events) == ERR_NONE);
	require(credentials_create(&lab->credentials) == ERR_NONE);
	lab->arena = arena_create(0);
	require(lab->arena != NULL);
	parts.loop = kept.loop;
	parts.store = kept.store;
	parts.model = kept.model;
	parts.events = lab->events;
	parts.credentials = lab->credentials;
	require(registry_create(&parts, &lab->registry) == ERR_NONE);
}

static void lab_close(struct lab *lab)
{
	registry_free(lab->registry);
	arena_free(lab->arena);
	credentials_free(lab->credentials);
	events_free(lab->events);
}

static void receive(struct lab *lab, struct bytes datagram)
{
	const struct endpoint_handlers handlers = registry_handlers(lab->registry);
	const struct device *first = registry_next(lab->registry, "");
	struct coap_address from = { .v4 = { .sin_family = AF_INET } };
	struct coap_message message;
	struct coap_request request = {
		.message = &message, .from = &from, .identity = "", .arena = lab->arena
	};
	char location[64] = "";
	struct pdu pdu;

	if (pdu_read(datagram, &pdu, &message) != PDU_GOOD)
		return;
	from.v4.sin_port = pdu.mid; /* so that an input chooses who sends */
	if (first != NULL)
		strncpy(location, first->location, sizeof(location) - 1);
	for (size_t i = 0; i < message.path_count; i++) {
		if (bytes_equal_text(message.path[i], "L"))
			message.path[i] = bytes_of_text(location);
	}
	if (pdu_is_request(&pdu))
		handlers.request(handlers.self, &request);
	else
		(void)handlers.notification(handlers.self, &from, "", 1, &message);
	arena_reset(lab->arena);
}

struct rows {
	const struct registry *registry;
	size_t count;
};

static bool is_known(void *self, const struct registration_row *row)
{
	struct rows *rows = self;
	const struct device *device = registry_find(rows->registry, row->endpoint);

	require(device != NULL);
	require(strcmp(device->location, row->location) == 0);
	require(strcmp(device->links, row->links) == 0);
	require(device->lifetime_s == row->lifetime_s);
	require(device->expires_ms == row->expires_ms);
	rows->count++;
	return true;
}

static void compare_with_store(const struct lab *lab)
{
	struct rows rows = { .registry = lab->registry };
	size_t count = 0;

	require(store_read_registrations(lab->store, is_known, &rows) == ERR_NONE);
	for (const struct device *device = registry_next(lab->registry, ""); device != NULL;
	     device = registry_next(lab->registry, device->endpoint))
		count++;
	require(count == registry_count(lab->registry));
	require(count == rows.count);
}

static bool count_row(void *self, const struct registration_row *row)
{
	size_t *count = self;

	(*count)++;
	return true;
}

/* The next input begins with what the first began with. */
static void empty_store(const struct lab *lab)
{
	size_t count = 0;

	for (const struct device *device = registry_next(lab->registry, ""); device != NULL;
	     device = registry_next(lab->registry, device->endpoint))
		require(store_remove_registration(lab->store, device->endpoint, (struct store_done){ 0 }) ==
			ERR_NONE);
	require(store_read_registrations(lab->store, count_row, &count) == ERR_NONE);
	require(count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct reader r = reader_of(bytes_of(at, len));
	struct lab lab = { 0 };

	kept_open();
	lab_open(&lab);
	while (reader_left(&r) > 0 && !r.bad) {
		struct bytes datagram = read_bytes(&r, read_u16(&r));

		if (!r.bad)
			receive(&lab, datagram);
	}
	compare_with_store(&lab);
	empty_store(&lab);
	lab_close(&lab);
	return 0;
}
