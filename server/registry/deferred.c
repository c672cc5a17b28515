#include "deferred.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deferred_items.h"
#include "deferred_json.h"
#include "events.h"
#include "json_text.h"
#include "log.h"
#include "loop.h"
#include "path.h"

#define SCRATCH_MAX_BYTES ((size_t)32 << 20)
#define ANSWER_MAX_BYTES  ((size_t)256 << 10) /* what is kept of an answer, and published */
#define RETRY_MS          1000                /* while others occupy a device that is awake */

/* What a device may do twice without harm. */
static bool may_repeat(const struct deferred_item *item)
{
	return item->operation != LWM2M_EXECUTE && item->operation != LWM2M_CREATE;
}

static void run(struct deferred_device *device);

/* ---- the end of a request ---- */

static void publish(const struct deferred_item *item)
{
	const struct deferred_parts *parts = &item->device->deferred->parts;
	struct arena *arena = item->device->deferred->scratch;
	struct builder b = builder_in(arena);
	struct bytes text;
	char id[24];

	snprintf(id, sizeof(id), "%" PRIu64, item->id);
	const struct json_member members[] = {
		{ "endpoint", item->device->endpoint, NULL },
		{ "id", id, NULL },
		{ "operation", operation_name(item->operation), NULL },
		{ "path", item->path, NULL },
		{ "state", deferred_state_name(item->state), NULL },
		{ "answer", NULL, item->answer[0] != 0 ? item->answer : "null" },
	};

	arena_reset(arena);
	build_json_object(&b, members, sizeof(members) / sizeof(members[0]));
	build_u8(&b, 0);
	if (builder_bytes(&b, &text) == ERR_NONE)
		events_publish(parts->events, loop_wall_ms(parts->loop), "request.ended",
			       (const char *)text.at);
	else
		log_error("request.event_lost", "endpoint=%s id=%s", item->device->endpoint, id);
}

/* The end is durable, and told. */
static void ended(void *self, uint64_t id, enum err result)
{
	struct deferred *deferred = self;
	struct deferred_item *item = deferred_find(deferred, id);
	struct store_done told;

	if (item == NULL)
		return;
	if (result != ERR_NONE)
		log_error("request.not_stored", "endpoint=%s id=%" PRIu64 " error=%s", item->device->endpoint,
			  id, err_name(result));
	told = item->told;
	publish(item);
	deferred_forget(item);
	if (told.call != NULL)
		told.call(told.self, told.id, result);
}

/* The device goes with its last item, and both may be gone when this returns. */
static void finish(struct deferred_item *item, enum deferred_state state, const char *answer)
{
	struct deferred_device *device = item->device;
	struct deferred *deferred = device->deferred;
	struct deferred_row row;
	enum err err;

	loop_stop_timer(deferred->parts.loop, &item->expiry);
	if (device->current == item)
		device->current = NULL;
	item->state = state;
	item->answer = answer;
	item->ended_ms = loop_wall_ms(deferred->parts.loop);
	log_info("request.ended", "endpoint=%s id=%" PRIu64 " state=%s", device->endpoint, item->id,
		 deferred_state_name(state));
	err = deferred_row_of(deferred, item, &row);
	if (err == ERR_NONE)
		err = store_put_deferred(deferred->parts.store, &row,
					 (struct store_done){ ended, deferred, item->id });
	if (err != ERR_NONE)
		ended(deferred, item->id, err);
}

/* ... and the next one goes. */
static void end(struct deferred_item *item, enum deferred_state state, const char *answer)
{
	struct deferred_device *device = item->device;
	bool is_last = device->count == 1;

	finish(item, state, answer);
	if (!is_last)
		run(device);
}

/* In the item's arena; "" without memory. */
static const char *reason_of(struct deferred_item *item, const char *reason)
{
	struct operation_answer answer = { .fault = { .kind = ERR_INTERNAL } };
	const char *text = "";

	snprintf(answer.fault.text, sizeof(answer.fault.text), "%s", reason);
	if (deferred_answer_write(item->arena, item->operation, &answer, &text) != ERR_NONE)
		text = "";
	return text;
}

static void expired(void *self)
{
	struct deferred_item *item = self;

	/* What is on its way is waited for: back() looks at the time again. */
	if (item->device->current != item && !deferred_has_ended(item))
		end(item, DEFERRED_EXPIRED, "");
}

static void start_expiry(struct deferred_item *item)
{
	struct loop *loop = item->device->deferred->parts.loop;
	int64_t left_ms = item->expires_ms - loop_wall_ms(loop);

	item->expiry = timer_of(expired, item);
	loop_start_timer(loop, &item->expiry, left_ms > 0 ? left_ms : 0);
}

/* ---- sending ---- */

static void retry(void *self)
{
	run(self);
}

/* It waits again, for the device to wake or for those that are in its way. */
static void back(struct deferred_item *item)
{
	struct deferred_device *device = item->device;
	struct deferred *deferred = device->deferred;
	struct loop *loop = deferred->parts.loop;
	struct deferred_row row;
	enum err err = ERR_NONE;

	device->current = NULL;
	if (item->state == DEFERRED_SENT) {
		item->state = DEFERRED_QUEUED;
		arena_reset(deferred->scratch);
		err = deferred_row_of(deferred, item, &row);
		if (err == ERR_NONE)
			err = store_put_deferred(deferred->parts.store, &row, (struct store_done){ 0 });
	}
	if (err != ERR_NONE)
		log_warn("request.not_stored", "endpoint=%s id=%" PRIu64 " error=%s", device->endpoint,
			 item->id, err_name(err));
	if (loop_wall_ms(loop) >= item->expires_ms) {
		end(item, DEFERRED_EXPIRED, "");
		return;
	}
	device->retry = timer_of(retry, device);
	loop_start_timer(loop, &device->retry, RETRY_MS);
}

/* What is kept of an answer; in the item's arena. */
static const char *kept_answer(struct deferred_item *item, const struct operation_answer *answer)
{
	struct operation_answer brief = { .code = answer->code, .fault = { .kind = ERR_LIMIT } };
	struct arena *arena = arena_create(ANSWER_MAX_BYTES);
	const char *text = NULL, *copy = NULL;

	if (arena != NULL && deferred_answer_write(arena, item->operation, answer, &text) != ERR_NONE) {
		snprintf(brief.fault.text, sizeof(brief.fault.text), "the answer is too large to be kept");
		arena_reset(arena);
		if (deferred_answer_write(arena, item->operation, &brief, &text) != ERR_NONE)
			text = NULL;
	}
	if (text != NULL)
		copy = arena_strdup(item->arena, text);
	arena_free(arena);
	return copy == NULL ? "" : copy;
}

static enum deferred_state state_after(const struct operation_answer *answer)
{
	if (answer->code == 0 && answer->was_sent &&
	    (answer->fault.kind == ERR_TIMEOUT || answer->fault.kind == ERR_UNAVAILABLE))
		return DEFERRED_UNKNOWN;
	return answer->code >> 5 == 2 && answer->fault.kind == ERR_NONE ? DEFERRED_DONE : DEFERRED_FAILED;
}

static void answered(void *self, uint64_t id, const struct operation_answer *answer)
{
	struct deferred *deferred = self;
	struct deferred_item *item = deferred_find(deferred, id);
	bool is_lost = answer->code == 0 &&
		       (answer->fault.kind == ERR_TIMEOUT || answer->fault.kind == ERR_UNAVAILABLE);

	if (item == NULL)
		return;
	if (is_lost && (may_repeat(item) || !answer->was_sent)) {
		back(item);
		return;
	}
	arena_reset(deferred->scratch);
	end(item, state_after(answer), kept_answer(item, answer));
}

static void send_item(struct deferred_item *item)
{
	struct deferred *deferred = item->device->deferred;
	struct operation_request request;
	struct fault fault = { 0 };
	enum err err;

	arena_reset(deferred->scratch);
	err = deferred_document_read(deferred->scratch, item->document, &request);
	if (err == ERR_NONE)
		err = operation_start(deferred->parts.registry, item->device->endpoint, &request, answered,
				      deferred, item->id, &fault);
	if (err == ERR_UNAVAILABLE || err == ERR_NOT_FOUND || err == ERR_NOMEM)
		back(item);
	else if (err != ERR_NONE)
		end(item, DEFERRED_FAILED, reason_of(item, fault.text[0] != 0 ? fault.text : err_name(err)));
}

/* The mark is durable: from here on nobody knows, until there is an answer. */
static void marked(void *self, uint64_t id, enum err result)
{
	struct deferred_item *item = deferred_find(self, id);

	if (item == NULL)
		return;
	if (result == ERR_NONE)
		send_item(item);
	else
		back(item);
}

static void mark(struct deferred_item *item)
{
	struct deferred *deferred = item->device->deferred;
	struct deferred_row row;
	enum err err;

	item->state = DEFERRED_SENT;
	arena_reset(deferred->scratch);
	err = deferred_row_of(deferred, item, &row);
	if (err == ERR_NONE)
		err = store_put_deferred(deferred->parts.store, &row,
					 (struct store_done){ marked, deferred, item->id });
	if (err != ERR_NONE)
		back(item);
}

static void run(struct deferred_device *device)
{
	const struct device *there = registry_find(device->deferred->parts.registry, device->endpoint);
	struct deferred_item *item = deferred_first(device);

	if (device->current != NULL || item == NULL || there == NULL || !there->is_awake)
		return;
	device->current = item;
	if (may_repeat(item))
		send_item(item);
	else
		mark(item);
}

static void device_is_awake(void *self, const struct device *there)
{
	struct deferred *deferred = self;
	struct deferred_device *device;

	HASH_FIND_STR(deferred->by_endpoint, there->endpoint, device);
	if (device != NULL)
		run(device);
}

/* ---- coming and leaving ---- */

static void stored(void *self, uint64_t id, enum err result)
{
	struct deferred_item *item = deferred_find(self, id);
	struct store_done told;

	if (item == NULL)
		return;
	told = item->told;
	item->told = (struct store_done){ 0 };
	item->is_stored = true;
	if (result != ERR_NONE)
		deferred_forget(item);
	if (told.call != NULL)
		told.call(told.self, told.id, result);
	item = deferred_find(self, id);
	if (item != NULL)
		run(item->device);
}

static enum err store_item(struct deferred *deferred, struct deferred_item *item)
{
	struct deferred_row row;
	enum err err = deferred_row_of(deferred, item, &row);

	if (err == ERR_NONE)
		err = store_put_deferred(deferred->parts.store, &row,
					 (struct store_done){ stored, deferred, item->id });
	return err;
}

enum err deferred_add(struct deferred *deferred, const struct deferred_order *order, uint64_t *ret_id,
		      struct store_done done, struct fault *fault)
{
	char path[PATH_TEXT_SIZE];
	int64_t now_ms = loop_wall_ms(deferred->parts.loop);
	struct deferred_item from = {
		.id = deferred->last_id + 1,
		.operation = order->request->operation,
		.path = path_print(order->request->path, path),
		.is_urgent = order->is_urgent,
		.answer = "",
		.created_ms = now_ms,
		.expires_ms = now_ms + (int64_t)order->wait_s * 1000,
		.told = done,
	};
	struct deferred_item *item;
	enum err err;

	if (order->wait_s == 0 || order->wait_s > DEFERRED_MAX_WAIT_S)
		return fault_set(fault, ERR_MALFORMED, "a request waits 1 to %u seconds",
				 DEFERRED_MAX_WAIT_S);
	err = operation_check(deferred->parts.registry, order->endpoint, order->request, fault);
	arena_reset(deferred->scratch);
	if (err == ERR_NONE)
		err = deferred_document_write(deferred->scratch, order->request, &from.document, fault);
	if (err == ERR_NONE)
		err = deferred_insert(deferred, order->endpoint, &from, &item);
	if (err == ERR_UNAVAILABLE)
		fault_set(fault, err, "too many requests wait already, of this device %d at most",
			  DEFERRED_MAX_PER_DEVICE);
	if (err != ERR_NONE)
		return err;
	deferred->last_id++;
	*ret_id = item->id;
	start_expiry(item);
	err = store_item(deferred, item);
	if (err != ERR_NONE)
		deferred_forget(item);
	return err;
}

enum err deferred_cancel(struct deferred *deferred, const char *endpoint, uint64_t id, struct store_done done,
			 struct fault *fault)
{
	struct deferred_item *item = deferred_find(deferred, id);

	if (item == NULL || deferred_has_ended(item) || strcmp(item->device->endpoint, endpoint) != 0)
		return fault_set(fault, ERR_NOT_FOUND, "request %" PRIu64 " does not wait", id);
	if (item->device->current == item || !item->is_stored)
		return fault_set(fault, ERR_CONFLICT, "request %" PRIu64 " is on its way", id);
	item->told = done;
	arena_reset(deferred->scratch);
	end(item, DEFERRED_CANCELLED, "");
	return ERR_NONE;
}

/* ---- beginning and end ---- */

static enum err load_row(struct deferred *deferred, const struct deferred_row *row)
{
	struct deferred_item from = {
		.id = row->id,
		.state = deferred_state_of(row->state),
		.path = row->path,
		.is_urgent = row->is_urgent,
		.is_stored = true,
		.answer = "",
		.created_ms = row->created_ms,
		.expires_ms = row->expires_ms,
	};
	struct deferred_item *item;
	enum err err = operation_of_name(row->operation, &from.operation);

	if (err == ERR_NONE)
		err = deferred_open(deferred, row, &from.document);
	return err == ERR_NONE ? deferred_insert(deferred, row->endpoint, &from, &item) : err;
}

static bool load(void *self, const struct deferred_row *row)
{
	struct deferred *deferred = self;
	enum err err;

	arena_reset(deferred->scratch);
	err = load_row(deferred, row);
	if (err != ERR_NONE)
		log_error("request.not_loaded", "endpoint=%s id=%" PRIu64 " error=%s", row->endpoint, row->id,
			  err_name(err));
	return true;
}

/* What was on its way when the server stopped, and must not be done twice, has ended. */
static void resume(struct deferred *deferred)
{
	struct deferred_device *device, *following;
	struct deferred_item *item, *next;

	HASH_ITER (hh, deferred->by_id, item, next) {
		arena_reset(deferred->scratch);
		if (item->state == DEFERRED_SENT)
			finish(item, DEFERRED_UNKNOWN,
			       reason_of(item, "the server stopped before the device answered"));
		else
			start_expiry(item);
	}
	HASH_ITER (hh, deferred->by_endpoint, device, following) {
		device->retry = timer_of(retry, device);
		loop_start_timer(deferred->parts.loop, &device->retry, 0);
	}
}

enum err deferred_create(const struct deferred_parts *parts, struct deferred **ret_deferred)
{
	struct deferred *deferred = calloc(1, sizeof(*deferred));
	struct registry_listener listener = { .awake = device_is_awake, .self = deferred };
	enum err err = ERR_NOMEM;

	if (deferred == NULL)
		return ERR_NOMEM;
	deferred->parts = *parts;
	deferred->scratch = arena_create(SCRATCH_MAX_BYTES);
	if (deferred->scratch != NULL)
		err = store_last_deferred_id(parts->store, &deferred->last_id);
	if (err == ERR_NONE)
		err = store_read_waiting_deferreds(parts->store, load, deferred);
	if (err != ERR_NONE) {
		deferred_free(deferred);
		return err;
	}
	registry_listen(parts->registry, &listener);
	resume(deferred);
	*ret_deferred = deferred;
	return ERR_NONE;
}

void deferred_free(struct deferred *deferred)
{
	struct deferred_item *item, *next;

	if (deferred == NULL)
		return;
	HASH_ITER (hh, deferred->by_id, item, next)
		deferred_forget(item);
	arena_free(deferred->scratch);
	free(deferred);
}
