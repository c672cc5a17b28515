/* LwM2M Core TS 1.2, 6.1: Bootstrap-Pack, the whole configuration in one answer */
#include "bootstrap_session.h"

#include "format.h"
#include "log.h"
#include "store.h"

static void fail(struct bootstrap_session *session, enum err err, const struct fault *fault)
{
	bootstrap_session_fail(
		session,
		&(struct bootstrap_end){ .step = "pack",
					 .reason = fault->text[0] != 0 ? fault->text : err_name(err) });
}

/* The records of all writes, one after another. */
static enum err gather(struct bootstrap_session *session, struct lwm2m_records *ret_records)
{
	const struct bootstrap_plan *plan = &session->plan;
	struct lwm2m_record *records;
	size_t count = 0;

	for (size_t i = 0; i < plan->count; i++)
		count += plan->steps[i].records.count;
	records = arena_alloc_array(session->arena, count, sizeof(*records));
	if (records == NULL)
		return ERR_NOMEM;
	*ret_records = (struct lwm2m_records){ records, count };
	count = 0;
	for (size_t i = 0; i < plan->count; i++) {
		for (size_t j = 0; j < plan->steps[i].records.count; j++)
			records[count++] = plan->steps[i].records.at[j];
	}
	return ERR_NONE;
}

static void answer(struct bootstrap_session *session)
{
	const struct lwm2m_path root = { .depth = 0 };
	const struct format *format = format_find(session->format);
	struct coap_message message = {
		.code = COAP_CODE(2, 5),
		.content_format = session->format,
		.accept = COAP_NO_FORMAT,
	};
	struct lwm2m_records records;
	struct fault fault = { 0 };
	enum err err = gather(session, &records);

	if (err == ERR_NONE)
		err = format->write(session->arena, session->bootstrap->parts.model, root, records,
				    &message.payload, &fault);
	if (err != ERR_NONE) {
		fail(session, err, &fault);
		return;
	}
	bootstrap_answer(session, &message);
	bootstrap_session_finish(session);
}

static void key_kept(struct bootstrap *bootstrap, uint64_t number, enum err result)
{
	struct bootstrap_session *session = bootstrap_session_find(bootstrap, number);
	const struct fault fault = { .text = "the new key cannot be stored" };

	if (session == NULL)
		return;
	if (result == ERR_NONE)
		answer(session);
	else
		fail(session, result, &fault);
}

void bootstrap_pack_start(struct bootstrap_session *session)
{
	const struct fault fault = { 0 };
	uint64_t number = session->number;
	struct bootstrap *bootstrap = session->bootstrap;
	enum err err = bootstrap_plan_make(session->arena, &session->configuration, session->found,
					   &session->generated, &session->plan);

	if (err == ERR_NONE && !bootstrap_wants_key(&session->configuration))
		answer(session);
	else if (err == ERR_NONE)
		err = bootstrap_session_keep_key(session, key_kept);
	if (err != ERR_NONE && (session = bootstrap_session_find(bootstrap, number)) != NULL)
		fail(session, err, &fault);
}
