#include "operations/delegation.h"

#include <cardea/tlv.h>

#include "gp/gp.h"
#include "gp/token.h"
#include "operations/look.h"
#include "operations/signing_key.h"

#define RECEIPTS "receipts" /* section of the inventory */

/* One row per kind of act; those of applications have as many places as there may be applications. */
static const struct act_row {
	enum delegated_act first, end;
	const char *name;      /* in results */
	const char *parameter; /* that brings a token of others */
} act_rows[] = {
	{ DELEGATED_CHANGE, DELEGATED_LOAD, "change", "tokenHex" },
	{ DELEGATED_LOAD, DELEGATED_TAKE_BACK, "load", "loadTokenHex" },
	{ DELEGATED_TAKE_BACK, DELEGATED_INSTALL, "take-back", "deleteTokenHex" },
	{ DELEGATED_INSTALL, DELEGATED_SELECT, "install", "installTokenHex" },
	{ DELEGATED_SELECT, DELEGATED_COUNT, "make-selectable", "makeSelectableTokenHex" },
};

#define ACT_ROWS (sizeof(act_rows) / sizeof(act_rows[0]))

static const char *act_name(enum delegated_act act)
{
	size_t i = 0;

	while (act >= act_rows[i].end)
		i++;
	return act_rows[i].name;
}

static struct bytes *token_note(struct task *task, enum delegated_act act)
{
	return &task->kept.notes[NOTE_TOKENS + act];
}

static struct bytes *receipt_note(struct task *task, enum delegated_act act)
{
	return &task->kept.notes[NOTE_RECEIPTS + act];
}

_Static_assert(NOTE_RECEIPTS - NOTE_TOKENS >= DELEGATED_COUNT &&
		       NOTE_OTHERS - NOTE_RECEIPTS >= DELEGATED_COUNT,
	       "each act has its places");

/* ---- parameters ---- */

static enum err read_token(struct task *task, struct delegation *delegation, const struct act_row *row,
			   size_t i, struct fault *fault)
{
	struct bytes *token = &delegation->tokens[row->first + i];
	enum err err = task_hex(task, row->parameter, token, fault);

	delegation->is_on = delegation->is_on || token->len > 0;
	return err;
}

enum err delegation_prepare(struct task *task, struct delegation *ret_delegation, struct fault *fault)
{
	const char *management = task_text(task, "management", "auto");
	struct delegation d = { .is_on = strcmp(management, "delegated") == 0,
				.requires_receipts = task_flag(task, "requireReceipts", false) };
	enum err err = task_hex(task, "tokenIdentifierHex", &d.token_identifier, fault);

	for (size_t i = 0; i < ACT_ROWS && err == ERR_NONE; i++)
		err = read_token(task, &d, &act_rows[i], 0, fault);
	if (err != ERR_NONE)
		return err;
	/* the issuer's security domain needs nobody's leave */
	d.has_query = !d.is_on && strcmp(management, "auto") == 0 && !task_is_issuer(task);
	if (d.has_query)
		d.query = look_ask_status(task, SCOPE_APPLICATIONS, task->domain_aid, look_application_tags);
	*ret_delegation = d;
	return ERR_NONE;
}

enum err delegation_prepare_application(struct task *task, struct delegation *delegation, size_t i,
					struct fault *fault)
{
	enum err err = ERR_NONE;

	for (size_t row = 0; row < ACT_ROWS && err == ERR_NONE; row++) {
		if (act_rows[row].first >= DELEGATED_INSTALL)
			err = read_token(task, delegation, &act_rows[row], i, fault);
	}
	return err;
}

/* A card that does not tell is taken to need no token. */
bool delegation_is_on(const struct task *task, const struct delegation *delegation)
{
	const struct query_answer *answer = &task->kept.queries[delegation->query];
	struct registry registry;

	if (delegation->is_on || !delegation->has_query)
		return delegation->is_on;
	if (!sw_is_success(answer->sw) ||
	    registry_parse(answer->data, task->arena, &registry, NULL) != ERR_NONE)
		return false;
	const struct registry_entry *own = registry_entry_find(&registry, task->domain_aid);
	return own != NULL && privileges_need_token(privileges_of(own->privileges));
}

enum digest delegation_digest(struct task *task)
{
	struct signature_key key;
	enum digest digest = DIGEST_SHA256;

	if (signing_key_read(task, "token", task->domain_aid, &key) == ERR_NONE) {
		digest = signature_digest(&key);
		signing_key_wipe(&key);
	}
	return digest;
}

/* ---- tokens ---- */

/* Without its key the operator is told what the token would have to sign. */
static bool sign(struct task *task, struct bytes input, struct bytes *ret_token)
{
	struct signature_key key;
	enum err err = signing_key_read(task, "token", task->domain_aid, &key);

	if (err == ERR_NOT_FOUND) {
		task_report_hex(task, "tokenInputHex", input);
		task_break(task, err,
			   "the security domain has delegated management: a token is needed, and neither "
			   "given nor is "
			   "a key of kind token stored");
		return false;
	}
	if (err == ERR_NONE) {
		err = signature_make(task->arena, &key, input, ret_token);
		signing_key_wipe(&key);
	}
	if (err != ERR_NONE)
		task_break(task, err, "the stored token key cannot be used");
	return err == ERR_NONE;
}

static bool find_token(struct task *task, const struct delegation *delegation, enum delegated_act act,
		       const struct command *command, struct bytes *ret_token)
{
	struct bytes *note = token_note(task, act);
	struct bytes input;

	if (note->len == 0 && delegation->tokens[act].len > 0)
		*note = delegation->tokens[act];
	if (note->len == 0 &&
	    (!task_is_good(task, token_input(task->arena, command, &input)) || !sign(task, input, note)))
		return false;
	*ret_token = *note;
	return true;
}

/* False when the task is at its end. */
static bool compose(struct task *task, const struct delegation *delegation, enum delegated_act act,
		    const struct command *command, struct command *ret_command)
{
	struct command with = *command;
	struct bytes token;
	enum err err = ERR_NONE;
	if (delegation->token_identifier.len > 0)
		err = token_reference_add(task->arena, command, delegation->token_identifier, &with);
	if (err == ERR_NONE) {
		if (!find_token(task, delegation, act, &with, &token))
			return false;
		err = token_attach(task->arena, &with, token, ret_command);
	}
	if (err == ERR_LIMIT) {
		task_break(task, err, "%s with its token does not fit one command",
			   command_text(task->arena, command));
		return false;
	}
	return task_is_good(task, err);
}

bool delegation_add(struct batch *batch, const struct delegation *delegation, enum delegated_act act,
		    const struct command *command, unsigned what)
{
	struct command with;

	if (!delegation_is_on(batch->task, delegation))
		return batch_add_change(batch, command, what);
	if (!compose(batch->task, delegation, act, command, &with))
		return false;
	/* the answer to INSTALL [for load] alone is no confirmation: it comes with the last block */
	return act == DELEGATED_LOAD ? batch_add_change(batch, &with, what)
				     : batch_add_confirmed_change(batch, &with, what);
}

/* ---- receipts ---- */

/* The first thing that is wrong with a receipt is why the job cannot succeed. */
static void disprove(struct task *task, enum delegated_act act, const char *what)
{
	if (!task->kept.is_disproved)
		task_note_reason(task, ERR_DENIED, "the receipt of the card (%s) %s", act_name(act), what);
	task->kept.is_disproved = true;
}

/* Who makes the receipts has a name, its unique data; one without is known by the secure element. */
static const char *counter_key(struct task *task, const struct confirmation *confirmation)
{
	return confirmation->unique_data.len > 0 ? bytes_to_hex(task->arena, confirmation->unique_data)
						 : arena_printf(task->arena, "se-%u", task->instance);
}

/* The same receipt may be taken twice, when a step is repeated after a break of the server. */
static bool has_risen(struct task *task, const char *key, const struct confirmation *confirmation,
		      const char *receipt_hex)
{
	const char *text;
	bool has_risen = true;

	if (task->plugin->api->known(task->out, RECEIPTS, key, &text) != ERR_NONE)
		return true;
	json_t *last = json_loads(text, 0, NULL);
	const char *last_receipt = json_string_value(json_object_get(last, "receiptHex"));
	const json_int_t counter = json_integer_value(json_object_get(last, "counter"));
	if (confirmation->counter <= counter)
		has_risen = confirmation->counter == counter && last_receipt != NULL &&
			    strcmp(last_receipt, receipt_hex) == 0;
	json_decref(last);
	return has_risen;
}

static void check_counter(struct task *task, enum delegated_act act, const struct confirmation *confirmation)
{
	const char *key = counter_key(task, confirmation);
	const char *receipt_hex = bytes_to_hex(task->arena, confirmation->receipt);

	if (!task_is_good(task, key == NULL || receipt_hex == NULL ? ERR_NOMEM : ERR_NONE))
		return;
	if (!has_risen(task, key, confirmation, receipt_hex)) {
		disprove(task, act, "has a counter that does not rise: it is an old one");
		return;
	}
	const char *json = arena_printf(task->arena, "{\"counter\":%u,\"receiptHex\":\"%s\"}",
					confirmation->counter, receipt_hex);
	if (task_is_good(task, json == NULL ? ERR_NOMEM : ERR_NONE))
		task_is_good(task, task->plugin->api->learn(task->out, RECEIPTS, key, json));
}

/* ERR_NOT_FOUND: there is no key to verify it with. */
static enum err verify(struct task *task, const struct confirmation *confirmation, struct bytes input)
{
	struct signature_key key;
	enum err err = signing_key_read(task, "receipt", task->domain_aid, &key);

	if (err != ERR_NONE)
		return err;
	err = signature_verify(task->arena, &key, input, confirmation->receipt);
	signing_key_wipe(&key);
	return err;
}

/* 1 when it was verified, what it signs with its length before, the confirmation. */
static void note_receipt(struct task *task, enum delegated_act act, bool is_verified, struct bytes input,
			 struct bytes confirmation)
{
	struct builder b = builder_in(task->arena);

	build_u8(&b, is_verified);
	build_u16(&b, (uint16_t)input.len);
	build_bytes(&b, input);
	build_bytes(&b, confirmation);
	task_is_good(task, builder_bytes(&b, receipt_note(task, act)));
}

static void check_receipt(struct task *task, const struct delegation *delegation, enum delegated_act act,
			  const struct receipt_subject *subject, struct bytes data)
{
	struct confirmation confirmation;
	struct bytes input;

	if (confirmation_parse(data, &confirmation, NULL) != ERR_NONE) {
		disprove(task, act, "cannot be read");
		return;
	}
	if (!task_is_good(task, receipt_input(task->arena, &confirmation, subject, &input)))
		return;
	const enum err err = verify(task, &confirmation, input);
	if (err == ERR_NOT_FOUND && delegation->requires_receipts)
		disprove(task, act, "cannot be verified: no key of kind receipt is stored");
	else if (err != ERR_NONE && err != ERR_NOT_FOUND)
		disprove(task, act, "does not verify");
	else if (!bytes_equal(confirmation.token_identifier, delegation->token_identifier))
		disprove(task, act, "is for another token");
	else if (err == ERR_NONE)
		check_counter(task, act, &confirmation);
	note_receipt(task, act, err == ERR_NONE && !task->kept.is_disproved, input, data);
}

void delegation_take(struct task *task, const struct delegation *delegation, enum delegated_act act,
		     const struct receipt_subject *subject, const struct card_answer *answer)
{
	struct bytes data;

	if (!delegation_is_on(task, delegation))
		return;
	if (confirmation_of_answer(answer->response.data, &data, NULL) != ERR_NONE)
		disprove(task, act, "cannot be read");
	else if (data.len > 0)
		check_receipt(task, delegation, act, subject, data);
}

/* ---- the end ---- */

/* Something of ours went with a token, and its receipt has not come: the card makes none, or the link lost
 * it. */
static bool is_missing_receipts(struct task *task)
{
	for (size_t i = 0; i < DELEGATED_COUNT; i++) {
		if (token_note(task, (enum delegated_act)i)->len > 0 &&
		    receipt_note(task, (enum delegated_act)i)->len == 0)
			return true;
	}
	return false;
}

void delegation_succeed(struct task *task, const struct delegation *delegation)
{
	const char *reason = arena_strdup(task->arena, task->kept.reason);

	if (task->kept.is_disproved)
		task_fail(task, task->kept.kind, "%s; the change itself is on the card",
			  reason != NULL ? reason : "");
	else if (delegation->requires_receipts && is_missing_receipts(task))
		task_fail(task, ERR_NOT_FOUND,
			  "the change is on the card, but not all of its receipts have come: the card makes "
			  "none, "
			  "or the link lost them");
	else
		task_succeed(task);
}

static json_t *receipt_json(struct task *task, enum delegated_act act)
{
	struct reader r = reader_of(*receipt_note(task, act));
	const bool is_verified = read_u8(&r) != 0;
	struct bytes input = read_bytes(&r, read_u16(&r));
	struct confirmation confirmation;

	if (confirmation_parse(read_rest(&r), &confirmation, NULL) != ERR_NONE)
		return NULL;
	return json_pack("{s:s, s:b, s:i, s:s, s:s, s:s}", "of", act_name(act), "isVerified", is_verified,
			 "counter", confirmation.counter, "uniqueDataHex",
			 bytes_to_hex(task->arena, confirmation.unique_data), "receiptHex",
			 bytes_to_hex(task->arena, confirmation.receipt), "signedHex",
			 bytes_to_hex(task->arena, input));
}

void delegation_report(struct task *task, const struct delegation *delegation)
{
	json_t *receipts = json_array();

	for (size_t i = 0; i < DELEGATED_COUNT; i++) {
		if (receipt_note(task, (enum delegated_act)i)->len > 0)
			json_array_append_new(receipts, receipt_json(task, (enum delegated_act)i));
	}
	if (delegation_is_on(task, delegation) || json_array_size(receipts) > 0)
		task_report(task, "receipts", receipts);
	else
		json_decref(receipts);
}
