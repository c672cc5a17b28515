/* se.upgrade: a load file is on the card in the version of the package, and the applications that were made
 * from the one before have kept their data (GlobalPlatform Amendment H).
 *
 *   LOOK: registry, and the card's session of upgrade
 *     no session, that version is there -> done: are all applications still there?
 *     no session, another version       -> START
 *     it waits for the load file        -> INSTALL [for load], LOAD ...
 *     it was interrupted, or waits      -> RESUME
 *     the restore has failed            -> RECOVERY, then the package `rollback`
 *   and LOOK again after each. Where the card stands is all that counts, so a break at any instant, of the
 * link, the server or the card, only leads back to looking. */
#include "operations/operations.h"

#include <cardea/tlv.h>

#include "channel/channel.h"
#include "gp/elf_upgrade.h"
#include "operations/loading.h"
#include "operations/look.h"

enum stage { STAGE_LOOK, STAGE_ACT };

enum { ACT_STATUS = LOADING_ACTS_END, ACT_MANAGE };

enum { NOTE_INSTANCES = LOADING_NOTES_END, NOTE_SESSION };

/* Flags of the kept state. */
enum {
	CHANGED = 1 << 0, /* something was sent by this job */
	ABANDONED = 1 << 1,
	ROLLING_BACK = 1 << 2, /* the other package is loaded; kept.kind and reason say why */
	REFUSED = 1 << 3,      /* the card refused an act: kept.kind and reason say why */
	ACTION_SHIFT = 4,      /* four bits: enum upgrade_action, UPGRADE_ACTIONS for loading */
	ACTION_MASK = 0xF << ACTION_SHIFT,
	TRIES_SHIFT = 8, /* four bits: how often the same action was due in a row */
	TRIES_MASK = 0xF << TRIES_SHIFT,
};

#define MAX_TRIES 6

struct order {
	struct delegation delegation;
	struct load_file file, rollback; /* rollback without content: there is none */
	struct install_parameters memory, rollback_memory;
	struct loading loading, rollback_loading;
	int options;
	bool abandons;
	unsigned load_files, applications;
};

/* ---- parameters ---- */

static enum err read_rollback(struct task *task, struct order *order, struct fault *fault)
{
	const char *id =
		json_string_value(json_object_get(json_object_get(task->params, "rollback"), "package"));
	struct cardea_package package;

	if (id == NULL)
		return ERR_NONE;
	enum err err = task->plugin->api->package(task->out, id, &package);
	if (err == ERR_NONE)
		err = load_file_parse(package.content, task->arena, &order->rollback, fault);
	if (err == ERR_NONE && !bytes_equal(order->rollback.aid, order->file.aid))
		return fault_set(fault, ERR_MALFORMED, "rollback: the package is of another load file");
	return err;
}

/* Which bytes are loaded, and how, is a matter of loading.c; both packages are for the same place. */
static enum err prepare_loading(struct task *task, const struct load_file *file, struct order *order,
				struct install_parameters *memory, struct loading *loading,
				struct fault *fault)
{
	memory->code_bytes = (uint32_t)file->block.len;
	*loading = (struct loading){ .file = file, .delegation = &order->delegation, .memory = memory };
	enum err err = task_hex(task, "loadIntoAidHex", &loading->domain, fault);
	return err == ERR_NONE ? loading_prepare(task, loading, fault) : err;
}

static enum err read_packages(struct task *task, struct order *order, struct fault *fault)
{
	enum err err = load_file_parse(task->step->package, task->arena, &order->file, fault);

	if (err == ERR_NONE && order->file.form == LOAD_FILE_CIPHERED)
		return fault_set(fault, ERR_UNSUPPORTED,
				 "the package is ciphered: which version it is cannot be read");
	if (err == ERR_NONE)
		err = read_rollback(task, order, fault);
	if (err == ERR_NONE)
		err = prepare_loading(task, &order->file, order, &order->memory, &order->loading, fault);
	if (err == ERR_NONE)
		err = prepare_loading(task, &order->rollback, order, &order->rollback_memory,
				      &order->rollback_loading, fault);
	return err;
}

static enum err prepare(struct task *task, struct fault *fault)
{
	struct order *order = arena_alloc(task->arena, sizeof(*order));

	if (order == NULL)
		return ERR_NOMEM;
	*order = (struct order){ .options = (int)task_number(task, "options", -1),
				 .abandons = task_flag(task, "abandon", false) };
	enum err err = delegation_prepare(task, &order->delegation, fault);
	if (err == ERR_NONE)
		err = read_packages(task, order, fault);
	if (err != ERR_NONE)
		return err;
	order->load_files = look_ask_status(task, SCOPE_LOAD_FILES, order->file.aid, look_load_file_tags);
	order->applications =
		look_ask_status(task, SCOPE_APPLICATIONS, bytes_of(NULL, 0), look_application_tags);
	task->order = order;
	return ERR_NONE;
}

static void go_look(struct task *task)
{
	task->kept.stage = STAGE_LOOK;
	task->kept.notes[NOTE_SESSION] = bytes_of(NULL, 0);
	loading_restart(task);
	look_again(task);
}

/* ---- the applications ---- */

/* Those that are made from the load file, each with its length before. */
static void note_instances(struct task *task, const struct registry *applications)
{
	const struct order *order = task->order;
	struct builder b = builder_in(task->arena);

	for (size_t i = 0; i < applications->count; i++) {
		if (bytes_equal(applications->entries[i].load_file, order->file.aid))
			build_lv(&b, applications->entries[i].aid);
	}
	task_is_good(task, builder_bytes(&b, &task->kept.notes[NOTE_INSTANCES]));
}

/* The first that was there before the upgrade and is not any more; empty when all are. */
static struct bytes find_lost(const struct task *task, const struct registry *applications)
{
	struct reader r = reader_of(task->kept.notes[NOTE_INSTANCES]);

	while (reader_left(&r) > 0) {
		struct bytes aid = read_lv(&r);
		if (registry_entry_find(applications, aid) == NULL)
			return aid;
	}
	return bytes_of(NULL, 0);
}

/* ---- deciding ---- */

static const char *why(struct task *task)
{
	const char *reason = arena_strdup(task->arena, task->kept.reason);

	return reason != NULL ? reason : "";
}

/* Sends the action, unless the card has not moved on by it several times. */
static void act(struct task *task, unsigned action, const struct upgrade_session *session)
{
	uint32_t *flags = &task->kept.flags;
	const unsigned last = (*flags & ACTION_MASK) >> ACTION_SHIFT;
	const bool is_again = (*flags & CHANGED) != 0 && last == action;
	const unsigned tries = is_again ? ((*flags & TRIES_MASK) >> TRIES_SHIFT) + 1 : 0;

	if (tries > MAX_TRIES) {
		task_break(task, ERR_CONFLICT, "the upgrade does not get on: the card tells %02X, %s",
			   session->status, session->text);
		return;
	}
	*flags &= ~(uint32_t)(ACTION_MASK | TRIES_MASK);
	*flags |= CHANGED | action << ACTION_SHIFT | tries << TRIES_SHIFT;
	task->kept.stage = STAGE_ACT;
}

static bool is_version(const struct registry_entry *entry, const struct load_file *file)
{
	return entry->version.len == 2 && entry->version.at[0] == file->major &&
	       entry->version.at[1] == file->minor;
}

/* No session is open: what is on the card is how it stays. */
static void compare(struct task *task, const struct registry_entry *entry,
		    const struct registry *applications, const struct upgrade_session *session)
{
	const struct order *order = task->order;
	const bool is_rolling_back = (task->kept.flags & ROLLING_BACK) != 0;
	const struct bytes lost = find_lost(task, applications);

	if (entry == NULL) {
		task_fail(task, ERR_NOT_FOUND, "load file %s is not on the card: there is nothing to upgrade",
			  bytes_to_hex(task->arena, order->file.aid));
	} else if (is_rolling_back ? !is_version(entry, &order->rollback)
				   : !is_version(entry, &order->file)) {
		if (is_rolling_back || (task->kept.flags & REFUSED) != 0) {
			task_fail(task, task->kept.kind, "%s", why(task));
			return;
		}
		note_instances(task, applications);
		act(task, UPGRADE_START, session);
	} else if (lost.len > 0) {
		task_fail(task, ERR_CONFLICT,
			  "the card tells that the upgrade is completed, and application %s is gone",
			  bytes_to_hex(task->arena, lost));
	} else if (is_rolling_back) {
		task_fail(task, task->kept.kind,
			  "%s; version %u.%u is back, with the data of its applications", why(task),
			  order->rollback.major, order->rollback.minor);
	} else {
		delegation_succeed(task, &order->delegation);
	}
}

/* The new version will not do: the one before takes its place, if we have it. */
static void roll_back(struct task *task, const struct upgrade_session *session)
{
	const struct order *order = task->order;

	if (order->rollback.content.len == 0 || (task->kept.flags & ROLLING_BACK) != 0) {
		task_fail(task, task->kept.kind,
			  "%s; the card holds the data of the applications and waits (%s) for "
			  "another package of this load file",
			  why(task), session->text);
		return;
	}
	task->kept.flags |= ROLLING_BACK;
	task->kept.flags &= ~(uint32_t)REFUSED;
	loading_forget(task);
	act(task, session->need == UPGRADE_NEEDS_RECOVERY ? UPGRADE_RECOVERY : UPGRADE_ACTIONS, session);
}

static void restore_failed(struct task *task, const struct upgrade_session *session)
{
	const uint32_t flags = task->kept.flags;
	const bool is_recovery_lost =
		(flags & ACTION_MASK) >> ACTION_SHIFT == UPGRADE_RECOVERY && (flags & REFUSED) == 0;

	/* a session that failed before this job gets this job's package */
	if ((flags & CHANGED) == 0 || is_recovery_lost) {
		act(task, UPGRADE_RECOVERY, session);
		return;
	}
	if ((task->kept.flags & ROLLING_BACK) == 0)
		task_note_reason(
			task, ERR_CONFLICT,
			"the applications could not be restored from the new version of the load file");
	roll_back(task, session);
}

static void abandon(struct task *task, const struct upgrade_session *session)
{
	if (session->need == UPGRADE_NEEDS_NOTHING)
		task_succeed(task);
	else if ((task->kept.flags & (ABANDONED | REFUSED)) != 0)
		task_fail(task, ERR_CONFLICT, "the card does not give up its upgrade: %s", session->text);
	else
		act(task, UPGRADE_ABORT, session);
}

static void decide(struct task *task, const struct registry_entry *entry, const struct registry *applications,
		   const struct upgrade_session *session)
{
	const struct order *order = task->order;

	if (session->need != UPGRADE_NEEDS_NOTHING && session->load_file.len > 0 &&
	    !bytes_equal(session->load_file, order->file.aid)) {
		task_fail(task, ERR_CONFLICT, "the card is in the upgrade of another load file, %s (%s)",
			  bytes_to_hex(task->arena, session->load_file), session->text);
		return;
	}
	if (order->abandons) {
		abandon(task, session);
		return;
	}
	switch (session->need) {
	case UPGRADE_NEEDS_NOTHING:
		compare(task, entry, applications, session);
		break;
	case UPGRADE_NEEDS_LOAD_FILE:
		if ((task->kept.flags & REFUSED) != 0)
			roll_back(task, session);
		else
			act(task, UPGRADE_ACTIONS, session);
		break;
	case UPGRADE_NEEDS_RESUME:
		act(task, UPGRADE_RESUME, session);
		break;
	case UPGRADE_NEEDS_RECOVERY:
		restore_failed(task, session);
		break;
	}
}

static void advance(struct task *task)
{
	const struct order *order = task->order;
	struct registry files, applications;
	struct upgrade_session session;
	struct fault fault = { 0 };

	if (task->kept.stage != STAGE_LOOK || !look_is_done(task) || task->kept.ending != ENDING_NONE ||
	    task->kept.notes[NOTE_SESSION].len == 0)
		return;
	if (!look_registry(task, order->load_files, &files) ||
	    !look_registry(task, order->applications, &applications))
		return;
	enum err err = upgrade_session_parse(task->kept.notes[NOTE_SESSION], &session, &fault);
	if (err != ERR_NONE) {
		task_break(task, err, "MANAGE ELF UPGRADE: %s", fault.text);
		return;
	}
	task->kept.is_unproven = false;
	decide(task, registry_entry_find(&files, order->file.aid), &applications, &session);
}

/* ---- acting ---- */

static struct loading *loading_of(struct task *task)
{
	struct order *order = task->order;

	return (task->kept.flags & ROLLING_BACK) != 0 ? &order->rollback_loading : &order->loading;
}

static bool add_manage(struct task *task, struct batch *batch, enum upgrade_action action, unsigned what)
{
	const struct order *order = task->order;
	struct command command;

	if (!task_is_good(task, upgrade_command_build(task->arena, action, order->file.aid, order->options,
						      &command)))
		return false;
	return what == ACT_STATUS ? batch_add(batch, &command, what, ANSWER_SHORT + 32)
				  : batch_add_change(batch, &command, what);
}

static void plan(struct task *task, struct batch *batch)
{
	const unsigned action = (task->kept.flags & ACTION_MASK) >> ACTION_SHIFT;

	if (task->kept.stage == STAGE_LOOK) {
		if (task->kept.notes[NOTE_SESSION].len == 0)
			add_manage(task, batch, UPGRADE_STATUS, ACT_STATUS);
		look_plan(task, batch);
	} else if (action == UPGRADE_ACTIONS) {
		loading_plan(task, batch, loading_of(task));
	} else {
		add_manage(task, batch, (enum upgrade_action)action, ACT_MANAGE);
	}
}

static void take_status(struct task *task, const struct card_answer *answer)
{
	const uint16_t sw = answer->response.sw;

	if (answer->is_cut)
		go_look(task);
	else if (sw_is_success(sw))
		task_is_good(task,
			     bytes_copy(task->arena, answer->response.data, &task->kept.notes[NOTE_SESSION]));
	else
		task_break(task, sw == SW_NO_INSTRUCTION ? ERR_UNSUPPORTED : sw_kind(sw),
			   "the card does not tell about upgrades of load files: %04X %s", sw, sw_text(sw));
}

static void refuse(struct task *task, const struct planned *planned, uint16_t sw)
{
	task->kept.flags |= REFUSED;
	if ((task->kept.flags & ROLLING_BACK) == 0)
		task_note_reason(task, sw_kind(sw), "%s: %04X %s", command_text(task->arena, &planned->plain),
				 sw, sw_text(sw));
}

static void take_act(struct task *task, const struct planned *planned, const struct card_answer *answer)
{
	struct loading *loading = loading_of(task);

	if (planned->what == ACT_MANAGE) {
		if ((task->kept.flags & ACTION_MASK) >> ACTION_SHIFT == UPGRADE_ABORT)
			task->kept.flags |= ABANDONED;
		go_look(task);
	} else if (loading_compose(task, loading) && loading_take(task, loading, planned, answer)) {
		go_look(task);
	}
}

static void take(struct task *task, const struct planned *planned, const struct card_answer *answer)
{
	if (planned->what == ACT_STATUS) {
		take_status(task, answer);
	} else if (planned->what < ACT_FOR_LOAD) {
		look_take(task, planned, answer);
	} else if (task->kept.stage == STAGE_LOOK) {
		return; /* an answer after the failed one: the card refused it all the same */
	} else if (answer->is_cut) {
		task_reopen(task, task->kept.key_version);
		go_look(task);
	} else if (sw_is_success(answer->response.sw)) {
		take_act(task, planned, answer);
	} else {
		refuse(task, planned, answer->response.sw);
		go_look(task);
	}
}

/* ---- the end ---- */

static void finish(struct task *task)
{
	const struct order *order = task->order;
	struct reader r = reader_of(task->kept.notes[NOTE_INSTANCES]);
	json_t *kept = json_array();

	while (reader_left(&r) > 0)
		json_array_append_new(kept, json_string(bytes_to_hex(task->arena, read_lv(&r))));
	task_report_hex(task, "aidHex", order->file.aid);
	task_report(task, "version", json_sprintf("%u.%u", order->file.major, order->file.minor));
	task_report(task, "alreadyUpgraded", json_boolean((task->kept.flags & CHANGED) == 0));
	task_report(task, "keptAidsHex", kept);
	delegation_report(task, &order->delegation);
	channel_report(task);
}

const struct operation upgrade_operation = {
	.name = "se.upgrade",
	.prepare = prepare,
	.plan = plan,
	.take = take,
	.advance = advance,
	.lost = go_look,
	.finish = finish,
};
