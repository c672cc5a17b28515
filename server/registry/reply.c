#include "reply.h"

#include <stdlib.h>
#include <string.h>

#define BUSY_MAX_AGE_S 60

static struct coap_message message_of(uint8_t code)
{
	return (struct coap_message){ .code = code,
				      .content_format = COAP_NO_FORMAT,
				      .accept = COAP_NO_FORMAT };
}

/* While the server stops there may be no endpoint any more. */
static void send_reply(struct registry *registry, uint64_t reply, const struct coap_message *message)
{
	if (registry->endpoint != NULL)
		endpoint_reply(registry->endpoint, reply, message);
}

void reply_code(struct registry *registry, uint64_t reply, uint8_t code)
{
	struct coap_message message = message_of(code);

	send_reply(registry, reply, &message);
}

void reply_fault(struct registry *registry, uint64_t reply, uint8_t code, const struct fault *fault)
{
	struct coap_message message = message_of(code);

	message.payload = bytes_of_text(fault->text);
	send_reply(registry, reply, &message);
}

void reply_busy(struct registry *registry, uint64_t reply)
{
	struct coap_message message = message_of(COAP_CODE(5, 3));

	message.has_max_age = true;
	message.max_age_s = BUSY_MAX_AGE_S;
	send_reply(registry, reply, &message);
}

void reply_created(struct registry *registry, uint64_t reply, const char *location)
{
	struct coap_message message = message_of(COAP_CODE(2, 1));

	message.path[0] = bytes_of_text("rd");
	message.path[1] = bytes_of_text(location);
	message.path_count = 2;
	send_reply(registry, reply, &message);
}

enum err acknowledgement_begin(struct registry *registry, uint64_t reply, const char *location,
			       acknowledged *act, struct acknowledgement **ret_acknowledgement)
{
	struct acknowledgement *acknowledgement = calloc(1, sizeof(*acknowledgement));

	if (acknowledgement == NULL)
		return ERR_NOMEM;
	acknowledgement->number = ++registry->last_number;
	acknowledgement->reply = reply;
	acknowledgement->act = act;
	memcpy(acknowledgement->location, location, LOCATION_SIZE);
	HASH_ADD(hh, registry->acknowledgements, number, sizeof(acknowledgement->number), acknowledgement);
	if (acknowledgement->hh.tbl == NULL) {
		free(acknowledgement);
		return ERR_NOMEM;
	}
	*ret_acknowledgement = acknowledgement;
	return ERR_NONE;
}

void acknowledgement_cancel(struct registry *registry, struct acknowledgement *take_acknowledgement)
{
	HASH_DELETE(hh, registry->acknowledgements, take_acknowledgement);
	free(take_acknowledgement);
}

static void act_when_both(struct registry *registry, struct acknowledgement *acknowledgement)
{
	if (!acknowledgement->is_armed || !acknowledgement->is_stored)
		return;
	HASH_DELETE(hh, registry->acknowledgements, acknowledgement);
	acknowledgement->act(registry, acknowledgement, acknowledgement->result);
	free(acknowledgement);
}

static void stored(void *self, uint64_t number, enum err result)
{
	struct registry *registry = self;
	struct acknowledgement *acknowledgement;

	HASH_FIND(hh, registry->acknowledgements, &number, sizeof(number), acknowledgement);
	if (acknowledgement == NULL)
		return;
	acknowledgement->is_stored = true;
	acknowledgement->result = result;
	act_when_both(registry, acknowledgement);
}

struct store_done acknowledgement_stored(struct registry *registry,
					 const struct acknowledgement *acknowledgement)
{
	return (struct store_done){ .call = stored, .self = registry, .id = acknowledgement->number };
}

void acknowledgement_arm(struct registry *registry, struct acknowledgement *take_acknowledgement)
{
	take_acknowledgement->is_armed = true;
	act_when_both(registry, take_acknowledgement);
}

void acknowledgement_cancel_all(struct registry *registry)
{
	struct acknowledgement *acknowledgement, *next;

	HASH_ITER (hh, registry->acknowledgements, acknowledgement, next)
		acknowledgement_cancel(registry, acknowledgement);
}
