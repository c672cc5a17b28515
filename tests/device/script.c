/* ETSI TS 102 226, 5.2.1 Expanded remote command structure. */
#include "script.h"

enum template_tag {
	COMMANDS = 0xAA,
	ANSWERS = 0xAB,
	COMMANDS_INDEFINITE = 0xAE,
	ANSWERS_INDEFINITE = 0xAF,
};

#define INDEFINITE_LENGTH 0x80
#define EXECUTED_COUNT    0x80
#define ANSWER_APDU       0x23

#define APDU_HEADER  4
#define APDU_DATA_AT 5

/* ---- reading ---- */

struct parse {
	struct arena *arena;
	struct script *script;
	size_t capacity;
	enum script_bad_format bad_format;
	struct fault *fault;
};

static enum err refuse(struct parse *parse, enum script_bad_format bad_format, const char *reason)
{
	parse->bad_format = bad_format;
	return fault_set(parse->fault, ERR_MALFORMED, "%s", reason);
}

/* 00 to 7F, 81 xx, 82 xx xx: all that TS 102 226 uses. */
static bool read_length(struct reader *r, size_t *ret_length)
{
	uint8_t first = read_u8(r);

	if (first < 0x80)
		*ret_length = first;
	else if (first == 0x81 || first == 0x82)
		*ret_length = read_uint(r, first & 0x0F);
	else
		return false;
	return !r->bad;
}

bool script_is_command_apdu(struct bytes apdu)
{
	struct reader r = reader_of(bytes_from(apdu, APDU_HEADER));
	size_t data_len;

	if (apdu.len < APDU_HEADER)
		return false;
	if (apdu.len <= APDU_DATA_AT)
		return true;
	data_len = read_u8(&r);
	return data_len > 0 &&
	       (apdu.len == APDU_DATA_AT + data_len || apdu.len == APDU_DATA_AT + data_len + 1);
}

static bool is_chaining(struct bytes value)
{
	return value.len == 1 && (value.at[0] == CHAIN_FIRST || value.at[0] == CHAIN_FIRST_KEPT ||
				  value.at[0] == CHAIN_NEXT || value.at[0] == CHAIN_LAST);
}

static enum err check_command(struct parse *parse, uint8_t tag, struct bytes value)
{
	switch (tag) {
	case SCRIPT_COMMAND_APDU:
		return script_is_command_apdu(value)
			       ? ERR_NONE
			       : refuse(parse, BAD_FORMAT_WRONG_LENGTH, "a C-APDU contradicts its Lc");
	case SCRIPT_IMMEDIATE_ACTION:
	case SCRIPT_ERROR_ACTION:
		return ERR_NONE;
	case SCRIPT_CHAINING:
		if (parse->script->count > 0)
			return refuse(parse, BAD_FORMAT_UNKNOWN_TAG,
				      "script chaining is not the first element");
		return is_chaining(value)
			       ? ERR_NONE
			       : refuse(parse, BAD_FORMAT_WRONG_LENGTH, "unknown script chaining value");
	default:
		return refuse(parse, BAD_FORMAT_UNKNOWN_TAG, "unknown tag in the script");
	}
}

static enum err add_command(struct parse *parse, uint8_t tag, struct bytes value)
{
	struct script *script = parse->script;

	if (script->count == parse->capacity) {
		size_t capacity = parse->capacity ? 2 * parse->capacity : 16;
		struct script_command *commands =
			arena_alloc_array(parse->arena, capacity, sizeof(*commands));
		if (commands == NULL)
			return ERR_NOMEM;
		if (script->count > 0)
			memcpy(commands, script->commands, script->count * sizeof(*commands));
		script->commands = commands;
		parse->capacity = capacity;
	}
	script->commands[script->count++] = (struct script_command){ (enum script_tag)tag, value, 0 };
	return ERR_NONE;
}

static enum err read_command(struct parse *parse, struct reader *r)
{
	uint8_t tag = read_u8(r);
	struct bytes value;
	size_t length;
	enum err err;

	if (!read_length(r, &length))
		return refuse(parse, BAD_FORMAT_LENGTH_NOT_FOUND, "an element has no length");
	value = read_bytes(r, length);
	if (r->bad)
		return refuse(parse, BAD_FORMAT_WRONG_LENGTH, "an element is longer than the script");
	err = check_command(parse, tag, value);
	return err == ERR_NONE ? add_command(parse, tag, value) : err;
}

static bool at_end_of_contents(const struct reader *r)
{
	return reader_left(r) >= 2 && r->at[0] == 0 && r->at[1] == 0;
}

static enum err read_indefinite(struct parse *parse, struct reader *r)
{
	if (read_u8(r) != INDEFINITE_LENGTH)
		return refuse(parse, BAD_FORMAT_LENGTH_NOT_FOUND, "template AE without length 80");
	while (!at_end_of_contents(r)) {
		enum err err;
		if (reader_left(r) == 0)
			return refuse(parse, BAD_FORMAT_LENGTH_NOT_FOUND, "template AE without its end 0000");
		err = read_command(parse, r);
		if (err != ERR_NONE)
			return err;
	}
	read_u16(r);
	return reader_done(r) ? ERR_NONE : refuse(parse, BAD_FORMAT_WRONG_LENGTH, "bytes after the script");
}

static enum err read_definite(struct parse *parse, struct reader *r)
{
	size_t length;

	if (!read_length(r, &length))
		return refuse(parse, BAD_FORMAT_LENGTH_NOT_FOUND, "template AA without a length");
	if (length != reader_left(r))
		return refuse(parse, BAD_FORMAT_WRONG_LENGTH,
			      "template AA is longer or shorter than it says");
	while (reader_left(r) > 0) {
		enum err err = read_command(parse, r);
		if (err != ERR_NONE)
			return err;
	}
	return ERR_NONE;
}

enum err script_parse(struct arena *arena, struct bytes bytes, struct script *ret_script,
		      enum script_bad_format *ret_bad_format, struct fault *fault)
{
	struct reader r = reader_of(bytes);
	uint8_t tag = read_u8(&r);
	struct script script = { .is_indefinite = tag == COMMANDS_INDEFINITE };
	struct parse parse = { .arena = arena, .script = &script, .fault = fault };
	enum err err;

	if (tag == COMMANDS)
		err = read_definite(&parse, &r);
	else if (tag == COMMANDS_INDEFINITE)
		err = read_indefinite(&parse, &r);
	else
		err = refuse(&parse, BAD_FORMAT_UNKNOWN_TAG, "neither template AA nor AE");
	if (err == ERR_MALFORMED)
		*ret_bad_format = parse.bad_format;
	if (err == ERR_NONE)
		*ret_script = script;
	return err;
}

/* ---- writing ---- */

static void build_length(struct builder *b, size_t length)
{
	size_t width = length < 0x80 ? 0 : length <= 0xFF ? 1 : 2;

	if (length > 0xFFFF)
		b->bad = true;
	if (width > 0)
		build_u8(b, (uint8_t)(0x80 + width));
	build_uint(b, length, width > 0 ? width : 1);
}

static void build_element(struct builder *b, uint8_t tag, struct bytes value)
{
	build_u8(b, tag);
	build_length(b, value.len);
	build_bytes(b, value);
}

void build_script_answer(struct builder *b, struct bytes response_apdu)
{
	build_element(b, ANSWER_APDU, response_apdu);
}

static void build_end(struct builder *b, struct script_end end)
{
	if (end.tag != 0)
		build_element(b, end.tag, bytes_of(&end.value, 1));
}

static void build_executed(struct builder *b, size_t executed)
{
	build_u8(b, EXECUTED_COUNT);
	build_u8(b, executed <= 0xFF ? 1 : 2);
	build_uint(b, executed, executed <= 0xFF ? 1 : 2);
}

void build_script_response(struct builder *b, bool is_indefinite, size_t executed, struct bytes answers,
			   struct script_end end)
{
	struct builder content = builder_in(b->arena);
	struct bytes bytes;

	if (!is_indefinite)
		build_executed(&content, executed);
	build_bytes(&content, answers);
	build_end(&content, end);
	if (builder_bytes(&content, &bytes) != ERR_NONE) {
		b->bad = true;
		return;
	}
	if (!is_indefinite) {
		build_element(b, ANSWERS, bytes);
		return;
	}
	build_u8(b, ANSWERS_INDEFINITE);
	build_u8(b, INDEFINITE_LENGTH);
	build_bytes(b, bytes);
	build_u16(b, 0);
}
