/* GPCS 2.3.1 11.10 SET STATUS, with the states of chapter 5 and the rules of 9.6 */
#include "chip.h"

/* P1; its other bits are to be ignored */
#define TYPE_MASK        0xE0
#define TYPE_CARD        0x80
#define TYPE_APPLICATION 0x40
#define TYPE_HIERARCHY   0x60 /* a security domain and all below it */

#define ISSUER_ONLY 0

/* clang-format off */
static const struct transition {
	uint8_t from, to;
	uint32_t privilege;     /* that the security domain needs */
} card_transitions[] = {
	{ CARD_OP_READY,    CARD_INITIALIZED, ISSUER_ONLY              },
	{ CARD_INITIALIZED, CARD_SECURED,     ISSUER_ONLY              },
	{ CARD_SECURED,     CARD_LOCKED,      PRIVILEGE_CARD_LOCK      },
	{ CARD_LOCKED,      CARD_SECURED,     PRIVILEGE_CARD_LOCK      },
	{ CARD_OP_READY,    CARD_TERMINATED,  PRIVILEGE_CARD_TERMINATE },
	{ CARD_INITIALIZED, CARD_TERMINATED,  PRIVILEGE_CARD_TERMINATE },
	{ CARD_SECURED,     CARD_TERMINATED,  PRIVILEGE_CARD_TERMINATE },
	{ CARD_LOCKED,      CARD_TERMINATED,  PRIVILEGE_CARD_TERMINATE },
};
/* clang-format on */

static uint16_t set_card(struct call *call)
{
	struct entry *isd = registry_isd(&call->card->registry);
	for (size_t i = 0; i < sizeof(card_transitions) / sizeof(card_transitions[0]); i++) {
		const struct transition *transition = &card_transitions[i];
		if (transition->from != isd->life_cycle || transition->to != call->command.p2)
			continue;
		bool may = transition->privilege == ISSUER_ONLY
				   ? call->selected == isd
				   : (call->selected->privileges & transition->privilege) != 0;
		if (!may)
			return SW_CONDITIONS_OF_USE;
		isd->life_cycle = transition->to;
		return state_commit(call->card);
	}
	return SW_WRONG_DATA;
}

static bool may_lock(const struct call *call, const struct entry *entry)
{
	return (entry->privileges & PRIVILEGE_FINAL_APPLICATION) == 0 &&
	       ((call->selected->privileges & PRIVILEGE_GLOBAL_LOCK) != 0 ||
		registry_is_above(&call->card->registry, call->selected, entry));
}

/* A security domain may call itself personalized, or lock itself. */
static uint16_t set_own(struct call *call)
{
	struct entry *entry = call->selected;
	uint8_t wanted = call->command.p2;
	if ((wanted & LIFE_LOCKED) != 0 && (entry->privileges & PRIVILEGE_FINAL_APPLICATION) != 0)
		return SW_CONDITIONS_OF_USE;
	if ((wanted & LIFE_LOCKED) != 0 && (entry->life_cycle & LIFE_LOCKED) == 0)
		entry->life_cycle |= LIFE_LOCKED;
	else if (wanted == LIFE_PERSONALIZED && entry->life_cycle == LIFE_SELECTABLE)
		entry->life_cycle = LIFE_PERSONALIZED;
	else
		return SW_WRONG_DATA;
	return state_commit(call->card);
}

static uint16_t set_application(struct call *call, struct entry *entry)
{
	bool is_locking = (call->command.p2 & LIFE_LOCKED) != 0;
	if (entry == registry_isd(&call->card->registry))
		return SW_WRONG_DATA; /* it has the state of the card */
	if (entry == call->selected)
		return set_own(call);
	if (!may_lock(call, entry))
		return SW_CONDITIONS_OF_USE;
	if (is_locking == ((entry->life_cycle & LIFE_LOCKED) != 0))
		return SW_WRONG_DATA;
	entry->life_cycle ^= LIFE_LOCKED;
	return state_commit(call->card);
}

/* What is locked, or unlocked, already stays so without an error. */
static uint16_t set_hierarchy(struct call *call, struct entry *root)
{
	struct registry *registry = &call->card->registry;
	bool is_locking = (call->command.p2 & LIFE_LOCKED) != 0;
	if (root->kind != CARD_SECURITY_DOMAIN)
		return SW_NO_REFERENCED_DATA;
	if (root == registry_isd(registry) || root == call->selected || !may_lock(call, root))
		return SW_CONDITIONS_OF_USE;
	for (struct entry *entry = registry->entries; entry != NULL; entry = entry->next) {
		bool is_inside = entry->kind != CARD_LOAD_FILE &&
				 (entry == root || registry_is_above(registry, root, entry));
		if (!is_inside || (entry->privileges & PRIVILEGE_FINAL_APPLICATION) != 0)
			continue;
		entry->life_cycle &= (uint8_t)~LIFE_LOCKED;
		entry->life_cycle |= is_locking ? LIFE_LOCKED : 0;
	}
	return state_commit(call->card);
}

uint16_t set_status(struct call *call)
{
	uint8_t type = call->command.p1 & TYPE_MASK;
	if (type == TYPE_CARD)
		return set_card(call);
	if (type != TYPE_APPLICATION && type != TYPE_HIERARCHY)
		return SW_WRONG_P1P2;
	if (registry_isd(&call->card->registry)->life_cycle == CARD_LOCKED)
		return SW_FUNCTION_NOT_SUPPORTED;
	struct entry *entry = registry_find(&call->card->registry, call->command.data);
	if (entry == NULL || entry->kind == CARD_LOAD_FILE)
		return SW_NO_REFERENCED_DATA;
	return type == TYPE_APPLICATION ? set_application(call, entry) : set_hierarchy(call, entry);
}
