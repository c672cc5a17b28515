/* From a request to the configuration that answers it. */
#include "bootstrap_session.h"

#include <stdlib.h>

#include "log.h"
#include "store.h"
#include "vault.h"
#include "work.h"

#define SESSION_BYTES  (1u << 20)
#define BUSY_MAX_AGE_S 60

/* ---- answers ---- */

void bootstrap_answer(struct bootstrap_session *session, const struct coap_message *message)
{
	session->is_answered = true;
	if (session->bootstrap->endpoint != NULL)
		endpoint_reply(session->bootstrap->endpoint, session->reply, message);
}

void bootstrap_refuse(struct bootstrap *bootstrap, uint64_t reply, uint8_t code, const struct fault *fault)
{
	const struct coap_message message = {
		.code = code,
		.content_format = COAP_NO_FORMAT,
		.accept = COAP_NO_FORMAT,
		.has_max_age = code == COAP_CODE(5, 3),
		.max_age_s = BUSY_MAX_AGE_S,
		.payload = bytes_of_text(fault->text),
	};

	if (bootstrap->endpoint != NULL)
		endpoint_reply(bootstrap->endpoint, reply, &message);
}

void bootstrap_session_refuse(struct bootstrap_session *session, uint8_t code, const struct fault *fault)
{
	log_info("bootstrap.refused", "endpoint=%s error=%s reason=%s", session->endpoint,
		 err_name(fault->kind), fault->text);
	bootstrap_refuse(session->bootstrap, session->reply, code, fault);
	bootstrap_session_free(session);
}

/* ---- sessions ---- */

struct bootstrap_session *bootstrap_session_find(struct bootstrap *bootstrap, uint64_t number)
{
	struct bootstrap_session *session;

	HASH_FIND(by_number_hh, bootstrap->by_number, &number, sizeof(number), session);
	return session;
}

static struct bootstrap_session *find_endpoint(struct bootstrap *bootstrap, const char *endpoint)
{
	struct bootstrap_session *session;

	HASH_FIND(by_endpoint_hh, bootstrap->by_endpoint, endpoint, strlen(endpoint), session);
	return session;
}

void bootstrap_session_free(struct bootstrap_session *session)
{
	struct bootstrap *bootstrap = session->bootstrap;

	if (session->by_endpoint_hh.tbl != NULL)
		HASH_DELETE(by_endpoint_hh, bootstrap->by_endpoint, session);
	if (session->by_number_hh.tbl != NULL) {
		HASH_DELETE(by_number_hh, bootstrap->by_number, session);
		bootstrap->count--;
	}
	if (session->token != 0 && bootstrap->endpoint != NULL)
		exchange_cancel(bootstrap->endpoint, session->token);
	loop_stop_timer(bootstrap->parts.loop, &session->deadline);
	secret_wipe(&session->generated.key);
	arena_free(session->arena);
	free(session);
}

static void deadline_passed(void *self)
{
	struct bootstrap_session *session = self;
	char *reason = arena_printf(session->arena, "not finished within %u s",
				    session->bootstrap->parts.deadline_ms / 1000);

	bootstrap_session_fail(session, &(struct bootstrap_end){ .step = "deadline",
								 .reason = reason == NULL ? "" : reason });
}

static enum err add_session(struct bootstrap *bootstrap, struct bootstrap_session *session)
{
	HASH_ADD(by_number_hh, bootstrap->by_number, number, sizeof(session->number), session);
	if (session->by_number_hh.tbl == NULL)
		return ERR_NOMEM;
	bootstrap->count++;
	HASH_ADD_KEYPTR(by_endpoint_hh, bootstrap->by_endpoint, session->endpoint, strlen(session->endpoint),
			session);
	return session->by_endpoint_hh.tbl == NULL ? ERR_NOMEM : ERR_NONE;
}

/* What was asked lives as long as its request; the session takes a copy. */
static enum err copy_session(struct bootstrap *bootstrap, const struct bootstrap_session *asked,
			     struct bootstrap_session **ret_session)
{
	struct bootstrap_session *session = calloc(1, sizeof(*session));
	struct arena *arena = arena_create(SESSION_BYTES);
	struct bootstrap_instance *found;

	if (session == NULL || arena == NULL) {
		free(session);
		arena_free(arena);
		return ERR_NOMEM;
	}
	*session = *asked;
	session->bootstrap = bootstrap;
	session->arena = arena;
	session->number = ++bootstrap->last_number;
	session->endpoint = arena_strdup(arena, asked->endpoint);
	session->identity = asked->identity[0] == 0 ? "" : session->endpoint;
	session->started_ms = loop_wall_ms(bootstrap->parts.loop);
	session->reads = builder_in(arena);
	session->deadline = timer_of(deadline_passed, session);
	found = arena_alloc_array(arena, asked->found.count + 1, sizeof(*found));
	if (session->endpoint == NULL || found == NULL) {
		bootstrap_session_free(session);
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < asked->found.count; i++)
		found[i] = asked->found.at[i];
	session->found.at = found;
	*ret_session = session;
	return ERR_NONE;
}

/* ---- the configuration, from a worker ---- */

struct errand {
	struct bootstrap *bootstrap;
	uint64_t number;
	struct store *store;
	struct vault *vault;
	struct arena *arena;
	char *endpoint;
	bool is_for_all;
	struct bytes document;
};

static void errand_free(struct errand *errand)
{
	arena_free(errand->arena);
	free(errand);
}

static enum err fetch(void *arg)
{
	struct errand *errand = arg;

	return bootstrap_fetch(errand->store, errand->vault, errand->arena, errand->endpoint,
			       &errand->is_for_all, &errand->document);
}

static enum err read_configuration(struct bootstrap_session *session, const struct errand *errand,
				   struct fault *fault)
{
	struct bytes document;
	const char *shown;
	enum err err = bytes_copy(session->arena, errand->document, &document);

	if (err == ERR_NONE)
		err = bootstrap_configuration_read(session->arena, session->bootstrap->parts.model, document,
						   errand->is_for_all, &session->configuration, &shown,
						   fault);
	return err == ERR_NONE ? bootstrap_session_prepare(session, fault) : err;
}

/* 4.00 is what a Bootstrap-Request may be refused with; a pack that is not there is 4.04, one that may not be
 * had 4.01. */
static uint8_t refusal_code(const struct bootstrap_session *session, enum err err)
{
	if (err == ERR_UNAVAILABLE || err == ERR_NOMEM)
		return COAP_CODE(5, 3);
	if (err == ERR_IO || err == ERR_INTERNAL)
		return COAP_CODE(5, 0);
	if (!session->is_pack)
		return COAP_CODE(4, 0);
	return err == ERR_NOT_FOUND ? COAP_CODE(4, 4) : err == ERR_DENIED ? COAP_CODE(4, 1) : COAP_CODE(4, 5);
}

static void fetched(void *arg, enum err result)
{
	struct errand *errand = arg;
	struct bootstrap_session *session = bootstrap_session_find(errand->bootstrap, errand->number);
	struct fault fault = { 0 };
	enum err err = result;

	if (err == ERR_NOT_FOUND)
		fault_set(&fault, err, "there is no configuration for this device");
	if (session != NULL && err == ERR_NONE)
		err = read_configuration(session, errand, &fault);
	errand_free(errand);
	if (session == NULL)
		return;
	if (err != ERR_NONE) {
		fault_set(&fault, err, "the configuration cannot be used: %s", err_name(err));
		bootstrap_session_refuse(session, refusal_code(session, err), &fault);
	} else if (session->is_pack) {
		bootstrap_pack_start(session);
	} else {
		bootstrap_sequence_start(session);
	}
}

static enum err send_errand(struct bootstrap_session *session)
{
	const struct bootstrap_parts *parts = &session->bootstrap->parts;
	struct errand *errand = calloc(1, sizeof(*errand));
	enum err err = ERR_NOMEM;

	if (errand == NULL)
		return ERR_NOMEM;
	*errand = (struct errand){
		.bootstrap = session->bootstrap,
		.number = session->number,
		.store = parts->store,
		.vault = parts->vault,
		.arena = arena_create(SESSION_BYTES),
	};
	if (errand->arena != NULL)
		errand->endpoint = arena_strdup(errand->arena, session->endpoint);
	if (errand->endpoint != NULL)
		err = work_submit(parts->workers, fetch, fetched, errand);
	if (err != ERR_NONE)
		errand_free(errand);
	return err;
}

enum err bootstrap_session_begin(struct bootstrap *bootstrap, const struct bootstrap_session *asked)
{
	struct bootstrap_session *session, *before = find_endpoint(bootstrap, asked->endpoint);
	enum err err;

	if (before == NULL && bootstrap->count >= bootstrap->parts.max_at_once)
		return ERR_UNAVAILABLE;
	if (before != NULL && before->is_answered)
		bootstrap_session_fail(before, &(struct bootstrap_end){ .step = "request",
									.reason = "the device began anew" });
	else if (before != NULL)
		bootstrap_session_free(before);
	err = copy_session(bootstrap, asked, &session);
	if (err != ERR_NONE)
		return err;
	err = add_session(bootstrap, session);
	if (err == ERR_NONE)
		err = send_errand(session);
	if (err != ERR_NONE) {
		bootstrap_session_free(session);
		return err;
	}
	loop_start_timer(bootstrap->parts.loop, &session->deadline, bootstrap->parts.deadline_ms);
	return ERR_NONE;
}
