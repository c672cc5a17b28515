/* LwM2M Core TS 1.1, 6.1.7: one request after another, until the device has accepted the Finish
 *
 * A Write repeats without harm: where a device's answer is lost, CoAP sends the same message again, and a
 * device that begins anew gets everything anew. The key that is made for it becomes the LwM2M server's before
 * the device is told, so that no device ever has one that the server does not know; if the bootstrap then
 * fails, the device's old key is worth nothing, and it bootstraps again. */
#include "bootstrap_session.h"

#include "format.h"
#include "json_text.h"
#include "path.h"
#include "records_json.h"

#define MAX_FORMATS 4

static void advance(struct bootstrap_session *session);

/* ---- formats ---- */

struct attempts {
	uint16_t formats[MAX_FORMATS + 1];
	size_t count;
};

static void add_format(struct attempts *attempts, uint16_t format)
{
	for (size_t i = 0; i < attempts->count; i++) {
		if (attempts->formats[i] == format)
			return;
	}
	if (bootstrap_has_format(format))
		attempts->formats[attempts->count++] = format;
}

/* What the device prefers, then what others take. */
static struct attempts attempts_of(const struct bootstrap_session *session)
{
	struct attempts attempts = { .count = 0 };
	uint16_t format;

	add_format(&attempts, session->format);
	for (size_t i = 0; (format = bootstrap_format_at(i)) != FORMAT_NONE; i++)
		add_format(&attempts, format);
	return attempts;
}

/* ---- messages ---- */

static const struct bootstrap_step discover = { .kind = BOOTSTRAP_DISCOVER };

static const struct bootstrap_step *step_of(const struct bootstrap_session *session)
{
	return session->is_planned ? &session->plan.steps[session->step] : &discover;
}

typedef enum err compose(struct bootstrap_session *session, const struct bootstrap_step *step,
			 struct coap_message *message, struct fault *fault);

static enum err compose_discover(struct bootstrap_session *session, const struct bootstrap_step *step,
				 struct coap_message *message, struct fault *fault)
{
	message->accept = FORMAT_LINK;
	return ERR_NONE;
}

static enum err compose_plain(struct bootstrap_session *session, const struct bootstrap_step *step,
			      struct coap_message *message, struct fault *fault)
{
	return ERR_NONE;
}

static enum err compose_write(struct bootstrap_session *session, const struct bootstrap_step *step,
			      struct coap_message *message, struct fault *fault)
{
	const struct attempts attempts = attempts_of(session);
	const struct format *format = format_find(attempts.formats[session->attempt]);

	message->content_format = format->number;
	return format->write(session->arena, session->bootstrap->parts.model, step->path, step->records,
			     &message->payload, fault);
}

static enum err compose_read(struct bootstrap_session *session, const struct bootstrap_step *step,
			     struct coap_message *message, struct fault *fault)
{
	message->accept = attempts_of(session).formats[session->attempt];
	return ERR_NONE;
}

static enum err compose_finish(struct bootstrap_session *session, const struct bootstrap_step *step,
			       struct coap_message *message, struct fault *fault)
{
	message->path[message->path_count++] = bytes_of_text("bs");
	return ERR_NONE;
}

/* ---- answers ---- */

/* What was read goes into the outcome; what was refused too. */
static struct builder *add_outcome(struct bootstrap_session *session, const struct coap_message *message)
{
	struct builder *b = &session->reads;
	char path[PATH_TEXT_SIZE];

	build_printf(b, "%s{\"path\":\"%s\",\"code\":\"%u.%02u\"", b->len > 0 ? "," : "",
		     path_print(step_of(session)->path, path), message->code >> 5, message->code & 31u);
	return b;
}

/* The first is what the plan is made from: a device that has no Bootstrap-Discover is taken for what devices
 * usually are. A later one is for the outcome. */
static void take_discover(struct bootstrap_session *session, const struct coap_message *message)
{
	if (session->is_planned) {
		struct builder *b = add_outcome(session, message);

		build_text(b, ",\"links\":");
		build_json_string(b, message->code == COAP_CODE(2, 5) ? message->payload : bytes_of(NULL, 0));
		build_u8(b, '}');
		return;
	}
	if (message->code != COAP_CODE(2, 5) ||
	    bootstrap_found_read(session->arena, message->payload, &session->found, NULL) != ERR_NONE)
		session->found = bootstrap_found_unknown();
}

static void take_read(struct bootstrap_session *session, const struct coap_message *message)
{
	const struct bootstrap_step *step = step_of(session);
	const struct model *model = session->bootstrap->parts.model;
	const struct format *format = format_find(message->content_format);
	struct lwm2m_records records = { .count = 0 };
	struct builder *b;

	if (message->code == COAP_CODE(2, 5) && format != NULL &&
	    format->read(session->arena, model, step->path, message->payload, &records, NULL) != ERR_NONE)
		records.count = 0;
	b = add_outcome(session, message);
	build_text(b, ",\"resources\":");
	build_records_json(b, model, records);
	build_u8(b, '}');
}

/* ---- the table of steps ---- */

/* clang-format off */
static const struct kind {
	const char *name;
	uint8_t method;
	uint8_t success;
	uint8_t also;           /* as good; 0: nothing else is */
	bool may_be_refused;    /* the sequence goes on */
	bool has_formats;       /* another one is tried when the device does not take this one */
	compose *compose;       /* NULL: nothing is sent */
	void (*take)(struct bootstrap_session *session, const struct coap_message *message);
} kinds[] = {
	[BOOTSTRAP_DISCOVER] = { "discover", COAP_GET,    COAP_CODE(2, 5), 0,               true,  false, compose_discover, take_discover },
	/* 4.04: what is to go is not there */
	[BOOTSTRAP_DELETE]   = { "delete",   COAP_DELETE, COAP_CODE(2, 2), COAP_CODE(4, 4), false, false, compose_plain,    NULL },
	[BOOTSTRAP_KEEP_KEY] = { "key",      0,           0,               0,               false, false, NULL,             NULL },
	[BOOTSTRAP_WRITE]    = { "write",    COAP_PUT,    COAP_CODE(2, 4), 0,               false, true,  compose_write,    NULL },
	[BOOTSTRAP_READ]     = { "read",     COAP_GET,    COAP_CODE(2, 5), 0,               true,  true,  compose_read,     take_read },
	[BOOTSTRAP_FINISH]   = { "finish",   COAP_POST,   COAP_CODE(2, 4), 0,               false, false, compose_finish,   NULL },
};
/* clang-format on */

static const struct kind *kind_of(const struct bootstrap_session *session)
{
	return &kinds[step_of(session)->kind];
}

/* ---- how it fails ---- */

static void fail(struct bootstrap_session *session, uint8_t code, const char *reason)
{
	bootstrap_session_fail(session,
			       &(struct bootstrap_end){ .step = kind_of(session)->name,
							.path = step_of(session)->path,
							.code = code,
							.reason = reason != NULL ? reason : "no memory" });
}

static void fail_by_fault(struct bootstrap_session *session, enum err err, const struct fault *fault)
{
	fail(session, 0, fault->text[0] != 0 ? fault->text : err_name(err));
}

static void fail_without_answer(struct bootstrap_session *session, enum err err)
{
	fail(session, 0, err == ERR_TIMEOUT ? "the device did not answer" : "the device cannot be reached");
}

static void fail_by_answer(struct bootstrap_session *session, const struct coap_message *message)
{
	const struct bytes text = message->payload;
	bool has_text = text.len > 0 && text.len < FAULT_TEXT_SIZE && bytes_are_utf8(text);
	const char *what = message->code == COAP_CODE(4, 6) && step_of(session)->kind == BOOTSTRAP_FINISH
				   ? "the device finds its configuration inconsistent"
				   : "the device refused";

	fail(session, message->code,
	     arena_printf(session->arena, "%s%s%.*s", what, has_text ? ": " : "",
			  has_text ? (int)text.len : 0, has_text ? (const char *)text.at : ""));
}

/* ---- one step after another ---- */

static enum err plan(struct bootstrap_session *session)
{
	enum err err = bootstrap_plan_make(session->arena, &session->configuration, session->found,
					   &session->generated, &session->plan);

	if (err == ERR_NONE)
		session->is_planned = true;
	return err;
}

static void next(struct bootstrap_session *session)
{
	const struct fault fault = { 0 };
	enum err err = ERR_NONE;

	session->attempt = 0;
	if (session->is_planned)
		session->step++;
	else
		err = plan(session);
	if (err != ERR_NONE)
		fail_by_fault(session, err, &fault);
	else if (session->step == session->plan.count)
		bootstrap_session_finish(session);
	else
		advance(session);
}

static bool may_try_another_format(struct bootstrap_session *session, uint8_t code)
{
	if (!kind_of(session)->has_formats || (code != COAP_CODE(4, 15) && code != COAP_CODE(4, 6)))
		return false;
	return ++session->attempt < attempts_of(session).count;
}

static void answered(void *self, uint64_t number, const struct exchange_result *result)
{
	struct bootstrap_session *session = bootstrap_session_find(self, number);
	const struct coap_message *message = result->message;
	const struct kind *kind;

	if (session == NULL)
		return;
	session->token = 0;
	kind = kind_of(session);
	if (result->err != ERR_NONE) {
		fail_without_answer(session, result->err);
		return;
	}
	if (may_try_another_format(session, message->code)) {
		advance(session);
		return;
	}
	if (message->code != kind->success && message->code != kind->also && !kind->may_be_refused) {
		fail_by_answer(session, message);
		return;
	}
	if (session->attempt > 0 && message->code == kind->success)
		session->format = attempts_of(session).formats[session->attempt];
	if (kind->take != NULL)
		kind->take(session, message);
	next(session);
}

static void key_kept(struct bootstrap *bootstrap, uint64_t number, enum err result)
{
	struct bootstrap_session *session = bootstrap_session_find(bootstrap, number);

	if (session == NULL)
		return;
	if (result == ERR_NONE)
		next(session);
	else
		fail(session, 0, "the new key cannot be stored");
}

/* The Uri-Path of an object path; bootstrap operations know no alternate path. */
static enum err add_path(struct arena *arena, struct lwm2m_path path, struct coap_message *message)
{
	for (unsigned level = 1; level <= path.depth; level++) {
		char *segment = arena_printf(arena, "%u", path_id(path, level));

		if (segment == NULL)
			return ERR_NOMEM;
		message->path[message->path_count++] = bytes_of_text(segment);
	}
	return ERR_NONE;
}

static enum err send_step(struct bootstrap_session *session, struct fault *fault)
{
	struct bootstrap *bootstrap = session->bootstrap;
	const struct bootstrap_step *step = step_of(session);
	struct coap_message message = {
		.code = kinds[step->kind].method,
		.content_format = COAP_NO_FORMAT,
		.accept = COAP_NO_FORMAT,
	};
	enum err err = add_path(session->arena, step->path, &message);

	if (err == ERR_NONE)
		err = kinds[step->kind].compose(session, step, &message, fault);
	return err == ERR_NONE
		       ? exchange_start(bootstrap->endpoint, &session->address, session->identity, &message,
					0, answered, bootstrap, session->number, &session->token)
		       : err;
}

/* Does the step at hand. */
static void advance(struct bootstrap_session *session)
{
	struct bootstrap *bootstrap = session->bootstrap;
	uint64_t number = session->number;
	struct fault fault = { 0 };
	enum err err = kind_of(session)->compose == NULL ? bootstrap_session_keep_key(session, key_kept)
							 : send_step(session, &fault);

	if (err != ERR_NONE && (session = bootstrap_session_find(bootstrap, number)) != NULL)
		fail_by_fault(session, err, &fault);
}

void bootstrap_sequence_start(struct bootstrap_session *session)
{
	const struct coap_message accepted = {
		.code = COAP_CODE(2, 4),
		.content_format = COAP_NO_FORMAT,
		.accept = COAP_NO_FORMAT,
	};

	if (session->bootstrap->endpoint == NULL)
		return;
	bootstrap_answer(session, &accepted);
	advance(session);
}
