/* How a bootstrap has ended: told to the log, to the event stream and, as the endpoint's last outcome, to the
 * store. */
#include "bootstrap_session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "events.h"
#include "json_text.h"
#include "log.h"
#include "path.h"
#include "store.h"

#define OUTCOME_BYTES (1u << 21)

struct outcome {
	const char *event;                       /* "bootstrap.finished" */
	const char *state;                       /* "finished" */
	const char *step, *path, *code, *reason; /* of a failure, else NULL */
};

static void build_optional(struct json_member *members, size_t *count, const char *name, const char *text)
{
	if (text != NULL)
		members[(*count)++] = (struct json_member){ name, text, NULL };
}

/* {"endpoint": "x", "state": "failed", "interface": "sequence", "durationMs": 12, "step": "write", "path":
 * "/1/0", "code": "4.00", "reason": "...", "read": [...]} */
static enum err build_outcome(struct arena *arena, const struct bootstrap_session *session,
			      const struct outcome *outcome, int64_t now_ms, const char **ret_json)
{
	const char *duration = arena_printf(arena, "%" PRId64, now_ms - session->started_ms);
	struct json_member members[10] = {
		{ "endpoint", session->endpoint, NULL },
		{ "state", outcome->state, NULL },
		{ "interface", session->is_pack ? "pack" : "sequence", NULL },
		{ "durationMs", NULL, duration },
	};
	size_t count = 4;
	struct builder b = builder_in(arena), reads = builder_in(arena);
	struct bytes items, json;
	enum err err = builder_bytes(&session->reads, &items);

	build_optional(members, &count, "step", outcome->step);
	build_optional(members, &count, "path", outcome->path);
	build_optional(members, &count, "code", outcome->code);
	build_optional(members, &count, "reason", outcome->reason);
	if (err == ERR_NONE && items.len > 0) {
		build_u8(&reads, '[');
		build_bytes(&reads, items);
		build_u8(&reads, ']');
		build_u8(&reads, 0);
		err = builder_bytes(&reads, &items);
		members[count++] = (struct json_member){ "read", NULL, (const char *)items.at };
	}
	if (duration == NULL)
		return ERR_NOMEM;
	build_json_object(&b, members, count);
	build_u8(&b, 0);
	if (err == ERR_NONE)
		err = builder_bytes(&b, &json);
	if (err == ERR_NONE)
		*ret_json = (const char *)json.at;
	return err;
}

/* Told once it is kept: whoever hears of it finds it. */
struct telling {
	struct events *events;
	const char *event;
	int64_t ended_ms;
	char json[];
};

static void outcome_stored(void *self, uint64_t id, enum err result)
{
	struct telling *telling = self;

	if (result != ERR_NONE)
		log_error("bootstrap.outcome_lost", "error=%s", err_name(result));
	events_publish(telling->events, telling->ended_ms, telling->event, telling->json);
	free(telling);
}

static enum err store_outcome(const struct bootstrap_session *session, const struct outcome *outcome,
			      const char *json, int64_t now_ms)
{
	const struct bootstrap_outcome_row row = { session->endpoint, json, now_ms };
	struct telling *telling = calloc(1, sizeof(*telling) + strlen(json) + 1);
	enum err err;

	if (telling == NULL)
		return ERR_NOMEM;
	telling->events = session->bootstrap->parts.events;
	telling->event = outcome->event;
	telling->ended_ms = now_ms;
	memcpy(telling->json, json, strlen(json) + 1);
	err = store_put_bootstrap_outcome(session->bootstrap->parts.store, &row,
					  (struct store_done){ outcome_stored, telling, 0 });
	if (err != ERR_NONE)
		outcome_stored(telling, 0, err);
	return ERR_NONE;
}

static enum err tell(const struct bootstrap_session *session, const struct outcome *outcome)
{
	int64_t now_ms = loop_wall_ms(session->bootstrap->parts.loop);
	struct arena *arena = arena_create(OUTCOME_BYTES);
	const char *json;
	enum err err = arena == NULL ? ERR_NOMEM : build_outcome(arena, session, outcome, now_ms, &json);

	if (err == ERR_NONE)
		err = store_outcome(session, outcome, json, now_ms);
	arena_free(arena);
	return err;
}

static void end(struct bootstrap_session *session, const struct outcome *outcome)
{
	enum err err = tell(session, outcome);

	if (err != ERR_NONE)
		log_error("bootstrap.outcome_lost", "endpoint=%s error=%s", session->endpoint, err_name(err));
	bootstrap_session_free(session);
}

void bootstrap_session_finish(struct bootstrap_session *session)
{
	const struct outcome outcome = { .event = "bootstrap.finished", .state = "finished" };

	log_info(outcome.event, "endpoint=%s interface=%s", session->endpoint,
		 session->is_pack ? "pack" : "sequence");
	end(session, &outcome);
}

void bootstrap_session_fail(struct bootstrap_session *session, const struct bootstrap_end *failure)
{
	const struct fault unavailable = { .kind = ERR_UNAVAILABLE };
	char path[PATH_TEXT_SIZE], code[8] = "";
	const struct outcome outcome = {
		.event = "bootstrap.failed",
		.state = "failed",
		.step = failure->step,
		.path = path_print(failure->path, path),
		.code = failure->code == 0 ? NULL : code,
		.reason = failure->reason,
	};

	snprintf(code, sizeof(code), "%u.%02u", failure->code >> 5, failure->code & 31u);
	log_warn(outcome.event, "endpoint=%s step=%s path=%s code=%s reason=%s", session->endpoint,
		 outcome.step, outcome.path, code, outcome.reason);
	if (!session->is_answered)
		bootstrap_refuse(session->bootstrap, session->reply, COAP_CODE(5, 3), &unavailable);
	end(session, &outcome);
}
