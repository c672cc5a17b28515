#include "deferred_items.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "loop.h"
#include "operation.h"
#include "vault.h"

#define ITEM_MAX_BYTES ((size_t)8 << 20)

static const char *const state_names[] = {
	[DEFERRED_QUEUED] = "queued",       [DEFERRED_SENT] = "sent",       [DEFERRED_DONE] = "done",
	[DEFERRED_FAILED] = "failed",       [DEFERRED_UNKNOWN] = "unknown", [DEFERRED_EXPIRED] = "expired",
	[DEFERRED_CANCELLED] = "cancelled",
};

const char *deferred_state_name(enum deferred_state state)
{
	return state_names[state];
}

enum deferred_state deferred_state_of(const char *name)
{
	for (size_t i = 0; i < sizeof(state_names) / sizeof(state_names[0]); i++) {
		if (strcmp(state_names[i], name) == 0)
			return (enum deferred_state)i;
	}
	return DEFERRED_QUEUED;
}

bool deferred_has_ended(const struct deferred_item *item)
{
	return item->state >= DEFERRED_DONE;
}

struct deferred_item *deferred_find(const struct deferred *deferred, uint64_t id)
{
	struct deferred_item *item;

	HASH_FIND(hh, deferred->by_id, &id, sizeof(id), item);
	return item;
}

struct deferred_item *deferred_first(const struct deferred_device *device)
{
	struct deferred_item *item;

	DL_FOREACH(device->items, item)
	{
		if (item->is_stored && item->state == DEFERRED_QUEUED)
			return item;
	}
	return NULL;
}

/* ---- in and out ---- */

static struct deferred_device *device_of(struct deferred *deferred, const char *endpoint)
{
	struct deferred_device *device;

	HASH_FIND_STR(deferred->by_endpoint, endpoint, device);
	if (device != NULL)
		return device;
	device = calloc(1, sizeof(*device) + strlen(endpoint) + 1);
	if (device == NULL)
		return NULL;
	device->deferred = deferred;
	memcpy(device->endpoint, endpoint, strlen(endpoint) + 1);
	HASH_ADD_STR(deferred->by_endpoint, endpoint, device);
	if (device->hh.tbl != NULL)
		return device;
	free(device);
	return NULL;
}

static void device_release(struct deferred_device *device)
{
	if (device->items != NULL)
		return;
	loop_stop_timer(device->deferred->parts.loop, &device->retry);
	HASH_DEL(device->deferred->by_endpoint, device);
	free(device);
}

static struct deferred_item *copy_item(const struct deferred_item *from)
{
	struct arena *arena = arena_create(ITEM_MAX_BYTES);
	struct deferred_item *item = arena == NULL ? NULL : arena_alloc(arena, sizeof(*item));

	if (item != NULL) {
		*item = *from;
		item->arena = arena;
		item->path = arena_strdup(arena, from->path);
		if (item->path != NULL && bytes_copy(arena, from->document, &item->document) == ERR_NONE)
			return item;
	}
	arena_free(arena);
	return NULL;
}

/* Before the first that goes after it. */
static void put_in_order(struct deferred_device *device, struct deferred_item *item)
{
	struct deferred_item *after;

	DL_FOREACH(device->items, after)
	{
		if (item->is_urgent && !after->is_urgent)
			break;
	}
	if (after != NULL)
		DL_PREPEND_ELEM(device->items, after, item);
	else
		DL_APPEND(device->items, item);
	device->count++;
}

enum err deferred_insert(struct deferred *deferred, const char *endpoint, const struct deferred_item *from,
			 struct deferred_item **ret_item)
{
	struct deferred_device *device = device_of(deferred, endpoint);
	struct deferred_item *item;

	if (device == NULL)
		return ERR_NOMEM;
	if (device->count >= DEFERRED_MAX_PER_DEVICE ||
	    from->document.len > DEFERRED_MAX_BYTES - deferred->bytes) {
		device_release(device);
		return ERR_UNAVAILABLE;
	}
	item = copy_item(from);
	if (item != NULL)
		HASH_ADD(hh, deferred->by_id, id, sizeof(item->id), item);
	if (item == NULL || item->hh.tbl == NULL) {
		if (item != NULL)
			arena_free(item->arena);
		device_release(device);
		return ERR_NOMEM;
	}
	item->device = device;
	put_in_order(device, item);
	deferred->bytes += item->document.len;
	*ret_item = item;
	return ERR_NONE;
}

void deferred_forget(struct deferred_item *item)
{
	struct deferred_device *device = item->device;
	struct deferred *deferred = device->deferred;

	loop_stop_timer(deferred->parts.loop, &item->expiry);
	if (device->current == item)
		device->current = NULL;
	DL_DELETE(device->items, item);
	device->count--;
	HASH_DEL(deferred->by_id, item);
	deferred->bytes -= item->document.len;
	arena_free(item->arena);
	device_release(device);
}

/* ---- rows ---- */

/* The number stands first: no two rows share a context. */
static char *context_of(struct arena *arena, uint64_t id, const char *endpoint)
{
	return arena_printf(arena, "deferred/%llu/%s", (unsigned long long)id, endpoint);
}

enum err deferred_row_of(struct deferred *deferred, const struct deferred_item *item,
			 struct deferred_row *ret_row)
{
	struct deferred_row row = {
		.id = item->id,
		.endpoint = item->device->endpoint,
		.operation = operation_name(item->operation),
		.path = item->path,
		.is_urgent = item->is_urgent,
		.state = deferred_state_name(item->state),
		.answer = item->answer,
		.created_ms = item->created_ms,
		.expires_ms = item->expires_ms,
		.ended_ms = item->ended_ms,
	};
	char *context = context_of(deferred->scratch, item->id, row.endpoint);
	enum err err = context == NULL ? ERR_NOMEM : ERR_NONE;

	if (err == ERR_NONE && !deferred_has_ended(item))
		err = vault_seal(deferred->parts.vault, deferred->scratch, context, item->document,
				 &row.sealed);
	if (err == ERR_NONE)
		*ret_row = row;
	return err;
}

enum err deferred_open(struct deferred *deferred, const struct deferred_row *row, struct bytes *ret_document)
{
	char *context = context_of(deferred->scratch, row->id, row->endpoint);

	if (context == NULL)
		return ERR_NOMEM;
	return vault_open_sealed(deferred->parts.vault, deferred->scratch, context, row->sealed,
				 ret_document);
}
