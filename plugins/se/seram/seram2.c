/* GlobalPlatform/SERAM 2.0.0, components/schemas of its OpenAPI file */
#include "seram/seram2.h"

#include <jansson.h>

#include "gp/apdu.h"
#include "seram/seram_table.h"

/* ---- spellings ---- */

struct spelling {
	const char *schema;
	const char *example; /* how a published text spells it instead; NULL: the same */
};

static const struct spelling command_spellings[SERAM2_COMMAND_KINDS] = {
	[SERAM2_START] = { "ramStartCommand", "startCommand" },
	[SERAM2_APDUS] = { "seRamCommand", NULL },
	[SERAM2_NOTIFICATION] = { "notificationCommand", NULL },
	[SERAM2_STOP] = { "ramStopCommand", "stopCommand" },
};
static const struct spelling status_spellings[SERAM2_STATUSES] = {
	[SERAM2_POLLING] = { "POLLING", NULL },
	[SERAM2_PROCESSED] = { "PROCESSED", NULL },
	[SERAM2_UNAVAILABLE_SE] = { "UNAVAILABLE_SE", NULL },
	[SERAM2_UNKNOWN_FAILURE] = { "UNKNOWN_FAILURE", NULL },
	[SERAM2_UNGRANTED_ACCESS] = { "UNGRANTED_ACCESS", "UNGRANDED_ACCESS" },
};
static const struct spelling response_spelling = { "seRamResponse", NULL };
static const struct spelling versions_member = { "supportedVersions", "supportedVersion" };
static const struct spelling format_member = { "chosenDataFormat", "chosenDataProtocol" };

static bool is_spelled(const char *text, const struct spelling *spelling)
{
	return strcmp(text, spelling->schema) == 0 ||
	       (spelling->example != NULL && strcmp(text, spelling->example) == 0);
}

const char *seram2_command_text(enum seram2_command_kind kind)
{
	return command_spellings[kind].schema;
}

const char *seram2_status_text(enum seram2_status status)
{
	return status_spellings[status].schema;
}

/* The row of the table; `count` when there is none. */
static size_t find_spelling(const struct spelling *table, size_t count, const char *text)
{
	size_t i = 0;

	while (i < count && !is_spelled(text, &table[i]))
		i++;
	return i;
}

/* ---- reading members ---- */

struct source {
	struct arena *arena;
	struct fault *fault;
};

static enum err open_message(struct source source, struct bytes json, json_t **ret_root)
{
	json_error_t error;

	if (json.len > SERAM2_MAX_MESSAGE)
		return fault_set(source.fault, ERR_LIMIT, "the message has %zu bytes, more than %u", json.len,
				 SERAM2_MAX_MESSAGE);
	json_t *root = json_loadb((const char *)json.at, json.len, JSON_REJECT_DUPLICATES, &error);
	if (root == NULL)
		return fault_set_at(source.fault, ERR_MALFORMED, (size_t)error.position, "not JSON: %s",
				    error.text);
	if (!json_is_object(root)) {
		json_decref(root);
		return fault_set(source.fault, ERR_MALFORMED, "the message is not a JSON object");
	}
	*ret_root = root;
	return ERR_NONE;
}

static enum err copy_text(struct source source, const json_t *value, const char *name, const char **ret_text)
{
	if (!json_is_string(value))
		return fault_set(source.fault, ERR_MALFORMED, "%s is %s", name,
				 value == NULL ? "missing" : "not a string");
	*ret_text = arena_strdup(source.arena, json_string_value(value));
	return *ret_text == NULL ? ERR_NOMEM : ERR_NONE;
}

static enum err read_text(struct source source, const json_t *object, const char *name, const char **ret_text)
{
	return copy_text(source, json_object_get(object, name), name, ret_text);
}

/* `ret_text` stays as it is when the member is absent. */
static enum err read_optional_text(struct source source, const json_t *object, const char *name,
				   const char **ret_text)
{
	return json_object_get(object, name) == NULL ? ERR_NONE : read_text(source, object, name, ret_text);
}

static enum err read_number(struct source source, const json_t *object, const char *name, bool *ret_is_there,
			    uint32_t *ret_number)
{
	const json_t *value = json_object_get(object, name);

	*ret_is_there = value != NULL;
	if (value == NULL)
		return ERR_NONE;
	if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > INT32_MAX)
		return fault_set(source.fault, ERR_MALFORMED, "%s is not a number from 0 to %d", name,
				 INT32_MAX);
	*ret_number = (uint32_t)json_integer_value(value);
	return ERR_NONE;
}

/* A list whose length is bounded. An absent one is empty. */
static enum err read_list(struct source source, const json_t *object, const char *name, size_t max,
			  const json_t **ret_list, size_t *ret_count)
{
	const json_t *list = json_object_get(object, name);

	*ret_list = list;
	*ret_count = json_array_size(list);
	if (list != NULL && !json_is_array(list))
		return fault_set(source.fault, ERR_MALFORMED, "%s is not a list", name);
	if (*ret_count > max)
		return fault_set(source.fault, ERR_LIMIT, "%s has %zu entries, more than %zu", name,
				 *ret_count, max);
	return ERR_NONE;
}

static enum err require_object(struct source source, const json_t *value, const char *name)
{
	return json_is_object(value) ? ERR_NONE
				     : fault_set(source.fault, ERR_MALFORMED, "%s is %s", name,
						 value == NULL ? "missing" : "not an object");
}

static enum err read_element(struct source source, const json_t *object, const char *name,
			     struct seram2_element *ret_element)
{
	enum err err = require_object(source, object, name);

	if (err == ERR_NONE)
		err = read_text(source, object, "seType", &ret_element->type);
	if (err == ERR_NONE)
		err = read_text(source, object, "seId", &ret_element->id);
	if (err == ERR_NONE)
		err = read_optional_text(source, object, "seExtraInfo", &ret_element->extra);
	return err;
}

/* ---- the Handshake Command ---- */

static enum err read_elements(struct source source, const json_t *root, struct seram2_offer *offer)
{
	const json_t *list;
	enum err err =
		read_list(source, root, "secureElements", SERAM2_MAX_ELEMENTS, &list, &offer->element_count);

	if (err == ERR_NONE && list == NULL)
		err = fault_set(source.fault, ERR_MALFORMED, "secureElements is missing");
	if (err != ERR_NONE)
		return err;
	struct seram2_element *elements =
		arena_alloc_array(source.arena, offer->element_count + 1, sizeof(*elements));
	if (elements == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < offer->element_count && err == ERR_NONE; i++)
		err = read_element(source, json_array_get(list, i), "secureElements", &elements[i]);
	offer->elements = elements;
	return err;
}

static enum err read_names(struct source source, const json_t *root, const char *name,
			   const char *const *fallback, struct seram2_names *ret_names)
{
	const json_t *list;
	size_t count;
	enum err err = read_list(source, root, name, SERAM2_MAX_ELEMENTS, &list, &count);

	if (err != ERR_NONE)
		return err;
	if (list == NULL) {
		*ret_names = (struct seram2_names){ fallback, 1 };
		return ERR_NONE;
	}
	const char **names = arena_alloc_array(source.arena, count + 1, sizeof(*names));
	if (names == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < count && err == ERR_NONE; i++)
		err = copy_text(source, json_array_get(list, i), name, &names[i]);
	*ret_names = (struct seram2_names){ names, count };
	return err;
}

static const char *present_name(const json_t *object, const struct spelling *member)
{
	return json_object_get(object, member->schema) == NULL &&
			       json_object_get(object, member->example) != NULL
		       ? member->example
		       : member->schema;
}

enum err seram2_offer_parse(struct bytes json, struct arena *arena, struct seram2_offer *ret_offer,
			    struct fault *fault)
{
	static const char *const transport[] = { SERAM2_TRANSPORT }, *const format[] = { SERAM2_FORMAT },
				 *const version[] = { SERAM2_VERSION };
	const struct source source = { arena, fault };
	struct seram2_offer offer = { 0 };
	json_t *root;
	enum err err = open_message(source, json, &root);

	if (err != ERR_NONE)
		return err;
	err = read_elements(source, root, &offer);
	if (err == ERR_NONE)
		err = read_names(source, root, "supportedTransportProtocols", transport, &offer.transports);
	if (err == ERR_NONE)
		err = read_names(source, root, "supportedDataFormats", format, &offer.formats);
	if (err == ERR_NONE)
		err = read_names(source, root, present_name(root, &versions_member), version,
				 &offer.versions);
	json_decref(root);
	if (err == ERR_NONE)
		*ret_offer = offer;
	return err;
}

/* ---- the Handshake Response ---- */

enum err seram2_choice_parse(struct bytes json, struct arena *arena, struct seram2_choice *ret_choice,
			     struct fault *fault)
{
	const struct source source = { arena, fault };
	struct seram2_choice choice = { 0 };
	json_t *root;
	enum err err = open_message(source, json, &root);

	if (err != ERR_NONE)
		return err;
	err = read_text(source, root, "chosenTransportProtocol", &choice.transport);
	if (err == ERR_NONE)
		err = read_text(source, root, present_name(root, &format_member), &choice.format);
	if (err == ERR_NONE)
		err = read_text(source, root, "chosenVersion", &choice.version);
	json_decref(root);
	if (err == ERR_NONE)
		*ret_choice = choice;
	return err;
}

enum err seram2_choose(const struct seram2_offer *offer, struct seram2_choice *ret_choice,
		       struct fault *fault)
{
	struct seram2_choice choice = { 0 };
	const struct {
		const char *what, *ours;
		const struct seram2_names *offered;
		const char **ret_chosen;
	} rows[] = {
		{ "transport protocol", SERAM2_TRANSPORT, &offer->transports, &choice.transport },
		{ "data format", SERAM2_FORMAT, &offer->formats, &choice.format },
		{ "version", SERAM2_VERSION, &offer->versions, &choice.version },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t k = 0; k < rows[i].offered->count; k++) {
			if (strcmp(rows[i].offered->at[k], rows[i].ours) == 0)
				*rows[i].ret_chosen = rows[i].ours;
		}
		if (*rows[i].ret_chosen == NULL)
			return fault_set(fault, ERR_UNSUPPORTED, "the agent does not offer the %s %s",
					 rows[i].what, rows[i].ours);
	}
	*ret_choice = choice;
	return ERR_NONE;
}

/* ---- lists of APDUs ---- */

static enum err check_apdu(struct source source, struct bytes apdu, bool is_answer)
{
	struct command command;

	if (!is_answer)
		return command_parse(apdu, &command, source.fault);
	return apdu.len == 0 || apdu.len >= 2
		       ? ERR_NONE
		       : fault_set(source.fault, ERR_MALFORMED, "an R-APDU has no status word");
}

/* The digits are not shown: they may be a key. */
static enum err read_apdu(struct source source, const json_t *value, const char *name, size_t at,
			  struct bytes *ret_apdu)
{
	enum err err = json_is_string(value)
			       ? bytes_from_hex(source.arena, json_string_value(value), ret_apdu)
			       : ERR_MALFORMED;

	if (err == ERR_MALFORMED)
		return fault_set(source.fault, err, "entry %zu of %s is not hexadecimal", at + 1, name);
	return err;
}

static enum err read_apdus(struct source source, const json_t *object, const char *name, bool is_answer,
			   const struct bytes **ret_apdus, size_t *ret_count)
{
	const json_t *list;
	enum err err = read_list(source, object, name, SERAM2_MAX_APDUS, &list, ret_count);

	if (err == ERR_NONE && list == NULL)
		err = fault_set(source.fault, ERR_MALFORMED, "%s is missing", name);
	if (err != ERR_NONE)
		return err;
	struct bytes *apdus = arena_alloc_array(source.arena, *ret_count + 1, sizeof(*apdus));
	if (apdus == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < *ret_count && err == ERR_NONE; i++) {
		err = read_apdu(source, json_array_get(list, i), name, i, &apdus[i]);
		if (err == ERR_NONE)
			err = check_apdu(source, apdus[i], is_answer);
	}
	*ret_apdus = apdus;
	return err;
}

/* ---- the Order ---- */

static enum err read_command(struct source source, const json_t *object, struct seram2_command *ret_command)
{
	const char *type = NULL;
	enum err err = require_object(source, object, "an entry of ramCommands");

	if (err == ERR_NONE)
		err = read_text(source, object, "ramCommandType", &type);
	if (err != ERR_NONE)
		return err;
	const size_t kind = find_spelling(command_spellings, SERAM2_COMMAND_KINDS, type);
	if (kind == SERAM2_COMMAND_KINDS)
		return fault_set(source.fault, ERR_UNSUPPORTED, "unknown ramCommandType %.40s", type);
	ret_command->kind = (enum seram2_command_kind)kind;
	if (kind == SERAM2_APDUS)
		return read_apdus(source, object, "listOfCAPDU", false, &ret_command->apdus,
				  &ret_command->apdu_count);
	if (kind == SERAM2_NOTIFICATION)
		return read_text(source, object, "deviceAppNotification", &ret_command->notification);
	return ERR_NONE;
}

static enum err read_order(struct source source, const json_t *root, struct seram2_order *order)
{
	const json_t *element = json_object_get(root, "chosenSecureElement"), *list;
	bool has_delay;
	enum err err = read_number(source, root, "delay", &has_delay, &order->delay_ms);

	if (err == ERR_NONE && !has_delay)
		order->delay_ms = SERAM2_DELAY_MS;
	order->has_element = element != NULL;
	if (err == ERR_NONE && element != NULL)
		err = read_element(source, element, "chosenSecureElement", &order->element);
	if (err == ERR_NONE)
		err = read_list(source, root, "ramCommands", SERAM2_MAX_ELEMENTS, &list,
				&order->command_count);
	if (err == ERR_NONE && list != NULL && order->command_count == 0)
		err = fault_set(source.fault, ERR_MALFORMED, "ramCommands is empty");
	if (err != ERR_NONE)
		return err;
	struct seram2_command *commands =
		arena_alloc_array(source.arena, order->command_count + 1, sizeof(*commands));
	if (commands == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < order->command_count && err == ERR_NONE; i++)
		err = read_command(source, json_array_get(list, i), &commands[i]);
	order->commands = commands;
	return err;
}

enum err seram2_order_parse(struct bytes json, struct arena *arena, struct seram2_order *ret_order,
			    struct fault *fault)
{
	const struct source source = { arena, fault };
	struct seram2_order order = { 0 };
	json_t *root;
	enum err err = open_message(source, json, &root);

	if (err != ERR_NONE)
		return err;
	err = read_order(source, root, &order);
	json_decref(root);
	if (err == ERR_NONE)
		*ret_order = order;
	return err;
}

/* ---- the Report ---- */

static enum err read_status(struct source source, const json_t *object, struct seram2_report *report)
{
	const char *text = NULL;
	enum err err = require_object(source, object, "localAgentStatus");

	if (err == ERR_NONE)
		err = read_text(source, object, "localAgentStatusEnum", &text);
	if (err != ERR_NONE)
		return err;
	const size_t status = find_spelling(status_spellings, SERAM2_STATUSES, text);
	if (status == SERAM2_STATUSES)
		return fault_set(source.fault, ERR_MALFORMED, "unknown localAgentStatusEnum %.40s", text);
	report->status = (enum seram2_status)status;
	err = read_number(source, object, "executedSeRamCommands", &report->has_executed, &report->executed);
	if (err == ERR_NONE)
		err = read_optional_text(source, object, "errorMsg", &report->error_text);
	return err;
}

static enum err read_response(struct source source, const json_t *object,
			      struct seram2_response *ret_response)
{
	const char *type = NULL;
	enum err err = require_object(source, object, "an entry of ramResponses");

	if (err == ERR_NONE)
		err = read_text(source, object, "ramResponseType", &type);
	if (err != ERR_NONE)
		return err;
	if (!is_spelled(type, &response_spelling))
		return fault_set(source.fault, ERR_UNSUPPORTED, "unknown ramResponseType %.40s", type);
	return read_apdus(source, object, "listOfRAPDU", true, &ret_response->apdus,
			  &ret_response->apdu_count);
}

static enum err read_report(struct source source, const json_t *root, struct seram2_report *report)
{
	const json_t *list;
	enum err err = read_status(source, json_object_get(root, "localAgentStatus"), report);

	if (err == ERR_NONE)
		err = read_list(source, root, "ramResponses", SERAM2_MAX_ELEMENTS, &list,
				&report->response_count);
	if (err != ERR_NONE)
		return err;
	struct seram2_response *responses =
		arena_alloc_array(source.arena, report->response_count + 1, sizeof(*responses));
	if (responses == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < report->response_count && err == ERR_NONE; i++)
		err = read_response(source, json_array_get(list, i), &responses[i]);
	report->responses = responses;
	return err;
}

enum err seram2_report_parse(struct bytes json, struct arena *arena, struct seram2_report *ret_report,
			     struct fault *fault)
{
	const struct source source = { arena, fault };
	struct seram2_report report = { 0 };
	json_t *root;
	enum err err = open_message(source, json, &root);

	if (err != ERR_NONE)
		return err;
	err = read_report(source, root, &report);
	json_decref(root);
	if (err == ERR_NONE)
		*ret_report = report;
	return err;
}
