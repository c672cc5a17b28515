/* MANAGE ELF UPGRADE of GlobalPlatform Amendment H. Its text was not at hand: the coding of command and
 * answer and the states are those that a public host (gpexp) sends and reads; what the card does in each is
 * from memory of the phases (saving, cleanup, deletion, loading, installation, restore, consolidation) and
 * ours where nothing is known.
 *
 *   start ---> saving --> cleanup --> delete --> waiting for the load file --LOAD--> waiting for restore
 * --resume--> install --> restore --> consolidate --> completed
 *
 * Each arrow is durable on its own. A card that lost its power goes on with resume where it was. When the new
 * load file lacks a module of an instance the restore has failed: recovery removes it and waits for another
 * one. */
#include "upgrade.h"

#include "chip.h"

#include <cardea/tlv.h>
#include <utlist.h>

enum action { START = 0x01, RESUME = 0x02, RECOVERY = 0x03, ABORT = 0x04, STATUS = 0x08 };

enum status {
	NO_SESSION = 0x00,
	COMPLETED = 0x01,
	WAITING_LOAD_FILE = 0x02,
	WAITING_RESTORE = 0x03,
	RESTORE_FAILED = 0x04,
	SAVING = 0x10, /* interrupted while ..., from here on */
	CLEANING_UP = 0x20,
	DELETING = 0x30,
	INSTALLING = 0x40,
	RESTORING = 0x50,
	CONSOLIDATING = 0x60,
};

bool upgrade_status_is_known(uint8_t status)
{
	return status <= RESTORE_FAILED ||
	       ((status & 0x0F) == 0 && status >= SAVING && status <= CONSOLIDATING);
}

static bool is_open(const struct upgrade *upgrade)
{
	return upgrade->status != NO_SESSION && upgrade->status != COMPLETED;
}

/* Saved, and the old ones deleted. */
static bool is_past_deletion(uint8_t status)
{
	return (status >= WAITING_LOAD_FILE && status <= RESTORE_FAILED) || status > DELETING;
}

bool upgrade_reserves(const struct registry *registry, struct bytes aid)
{
	if (!is_open(&registry->upgrade) || !is_past_deletion(registry->upgrade.status))
		return false;
	for (const struct entry *entry = registry->upgrade.saved; entry != NULL; entry = entry->next) {
		if (bytes_equal(aid_bytes(&entry->aid), aid))
			return true;
	}
	return false;
}

void upgrade_take_load_file(struct registry *registry, const struct card_aid *load_file)
{
	struct upgrade *upgrade = &registry->upgrade;
	if (upgrade->status == WAITING_LOAD_FILE && aid_equal(&upgrade->load_file, load_file))
		upgrade->status = WAITING_RESTORE;
}

bool upgrade_holds(const struct registry *registry, const struct entry *load_file)
{
	return is_open(&registry->upgrade) && load_file->kind == CARD_LOAD_FILE &&
	       aid_equal(&registry->upgrade.load_file, &load_file->aid);
}

/* ---- phases ---- */

static bool is_of_upgrade(const struct registry *registry, const struct entry *entry)
{
	return entry->kind != CARD_LOAD_FILE && aid_equal(&entry->load_file, &registry->upgrade.load_file);
}

/* What each instance gives to be kept: all of it, here. */
static bool save(struct registry *registry)
{
	registry->upgrade.saved = NULL;
	for (const struct entry *entry = registry->entries; entry != NULL; entry = entry->next) {
		if (!is_of_upgrade(registry, entry))
			continue;
		struct entry *copy = arena_alloc(registry->arena, sizeof(*copy));
		if (copy == NULL)
			return false;
		*copy = *entry;
		copy->next = NULL;
		LL_APPEND(registry->upgrade.saved, copy);
	}
	return true;
}

/* The load file with all that was made from it; what only one can have waits at the ISD. */
static void remove_all(struct registry *registry)
{
	struct entry *next;
	for (struct entry *entry = registry->entries; entry != NULL; entry = next) {
		next = entry->next;
		if (is_of_upgrade(registry, entry) || upgrade_holds(registry, entry))
			registry_remove(registry, entry);
	}
}

static bool has_module(const struct registry *registry, const struct card_aid *module)
{
	const struct entry *file = registry_find(registry, aid_bytes(&registry->upgrade.load_file));
	const struct aid_item *item = file == NULL ? NULL : file->modules;
	while (item != NULL && !aid_equal(&item->aid, module))
		item = item->next;
	return item != NULL;
}

/* New instances, empty, under the names of the old. False when the load file or their security domain is not
 * there. */
static bool install_all(struct registry *registry)
{
	for (const struct entry *saved = registry->upgrade.saved; saved != NULL; saved = saved->next) {
		struct entry instance = {
			.kind = saved->kind,
			.aid = saved->aid,
			.life_cycle = LIFE_SELECTABLE,
			.security_domain = saved->security_domain,
			.load_file = saved->load_file,
			.module = saved->module,
		};
		if (!has_module(registry, &saved->module) ||
		    registry_find(registry, aid_bytes(&saved->security_domain)) == NULL ||
		    registry_add(registry, &instance) == NULL)
			return false;
	}
	return true;
}

/* Each gets back what it gave. */
static bool restore_all(struct registry *registry)
{
	for (struct entry *saved = registry->upgrade.saved; saved != NULL; saved = saved->next) {
		struct entry *instance = registry_find(registry, aid_bytes(&saved->aid));
		if (instance == NULL)
			return false;
		struct entry *next = instance->next;
		const uint32_t privileges = saved->privileges;
		*instance = *saved;
		instance->next = next;
		instance->privileges = 0;
		registry_give(registry, instance, privileges);
	}
	return true;
}

static void forget(struct registry *registry, uint8_t status)
{
	registry->upgrade.status = status;
	registry->upgrade.saved = NULL;
}

/* One phase and the state after it; what failed is taken back. */
static uint16_t phase_run(struct card *card)
{
	struct registry *registry = &card->registry;
	struct upgrade *upgrade = &registry->upgrade;
	bool is_done = true;
	switch (upgrade->status) {
	case SAVING:
		is_done = save(registry);
		upgrade->status = CLEANING_UP;
		break;
	case CLEANING_UP:
		upgrade->status = DELETING;
		break;
	case DELETING:
		remove_all(registry);
		upgrade->status = WAITING_LOAD_FILE;
		break;
	case WAITING_RESTORE:
		upgrade->status = INSTALLING;
		break;
	case INSTALLING:
		is_done = install_all(registry);
		upgrade->status = RESTORING;
		break;
	case RESTORING:
		is_done = restore_all(registry);
		upgrade->status = CONSOLIDATING;
		break;
	default:
		forget(registry, COMPLETED);
		break;
	}
	if (!is_done) {
		if (state_restore(card, NULL) != ERR_NONE)
			return SW_MEMORY_FAILURE;
		card->registry.upgrade.status = RESTORE_FAILED;
	}
	return state_commit(card);
}

/* As far as it goes without anybody's help. */
static uint16_t phases_run(struct card *card)
{
	uint16_t sw = SW_SUCCESS;
	while (sw == SW_SUCCESS && is_open(&card->registry.upgrade) &&
	       card->registry.upgrade.status != WAITING_LOAD_FILE &&
	       card->registry.upgrade.status != RESTORE_FAILED)
		sw = phase_run(card);
	return sw;
}

/* ---- actions ---- */

static bool has_selected_instance(const struct call *call, const struct card_aid *load_file)
{
	for (const struct entry *entry = call->card->registry.entries; entry != NULL; entry = entry->next) {
		if (entry->kind != CARD_LOAD_FILE && aid_equal(&entry->load_file, load_file) &&
		    is_selected_anywhere(call->card, entry))
			return true;
	}
	return false;
}

static bool has_dependent(const struct registry *registry, const struct entry *load_file)
{
	for (const struct entry *entry = registry->entries; entry != NULL; entry = entry->next) {
		bool is_own_domain =
			aid_equal(&entry->load_file, &load_file->aid) && entry->kind == CARD_SECURITY_DOMAIN;
		for (const struct aid_item *item = entry->imports; item != NULL; item = item->next) {
			if (entry != load_file && aid_equal(&item->aid, &load_file->aid))
				return true;
		}
		if (is_own_domain)
			return true;
	}
	return false;
}

static bool order_read(struct bytes data, struct bytes *ret_aid)
{
	struct reader r = reader_of(data), inside;
	struct bytes template, options;
	uint32_t tag;
	if (!read_tlv(&r, &tag, &template) || tag != 0xA1 || !reader_done(&r))
		return false;
	inside = reader_of(template);
	if (!read_tlv(&inside, &tag, ret_aid) || tag != 0x4F)
		return false;
	if (reader_left(&inside) > 0 &&
	    (!read_tlv(&inside, &tag, &options) || tag != 0x80 || options.len != 1))
		return false;
	return reader_done(&inside);
}

static uint16_t start(struct call *call)
{
	struct registry *registry = &call->card->registry;
	struct bytes aid;
	if (!order_read(call->command.data, &aid))
		return SW_WRONG_DATA;
	const struct entry *load_file = registry_find(registry, aid);
	if (load_file == NULL || load_file->kind != CARD_LOAD_FILE)
		return SW_NO_REFERENCED_DATA;
	if (is_open(&registry->upgrade) || is_of_mask(load_file) ||
	    !registry_is_above(registry, call->selected, load_file) || has_dependent(registry, load_file) ||
	    has_selected_instance(call, &load_file->aid))
		return SW_CONDITIONS_OF_USE;
	registry->upgrade = (struct upgrade){ .status = SAVING,
					      .load_file = load_file->aid,
					      .security_domain = call->selected->aid };
	uint16_t sw = state_commit(call->card);
	return sw == SW_SUCCESS ? phases_run(call->card) : sw;
}

/* Removes the load file that could not take the instances, and waits for another. */
static uint16_t recover(struct call *call)
{
	struct registry *registry = &call->card->registry;
	if (!is_past_deletion(registry->upgrade.status) || registry->upgrade.status == WAITING_LOAD_FILE ||
	    registry->upgrade.status == CONSOLIDATING)
		return SW_CONDITIONS_OF_USE;
	remove_all(registry);
	registry->upgrade.status = WAITING_LOAD_FILE;
	return state_commit(call->card);
}

/* What was saved is lost once the old instances are deleted. */
static uint16_t abandon(struct call *call)
{
	struct registry *registry = &call->card->registry;
	if (registry->upgrade.status == CONSOLIDATING)
		return SW_CONDITIONS_OF_USE;
	forget(registry, NO_SESSION);
	return state_commit(call->card);
}

static void build_session(struct builder *b, const struct upgrade *upgrade)
{
	struct builder session = builder_in(b->arena);
	struct bytes bytes;
	size_t mark = build_open(&session, 0xA1);
	if (upgrade->status != NO_SESSION)
		build_tlv(&session, 0x4F, aid_bytes(&upgrade->load_file));
	build_tlv_u8(&session, 0x90, upgrade->status);
	build_close(&session, mark);
	build_u8(b, 0x00); /* no confirmation */
	if (builder_bytes(&session, &bytes) == ERR_NONE)
		build_lv(b, bytes);
	else
		b->bad = true;
}

uint16_t manage_upgrade(struct call *call)
{
	struct upgrade *upgrade = &call->card->registry.upgrade;
	const uint8_t action = call->command.p1;
	uint16_t sw = SW_SUCCESS;
	if (call->command.p2 != 0 || (action != START && call->command.data.len != 0))
		return call->command.p2 != 0 ? SW_WRONG_P1P2 : SW_WRONG_LENGTH;
	/* how a token would go with it is not known: delegates have to leave it */
	if (!may_manage_content(&call->card->registry, call->selected) || is_delegated(call->selected))
		return SW_CONDITIONS_OF_USE;
	if ((action == RESUME || action == RECOVERY || action == ABORT) &&
	    (!is_open(upgrade) || !aid_equal(&upgrade->security_domain, &call->selected->aid)))
		return SW_CONDITIONS_OF_USE;
	switch (action) {
	case START:
		sw = start(call);
		break;
	case RESUME:
		sw = phases_run(call->card);
		break;
	case RECOVERY:
		sw = recover(call);
		break;
	case ABORT:
		sw = abandon(call);
		break;
	case STATUS:
		break;
	default:
		return SW_WRONG_P1P2;
	}
	if (sw == SW_SUCCESS)
		build_session(call->answer, &call->card->registry.upgrade);
	return sw;
}
