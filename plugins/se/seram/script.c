/* ETSI TS 102 226, 5.2 expanded remote command and response structure */
#include "seram/script.h"

#include <cardea/tlv.h>

#include "seram/seram_table.h"

#define INDEFINITE_LENGTH 0x80

size_t script_command_size(size_t command_size)
{
	return 1 + (command_size < 128 ? 1u : command_size < 256 ? 2u : 3u) + command_size;
}

static bool is_chaining(struct bytes value)
{
	static const uint8_t known[] = { SCRIPT_CHAIN_FIRST, SCRIPT_CHAIN_FIRST_KEPT, SCRIPT_CHAIN_NEXT,
					 SCRIPT_CHAIN_LAST };

	return value.len == 1 && memchr(known, value.at[0], sizeof(known)) != NULL;
}

static bool is_action(const struct script_action *action, size_t number)
{
	return action->tag == TAG_CHAINING
		       ? number == 0 && action->before == 0 && is_chaining(action->value)
		       : action->tag == TAG_IMMEDIATE_ACTION || action->tag == TAG_ERROR_ACTION;
}

static enum err check_actions(const struct script_action *actions, size_t action_count, size_t count,
			      struct fault *fault)
{
	for (size_t i = 0; i < action_count; i++) {
		if (!is_action(&actions[i], i) || actions[i].before > count ||
		    (i > 0 && actions[i].before < actions[i - 1].before))
			return fault_set(fault, ERR_MALFORMED,
					 "action %zu of the script (%02X) may not stand there", i + 1,
					 actions[i].tag);
	}
	return ERR_NONE;
}

enum err script_build(struct arena *arena, const struct bytes *commands, size_t count,
		      const struct script_action *actions, size_t action_count, bool is_indefinite,
		      struct bytes *ret_script, struct fault *fault)
{
	struct builder b = builder_in(arena);
	size_t mark = 0, action = 0;
	enum err err = check_actions(actions, action_count, count, fault);

	if (err != ERR_NONE)
		return err;

	if (is_indefinite) {
		build_u8(&b, TAG_COMMAND_SCRIPT_INDEFINITE);
		build_u8(&b, INDEFINITE_LENGTH);
	} else {
		mark = build_open(&b, TAG_COMMAND_SCRIPT);
	}
	for (size_t i = 0; i <= count; i++) {
		struct command command;
		for (; action < action_count && actions[action].before == i; action++)
			build_tlv(&b, (uint32_t)actions[action].tag, actions[action].value);
		if (i == count)
			break;
		err = command_parse(commands[i], &command, fault);
		if (err != ERR_NONE)
			return err;
		build_tlv(&b, TAG_COMMAND, commands[i]);
	}
	if (is_indefinite)
		build_u16(&b, 0);
	else
		build_close(&b, mark);
	return builder_bytes(&b, ret_script);
}

/* ---- both ---- */

enum err script_open(struct bytes script, struct script_template *ret_template, struct fault *fault)
{
	struct reader r = reader_of(script);
	const uint8_t first = peek_u8(&r);
	struct script_template template = {
		.is_response = first == TAG_RESPONSE_SCRIPT || first == TAG_RESPONSE_SCRIPT_INDEFINITE,
		.is_indefinite =
			first == TAG_COMMAND_SCRIPT_INDEFINITE || first == TAG_RESPONSE_SCRIPT_INDEFINITE,
	};
	uint32_t tag;

	if (script.len == 0)
		return fault_set(fault, ERR_MALFORMED, "the script is empty");
	if (!template.is_response && !template.is_indefinite && first != TAG_COMMAND_SCRIPT)
		return fault_set(fault, ERR_MALFORMED, "a script begins with AA, AB, AE or AF, not with %02X",
				 first);
	if (template.is_indefinite) {
		read_u8(&r);
		if (read_u8(&r) != INDEFINITE_LENGTH || reader_left(&r) < 2)
			return fault_set(fault, ERR_MALFORMED, "script %02X is not of indefinite length",
					 first);
		template.elements = read_bytes(&r, reader_left(&r) - 2);
		if (read_u16(&r) != 0)
			return fault_set_at(fault, ERR_MALFORMED, script.len - 2,
					    "script %02X does not end with 0000", first);
	} else if (!read_tlv(&r, &tag, &template.elements)) {
		return fault_set(fault, ERR_MALFORMED, "script %02X is cut short", first);
	} else if (!reader_done(&r)) {
		return fault_set_at(fault, ERR_MALFORMED, script.len - reader_left(&r),
				    "%zu bytes after script %02X", reader_left(&r), first);
	}
	*ret_template = template;
	return ERR_NONE;
}

/* ---- response ---- */

static size_t count_responses(struct reader r)
{
	size_t count = 0;
	uint32_t tag;
	struct bytes value;

	while (read_tlv(&r, &tag, &value))
		count += tag == TAG_RESPONSE;
	return count;
}

static enum err read_number(struct bytes value, uint32_t *ret_number, struct fault *fault)
{
	struct reader r = reader_of(value);

	if (value.len == 0 || value.len > 4)
		return fault_set(fault, ERR_MALFORMED, "number of executed commands has %zu bytes",
				 value.len);
	*ret_number = (uint32_t)read_uint(&r, value.len);
	return ERR_NONE;
}

/* The refusals end a response, each in one byte. */
static enum err take_refusal(struct script_response *response, uint32_t tag, struct bytes value,
			     struct fault *fault)
{
	const struct {
		uint32_t tag;
		bool *has;
		uint8_t *at;
	} rows[] = {
		{ TAG_BAD_FORMAT, &response->has_bad_format, &response->bad_format },
		{ TAG_IMMEDIATE_ACTION, &response->has_immediate_action, &response->immediate_action },
		{ TAG_CHAINING, &response->has_chaining, &response->chaining },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].tag != tag)
			continue;
		if (value.len == 0)
			return fault_set(fault, ERR_MALFORMED, "element %X of the response script is empty",
					 (unsigned)tag);
		*rows[i].has = true;
		*rows[i].at = value.at[0];
		return ERR_NONE;
	}
	return fault_set(fault, ERR_MALFORMED, "unknown element %X in the response script", (unsigned)tag);
}

enum err script_response_parse(struct bytes script, struct arena *arena, struct script_response *ret_response,
			       struct fault *fault)
{
	struct script_template template;
	enum err err = script_open(script, &template, fault);
	uint32_t tag;
	struct bytes value;

	if (err != ERR_NONE)
		return err;
	if (!template.is_response)
		return fault_set(fault, ERR_MALFORMED, "a script of commands, not of responses");
	struct script_response response = { .is_indefinite = template.is_indefinite };
	struct reader r = reader_of(template.elements);
	struct response *responses = arena_alloc_array(arena, count_responses(r) + 1, sizeof(*responses));
	if (responses == NULL)
		return ERR_NOMEM;
	while (read_tlv(&r, &tag, &value)) {
		if (tag == TAG_RESPONSE) {
			err = response_parse(value, &responses[response.response_count++], fault);
		} else if (tag == TAG_EXECUTED_COUNT) {
			response.has_executed_count = true;
			err = read_number(value, &response.executed_count, fault);
		} else {
			err = take_refusal(&response, tag, value, fault);
		}
		if (err != ERR_NONE)
			return err;
	}
	if (r.bad)
		return fault_set(fault, ERR_MALFORMED, "an element of the response script runs past its end");
	response.responses = responses;
	*ret_response = response;
	return ERR_NONE;
}

/* ---- words ---- */

const char *script_refusal_text(const struct script_response *response)
{
	static const char *const bad_format[] = { "bad format", "unknown tag in the script",
						  "wrong length in the script",
						  "length not found in the script" };
	static const char *const immediate_action[] = { "immediate action failed", "suspension error" };
	static const char *const chaining[] = { "script chaining failed", "no previous script to chain to",
						"script chaining not supported",
						"unable to process the chain" };
	const struct {
		bool has;
		uint8_t value;
		const char *const *texts;
		size_t count;
	} rows[] = {
		{ response->has_bad_format, response->bad_format, bad_format, 4 },
		{ response->has_immediate_action, response->immediate_action, immediate_action, 2 },
		{ response->has_chaining, response->chaining, chaining, 4 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].has)
			return rows[i].texts[rows[i].value < rows[i].count ? rows[i].value : 0];
	}
	return NULL;
}

/* ---- the compact form, 5.1 ---- */

/* Each has a P3, and none an Le behind its data: what the last one answers is fetched by a command of its
 * own. */
static void build_compact_command(struct builder *b, const struct command *command, bool is_last)
{
	struct command compact = *command;

	compact.has_le = command->data.len == 0;
	build_command(b, &compact);
	if (is_last && command->has_le && command->data.len > 0)
		build_command(b, &(struct command){ .ins = INS_GET_RESPONSE, .has_le = true });
}

enum err script_compact_build(struct arena *arena, const struct bytes *commands, size_t count,
			      struct bytes *ret_script, struct fault *fault)
{
	struct builder b = builder_in(arena);

	for (size_t i = 0; i < count; i++) {
		struct command command;
		enum err err = command_parse(commands[i], &command, fault);
		if (err != ERR_NONE)
			return err;
		build_compact_command(&b, &command, i + 1 == count);
	}
	return builder_bytes(&b, ret_script);
}

enum err script_compact_parse(struct bytes script, struct compact_response *ret_response, struct fault *fault)
{
	struct reader r = reader_of(script);
	struct compact_response response = { .executed_count = read_u8(&r) };

	response.last.sw = read_u16(&r);
	response.last.data = read_rest(&r);
	if (r.bad)
		return fault_set(fault, ERR_MALFORMED, "a compact response of %zu bytes has no status word",
				 script.len);
	*ret_response = response;
	return ERR_NONE;
}
