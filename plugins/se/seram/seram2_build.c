/* GlobalPlatform/SERAM 2.0.0: messages as the schema spells them */
#include "seram/seram2.h"

#include <jansson.h>
#include <stdlib.h>

#include "gp/apdu.h"

/* NULL, for want of memory, goes through all of these to the end. */

static enum err print(struct arena *arena, json_t *take_root, struct bytes *ret_json)
{
	char *text = take_root == NULL ? NULL : json_dumps(take_root, JSON_COMPACT);
	enum err err = text == NULL ? ERR_NOMEM : bytes_copy(arena, bytes_of_text(text), ret_json);

	json_decref(take_root);
	free(text);
	return err;
}

static json_t *appended(json_t *take_list, json_t *take_item)
{
	if (json_array_append_new(take_list, take_item) == 0)
		return take_list;
	json_decref(take_list);
	return NULL;
}

static json_t *element_json(const struct seram2_element *element)
{
	return json_pack("{s:s, s:s, s:s*}", "seType", element->type, "seId", element->id, "seExtraInfo",
			 element->extra);
}

static json_t *names_json(const struct seram2_names *names)
{
	json_t *list = json_array();

	for (size_t i = 0; i < names->count; i++)
		list = appended(list, json_string(names->at[i]));
	return list;
}

static json_t *apdus_json(struct arena *arena, const struct bytes *apdus, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		const char *hex = bytes_to_hex(arena, apdus[i]);
		list = appended(list, hex == NULL ? NULL : json_string(hex));
	}
	return list;
}

enum err seram2_offer_build(struct arena *arena, const struct seram2_offer *offer, struct bytes *ret_json)
{
	json_t *elements = json_array();

	for (size_t i = 0; i < offer->element_count; i++)
		elements = appended(elements, element_json(&offer->elements[i]));
	return print(arena,
		     json_pack("{s:o, s:o, s:o, s:o}", "secureElements", elements,
			       "supportedTransportProtocols", names_json(&offer->transports),
			       "supportedDataFormats", names_json(&offer->formats), "supportedVersions",
			       names_json(&offer->versions)),
		     ret_json);
}

enum err seram2_choice_build(struct arena *arena, const struct seram2_choice *choice, struct bytes *ret_json)
{
	return print(arena,
		     json_pack("{s:s, s:s, s:s}", "chosenTransportProtocol", choice->transport,
			       "chosenDataFormat", choice->format, "chosenVersion", choice->version),
		     ret_json);
}

static json_t *command_json(struct arena *arena, const struct seram2_command *command)
{
	json_t *apdus = NULL;

	if (command->kind == SERAM2_APDUS) {
		apdus = apdus_json(arena, command->apdus, command->apdu_count);
		if (apdus == NULL)
			return NULL;
	}
	return json_pack("{s:s, s:o*, s:s*}", "ramCommandType", seram2_command_text(command->kind),
			 "listOfCAPDU", apdus, "deviceAppNotification",
			 command->kind == SERAM2_NOTIFICATION ? command->notification : NULL);
}

static enum err check_commands(const struct seram2_order *order, struct fault *fault)
{
	for (size_t i = 0; i < order->command_count; i++) {
		for (size_t k = 0; k < order->commands[i].apdu_count; k++) {
			struct command command;
			enum err err = command_parse(order->commands[i].apdus[k], &command, fault);
			if (err != ERR_NONE)
				return err;
		}
	}
	return ERR_NONE;
}

enum err seram2_order_build(struct arena *arena, const struct seram2_order *order, struct bytes *ret_json,
			    struct fault *fault)
{
	json_t *element = NULL, *commands = NULL;
	enum err err = check_commands(order, fault);

	if (err != ERR_NONE)
		return err;
	if (order->has_element) {
		element = element_json(&order->element);
		if (element == NULL)
			return ERR_NOMEM;
	}
	if (order->command_count > 0) {
		commands = json_array();
		for (size_t i = 0; i < order->command_count; i++)
			commands = appended(commands, command_json(arena, &order->commands[i]));
		if (commands == NULL) {
			json_decref(element);
			return ERR_NOMEM;
		}
	}
	return print(arena,
		     json_pack("{s:I, s:o*, s:o*}", "delay", (json_int_t)order->delay_ms,
			       "chosenSecureElement", element, "ramCommands", commands),
		     ret_json);
}

enum err seram2_report_build(struct arena *arena, const struct seram2_report *report, struct bytes *ret_json)
{
	json_t *executed = NULL, *responses = NULL;

	if (report->has_executed) {
		executed = json_integer(report->executed);
		if (executed == NULL)
			return ERR_NOMEM;
	}
	if (report->response_count > 0) {
		responses = json_array();
		for (size_t i = 0; i < report->response_count; i++)
			responses =
				appended(responses, json_pack("{s:s, s:o}", "ramResponseType",
							      "seRamResponse", "listOfRAPDU",
							      apdus_json(arena, report->responses[i].apdus,
									 report->responses[i].apdu_count)));
		if (responses == NULL) {
			json_decref(executed);
			return ERR_NOMEM;
		}
	}
	return print(arena,
		     json_pack("{s:{s:s, s:o*, s:s*}, s:o*}", "localAgentStatus", "localAgentStatusEnum",
			       seram2_status_text(report->status), "executedSeRamCommands", executed,
			       "errorMsg", report->error_text, "ramResponses", responses),
		     ret_json);
}
