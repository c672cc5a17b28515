/* se.set-state: an application, a security domain with all below it, or the card is in a state of its life
 * cycle (GPCS 2.3.1, chapter 5 and 11.10 SET STATUS).
 *
 * A terminated card tells nothing any more, so there the card's own word is all that can be had: its answer
 * counts when an R-MAC proves it, and is unknown otherwise. All else is seen in the registry before it is
 * called done. */
#include "operations/operations.h"

#include <string.h>

#include "channel/channel.h"
#include "inventory/inventory.h"
#include "operations/look.h"
#include "operations/one_change.h"

#define STATE_SELECTABLE   0x07
#define STATE_PERSONALIZED 0x0F

#define PRIVILEGE_SECURITY_DOMAIN   0x800000
#define PRIVILEGE_FINAL_APPLICATION 0x000200

enum card_state {
	CARD_OP_READY = 0x01,
	CARD_INITIALIZED = 0x07,
	CARD_SECURED = 0x0F,
	CARD_LOCKED = 0x7F,
	CARD_TERMINATED = 0xFF,
};

/* Whose state it is. A security domain says of itself alone that it is personalized (5.3.2.3). */
enum subject { OF_APPLICATION, OF_DOMAIN_ITSELF, OF_CARD };

static const struct wanted_state {
	const char *name;
	uint8_t value; /* P2 */
	enum subject subject;
} wanted_states[] = {
	{ "locked", STATE_LOCKED, OF_APPLICATION },
	{ "unlocked", STATE_UNLOCKED, OF_APPLICATION },
	{ "personalized", STATE_PERSONALIZED, OF_DOMAIN_ITSELF },
	{ "initialized", CARD_INITIALIZED, OF_CARD },
	{ "secured", CARD_SECURED, OF_CARD },
	{ "card-locked", CARD_LOCKED, OF_CARD },
	{ "terminated", CARD_TERMINATED, OF_CARD },
};

/* GPCS 5.1.1; nothing leads out of TERMINATED */
static const struct transition {
	uint8_t from, to;
} card_transitions[] = {
	{ CARD_OP_READY, CARD_INITIALIZED }, { CARD_INITIALIZED, CARD_SECURED },
	{ CARD_SECURED, CARD_LOCKED },       { CARD_LOCKED, CARD_SECURED },
	{ CARD_OP_READY, CARD_TERMINATED },  { CARD_INITIALIZED, CARD_TERMINATED },
	{ CARD_SECURED, CARD_TERMINATED },   { CARD_LOCKED, CARD_TERMINATED },
};

struct order {
	const struct wanted_state *wanted;
	struct bytes aid;
	bool related;
	unsigned query;
};

/* ---- parameters ---- */

static enum err check_application(const struct task *task, const struct order *order, struct fault *fault)
{
	if (order->aid.len == 0)
		return fault_set(fault, ERR_MALFORMED, "aidHex: the application that shall be %s",
				 order->wanted->name);
	if (bytes_equal(order->aid, task->domain_aid))
		return fault_set(fault, ERR_CONFLICT,
				 "aidHex is the security domain that would have to change itself");
	return ERR_NONE;
}

static enum err check_target(const struct task *task, const struct order *order, struct fault *fault)
{
	const struct wanted_state *wanted = order->wanted;

	if (wanted->subject == OF_APPLICATION)
		return check_application(task, order, fault);
	if (order->aid.len > 0 || order->related)
		return fault_set(
			fault, ERR_MALFORMED, "%s is a state of %s: without aidHex and related", wanted->name,
			wanted->subject == OF_CARD ? "the card" : "the security domain that is spoken to");
	if (wanted->value == CARD_TERMINATED && !task_flag(task, "confirmTermination", false))
		return fault_set(fault, ERR_CONFLICT,
				 "a terminated card is lost for ever: confirmTermination must be true");
	return ERR_NONE;
}

static enum err prepare(struct task *task, struct fault *fault)
{
	struct order *order = arena_alloc(task->arena, sizeof(*order));
	const char *state = task_text(task, "state", "");
	const struct bytes all = { NULL, 0 };

	if (order == NULL)
		return ERR_NOMEM;
	*order = (struct order){ 0 };
	for (size_t i = 0; i < sizeof(wanted_states) / sizeof(wanted_states[0]); i++) {
		if (strcmp(wanted_states[i].name, state) == 0)
			order->wanted = &wanted_states[i];
	}
	if (order->wanted == NULL)
		return fault_set(fault, ERR_MALFORMED, "state: %s does not exist", state);
	enum err err = task_hex(task, "aidHex", &order->aid, fault);
	if (err != ERR_NONE)
		return err;
	order->related = task_flag(task, "related", false);
	err = check_target(task, order, fault);
	if (err != ERR_NONE)
		return err;
	if (order->wanted->subject == OF_DOMAIN_ITSELF)
		order->aid = task->domain_aid;
	if (order->wanted->subject == OF_CARD)
		order->query = look_ask_status(task, SCOPE_ISSUER_DOMAIN, all, look_application_tags);
	else
		order->query = look_ask_status(task, SCOPE_APPLICATIONS, order->related ? all : order->aid,
					       look_application_tags);
	task->order = order;
	return ERR_NONE;
}

/* ---- looking ---- */

static bool is_possible(uint8_t from, uint8_t to)
{
	for (size_t i = 0; i < sizeof(card_transitions) / sizeof(card_transitions[0]); i++) {
		if (card_transitions[i].from == from && card_transitions[i].to == to)
			return true;
	}
	return false;
}

static enum verdict compare_card(struct task *task, const struct registry *registry)
{
	const struct order *order = task->order;
	const struct registry_entry *card = registry->entries;

	if (registry->count != 1 || card->life_cycle.len == 0) {
		task_break(task, ERR_UNSUPPORTED, "the card does not tell its life cycle state");
		return HAS_ENDED;
	}
	if (card->life_cycle.at[0] == order->wanted->value)
		return AS_WANTED;
	if (is_possible(card->life_cycle.at[0], order->wanted->value))
		return NOT_AS_WANTED;
	task_fail(task, ERR_CONFLICT, "the card is %s: no way leads from there to %s",
		  life_cycle_text(card, REGISTRY_CARD), order->wanted->name);
	return HAS_ENDED;
}

/* A card locks everything but the application that is left when all else is locked. */
static bool is_exempt(const struct registry_entry *entry)
{
	return (privileges_of(entry->privileges) & PRIVILEGE_FINAL_APPLICATION) != 0;
}

static bool is_as_wanted(const struct task *task, const struct registry_entry *entry)
{
	const struct order *order = task->order;

	if (order->wanted->subject == OF_DOMAIN_ITSELF)
		return entry->life_cycle.at[0] == STATE_PERSONALIZED;
	return (entry->life_cycle.at[0] & STATE_LOCKED) == order->wanted->value;
}

static bool is_below(const struct registry *registry, const struct registry_entry *entry, struct bytes root)
{
	for (size_t steps = 0; entry != NULL && steps <= registry->count; steps++) {
		if (bytes_equal(entry->security_domain, root))
			return true;
		entry = registry_entry_find(registry, entry->security_domain);
	}
	return false;
}

/* False when the task is at its end, because the card does not tell enough. */
static bool all_below_are_as_wanted(struct task *task, const struct registry *registry, bool *ret_answer)
{
	const struct order *order = task->order;
	bool answer = true;

	for (size_t i = 0; i < registry->count; i++) {
		const struct registry_entry *entry = &registry->entries[i];
		if (entry->security_domain.len == 0 || entry->life_cycle.len == 0) {
			task_break(task, ERR_UNSUPPORTED,
				   "the card does not tell which applications belong to the security domain");
			return false;
		}
		if (is_below(registry, entry, order->aid) && !is_exempt(entry))
			answer = answer && is_as_wanted(task, entry);
	}
	*ret_answer = answer;
	return true;
}

static enum verdict compare_application(struct task *task, const struct registry *registry)
{
	const struct order *order = task->order;
	const struct registry_entry *entry = registry_entry_find(registry, order->aid);
	bool is_done = true;

	if (entry == NULL || entry->life_cycle.len == 0) {
		task_fail(task, ERR_NOT_FOUND, "the card has no application or security domain %s",
			  bytes_to_hex(task->arena, order->aid));
		return HAS_ENDED;
	}
	if (order->related && (privileges_of(entry->privileges) & PRIVILEGE_SECURITY_DOMAIN) == 0) {
		task_fail(task, ERR_CONFLICT, "related: %s is no security domain",
			  bytes_to_hex(task->arena, order->aid));
		return HAS_ENDED;
	}
	if (order->related && !all_below_are_as_wanted(task, registry, &is_done))
		return HAS_ENDED;
	if (is_done && is_as_wanted(task, entry))
		return AS_WANTED;
	if (order->wanted->subject == OF_DOMAIN_ITSELF) {
		if (entry->life_cycle.at[0] == STATE_SELECTABLE)
			return NOT_AS_WANTED;
		task_fail(task, ERR_CONFLICT,
			  "the security domain is %s: only one that is selectable becomes personalized",
			  life_cycle_text(entry, REGISTRY_APPLICATION));
		return HAS_ENDED;
	}
	if (!is_exempt(entry))
		return NOT_AS_WANTED;
	task_fail(task, ERR_CONFLICT, "%s has the privilege final-application: it cannot be locked",
		  bytes_to_hex(task->arena, order->aid));
	return HAS_ENDED;
}

static enum verdict compare(struct task *task)
{
	const struct order *order = task->order;
	struct registry registry;

	if (!look_registry(task, order->query, &registry))
		return HAS_ENDED;
	return order->wanted->subject == OF_CARD ? compare_card(task, &registry)
						 : compare_application(task, &registry);
}

/* ---- acting ---- */

static enum err compose(struct task *task, struct command *ret_command)
{
	const struct order *order = task->order;
	const bool is_of_card = order->wanted->subject == OF_CARD;
	enum status_target target = is_of_card       ? TARGET_CARD
				    : order->related ? TARGET_HIERARCHY
						     : TARGET_APPLICATION;

	*ret_command =
		gp_set_status(target, order->wanted->value, is_of_card ? task->domain_aid : order->aid);
	return ERR_NONE;
}

/* The last word of a card. Without a proof the look comes, which it does not answer: unknown. */
static bool is_proven_end(const struct task *task, uint16_t sw)
{
	const struct order *order = task->order;

	return order->wanted->value == CARD_TERMINATED && sw == SW_OK &&
	       (task->kept.level & LEVEL_R_MAC) != 0;
}

static void finish(struct task *task)
{
	const struct order *order = task->order;

	if (order->wanted->subject == OF_CARD && order->wanted->value == CARD_TERMINATED)
		inventory_terminate(task);
	if (order->wanted->subject != OF_CARD)
		task_report_hex(task, "aidHex", order->aid);
	task_report(task, "state", json_string(order->wanted->name));
	task_report(task, "alreadySet", json_boolean(!one_change_was_due(task)));
	channel_report(task);
}

static const struct one_change new_state = {
	.compare = compare,
	.compose = compose,
	.is_last_word = is_proven_end,
	.what = "the change of state",
};

const struct operation set_state_operation = {
	.name = "se.set-state",
	.prepare = prepare,
	.change = &new_state,
	.plan = one_change_plan,
	.take = one_change_take,
	.advance = one_change_advance,
	.lost = one_change_lost,
	.finish = finish,
};
