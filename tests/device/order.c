/* GlobalPlatform/SERAM 2.0.0, components/schemas: Order, Report */
#include "order.h"

#include <jansson.h>
#include <stdlib.h>

/* ---- reading ---- */

struct parse {
	struct arena *arena;
	struct script *script;
	struct script_command *commands;
	size_t capacity;
	struct fault *fault;
};

static enum err refuse(struct parse *parse, const char *reason)
{
	return fault_set(parse->fault, ERR_MALFORMED, "%s", reason);
}

static enum err add_command(struct parse *parse, enum script_tag tag, struct bytes value, size_t list)
{
	struct script *script = parse->script;

	if (script->count == parse->capacity)
		return refuse(parse, "more commands than were counted");
	parse->commands[script->count++] = (struct script_command){ tag, value, list };
	return ERR_NONE;
}

/* ([0-9A-F]{2})* and a whole C-APDU. */
static enum err read_apdu(struct parse *parse, const json_t *value, size_t list)
{
	const char *hex = json_string_value(value);
	struct bytes apdu;

	if (hex == NULL || strspn(hex, "0123456789ABCDEF") != strlen(hex))
		return refuse(parse, "a C-APDU is not upper-case hexadecimal");
	enum err err = bytes_from_hex(parse->arena, hex, &apdu);
	if (err != ERR_NONE)
		return fault_set(parse->fault, err, "a C-APDU has half a byte");
	if (!script_is_command_apdu(apdu))
		return refuse(parse, "a C-APDU contradicts its Lc");
	return add_command(parse, SCRIPT_COMMAND_APDU, apdu, list);
}

static enum err read_apdus(struct parse *parse, const json_t *list)
{
	enum err err = ERR_NONE;

	if (!json_is_array(list))
		return refuse(parse, "seRamCommand without listOfCAPDU");
	for (size_t i = 0; i < json_array_size(list) && err == ERR_NONE; i++)
		err = read_apdu(parse, json_array_get(list, i), parse->script->list_count);
	parse->script->list_count++;
	return err;
}

static enum err read_notification(struct parse *parse, const json_t *text)
{
	struct bytes copy;

	if (!json_is_string(text))
		return refuse(parse, "notificationCommand without deviceAppNotification");
	enum err err = bytes_copy(parse->arena, bytes_of_text(json_string_value(text)), &copy);
	return err == ERR_NONE ? add_command(parse, SCRIPT_NOTIFICATION, copy, 0) : err;
}

static enum err read_command(struct parse *parse, const json_t *command)
{
	const char *type = json_string_value(json_object_get(command, "ramCommandType"));

	if (type == NULL)
		return refuse(parse, "a command without ramCommandType");
	if (strcmp(type, "ramStartCommand") == 0)
		return add_command(parse, SCRIPT_START, bytes_of(NULL, 0), 0);
	if (strcmp(type, "ramStopCommand") == 0)
		return add_command(parse, SCRIPT_STOP, bytes_of(NULL, 0), 0);
	if (strcmp(type, "seRamCommand") == 0)
		return read_apdus(parse, json_object_get(command, "listOfCAPDU"));
	if (strcmp(type, "notificationCommand") == 0)
		return read_notification(parse, json_object_get(command, "deviceAppNotification"));
	return refuse(parse, "unknown ramCommandType");
}

static bool is_element_type(const char *type)
{
	static const char *const types[] = { "eSE", "iSE", "uicc", "euicc", "ieuicc", "undefined" };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(types[i], type) == 0)
			return true;
	}
	return false;
}

static enum err read_element(struct parse *parse, json_t *element)
{
	const char *type, *id, *extra = NULL;

	if (json_unpack(element, "{s:s, s:s, s?s}", "seType", &type, "seId", &id, "seExtraInfo", &extra) !=
		    0 ||
	    !is_element_type(type))
		return refuse(parse, "chosenSecureElement is not one");
	parse->script->element_id = arena_strdup(parse->arena, id);
	return parse->script->element_id == NULL ? ERR_NOMEM : ERR_NONE;
}

static size_t count_commands(const json_t *commands)
{
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(commands); i++)
		count += 1 + json_array_size(json_object_get(json_array_get(commands, i), "listOfCAPDU"));
	return count;
}

static enum err read_order(struct parse *parse, json_t *root)
{
	json_t *element = NULL, *commands = NULL;
	json_int_t delay_ms = 0;
	enum err err = ERR_NONE;

	if (json_unpack(root, "{s?I, s?o, s?o}", "delay", &delay_ms, "chosenSecureElement", &element,
			"ramCommands", &commands) != 0 ||
	    delay_ms < 0)
		return refuse(parse, "not an Order");
	if (commands != NULL && json_array_size(commands) == 0)
		return refuse(parse, "ramCommands is not a list, or empty");
	if (element != NULL)
		err = read_element(parse, element);
	parse->capacity = count_commands(commands);
	parse->commands = arena_alloc_array(parse->arena, parse->capacity + 1, sizeof(*parse->commands));
	if (err == ERR_NONE && parse->commands == NULL)
		err = ERR_NOMEM;
	for (size_t i = 0; i < json_array_size(commands) && err == ERR_NONE; i++)
		err = read_command(parse, json_array_get(commands, i));
	return err;
}

enum err order_parse(struct arena *arena, struct bytes json, struct script *ret_script, struct fault *fault)
{
	struct script script = { .commands = NULL };
	struct parse parse = { .arena = arena, .script = &script, .fault = fault };
	json_t *root = json_loadb((const char *)json.at, json.len, JSON_REJECT_DUPLICATES, NULL);
	enum err err = root == NULL ? refuse(&parse, "not JSON") : read_order(&parse, root);

	json_decref(root);
	if (err != ERR_NONE)
		return err;
	script.commands = parse.commands;
	*ret_script = script;
	return ERR_NONE;
}

/* ---- writing ---- */

void build_order_answer(struct builder *b, size_t list, struct bytes answer)
{
	build_u16(b, (uint16_t)list);
	build_u16(b, (uint16_t)answer.len);
	build_bytes(b, answer);
}

static void build_hex(struct builder *b, struct bytes bytes)
{
	const char *hex = bytes_to_hex(b->arena, bytes);

	if (hex == NULL)
		b->bad = true;
	else
		build_text(b, hex);
}

/* One response for each list that has an answer. */
static void build_responses(struct builder *b, struct bytes answers)
{
	struct reader r = reader_of(answers);
	bool is_open = false;
	size_t open_list = 0;

	while (reader_left(&r) > 0) {
		const size_t list = read_u16(&r);
		const struct bytes answer = read_bytes(&r, read_u16(&r));
		if (is_open && list != open_list)
			build_text(b, "]},");
		if (!is_open || list != open_list)
			build_text(b, "{\"ramResponseType\":\"seRamResponse\",\"listOfRAPDU\":[\"");
		else
			build_text(b, ",\"");
		is_open = true;
		open_list = list;
		build_hex(b, answer);
		build_u8(b, '"');
	}
	if (is_open)
		build_text(b, "]}");
}

/* Reasons of ours are ASCII; a quote or a backslash does not occur in them. */
void build_report(struct builder *b, const struct report *report)
{
	static const char *const statuses[] = { "POLLING", "PROCESSED", "UNAVAILABLE_SE", "UNKNOWN_FAILURE",
						"UNGRANTED_ACCESS" };

	build_printf(b,
		     "{\"localAgentStatus\":{\"localAgentStatusEnum\":\"%s\",\"executedSeRamCommands\":%zu",
		     statuses[report->status], report->executed);
	if (report->error[0] != '\0')
		build_printf(b, ",\"errorMsg\":\"%s\"", report->error);
	build_text(b, "}");
	if (report->answers.len > 0) {
		build_text(b, ",\"ramResponses\":[");
		build_responses(b, report->answers);
		build_text(b, "]");
	}
	build_text(b, "}");
}
