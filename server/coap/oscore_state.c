#include "oscore_state.h"

#include <stdlib.h>

#include "credentials.h"
#include "log.h"
#include "oscore_numbers.h"

void oscore_context_free(struct oscore *oscore, struct oscore_context *context)
{
	while (context->observations != NULL)
		oscore_observation_free(oscore, context->observations);
	HASH_DELETE(by_name, oscore->by_name, context);
	HASH_DELETE(by_id, oscore->by_id, context);
	free(context->name);
	wipe(context, sizeof(*context));
	free(context);
}

static bool is_current(const struct oscore *oscore, struct oscore_context *context)
{
	const uint64_t changes = credentials_changes(oscore->credentials);

	if (context->checked != changes) {
		const struct oscore_keys *keys = credentials_oscore(oscore->credentials, context->name);
		if (keys == NULL || memcmp(keys, &context->base, sizeof(*keys)) != 0)
			return false;
		context->checked = changes;
	}
	const struct bytes renewed = oscore_numbers_renewed(oscore->numbers, context->base.print);
	return renewed.len == 0 ||
	       bytes_equal(renewed, bytes_of(context->keys.id_context, context->keys.id_context_len));
}

static struct oscore_context *context_create(struct oscore *oscore, const char *name,
					     const struct oscore_keys *base, const struct oscore_keys *keys)
{
	struct oscore_context *context = calloc(1, sizeof(*context));

	if (context == NULL)
		return NULL;
	context->base = *base;
	context->keys = *keys;
	context->checked = credentials_changes(oscore->credentials);
	context->id = ++oscore->last_id;
	context->name = strdup(name);
	if (context->name != NULL)
		HASH_ADD_KEYPTR(by_name, oscore->by_name, context->name, strlen(context->name), context);
	if (context->by_name.tbl != NULL)
		HASH_ADD(by_id, oscore->by_id, id, sizeof(context->id), context);
	if (context->by_id.tbl != NULL)
		return context;
	if (context->by_name.tbl != NULL)
		HASH_DELETE(by_name, oscore->by_name, context);
	free(context->name);
	wipe(context, sizeof(*context));
	free(context);
	return NULL;
}

/* The keys in force in place of those of a credential. */
static enum err keys_in_force(const struct oscore *oscore, const struct oscore_keys *base,
			      struct oscore_keys *ret_keys)
{
	const struct bytes renewed = oscore_numbers_renewed(oscore->numbers, base->print);

	if (renewed.len > 0)
		return oscore_derive_renewed(oscore->arena, base, renewed, ret_keys);
	*ret_keys = *base;
	return ERR_NONE;
}

static void begin_behind(const struct oscore *oscore, struct oscore_context *context)
{
	const uint64_t received = oscore_numbers_received(oscore->numbers, context->keys.print);

	if (received > 0)
		context->window = oscore_window_from(received - 1);
}

/* NULL: not now. */
static struct oscore_context *context_begin(struct oscore *oscore, const char *name,
					    const struct oscore_keys *base, const struct oscore_keys *keys)
{
	struct oscore_context *context;

	switch (oscore_numbers_begin_window(oscore->numbers, keys->print)) {
	case OSCORE_PAST_UNKNOWN:
		if (oscore_numbers_expect(oscore->numbers, keys->print) != ERR_NONE)
			log_warn("oscore.not_reserved", "endpoint=%s", name);
		return NULL;
	case OSCORE_PAST_HERE:
		context = context_create(oscore, name, base, keys);
		if (context != NULL)
			context->is_synchronized = true;
		return context;
	default:
		context = context_create(oscore, name, base, keys);
		if (context != NULL)
			begin_behind(oscore, context);
		return context;
	}
}

struct oscore_context *oscore_context_of(struct oscore *oscore, const char *name,
					 const struct oscore_keys *base)
{
	struct oscore_context *context;
	struct oscore_keys keys;

	HASH_FIND(by_name, oscore->by_name, name, strlen(name), context);
	if (context != NULL && is_current(oscore, context))
		return context;
	if (context != NULL)
		oscore_context_free(oscore, context);
	if (keys_in_force(oscore, base, &keys) != ERR_NONE)
		return NULL;
	context = context_begin(oscore, name, base, &keys);
	wipe(&keys, sizeof(keys));
	return context;
}

struct oscore_context *oscore_context_find(struct oscore *oscore, uint64_t id)
{
	struct oscore_context *context = NULL;

	if (oscore != NULL && id != 0)
		HASH_FIND(by_id, oscore->by_id, &id, sizeof(id), context);
	if (context != NULL && !is_current(oscore, context)) {
		oscore_context_free(oscore, context);
		return NULL;
	}
	return context;
}

const char *oscore_identity(struct endpoint *endpoint, const struct oscore_binding *binding,
			    const char *otherwise)
{
	const struct oscore_context *context = oscore_context_find(endpoint->oscore, binding->context);

	return context != NULL ? context->name : otherwise;
}

enum err oscore_bind(struct endpoint *endpoint, const char *name, struct oscore_binding *ret_binding)
{
	struct oscore *oscore = endpoint->oscore;
	const struct oscore_keys *keys =
		oscore != NULL ? credentials_oscore(oscore->credentials, name) : NULL;
	const struct oscore_context *context = keys != NULL ? oscore_context_of(oscore, name, keys) : NULL;

	if (context == NULL)
		return ERR_UNAVAILABLE;
	*ret_binding = (struct oscore_binding){ .context = context->id };
	return ERR_NONE;
}
