/* Messages of SERAM 2.0.0. What the schema allows is read and built again as it stands. What contradicts it
 * is read in spite of its spelling and built as the schema spells it; a C-APDU that is no hexadecimal is
 * refused. */
#include "kind_se.h"

#include <stdlib.h>
#include <string.h>

#include "seram/seram2.h"
#include "seram/seram_table.h"

#define STRANGE_APDU "00A40400OA0001020304050607080900A"
#define MENDED_APDU  "00A404000A0001020304050607080900"

struct message {
	struct vector *v;
	struct bytes json;
	struct fault fault;
};

/* Parsed and built again. */
static enum err copy_offer(struct message *m, struct bytes *ret_json)
{
	struct seram2_offer offer;
	struct seram2_choice choice;
	enum err err = seram2_offer_parse(m->json, m->v->arena, &offer, &m->fault);

	if (err == ERR_NONE)
		err = seram2_choose(&offer, &choice, &m->fault);
	return err == ERR_NONE ? seram2_offer_build(m->v->arena, &offer, ret_json) : err;
}

static enum err copy_choice(struct message *m, struct bytes *ret_json)
{
	struct seram2_choice choice;
	enum err err = seram2_choice_parse(m->json, m->v->arena, &choice, &m->fault);

	return err == ERR_NONE ? seram2_choice_build(m->v->arena, &choice, ret_json) : err;
}

static enum err copy_order(struct message *m, struct bytes *ret_json)
{
	struct seram2_order order;
	enum err err = seram2_order_parse(m->json, m->v->arena, &order, &m->fault);

	return err == ERR_NONE ? seram2_order_build(m->v->arena, &order, ret_json, &m->fault) : err;
}

static enum err copy_report(struct message *m, struct bytes *ret_json)
{
	struct seram2_report report;
	enum err err = seram2_report_parse(m->json, m->v->arena, &report, &m->fault);

	return err == ERR_NONE ? seram2_report_build(m->v->arena, &report, ret_json) : err;
}

static const struct kind {
	const char *member; /* that only this message has */
	enum err (*copy)(struct message *m, struct bytes *ret_json);
} kinds[] = {
	{ "secureElements", copy_offer },
	{ "chosenTransportProtocol", copy_choice },
	{ "localAgentStatus", copy_report },
	{ "ramCommands", copy_order },
};

static const struct kind *kind_of(const json_t *message)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (json_object_get(message, kinds[i].member) != NULL)
			return &kinds[i];
	}
	return NULL;
}

static enum err text_of(struct vector *v, const json_t *message, struct bytes *ret_json)
{
	char *text = json_dumps(message, JSON_COMPACT);
	enum err err = text == NULL ? ERR_NOMEM : bytes_copy(v->arena, bytes_of_text(text), ret_json);

	free(text);
	return err;
}

static json_t *mended_command(const json_t *command)
{
	const char *type = json_string_value(json_object_get(command, "ramCommandType"));
	json_t *mended = json_deep_copy(command), *apdu;
	size_t i;

	if (strcmp(type, "startCommand") == 0)
		json_object_set_new(mended, "ramCommandType", json_string("ramStartCommand"));
	if (strcmp(type, "stopCommand") == 0)
		json_object_set_new(mended, "ramCommandType", json_string("ramStopCommand"));
	json_array_foreach (json_object_get(mended, "listOfCAPDU"), i, apdu) {
		if (strcmp(json_string_value(apdu), STRANGE_APDU) == 0)
			json_string_set(apdu, MENDED_APDU);
	}
	return mended;
}

/* The message as the schema wants it, with the delay that an order always has from us. */
static json_t *mended_message(const json_t *message)
{
	json_t *mended = json_deep_copy(message), *commands = json_object_get(mended, "ramCommands"),
	       *command;
	size_t i;

	json_array_foreach (commands, i, command)
		json_array_set_new(commands, i, mended_command(command));
	if (commands != NULL && json_object_get(mended, "delay") == NULL)
		json_object_set_new(mended, "delay", json_integer(SERAM2_DELAY_MS));
	json_t *versions = json_object_get(mended, "supportedVersion");
	if (versions != NULL) {
		json_object_set(mended, "supportedVersions", versions);
		json_object_del(mended, "supportedVersion");
	}
	return mended;
}

static enum verdict compare(struct message *m, struct bytes built, const json_t *expected)
{
	json_t *actual = json_loadb((const char *)built.at, built.len, 0, NULL);
	const bool is_equal = json_equal(actual, expected) != 0;

	json_decref(actual);
	return is_equal ? PASSED : vector_fail(m->v, "built as %.*s", (int)built.len, (const char *)built.at);
}

/* The C-APDU of the published example goes to no card. */
static enum verdict check_refused(struct message *m, const struct kind *kind, const json_t *mended)
{
	struct bytes built;

	if (strstr((const char *)m->json.at, STRANGE_APDU) == NULL)
		return PASSED;
	if (kind->copy(m, &built) != ERR_MALFORMED || strstr(m->fault.text, "listOfCAPDU") == NULL)
		return vector_fail(m->v, "a C-APDU that is no hexadecimal is not refused: %s", m->fault.text);
	m->fault = (struct fault){ 0 };
	return text_of(m->v, mended, &m->json) == ERR_NONE ? PASSED : vector_fail(m->v, "no memory");
}

enum verdict check_seram2(struct vector *v)
{
	const json_t *message = json_object_get(v->own, "message");
	const struct kind *kind = kind_of(message);
	struct message m = { .v = v };
	struct bytes built;

	if (kind == NULL || text_of(v, message, &m.json) != ERR_NONE)
		return vector_fail(v, "no message of a known kind");
	json_t *expected = mended_message(message);
	enum verdict verdict = is_confirmed(v) && kind->copy != copy_order && !json_equal(message, expected)
				       ? vector_fail(v, "a message that follows its schema is mended")
				       : check_refused(&m, kind, expected);
	if (verdict == PASSED)
		verdict = kind->copy(&m, &built) == ERR_NONE ? compare(&m, built, expected)
							     : vector_fail(v, "refused: %s", m.fault.text);
	json_decref(expected);
	return verdict;
}
