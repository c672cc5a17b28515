#include "oscore.h"

#include <stdlib.h>

#include "credentials.h"
#include "log.h"
#include "oscore_numbers.h"
#include "oscore_state.h"

/* clang-format off */
static const struct oscore_refusal
	cannot_decode = { COAP_CODE(4, 2), "Failed to decode COSE" },
	no_context    = { COAP_CODE(4, 1), "Security context not found" },
	replayed      = { COAP_CODE(4, 1), "Replay detected" },
	not_decrypted = { COAP_CODE(4, 0), "Decryption failed" };
/* clang-format on */

/* ---- opening ---- */

static enum err open_datagram(struct oscore *oscore, const struct oscore_message *message,
			      struct bytes datagram, struct pdu *pdu, struct coap_message *ret_message,
			      enum pdu_verdict *verdict)
{
	size_t len;

	if (datagram.len > sizeof(oscore->opened))
		return ERR_LIMIT;
	arena_reset(oscore->arena);
	enum err err = oscore_unprotect(oscore->arena, message, datagram, oscore->opened, &len);
	if (err == ERR_NONE)
		*verdict = pdu_read(bytes_of(oscore->opened, len), pdu, ret_message);
	if (err == ERR_NONE && (*verdict == PDU_IGNORE || *verdict == PDU_FORMAT_ERROR))
		err = ERR_MALFORMED;
	return err;
}

static struct oscore_request_opened refused(const struct oscore_refusal *refusal)
{
	return (struct oscore_request_opened){ .result = OSCORE_REFUSED, .refusal = refusal };
}

/* A genuine request of a context that is not synchronized. True when it brings our Echo: the window goes on
 * from it.
 */
static bool is_from_now(struct oscore_context *context, const struct pdu *pdu, uint64_t number)
{
	if (!context->has_echo || !bytes_equal_constant_time(bytes_of(pdu->echo, pdu->echo_len),
							     bytes_of(context->echo, ECHO_BYTES)))
		return false;
	context->window = oscore_window_from(number);
	context->is_synchronized = true;
	context->has_echo = false;
	return true;
}

/* Without a number the request counts as not come, so that the device's next copy of it is no duplicate. */
static struct oscore_request_opened challenge(const struct oscore *oscore, struct oscore_context *context,
					      struct oscore_request_opened opened)
{
	if (!oscore_numbers_are_ready(oscore->numbers, context->keys.print) ||
	    (!context->has_echo && random_bytes(context->echo, ECHO_BYTES) != ERR_NONE)) {
		opened.result = OSCORE_IGNORED;
		return opened;
	}
	context->has_echo = true;
	opened.result = OSCORE_CHALLENGED;
	opened.binding.needs_number = true; /* the request may be an old one that has been answered */
	opened.echo_len = ECHO_BYTES;
	memcpy(opened.echo, context->echo, ECHO_BYTES);
	return opened;
}

/* ---- new contexts (appendix B.2) ---- */

/* Whose a request is, and the ID context that it means; empty: the one in force. A credential that has an ID
 * context of its own is found by that alone: its device's id need not be the only such one. */
struct addressee {
	const char *name;
	const struct oscore_keys *base;
	struct bytes id_context;
};

static bool find_addressee(const struct oscore *oscore, const struct oscore_option *option,
			   struct addressee *ret_addressee)
{
	struct addressee found = { 0 };

	if (credentials_find_oscore(oscore->credentials, option->kid, option->kid_context, &found.name,
				    &found.base) == ERR_NONE) {
		*ret_addressee = found;
		return true;
	}
	if (credentials_find_oscore(oscore->credentials, option->kid, bytes_of(NULL, 0), &found.name,
				    &found.base) != ERR_NONE)
		return false;
	const struct bytes renewed = oscore_numbers_renewed(oscore->numbers, found.base->print);
	if (!bytes_equal(option->kid_context, renewed)) {
		if (!oscore_renewal_read(option->kid_context, oscore->arena, &found.id_context))
			return false;
		if (bytes_equal(found.id_context, renewed))
			found.id_context = bytes_of(NULL, 0);
	}
	*ret_addressee = found;
	return true;
}

/* Step 2: the request is genuine, if old perhaps. Its answer has a context of its own that was never used
 * before, and nothing of it is kept. */
static struct oscore_request_opened offer(struct oscore *oscore, const struct oscore_renewal_subject *subject,
					  struct bytes id_context, uint64_t request_number)
{
	struct oscore_request_opened opened = { .result = OSCORE_IGNORED };
	struct builder b = builder_in(oscore->arena);
	struct oscore_offer *offer = &oscore->offer;
	struct bytes second;

	enum err err = oscore_renewal_offer(&oscore->renewal, subject, offer->r2);
	build_bytes(&b, bytes_of(offer->r2, OSCORE_R2_SIZE));
	build_bytes(&b, id_context);
	if (err == ERR_NONE)
		err = builder_bytes(&b, &second);
	if (err == ERR_NONE)
		err = oscore_derive_renewed(oscore->arena, subject->base, second, &offer->keys);
	if (err != ERR_NONE)
		return opened;
	offer->id = ++oscore->last_id;
	opened.result = OSCORE_CHALLENGED;
	opened.binding = (struct oscore_binding){ .context = offer->id, .number = request_number };
	return opened;
}

/* A request in no context that is in force. Step 4 changes it as soon as that is durable; the device's next
 * copy of the request is the first one in it. */
static struct oscore_request_opened open_renewal(struct oscore *oscore, const struct addressee *addressee,
						 uint64_t number, struct bytes datagram, struct pdu *pdu,
						 struct coap_message *message, enum pdu_verdict *verdict)
{
	const struct oscore_renewal_subject subject = {
		.base = addressee->base,
		.id_context = oscore_numbers_renewed(oscore->numbers, addressee->base->print),
	};
	struct oscore_request_opened opened = { .result = OSCORE_IGNORED };
	struct oscore_keys keys;

	if (oscore_derive_renewed(oscore->arena, addressee->base, addressee->id_context, &keys) != ERR_NONE)
		return opened;
	const struct oscore_message protected_message = {
		.keys = &keys,
		.is_request = true,
		.request_number = number,
	};
	if (open_datagram(oscore, &protected_message, datagram, pdu, message, verdict) != ERR_NONE)
		opened = refused(&no_context);
	else if (!oscore_renewal_is_offered(&oscore->renewal, &subject, addressee->id_context))
		opened = offer(oscore, &subject, addressee->id_context, number);
	else if (oscore_numbers_renew(oscore->numbers, addressee->base->print, keys.print,
				      addressee->id_context) == ERR_NONE)
		log_info("oscore.renewed", "endpoint=%s", addressee->name);
	wipe(&keys, sizeof(keys));
	return opened;
}

/* ---- requests ---- */

static struct oscore_request_opened open_in_force(struct oscore *oscore, const struct addressee *addressee,
						  uint64_t number, struct bytes datagram, struct pdu *pdu,
						  struct coap_message *message, enum pdu_verdict *verdict)
{
	struct oscore_request_opened opened = { .result = OSCORE_IGNORED };
	struct oscore_context *context = oscore_context_of(oscore, addressee->name, addressee->base);

	if (context == NULL)
		return opened; /* the device sends it again, and then we are ready */
	if (oscore_numbers_are_spent(oscore->numbers, context->keys.print))
		return refused(&no_context);
	if (!oscore_window_is_new(&context->window, number))
		return refused(&replayed);
	const struct oscore_message protected_message = {
		.keys = &context->keys,
		.is_request = true,
		.request_number = number,
	};
	enum err err = open_datagram(oscore, &protected_message, datagram, pdu, message, verdict);
	if (err != ERR_NONE)
		return refused(err == ERR_DENIED ? &not_decrypted : &cannot_decode);
	opened.binding = (struct oscore_binding){ .context = context->id, .number = number };
	if (!context->is_synchronized) {
		if (!is_from_now(context, pdu, number))
			return challenge(oscore, context, opened);
		opened.is_fresh = true;
	}
	if (context->keys.is_renewed && context->window.next == 0)
		opened.is_fresh = true; /* our R2 is in it */
	oscore_window_mark(&context->window, number);
	oscore_numbers_note_received(oscore->numbers, context->keys.print, context->window.next);
	opened.result = OSCORE_OPENED;
	return opened;
}

struct oscore_request_opened oscore_open_request(struct endpoint *endpoint, struct bytes datagram,
						 struct pdu *pdu, struct coap_message *message,
						 enum pdu_verdict *verdict)
{
	struct oscore *oscore = endpoint->oscore;
	struct addressee addressee;
	struct oscore_option option;

	if (!oscore_option_read(pdu->oscore, &option) || !option.has_kid || !option.has_number)
		return refused(&cannot_decode);
	arena_reset(oscore->arena);
	if (!find_addressee(oscore, &option, &addressee))
		return refused(&no_context);
	if (addressee.id_context.len > 0)
		return open_renewal(oscore, &addressee, option.number, datagram, pdu, message, verdict);
	return open_in_force(oscore, &addressee, option.number, datagram, pdu, message, verdict);
}

/* *ret_number is the answer's own, or untouched. */
enum oscore_result oscore_open_bound(struct oscore *oscore, const struct oscore_context *context,
				     uint64_t request_number, struct bytes datagram, struct pdu *pdu,
				     struct coap_message *message, enum pdu_verdict *verdict)
{
	struct oscore_option option;

	if (context == NULL || !oscore_option_read(pdu->oscore, &option))
		return OSCORE_IGNORED;
	const struct oscore_message protected_message = {
		.keys = &context->keys,
		.request_number = request_number,
		.has_own_number = option.has_number,
		.own_number = option.number,
	};
	if (open_datagram(oscore, &protected_message, datagram, pdu, message, verdict) != ERR_NONE)
		return OSCORE_IGNORED;
	if (option.has_number && message->has_observe) /* the order that nobody in between can change */
		message->observe = (uint32_t)(option.number & 0xFFFFFF);
	return OSCORE_OPENED;
}

enum oscore_result oscore_open_answer(struct endpoint *endpoint, const struct oscore_binding *binding,
				      struct bytes datagram, struct pdu *pdu, struct coap_message *message,
				      enum pdu_verdict *verdict)
{
	return oscore_open_bound(endpoint->oscore, oscore_context_find(endpoint->oscore, binding->context),
				 binding->number, datagram, pdu, message, verdict);
}

/* ---- writing ---- */

enum err oscore_write(struct endpoint *endpoint, struct oscore_binding *binding, const struct pdu *pdu,
		      const struct coap_message *message, struct bytes payload, uint8_t *ret_at, size_t size,
		      size_t *ret_len)
{
	struct oscore *oscore = endpoint->oscore;
	uint8_t plain[UDP_DATAGRAM_MAX];
	size_t len;

	if (binding == NULL || binding->context == 0) {
		len = pdu_write(pdu, message, payload, ret_at, size);
		if (len == 0)
			return ERR_LIMIT;
		*ret_len = len;
		return ERR_NONE;
	}
	const bool is_offer = binding->context == oscore->offer.id;
	const struct oscore_context *context = oscore_context_find(oscore, binding->context);
	if (context == NULL && !is_offer)
		return ERR_UNAVAILABLE;
	len = pdu_write(pdu, message, payload, plain, sizeof(plain));
	if (len == 0)
		return ERR_LIMIT;
	struct oscore_message own = {
		.keys = is_offer ? &oscore->offer.keys : &context->keys,
		.is_request = pdu_is_request(pdu),
		.request_number = binding->number,
		.has_own_number = !pdu_is_request(pdu) && binding->needs_number,
	};
	enum err err = ERR_NONE;
	if (own.is_request || own.has_own_number)
		err = oscore_numbers_take(oscore->numbers, own.keys->print,
					  own.is_request ? &own.request_number : &own.own_number);
	if (err != ERR_NONE)
		return err;
	arena_reset(oscore->arena);
	if (is_offer)
		err = oscore_renewal_write(bytes_of(oscore->offer.r2, OSCORE_R2_SIZE), oscore->arena,
					   &own.kid_context);
	if (err == ERR_NONE)
		err = oscore_protect(oscore->arena, &own, bytes_of(plain, len), ret_at, size, ret_len);
	if (is_offer) /* one message, so that no nonce comes twice */
		wipe(&oscore->offer, sizeof(oscore->offer));
	wipe(plain, len);
	if (err != ERR_NONE)
		return err;
	if (own.is_request)
		binding->number = own.request_number;
	binding->needs_number = !own.is_request;
	return ERR_NONE;
}

/* ---- the whole ---- */

enum err oscore_create(struct endpoint *endpoint, struct oscore **ret_oscore)
{
	struct oscore *oscore = calloc(1, sizeof(*oscore));

	if (oscore == NULL)
		return ERR_NOMEM;
	oscore->arena = arena_create(0);
	enum err err = oscore->arena != NULL ? oscore_renewal_begin(&oscore->renewal) : ERR_NOMEM;
	if (err != ERR_NONE) {
		arena_free(oscore->arena);
		free(oscore);
		return err;
	}
	oscore->credentials = endpoint->settings.credentials;
	oscore->numbers = endpoint->settings.oscore_numbers;
	*ret_oscore = oscore;
	return ERR_NONE;
}

void oscore_free(struct oscore *oscore)
{
	if (oscore == NULL)
		return;
	while (oscore->by_id != NULL)
		oscore_context_free(oscore, oscore->by_id);
	arena_free(oscore->arena);
	wipe(oscore, sizeof(*oscore));
	free(oscore);
}
