#include "se_agent.h"

#include <cardea/tlv.h>

#include "se_test.h"
#include "seram/seram2.h"

#define OBJECT 30401

enum { IDLE = 0, STORED = 2, RUNNING = 3, READY = 4, INTERRUPTED = 5 };

static struct bytes keep(struct agent *agent, struct bytes bytes)
{
	struct bytes copy;

	assert_int_equal(bytes_copy(agent->arena, bytes, &copy), ERR_NONE);
	return copy;
}

/* ---- the card ---- */

static struct bytes transmit(struct agent *agent, struct bytes command)
{
	struct bytes answer;

	if (card_transmit(agent->card, agent->arena, command, &answer) != ERR_NONE)
		return bytes_of(NULL, 0);
	return answer;
}

static uint8_t sw1_of(struct bytes answer)
{
	return answer.len >= 2 ? answer.at[answer.len - 2] : 0;
}

/* Fetches what 61xx announces, as an agent must. */
static struct bytes send_command(struct agent *agent, struct bytes command)
{
	struct bytes answer = transmit(agent, command);
	struct builder b = builder_in(agent->arena);
	struct bytes whole;

	while (sw1_of(answer) == 0x61 && !agent->leaves_the_rest) {
		const uint8_t get_response[] = { 0x00, 0xC0, 0x00, 0x00, answer.at[answer.len - 1] };
		build_bytes(&b, bytes_first(answer, answer.len - 2));
		answer = transmit(agent, bytes_of(get_response, sizeof(get_response)));
	}
	build_bytes(&b, answer);
	assert_int_equal(builder_bytes(&b, &whole), ERR_NONE);
	return whole;
}

/* "//aid/A000000151/000000" */
static struct bytes target_aid(struct agent *agent)
{
	struct builder b = builder_in(agent->arena);
	struct bytes hex, aid;

	assert_true(agent->target.len > 6);
	for (size_t i = 6; i < agent->target.len; i++) {
		if (agent->target.at[i] != '/')
			build_u8(&b, agent->target.at[i]);
	}
	build_u8(&b, 0);
	assert_int_equal(builder_bytes(&b, &hex), ERR_NONE);
	assert_int_equal(bytes_from_hex(agent->arena, (const char *)hex.at, &aid), ERR_NONE);
	return aid;
}

/* Without an application the basic channel is meant, as it is. */
static bool open_channel(struct agent *agent)
{
	if (bytes_equal_text(agent->target, "//channel/0")) {
		agent->is_channel_open = true;
		return true;
	}
	struct builder b = builder_in(agent->arena);
	struct bytes select;

	build_u32(&b, 0x00A40400);
	build_lv(&b, target_aid(agent));
	build_u8(&b, 0);
	assert_int_equal(builder_bytes(&b, &select), ERR_NONE);
	const uint8_t sw1 = sw1_of(send_command(agent, select));
	agent->is_channel_open = sw1 == 0x90 || sw1 == 0x62; /* 6283: selected, and the card is locked */
	return agent->is_channel_open;
}

/* ---- a script ---- */

static struct reader script_commands(struct bytes script)
{
	struct reader r = reader_of(script);
	uint32_t tag;
	struct bytes content = { 0 };

	if (peek_u8(&r) == 0xAE) {
		read_u16(&r);
		return reader_of(read_bytes(&r, reader_left(&r) - 2));
	}
	assert_true(read_tlv(&r, &tag, &content) && tag == 0xAA);
	return reader_of(content);
}

struct commands {
	struct bytes at[64];
	size_t count;
};

static void add_command(struct commands *commands, struct bytes command)
{
	assert_true(commands->count < 64);
	commands->at[commands->count++] = command;
}

static void read_script(struct agent *agent, struct commands *commands)
{
	struct reader r = script_commands(agent->request);
	struct builder actions = builder_in(agent->arena);
	uint32_t tag;
	struct bytes command;

	while (read_tlv(&r, &tag, &command)) {
		if (tag == 0x22)
			add_command(commands, command);
		else
			build_tlv(&actions, tag, command);
	}
	assert_int_equal(builder_bytes(&actions, &agent->actions), ERR_NONE);
}

static void read_order(struct agent *agent, struct commands *commands)
{
	struct seram2_order order;

	assert_int_equal(seram2_order_parse(agent->request, agent->arena, &order, NULL), ERR_NONE);
	for (size_t i = 0; i < order.command_count; i++) {
		agent->starts += order.commands[i].kind == SERAM2_START;
		for (size_t k = 0; k < order.commands[i].apdu_count; k++)
			add_command(commands, order.commands[i].apdus[k]);
	}
}

static void read_commands(struct agent *agent, struct commands *commands)
{
	if (agent->body_format == 0)
		read_script(agent, commands);
	else if (agent->body_format == 1)
		read_order(agent, commands);
	else
		add_command(commands, agent->request);
}

static enum err build_report(struct agent *agent, const struct commands *answers)
{
	const struct seram2_response response = { answers->at, answers->count };
	const struct seram2_report report = {
		.status = agent->report_status != 0 ? (enum seram2_status)agent->report_status
						    : SERAM2_PROCESSED,
		.has_executed = true,
		.executed = 1,
		.error_text = agent->report_status != 0 ? "by rule" : NULL,
		.responses = &response,
		.response_count = 1,
	};

	agent->report_status = 0;
	return seram2_report_build(agent->arena, &report, &agent->response);
}

static void answer_commands(struct agent *agent, const struct commands *answers)
{
	struct builder b = builder_in(agent->arena);
	enum err err;

	if (agent->body_format == 1) {
		err = build_report(agent, answers);
	} else {
		if (agent->body_format == 0)
			build_u16(&b, 0xAF80);
		for (size_t i = 0; i < answers->count; i++) {
			if (agent->body_format == 0)
				build_tlv(&b, 0x23, answers->at[i]);
			else
				build_bytes(&b, answers->at[i]);
		}
		if (agent->body_format == 0)
			build_u16(&b, 0);
		err = builder_bytes(&b, &agent->response);
	}
	assert_int_equal(err, ERR_NONE);
}

/* An agent that keeps a command from the card. */
static bool is_lie(struct agent *agent, struct bytes command)
{
	if (agent->lies_about == 0 || command.at[1] != agent->lies_about || agent->lies == 0)
		return false;
	if (agent->lies_after > 0) {
		agent->lies_after--;
		return false;
	}
	agent->lies--;
	return true;
}

static bool is_stop(const struct agent *agent, struct bytes answer)
{
	const uint8_t sw1 = sw1_of(answer);

	return agent->stop_on_error && sw1 != 0x90 && sw1 != 0x61 && sw1 != 0x62 && sw1 != 0x63;
}

/* A selection by the script itself opens the channel; an agent may do it by its own means. */
static struct bytes run_selection(struct agent *agent, struct bytes command)
{
	struct bytes answer = send_command(agent, command);

	agent->selections++;
	agent->is_channel_open = sw1_of(answer) == 0x90 || sw1_of(answer) == 0x62;
	return agent->opens_by_itself && agent->is_channel_open ? bytes_of(NULL, 0) : answer;
}

static struct bytes run_command(struct agent *agent, struct bytes command)
{
	const bool lies = is_lie(agent, command);

	if (lies && agent->lie.len == 0)
		return bytes_of("\x61\x00", 2);
	if (lies && agent->lies_instead)
		return agent->lie;
	assert_true(agent->commands < AGENT_MAX_COMMANDS);
	assert_true(agent->max_command_data == 0 || command.len <= agent->max_command_data + 6);
	agent->instructions[agent->commands++] = command.at[1];
	struct bytes answer = send_command(agent, command);
	return lies ? agent->lie : answer;
}

static void run_script(struct agent *agent)
{
	struct commands commands = { .count = 0 }, answers = { .count = 0 };

	agent->script_status = 1;
	read_commands(agent, &commands);
	if (agent->has_no_chaining && agent->actions.len > 0 && agent->actions.at[0] == 0x83) {
		agent->response = bytes_of("\xAF\x80\x83\x01\x02\0\0", 7);
		return;
	}
	for (size_t i = 0; i < commands.count; i++) {
		if (agent->body_format == 1 && commands.at[i].at[1] == 0xA4) {
			add_command(&answers, run_selection(agent, commands.at[i]));
			continue;
		}
		struct bytes answer = run_command(agent, commands.at[i]);
		if (agent->cut_after == 1) { /* the command ran, its answer is lost */
			agent->cut_after = 0;
			agent->was_interrupted = true;
			break;
		}
		if (answer.len == 0) {
			agent->script_status = 6;
			break;
		}
		const bool is_cut =
			agent->refuse_answers_over > 0 && answer.len > agent->refuse_answers_over + 2;
		if (is_cut)
			answer = bytes_of("\x62\xF1", 2);
		add_command(&answers, answer);
		agent->executed++;
		agent->cut_after -= agent->cut_after > 0;
		if (is_cut || is_stop(agent, answer))
			break;
	}
	answer_commands(agent, &answers);
}

void agent_finish(struct agent *agent)
{
	if (agent->agent_state != RUNNING)
		return;
	agent->executed = 0;
	agent->response = bytes_of(NULL, 0);
	agent->was_interrupted = false;
	if (agent->unreachable_script > 0 && --agent->unreachable_script == 0)
		agent->next_status = 6;
	agent->first_byte = agent->request.at[0];
	if (agent->lasting_status != 0) {
		agent->script_status = agent->lasting_status;
	} else if (agent->is_definite_only && agent->first_byte == 0xAE) {
		agent->script_status = 7;
		agent->response = bytes_of("\xAB\x06\x80\x01\x00\x90\x01\x03", 8);
	} else if (agent->next_status != 0) {
		agent->script_status = agent->next_status;
		agent->next_status = 0;
	} else if (agent->body_format != 1 && !agent->is_channel_open && !open_channel(agent)) {
		agent->script_status = 2;
	} else {
		run_script(agent);
	}
	agent->response_id = agent->request_id;
	agent->agent_state = agent->report_required ? READY : IDLE;
	if (!agent->report_required)
		agent->response = bytes_of(NULL, 0);
	if (agent->ends_channel_after_script)
		agent->is_channel_open = false;
	if (agent->was_interrupted) {
		agent->agent_state = RUNNING;
		agent_reboot(agent);
	}
}

/* ---- the object ---- */

uint8_t agent_write(struct agent *agent, struct lwm2m_records records)
{
	if (agent->agent_state == RUNNING)
		return 0x85;
	for (size_t i = 0; i < records.count; i++) {
		const struct lwm2m_record *record = &records.at[i];
		switch (record->path.resource) {
		case 6:
			if (!bytes_equal(agent->target, record->value.bytes))
				agent->is_channel_open = false;
			agent->target = keep(agent, record->value.bytes);
			break;
		case 7:
			agent->request_id = (uint32_t)record->value.whole;
			break;
		case 9:
			if (record->value.bytes.len > agent->max_request ||
			    (agent->real_max_request > 0 &&
			     record->value.bytes.len > agent->real_max_request))
				return 0x8D;
			agent->request = keep(agent, record->value.bytes);
			agent->agent_state = STORED;
			break;
		case 8:
			agent->report_required = record->value.boolean;
			break;
		case 10:
			agent->body_format = record->value.integer;
			break;
		case 22:
			agent->stop_on_error = record->value.boolean;
			break;
		case 23:
			agent->retry_count = (uint32_t)record->value.whole;
			break;
		case 24:
			agent->retry_delay = (uint32_t)record->value.whole;
			break;
		case 25:
			agent->session_timeout = (uint32_t)record->value.whole;
			break;
		default:
			return 0x85;
		}
	}
	return 0x44;
}

uint8_t agent_execute(struct agent *agent, uint16_t resource, const char *arguments)
{
	switch (resource) {
	case 17:
		if (agent->agent_state != STORED && agent->agent_state != READY)
			return 0x85;
		if (agent->request_id == agent->response_id)
			return 0x44;
		agent->agent_state = RUNNING;
		agent->scripts++;
		if (!agent->is_slow)
			agent_finish(agent);
		return 0x44;
	case 19:
		assert_non_null(arguments);
		agent->response = bytes_of(NULL, 0);
		agent->agent_state = IDLE;
		return 0x44;
	case 11:
		agent->request = agent->response = bytes_of(NULL, 0);
		agent->agent_state = IDLE;
		agent->is_channel_open = false;
		return 0x44;
	default:
		return 0x85;
	}
}

static struct lwm2m_record whole(uint16_t resource, uint64_t value)
{
	return (struct lwm2m_record){ .path = LWM2M_RESOURCE(OBJECT, 0, resource),
				      .value = { .type = LWM2M_UNSIGNED, .whole = value } };
}

static struct lwm2m_record integer(uint16_t resource, int64_t value)
{
	return (struct lwm2m_record){ .path = LWM2M_RESOURCE(OBJECT, 0, resource),
				      .value = { .type = LWM2M_INTEGER, .integer = value } };
}

static struct lwm2m_record boolean(uint16_t resource, bool value)
{
	return (struct lwm2m_record){ .path = LWM2M_RESOURCE(OBJECT, 0, resource),
				      .value = { .type = LWM2M_BOOLEAN, .boolean = value } };
}

static struct lwm2m_record protocol(uint16_t number, const char *name)
{
	return (struct lwm2m_record){ .path = { OBJECT, 0, 4, number, 4 },
				      .value = { .type = LWM2M_STRING, .bytes = bytes_of_text(name) } };
}

static struct lwm2m_record text(uint16_t resource, const char *value)
{
	return (struct lwm2m_record){ .path = LWM2M_RESOURCE(OBJECT, 0, resource),
				      .value = { .type = LWM2M_STRING, .bytes = bytes_of_text(value) } };
}

static struct lwm2m_record opaque(uint16_t resource, struct bytes value)
{
	return (struct lwm2m_record){ .path = LWM2M_RESOURCE(OBJECT, 0, resource),
				      .value = { .type = LWM2M_OPAQUE, .bytes = value } };
}

struct lwm2m_records agent_read(struct agent *agent, struct arena *arena)
{
	struct lwm2m_record *at = arena_alloc_array(arena, 30, sizeof(*at));
	size_t count = 0;

	assert_non_null(at);
	at[count++] = text(0, agent->identifier);
	at[count++] = integer(1, 1);
	at[count++] = integer(3, agent->se_state);
	at[count++] = protocol(0, agent->protocol);
	if (agent->second_protocol != NULL)
		at[count++] = protocol(1, agent->second_protocol);
	at[count++] = whole(7, agent->request_id);
	at[count++] = opaque(12, agent->response);
	at[count++] = integer(13, agent->script_status);
	at[count++] = whole(14, agent->response_id);
	at[count++] = integer(15, agent->agent_state);
	at[count++] = boolean(16, agent->was_interrupted);
	at[count++] = whole(18, agent->executed);
	at[count++] = whole(20, agent->max_request);
	at[count++] = whole(21, agent->max_response);
	if (agent->has_settings) {
		at[count++] = boolean(8, agent->report_required);
		at[count++] = integer(10, agent->body_format);
		at[count++] = whole(23, agent->retry_count);
		at[count++] = whole(24, agent->retry_delay);
		at[count++] = whole(25, agent->session_timeout);
	}
	if (agent->has_stop_on_error)
		at[count++] = boolean(22, agent->stop_on_error);
	if (agent->has_channel_resource)
		at[count++] = boolean(27, agent->is_channel_open);
	at[count++] = opaque(28, card_atr(agent->card));
	if (agent->has_empty_neighbour) {
		at[count] = integer(3, 1);
		at[count++].path.instance = 1;
		at[count] = integer(15, 0);
		at[count++].path.instance = 1;
	}
	return (struct lwm2m_records){ at, count };
}

void agent_reboot(struct agent *agent)
{
	assert_int_equal(card_reset(agent->card), ERR_NONE);
	agent->is_channel_open = false;
	if (agent->agent_state == RUNNING) {
		agent->agent_state = INTERRUPTED;
		agent->response_id = agent->request_id;
		agent->was_interrupted = true;
	}
}

unsigned agent_count(const struct agent *agent, uint8_t instruction)
{
	unsigned count = 0;

	for (unsigned i = 0; i < agent->commands; i++)
		count += agent->instructions[i] == instruction;
	return count;
}
