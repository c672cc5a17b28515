#include "agent.h"

#include <stdio.h>
#include <string.h>

#include "agent_body.h"
#include "agent_record.h"
#include "agent_run.h"
#include "channel.h"

/* ---- opening ---- */

/* Card Unique Data: issuer identification number, then card image number (GPCS 2.3.1, 11.1.6). */
static enum err read_unique_data(struct agent *agent, struct builder *ret_unique)
{
	static const uint8_t tags[] = { 0x42, 0x45 };

	for (size_t i = 0; i < sizeof(tags); i++) {
		const uint8_t get_data[] = { 0x80, 0xCA, 0x00, tags[i], 0x00 };
		struct bytes answer;
		enum err err = channel_transmit(agent->se, ret_unique->arena, 0,
						bytes_of(get_data, sizeof(get_data)), &answer);
		struct reader r;

		if (err != ERR_NONE)
			return err;
		if (!STATUS_OK(answer_status(answer)) || answer.len < 4)
			continue;
		r = reader_of(bytes_first(answer, answer.len - 2));
		read_u8(&r); /* the tag; both values are short */
		build_bytes(ret_unique, read_bytes(&r, read_u8(&r)));
	}
	return ERR_NONE;
}

static enum err identify(struct agent *agent)
{
	struct arena *arena = arena_create(65536);
	struct builder unique = builder_in(arena);
	struct bytes bytes;
	char *hex = NULL;
	enum err err = ERR_NOMEM;

	if (arena == NULL)
		return ERR_NOMEM;
	if (agent->settings.se_state == SE_PRESENT)
		err = read_unique_data(agent, &unique);
	if (err == ERR_NONE || agent->settings.se_state != SE_PRESENT)
		err = builder_bytes(&unique, &bytes);
	if (err == ERR_NONE) {
		hex = bytes_to_hex(arena, bytes);
		err = hex == NULL ? ERR_NOMEM : ERR_NONE;
	}
	if (err == ERR_NONE)
		snprintf(agent->identifier, sizeof(agent->identifier), "//se-id/CUD/%s", hex);
	arena_free(arena);
	return err;
}

static enum err open_card(struct agent *agent, struct fault *fault)
{
	const struct agent_settings *settings = &agent->settings;

	return settings->is_in_reader
		       ? se_open_reader(settings->reader, settings->reader_index, &agent->se, fault)
		       : se_open_simulated(settings->card_path, &settings->card, &agent->se, fault);
}

enum err agent_open(struct agent *agent, const struct agent_settings *settings, struct fault *fault)
{
	enum err err;

	memset(agent, 0, sizeof(*agent));
	agent->settings = *settings;
	err = agent_record_load(&agent->record, settings->state_path, fault);
	if (err == ERR_NONE)
		err = open_card(agent, fault);
	if (err == ERR_NONE)
		err = identify(agent);
	if (err == ERR_NONE && agent->record.state == AGENT_RUNNING) {
		agent->record.state = AGENT_INTERRUPTED;
		agent->record.is_resumed = true;
		err = agent_record_store(&agent->record, settings->state_path);
	}
	if (err == ERR_NONE && settings->wants_session && agent->record.state == AGENT_IDLE)
		agent->record.state = AGENT_WANTS_SESSION;
	if (err != ERR_NONE)
		agent_close(agent);
	return err;
}

void agent_close(struct agent *agent)
{
	run_free(agent->run);
	agent->run = NULL;
	agent_record_clear(&agent->record);
	se_close(agent->se);
	agent->se = NULL;
}

/* ---- writing ---- */

static uint64_t id_after_write(const struct agent *agent, const struct agent_write *write)
{
	return write->has_request_id ? write->request_id : agent->record.request_id;
}

static bool is_answered(const struct agent *agent, uint64_t id)
{
	return agent->record.state == AGENT_READY && id == agent->record.response_id;
}

bool agent_announces(const struct agent *agent, const char *protocol)
{
	return strcmp(protocol, AGENT_PROTOCOL_ORDERS) == 0 ? agent->settings.has_orders
							    : !agent->settings.has_no_scripts;
}

static bool takes_format(const struct agent *agent, int64_t format)
{
	const struct agent_body *body = agent_body_of(format);

	return body != NULL && (body->protocol == NULL || agent_announces(agent, body->protocol));
}

static enum err check_request(const struct agent *agent, const struct agent_write *write, struct fault *fault)
{
	uint64_t id = id_after_write(agent, write);
	const int64_t format =
		write->has_body_format ? write->body_format : (int64_t)agent->record.body_format;

	if (write->request.len > agent->settings.max_request_bytes)
		return fault_set(fault, ERR_LIMIT, "the request is longer than %zu bytes",
				 agent->settings.max_request_bytes);
	if (!takes_format(agent, format))
		return fault_set(fault, ERR_MALFORMED, "body format %lld is not announced",
				 (long long)format);
	if (is_answered(agent, id))
		return ERR_NONE; /* a repetition: there is an answer already, nothing will run again */
	if (id <= agent->record.response_id)
		return fault_set(fault, ERR_MALFORMED, "request id %llu is not new", (unsigned long long)id);
	return ERR_NONE;
}

static bool touches_script(const struct agent_write *write)
{
	return write->has_target || write->has_request_id || write->has_request ||
	       write->has_report_required || write->has_body_format || write->has_stop_on_error;
}

enum err agent_check_write(const struct agent *agent, const struct agent_write *write, struct fault *fault)
{
	uint8_t aid[CARD_AID_MAX];
	size_t aid_len;

	if (agent->record.state == AGENT_RUNNING && touches_script(write))
		return fault_set(fault, ERR_CONFLICT, "a script is running");
	if (write->has_target &&
	    (write->target.len >= AGENT_TARGET_MAX || (!bytes_equal_text(write->target, BASIC_CHANNEL) &&
						       !target_parse(write->target, aid, &aid_len))))
		return fault_set(fault, ERR_MALFORMED,
				 "the target is neither //aid/<RID>/<PIX> nor " BASIC_CHANNEL);
	if (write->has_request_id &&
	    (write->request_id == 0 || write->request_id < agent->record.response_id))
		return fault_set(fault, ERR_MALFORMED, "request ids only increase");
	if (write->has_body_format && !takes_format(agent, write->body_format))
		return fault_set(fault, ERR_MALFORMED, "body format %lld is not supported",
				 (long long)write->body_format);
	if (write->retry_count > UINT32_MAX || write->retry_delay_s > UINT32_MAX ||
	    write->session_timeout_s > UINT32_MAX)
		return fault_set(fault, ERR_MALFORMED, "a retry or time value is out of range");
	return write->has_request ? check_request(agent, write, fault) : ERR_NONE;
}

static enum err store_request(struct agent *agent, const struct agent_write *write)
{
	struct agent_record *record = &agent->record;
	enum err err;

	if (is_answered(agent, record->request_id))
		return ERR_NONE;
	err = buffer_set(&record->request, write->request);
	if (err != ERR_NONE)
		return err;
	record->stored_id = record->request_id;
	record->state = AGENT_STORED;
	return ERR_NONE;
}

enum err agent_write(struct agent *agent, const struct agent_write *write)
{
	struct agent_record *record = &agent->record;
	enum agent_state before = record->state;
	enum err err = ERR_NONE;

	if (write->has_target) {
		memcpy(record->target, write->target.at, write->target.len);
		record->target[write->target.len] = '\0';
	}
	if (write->has_request_id)
		record->request_id = write->request_id;
	if (write->has_report_required)
		record->is_report_required = write->is_report_required;
	if (write->has_body_format)
		record->body_format = (enum body_format)write->body_format;
	if (write->has_stop_on_error)
		record->is_stop_on_error = write->is_stop_on_error;
	if (write->has_retry_count)
		record->retry_count = (uint32_t)write->retry_count;
	if (write->has_retry_delay)
		record->retry_delay_s = (uint32_t)write->retry_delay_s;
	if (write->has_session_timeout)
		record->session_timeout_s = (uint32_t)write->session_timeout_s;
	if (write->has_request)
		err = store_request(agent, write);
	if (err == ERR_NONE)
		err = agent_record_store(record, agent->settings.state_path);
	if (err == ERR_NONE && record->state != before)
		agent->settings.changed(agent->settings.arg, AGENT_OUTCOME);
	return err;
}

/* ---- executes ---- */

enum err agent_run(struct agent *agent, int64_t now_ms)
{
	struct agent_record *record = &agent->record;
	struct run *run;
	enum err err;

	if (record->state == AGENT_READY)
		return ERR_NONE; /* the stored response answers this Run too */
	if (record->state != AGENT_STORED)
		return ERR_CONFLICT;
	err = run_create(agent, now_ms, &run);
	if (err != ERR_NONE)
		return err;
	buffer_clear(&record->response);
	record->state = AGENT_RUNNING;
	record->is_resumed = false;
	record->status = SCRIPT_NONE_YET;
	record->response_id = record->stored_id;
	record->executed = 0;
	agent->error_text[0] = '\0';
	err = agent_record_store(record, agent->settings.state_path);
	if (err != ERR_NONE) {
		record->state = AGENT_STORED;
		run_free(run);
		return err;
	}
	agent->run = run;
	agent->settings.changed(agent->settings.arg, AGENT_OUTCOME);
	return ERR_NONE;
}

enum err agent_clear_response(struct agent *agent, const uint64_t *id)
{
	struct agent_record *record = &agent->record;
	enum err err;

	if (record->state == AGENT_RUNNING)
		return ERR_CONFLICT;
	if (id != NULL && *id != record->response_id)
		return ERR_MALFORMED;
	buffer_clear(&record->response);
	if (record->state == AGENT_READY || record->state == AGENT_INTERRUPTED)
		record->state = AGENT_IDLE;
	err = agent_record_store(record, agent->settings.state_path);
	if (err == ERR_NONE)
		agent->settings.changed(agent->settings.arg, AGENT_OUTCOME);
	return err;
}

enum err agent_end_session(struct agent *agent)
{
	struct agent_record *record = &agent->record;
	enum err err;

	run_free(agent->run);
	agent->run = NULL;
	agent->is_started = false;
	agent_close_channel(agent);
	buffer_clear(&record->request);
	buffer_clear(&record->response);
	record->state = AGENT_IDLE;
	record->is_resumed = false;
	record->status = SCRIPT_NONE_YET;
	err = agent_record_store(record, agent->settings.state_path);
	if (err == ERR_NONE)
		agent->settings.changed(agent->settings.arg, AGENT_OUTCOME);
	return err;
}

/* ---- time ---- */

static int64_t close_idle_channel(struct agent *agent, int64_t now_ms)
{
	int64_t due_ms = agent->last_use_ms + (int64_t)agent->record.session_timeout_s * 1000;

	if (!agent_has_channel(agent) || agent->record.session_timeout_s == 0)
		return -1;
	if (now_ms < due_ms)
		return due_ms;
	agent_close_channel(agent);
	return -1;
}

int64_t agent_step(struct agent *agent, int64_t now_ms)
{
	if (agent->run != NULL) {
		int64_t next_ms = run_step(agent, now_ms);
		if (next_ms >= 0)
			return next_ms;
	}
	return close_idle_channel(agent, now_ms);
}

struct bytes agent_response(const struct agent *agent)
{
	return agent->record.state == AGENT_RUNNING ? bytes_of(NULL, 0)
						    : buffer_bytes(&agent->record.response);
}
