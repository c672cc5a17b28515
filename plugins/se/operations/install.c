/* se.install: a load file and the applications that are wanted from it are on the card, each exactly once.
 *
 *   LOOK -> is all there? done. Is something else in its place? refuse.
 *     ^         else ACT: INSTALL [for load], LOAD ..., INSTALL of the first application that is missing
 *     '---------------'
 *   When an act fails, LOOK, and DELETE the load file if it was us who loaded it. */
#include "operations/operations.h"

#include "channel/channel.h"
#include "gp/gp_json.h"
#include "operations/install_look.h"
#include "operations/look.h"

enum stage { STAGE_LOOK, STAGE_ACT, STAGE_DELETE };

enum { ACT_INSTALL = LOADING_ACTS_END, ACT_SELECT, ACT_DELETE };

/* Flags of the kept state. */
enum {
	NEEDS_LOAD = 1 << 0,
	/* 1 << 1 and 1 << 2: enum install_need of the current application */
	CHANGED = 1 << 5,      /* something was sent by this job */
	LOADED_BY_US = 1 << 6, /* the load file was not there before */
	ROLLING_BACK = 1 << 7, /* kept.kind and reason say why */
	CONFIRMED = 1 << 8,    /* the card said so; the look must agree */
	DELETE_REFUSED = 1 << 9,
	HAS_TOLD_MEMORY = 1 << 10,
	CURRENT_SHIFT = 12, /* four bits: which application is dealt with */
	CURRENT_MASK = 0xF << CURRENT_SHIFT,
	INSTALLED_SHIFT = 16, /* a bit for each that was installed by us */
			      /* 1 << 31 is of loading.c */
};

static size_t current(const struct task *task)
{
	return (task->kept.flags & CURRENT_MASK) >> CURRENT_SHIFT;
}

static void set_current(struct task *task, size_t i)
{
	task->kept.flags = (task->kept.flags & ~(uint32_t)CURRENT_MASK) | (uint32_t)i << CURRENT_SHIFT;
}

static enum err prepare(struct task *task, struct fault *fault)
{
	struct install *install;
	enum err err = install_read(task, &install, fault);

	if (err == ERR_NONE)
		task->order = install;
	return err;
}

static void go_look(struct task *task)
{
	task->kept.stage = STAGE_LOOK;
	loading_restart(task);
	look_again(task);
}

/* ---- deciding ---- */

static void begin(struct task *task, const struct install_seen *seen, size_t i, unsigned need)
{
	const struct install *install = task->order;
	uint32_t *flags = &task->kept.flags;

	if ((need & NEEDS_INSTALL) != 0 && install->applications[i].module.len == 0) {
		task_fail(task, ERR_NOT_FOUND,
			  "the card has no application %s, and moduleAidHex does not say from what",
			  install_hex(task, install->applications[i].instance));
		return;
	}
	if ((*flags & CHANGED) == 0 && !install_has_room(task, seen))
		return;
	*flags &= ~(unsigned)(NEEDS_LOAD | NEEDS_INSTALL | NEEDS_SELECT | CONFIRMED);
	*flags |= need | CHANGED;
	if (seen->file == NULL)
		*flags |= NEEDS_LOAD | LOADED_BY_US;
	set_current(task, i);
	task->kept.stage = STAGE_ACT;
}

/* What the card has against what it shall have. */
static void compare(struct task *task, const struct install_seen *seen)
{
	const struct install *install = task->order;
	unsigned need;
	const size_t i = install_find_due(install, seen, &need);

	if ((task->kept.flags & HAS_TOLD_MEMORY) == 0)
		install_tell_memory(task, "memoryBefore");
	task->kept.flags |= HAS_TOLD_MEMORY;
	if (install_is_impossible(task, seen))
		return;
	if ((seen->file != NULL && need == 0) || task->kept.is_disproved)
		delegation_succeed(task, &install->delegation);
	else if ((task->kept.flags & CONFIRMED) != 0 && i == current(task))
		task_break(task, ERR_CONFLICT,
			   "the card confirmed the installation, but its registry does not show it");
	else
		begin(task, seen, i, need);
}

/* What was installed into a load file that was there before stays, and is named. */
static const char *what_stays(struct task *task, const struct install_seen *seen)
{
	const struct install *install = task->order;
	struct builder b = builder_in(task->arena);
	struct bytes text;

	for (size_t i = 0; i < install->application_count; i++) {
		if (seen->instances[i] != NULL && (task->kept.flags >> INSTALLED_SHIFT >> i & 1) != 0)
			build_printf(&b, "; %s stays on the card",
				     install_hex(task, install->applications[i].instance));
	}
	build_u8(&b, 0);
	return task_is_good(task, builder_bytes(&b, &text)) ? (const char *)text.at : "";
}

/* The job fails for the reason that is kept; what it brought goes again. */
static void roll_back(struct task *task, const struct install_seen *seen)
{
	const struct install *install = task->order;
	const uint32_t flags = task->kept.flags;
	const enum err kind = task->kept.kind;
	const char *reason = arena_strdup(task->arena, task->kept.reason);

	if (!task_is_good(task, reason == NULL ? ERR_NOMEM : ERR_NONE))
		return;
	if (seen->file == NULL || (flags & LOADED_BY_US) == 0)
		task_fail(task, kind, "%s%s", reason, what_stays(task, seen));
	else if ((flags & DELETE_REFUSED) != 0)
		task_fail(task, kind, "%s; load file %s stays on the card, which refused to delete it",
			  reason, install_hex(task, install->file.aid));
	else if (install_has_foreign(install, seen))
		task_fail(task, kind, "%s; load file %s stays on the card", reason,
			  install_hex(task, install->file.aid));
	else
		task->kept.stage = STAGE_DELETE;
}

static void advance(struct task *task)
{
	struct install_seen seen;

	if (task->kept.stage != STAGE_LOOK || !look_is_done(task) || task->kept.ending != ENDING_NONE ||
	    !install_see(task, &seen))
		return;
	task->kept.is_unproven = false;
	if ((task->kept.flags & ROLLING_BACK) != 0)
		roll_back(task, &seen);
	else
		compare(task, &seen);
}

/* ---- acting ---- */

static void plan_act(struct task *task, struct batch *batch)
{
	struct install *install = task->order;
	const size_t i = current(task);
	const struct application *application = &install->applications[i];
	const uint32_t flags = task->kept.flags;
	struct command command;
	bool is_last = false;

	if ((flags & NEEDS_LOAD) != 0 && !loading_plan(task, batch, &install->loading))
		return;
	if ((flags & NEEDS_INSTALL) != 0) {
		is_last = delegation_add(batch, &install->delegation, DELEGATED_INSTALL + i,
					 &application->install, ACT_INSTALL);
	} else if ((flags & NEEDS_SELECT) != 0) {
		const struct install_parameters parameters = {
			.implicit_selection = application->parameters.implicit_selection
		};
		is_last = task_is_good(task,
				       gp_make_selectable(task->arena, application->instance,
							  application->privileges, &parameters, &command)) &&
			  delegation_add(batch, &install->delegation, DELEGATED_SELECT + i, &command,
					 ACT_SELECT);
	} else {
		is_last = true; /* the load file is all that is wanted */
	}
	if (is_last)
		look_plan_after(task, batch);
}

static void plan(struct task *task, struct batch *batch)
{
	const struct install *install = task->order;
	struct command command;

	if (task->kept.stage == STAGE_LOOK)
		look_plan(task, batch);
	else if (task->kept.stage == STAGE_ACT)
		plan_act(task, batch);
	else if (task_is_good(task, gp_delete(task->arena, install->file.aid, true, &command)) &&
		 delegation_add(batch, &install->delegation, DELEGATED_TAKE_BACK, &command, ACT_DELETE))
		look_plan_after(task, batch);
}

static void act_failed(struct task *task, const struct planned *planned, uint16_t sw)
{
	task->kept.flags |= ROLLING_BACK;
	task_note_reason(task, sw_kind(sw), "%s: %04X %s", command_text(task->arena, &planned->plain), sw,
			 sw_text(sw));
	go_look(task);
}

static void confirm(struct task *task)
{
	go_look(task);
	task->kept.flags |= CONFIRMED;
}

static void take_load(struct task *task, const struct planned *planned, const struct card_answer *answer)
{
	struct install *install = task->order;

	if (loading_compose(task, &install->loading) &&
	    loading_take(task, &install->loading, planned, answer) &&
	    (task->kept.flags & (NEEDS_INSTALL | NEEDS_SELECT)) == 0)
		confirm(task);
}

static void take_application(struct task *task, enum delegated_act first, const struct card_answer *answer)
{
	const struct install *install = task->order;
	const size_t i = current(task);
	const struct receipt_subject subject = {
		.fields = { install->file.aid, install->applications[i].instance },
		.count = 2,
	};

	delegation_take(task, &install->delegation, first + i, &subject, answer);
	if (first == DELEGATED_INSTALL)
		task->kept.flags |= UINT32_C(1) << INSTALLED_SHIFT << i;
	confirm(task);
}

static void take_back(struct task *task, const struct card_answer *answer)
{
	const struct install *install = task->order;
	const struct receipt_subject subject = { .fields = { install->file.aid }, .count = 1 };

	delegation_take(task, &install->delegation, DELEGATED_TAKE_BACK, &subject, answer);
	go_look(task);
}

static void take_act(struct task *task, const struct planned *planned, const struct card_answer *answer)
{
	switch (planned->what) {
	case ACT_FOR_LOAD:
	case ACT_LOAD:
		take_load(task, planned, answer);
		break;
	case ACT_INSTALL:
		take_application(task, DELEGATED_INSTALL, answer);
		break;
	case ACT_SELECT:
		take_application(task, DELEGATED_SELECT, answer);
		break;
	default:
		take_back(task, answer);
		break;
	}
}

static void take(struct task *task, const struct planned *planned, const struct card_answer *answer)
{
	const uint16_t sw = answer->response.sw;

	if (planned->what < ACT_FOR_LOAD) {
		look_take(task, planned, answer);
		return;
	}
	if (task->kept.stage == STAGE_LOOK)
		return; /* an answer after the failed one: the card refused it all the same */
	if (answer->is_cut) {
		task_reopen(task, task->kept.key_version);
		go_look(task);
	} else if (sw_is_success(sw)) {
		take_act(task, planned, answer);
	} else if (planned->what == ACT_DELETE) {
		task->kept.flags |= DELETE_REFUSED;
		go_look(task);
	} else {
		act_failed(task, planned, sw);
	}
}

/* ---- the end ---- */

static json_t *application_json(const struct task *task, const struct application *application)
{
	json_t *object = json_object();

	if (application->module.len > 0)
		json_object_set_new(object, "moduleAidHex", json_hex(task->arena, application->module));
	json_object_set_new(object, "instanceAidHex", json_hex(task->arena, application->instance));
	return object;
}

static void finish(struct task *task)
{
	const struct install *install = task->order;
	json_t *applications = json_array();

	for (size_t i = 0; i < install->application_count; i++)
		json_array_append_new(applications, application_json(task, &install->applications[i]));
	task_report_hex(task, "aidHex", install->file.aid);
	task_report(task, "applications", applications);
	if (install->application_count == 1) {
		task_report_hex(task, "moduleAidHex", install->applications[0].module);
		task_report_hex(task, "instanceAidHex", install->applications[0].instance);
	}
	task_report(task, "alreadyInstalled", json_boolean((task->kept.flags & CHANGED) == 0));
	task_report(task, "loadFileBytes", json_integer((json_int_t)install->file.content.len));
	install_tell_memory(task, "memoryAfter");
	delegation_report(task, &install->delegation);
	channel_report(task);
}

const struct operation install_operation = {
	.name = "se.install",
	.prepare = prepare,
	.plan = plan,
	.take = take,
	.advance = advance,
	.lost = go_look,
	.finish = finish,
};
