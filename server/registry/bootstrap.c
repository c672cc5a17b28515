#include "bootstrap.h"

#include <stdlib.h>

#include "bootstrap_session.h"
#include "format.h"
#include "store.h"
#include "vault.h"

/* ---- formats ---- */

static const uint16_t formats[] = {
	11544, /* LwM2M CBOR */
	110,   /* SenML JSON */
	FORMAT_SENML_CBOR,
	FORMAT_TLV,
};

#define FORMAT_COUNT (sizeof(formats) / sizeof(formats[0]))

uint16_t bootstrap_format_at(size_t i)
{
	return i < FORMAT_COUNT ? formats[FORMAT_COUNT - 1 - i] : FORMAT_NONE;
}

bool bootstrap_has_format(uint16_t number)
{
	for (size_t i = 0; i < FORMAT_COUNT; i++) {
		if (formats[i] == number)
			return format_find(number) != NULL;
	}
	return false;
}

/* ---- rows ---- */

/* Whatever follows the slash is the whole name: no two rows share a context. */
static char *context_of(struct arena *arena, const char *endpoint)
{
	return arena_printf(arena, "bootstrap/%s", endpoint);
}

enum err bootstrap_seal(const struct vault *vault, struct arena *arena, const char *endpoint,
			struct bytes document, struct bytes *ret_sealed)
{
	char *context = context_of(arena, endpoint);

	return context == NULL ? ERR_NOMEM : vault_seal(vault, arena, context, document, ret_sealed);
}

enum err bootstrap_open_sealed(const struct vault *vault, struct arena *arena, const char *endpoint,
			       struct bytes sealed, struct bytes *ret_document)
{
	char *context = context_of(arena, endpoint);

	return context == NULL ? ERR_NOMEM : vault_open_sealed(vault, arena, context, sealed, ret_document);
}

enum err bootstrap_fetch(struct store *store, const struct vault *vault, struct arena *arena,
			 const char *endpoint, bool *ret_is_for_all, struct bytes *ret_document)
{
	struct bootstrap_row row;
	enum err err = store_read_bootstrap(store, arena, endpoint, &row);
	bool is_for_all = err == ERR_NOT_FOUND;

	if (is_for_all)
		err = store_read_bootstrap(store, arena, "", &row);
	if (err == ERR_NONE)
		err = bootstrap_open_sealed(vault, arena, row.endpoint, row.sealed, ret_document);
	if (err == ERR_NONE)
		*ret_is_for_all = is_for_all;
	return err;
}

/* ---- the endpoint ---- */

/* Nothing is observed here. */
static bool refuse_notification(void *self, const struct coap_address *from, const char *identity,
				uint64_t token, const struct coap_message *message)
{
	return false;
}

struct endpoint_handlers bootstrap_handlers(struct bootstrap *bootstrap)
{
	return (struct endpoint_handlers){
		.request = bootstrap_serve,
		.notification = refuse_notification,
		.self = bootstrap,
	};
}

/* Without an endpoint nothing goes on. */
static void free_sessions(struct bootstrap *bootstrap)
{
	struct bootstrap_session *session, *next;

	HASH_ITER (by_number_hh, bootstrap->by_number, session, next)
		bootstrap_session_free(session);
}

void bootstrap_attach(struct bootstrap *bootstrap, struct endpoint *endpoint)
{
	if (endpoint == NULL)
		free_sessions(bootstrap);
	bootstrap->endpoint = endpoint;
}

/* ---- begin and end ---- */

enum err bootstrap_create(const struct bootstrap_parts *parts, struct bootstrap **ret_bootstrap)
{
	struct bootstrap *bootstrap = calloc(1, sizeof(*bootstrap));

	if (bootstrap == NULL)
		return ERR_NOMEM;
	bootstrap->parts = *parts;
	*ret_bootstrap = bootstrap;
	return ERR_NONE;
}

void bootstrap_free(struct bootstrap *bootstrap)
{
	if (bootstrap == NULL)
		return;
	free_sessions(bootstrap);
	free(bootstrap);
}
