/* Every device has its operations in a list, and at most one of them under way; its exchange is found again
 * by number. Whoever waits for an operation is told last, when the list is in order and the next one on its
 * way, because he may start another operation or remove the device. */
#include "operation_queue.h"

#include <utlist.h>

#include "awake.h"
#include "credentials.h"
#include "observation.h"
#include "operation_message.h"
#include "presented_state.h"
#include "registration.h"
#include "tolerated.h"

#define LISTENS_WITHIN_MS 3000 /* [ours] of a Register or Update */
#define RETRY_AFTER_MS    500

void operation_free(struct operation *operation)
{
	if (operation != NULL)
		arena_free(operation->arena); /* and with it the operation */
}

static bool may_speak(const struct device_entry *entry)
{
	return entry->is_acknowledged && !entry->is_removed &&
	       (entry->device.is_awake || !entry->device.is_queue_mode);
}

/* ---- ending ---- */

static void settle(struct registry *registry, struct operation *operation)
{
	if (operation->entry->under_way != operation)
		return;
	operation->entry->under_way = NULL;
	HASH_DELETE(hh, registry->under_way, operation);
}

static void detach(struct registry *registry, struct operation *operation)
{
	settle(registry, operation);
	loop_stop_timer(registry->parts.loop, &operation->timer);
	LL_DELETE(operation->entry->operations, operation);
	operation->entry->operation_count--;
}

static void tell(struct operation *take_operation, const struct operation_answer *answer)
{
	struct operation_answer told = *answer;

	told.was_sent = take_operation->was_sent;
	if (take_operation->done != NULL)
		take_operation->done(take_operation->self, take_operation->id, &told);
	operation_free(take_operation);
}

static struct operation_answer failure(enum err err, const char *reason)
{
	struct operation_answer answer = { .format = FORMAT_NONE };

	fault_set(&answer.fault, err, "%s", reason);
	return answer;
}

/* Without an ending its patience is over. */
static void operation_due(void *self)
{
	struct operation *operation = self;
	struct device_entry *entry = operation->entry;
	struct registry *registry = entry->registry;
	struct operation_answer answer = failure(ERR_TIMEOUT, "the device did not wake up in time");

	if (operation->ending != NULL)
		answer = *operation->ending;
	detach(registry, operation);
	operation_queue_run(registry, entry);
	tell(operation, &answer);
}

static void end_soon(struct registry *registry, struct operation *operation, struct operation_answer answer)
{
	static const struct operation_answer no_memory = {
		.format = FORMAT_NONE, .fault = { .kind = ERR_NOMEM, .text = "no memory" }
	};
	struct operation_answer *ending = arena_alloc(operation->arena, sizeof(*ending));

	if (ending != NULL)
		*ending = answer;
	operation->ending = ending != NULL ? ending : &no_memory;
	loop_start_timer(registry->parts.loop, &operation->timer, 0);
}

void operation_queue_sleep(struct registry *registry, struct device_entry *entry)
{
	struct operation *operation;

	LL_FOREACH (entry->operations, operation) {
		if (operation != entry->under_way && operation->ending == NULL &&
		    !operation->request.may_wait)
			end_soon(registry, operation,
				 failure(ERR_UNAVAILABLE, "the device does not listen now"));
	}
}

void operation_queue_break(struct registry *registry, struct device_entry *entry, const char *reason)
{
	struct operation *operation = entry->under_way;

	if (operation == NULL)
		return;
	exchange_cancel(registry->endpoint, operation->token);
	settle(registry, operation);
	end_soon(registry, operation, failure(ERR_TIMEOUT, reason));
}

void operation_queue_end(struct registry *registry, struct device_entry *entry, enum err err,
			 const char *reason)
{
	const struct operation_answer answer = failure(err, reason);

	if (entry->under_way != NULL)
		exchange_cancel(registry->endpoint, entry->under_way->token);
	while (entry->operations != NULL) {
		struct operation *operation = entry->operations;

		detach(registry, operation);
		tell(operation, &answer);
	}
}

void operation_queue_forget(struct registry *registry, struct device_entry *entry)
{
	struct operation *operation;

	LL_FOREACH (entry->operations, operation)
		operation->done = NULL;
	operation_queue_end(registry, entry, ERR_UNAVAILABLE, "the server stops");
}

/* ---- the answer ---- */

/* Some clients (coap-node) open the socket that they listen on a moment after they have registered: until
 * then requests are reset. */
static void retry_soon(struct registry *registry, struct device_entry *entry)
{
	const struct device *device = &entry->device;
	int64_t since_ms = loop_wall_ms(registry->parts.loop) - device->updated_ms;

	if (device->identity[0] != 0 || since_ms > LISTENS_WITHIN_MS)
		return;
	tolerated(registry, entry, TOLERANCE_BIT(TOLERANCE_NOT_LISTENING_YET));
	entry->retry_due_ms = loop_now_ms(registry->parts.loop) + RETRY_AFTER_MS;
	registry_schedule(entry);
}

static const char *reason_of(const struct exchange_result *result)
{
	if (result->err == ERR_TIMEOUT && result->was_acknowledged)
		return "the device has received the request, but does not answer it";
	return result->err == ERR_TIMEOUT ? "the device does not answer"
					  : "the exchange with the device failed";
}

/* Who acknowledges is awake: there are clients that only do so with a FETCH, which they do not know. */
static void lost(struct registry *registry, struct operation *operation, const struct exchange_result *result)
{
	struct device_entry *entry = operation->entry;
	struct operation_answer answer = failure(result->err, reason_of(result));

	answer.sent = &operation->message;
	detach(registry, operation);
	if ((result->err == ERR_TIMEOUT && !result->was_acknowledged) || result->err == ERR_UNAVAILABLE)
		awake_end(registry, entry);
	if (result->err == ERR_UNAVAILABLE)
		retry_soon(registry, entry);
	operation_queue_run(registry, entry);
	tell(operation, &answer);
}

/* What an answer means for the registry itself. */
static void follow(struct registry *registry, struct operation *operation, const struct coap_message *message,
		   struct operation_answer *answer)
{
	struct device_entry *entry = operation->entry;
	uint32_t lifetime_s;

	if (operation->request.operation == LWM2M_OBSERVE && answer->code >> 5 == 2 && message->has_observe) {
		enum err err = observation_keep(registry, entry, operation->token, &operation->target,
						operation->message.accept, operation->request.job_id);

		if (err != ERR_NONE)
			fault_set(&answer->fault, err, "the observation cannot be kept");
		else
			observation_end(registry, operation->replaced_token);
	} else if (operation->request.operation == LWM2M_OBSERVE) {
		observation_end(registry, operation->observation_token);
		fault_set(&answer->fault, ERR_UNSUPPORTED, "the device does not observe this");
	}
	if (operation_message_wrote_lifetime(operation, answer->code, &lifetime_s))
		registration_set_lifetime(registry, entry, lifetime_s);
}

static void answered(void *self, uint64_t number, const struct exchange_result *result)
{
	struct registry *registry = self;
	struct operation_answer answer;
	struct device_entry *entry;
	struct operation *operation;
	uint32_t rules = 0;

	HASH_FIND(hh, registry->under_way, &number, sizeof(number), operation);
	if (operation == NULL)
		return;
	if (result->err != ERR_NONE) {
		lost(registry, operation, result);
		return;
	}
	entry = operation->entry;
	settle(registry, operation);
	if (operation_message_again(operation, result->message->code)) {
		awake_begin(registry, entry); /* and sends it again, being the first that waits */
		return;
	}
	operation_message_read(operation, result->message, &answer, &rules);
	tolerated(registry, entry, rules);
	follow(registry, operation, result->message, &answer);
	detach(registry, operation);
	awake_begin(registry, entry);
	tell(operation, &answer);
}

/* ---- sending ---- */

static struct operation *first_to_send(const struct device_entry *entry)
{
	struct operation *operation;

	LL_FOREACH (entry->operations, operation) {
		if (operation->ending == NULL)
			return operation;
	}
	return NULL;
}

/* Registered before it got a credential: not spoken to until it comes with that. */
static bool lacks_credential(const struct registry *registry, const struct device_entry *entry)
{
	return entry->device.identity[0] == 0 &&
	       credentials_has(registry->parts.credentials, entry->device.endpoint);
}

static enum err send_first(struct registry *registry, struct operation *operation)
{
	struct device_entry *entry = operation->entry;
	enum err err;

	if (entry->presenter.ask != NULL) {
		end_soon(registry, operation, presented_answer(registry, operation));
		return ERR_NONE;
	}
	if (lacks_credential(registry, entry))
		return ERR_UNAVAILABLE;
	operation->number = ++registry->last_number;
	err = exchange_start(registry->endpoint, &entry->device.address, entry->device.identity,
			     &operation->message, operation->observation_token, answered, registry,
			     operation->number, &operation->token);
	if (err != ERR_NONE)
		return err;
	HASH_ADD(hh, registry->under_way, number, sizeof(operation->number), operation);
	if (operation->hh.tbl == NULL) {
		exchange_cancel(registry->endpoint, operation->token);
		return ERR_NOMEM;
	}
	entry->under_way = operation;
	operation->was_sent = true;
	loop_stop_timer(registry->parts.loop, &operation->timer);
	return ERR_NONE;
}

void operation_queue_run(struct registry *registry, struct device_entry *entry)
{
	struct operation *operation;

	while (entry->under_way == NULL && may_speak(entry) && (operation = first_to_send(entry)) != NULL) {
		enum err err = send_first(registry, operation);

		if (err == ERR_UNAVAILABLE) {
			/* No session: the device has to speak first. */
			entry->device.is_awake = false;
			if (operation->request.may_wait)
				return;
		}
		if (err != ERR_NONE)
			end_soon(registry, operation, failure(err, "the device cannot be reached now"));
	}
}

static void append(struct device_entry *entry, struct operation *operation)
{
	operation->entry = entry;
	operation->timer = timer_of(operation_due, operation);
	LL_APPEND(entry->operations, operation);
	entry->operation_count++;
}

enum err operation_queue_add(struct registry *registry, struct device_entry *entry,
			     struct operation *take_operation, struct fault *fault)
{
	const struct operation_request *request = &take_operation->request;

	if (!may_speak(entry) && !request->may_wait)
		return fault_set(fault, ERR_UNAVAILABLE, "the device does not listen now");
	if (entry->operation_count >= OPERATION_QUEUE_MAX)
		return fault_set(fault, ERR_UNAVAILABLE, "%d operations wait for the device already",
				 OPERATION_QUEUE_MAX);
	append(entry, take_operation);
	if (request->may_wait && request->wait_ms != 0)
		loop_start_timer(registry->parts.loop, &take_operation->timer, request->wait_ms);
	operation_queue_run(registry, entry);
	return ERR_NONE;
}

void operation_queue_answer(struct registry *registry, struct device_entry *entry,
			    struct operation *take_operation, const struct operation_answer *answer)
{
	append(entry, take_operation);
	end_soon(registry, take_operation, *answer);
}
