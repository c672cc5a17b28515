/* An OSCORE option of any form, and a datagram that is protected by us, opened again, and opened as it came.
 * What was opened with our keys is what we had protected, whatever was in it. */
#include "fuzz.h"

#include "oscore_message.h"
#include "oscore_renewal.h"

#define DATAGRAM_MAX 2048

static void opens_nothing_but_ours(struct arena *arena, const struct oscore_keys *ours,
				   const struct oscore_keys *theirs, struct bytes datagram, bool is_request)
{
	const struct oscore_message sent = { .keys = ours, .is_request = is_request, .request_number = 20 },
				    received = { .keys = theirs,
						 .is_request = is_request,
						 .request_number = 20 };
	uint8_t sealed[2 * DATAGRAM_MAX], opened[2 * DATAGRAM_MAX];
	size_t sealed_len, opened_len;

	if (oscore_unprotect(arena, &received, datagram, opened, &opened_len) == ERR_NONE)
		require(opened_len <= datagram.len);
	if (oscore_protect(arena, &sent, datagram, sealed, sizeof(sealed), &sealed_len) != ERR_NONE)
		return;
	enum err err = oscore_unprotect(arena, &received, bytes_of(sealed, sealed_len), opened, &opened_len);
	if (err != ERR_NONE) /* an answer sent as a request, or the other way round */
		require(err == ERR_MALFORMED && (datagram.at[1] >> 5 == 0) != is_request);
	else
		require(opened[1] == datagram.at[1]);
}

/* Whatever a kid context says: what is read of it is in it, and was never offered. */
static void takes_no_made_up_offer(struct arena *arena, const struct oscore_keys *ours,
				   struct bytes kid_context)
{
	const struct oscore_renewal renewal = { .key = "a key of the server" };
	const struct oscore_renewal_subject subject = { .base = ours };
	struct oscore_keys renewed;
	struct bytes id_context;

	if (!oscore_renewal_read(kid_context, arena, &id_context))
		return;
	require(id_context.len >= OSCORE_R_MIN && id_context.len < kid_context.len);
	require(!oscore_renewal_is_offered(&renewal, &subject, id_context));
	require(oscore_derive_renewed(arena, ours, id_context, &renewed) == ERR_NONE);
	require(!bytes_equal(bytes_of(renewed.print, OSCORE_PRINT_SIZE),
			     bytes_of(ours->print, OSCORE_PRINT_SIZE)));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const struct oscore_parameters parameters = {
		.master_secret = bytes_of_text("0123456789abcdef"),
		.sender_id = bytes_of_text("s"),
		.recipient_id = bytes_of_text("r"),
	};
	struct oscore_parameters other = parameters;
	struct oscore_keys ours, theirs;
	struct oscore_option option;
	struct arena *arena = arena_create(0);

	require(arena != NULL);
	other.sender_id = parameters.recipient_id;
	other.recipient_id = parameters.sender_id;
	require(oscore_derive(arena, &parameters, &ours) == ERR_NONE);
	require(oscore_derive(arena, &other, &theirs) == ERR_NONE);
	if (oscore_option_read(bytes_of(at, len), &option))
		require(option.number <= OSCORE_NUMBER_MAX && option.kid.len + option.kid_context.len <= len);
	takes_no_made_up_offer(arena, &ours, bytes_of(at, len));
	if (len <= DATAGRAM_MAX) {
		opens_nothing_but_ours(arena, &ours, &theirs, bytes_of(at, len), true);
		opens_nothing_but_ours(arena, &ours, &theirs, bytes_of(at, len), false);
	}
	arena_free(arena);
	return 0;
}
