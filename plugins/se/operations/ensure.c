/* se.ensure: the card has the load files and applications that are wanted, and not those that are not.
 *
 *   LOOK -> nothing missing? done. -> ACT: all that is missing, in one order -> LOOK ...
 *
 * The plan is computed from the parameters and the last look, in every step anew, and `position` in it is
 * kept. After a break the look comes first, and what is done already is not in the plan that follows. */
#include "operations/operations.h"

#include "channel/channel.h"
#include "operations/ensure_plan.h"
#include "operations/loading.h"
#include "operations/look.h"

enum stage { STAGE_LOOK, STAGE_ACT };

enum { ACT_OTHER = LOADING_ACTS_END };

/* Flags of the kept state. */
enum {
	TOLD_PLAN = 1 << 0,
	CHANGED = 1 << 1,   /* something was sent by this job */
	CONFIRMED = 1 << 2, /* the card did all of a plan; the look must agree */
	FAILED = 1 << 3,    /* kept.kind and reason say why */
};

/* What is wanted, and what of it is under way; that lives for a step. */
struct order {
	struct ensure *ensure;
	struct plan *plan;           /* of the last look; NULL: not made */
	const struct action *loaded; /* whose load file this is; NULL: none */
	struct load_file file;
	struct install_parameters memory;
	struct delegation delegation; /* there is none */
	struct loading loading;
};

static enum err prepare(struct task *task, struct fault *fault)
{
	struct order *order = arena_alloc(task->arena, sizeof(*order));

	if (order == NULL)
		return ERR_NOMEM;
	*order = (struct order){ 0 };
	task->order = order;
	return ensure_read(task, &order->ensure, fault);
}

/* Each load file is ciphered by itself. */
static void next_action(struct task *task)
{
	task->kept.action++;
	loading_restart(task);
	for (size_t i = NOTE_OTHERS; i < KEPT_MAX_NOTES; i++)
		task->kept.notes[i] = bytes_of(NULL, 0);
}

static void go_look(struct task *task)
{
	struct order *order = task->order;

	next_action(task);
	task->kept.action = 0;
	task->kept.stage = STAGE_LOOK;
	order->plan = NULL;
	look_again(task);
}

/* ---- deciding ---- */

/* False when the task is at its end: the card does not tell what it has. */
static bool see(struct task *task, struct card_view *ret_card)
{
	const struct order *order = task->order;
	const struct ensure *ensure = order->ensure;
	const bool has_modules = task->kept.queries[ensure->load_files].state != QUERY_DONE;
	const struct query_answer *resources = &task->kept.queries[ensure->resources];
	struct card_view card = { 0 };

	if (!look_registry(task, has_modules ? ensure->modules : ensure->load_files, &card.files) ||
	    !look_registry(task, ensure->applications, &card.applications))
		return false;
	card.has_resources = sw_is_success(resources->sw) &&
			     card_resources_parse(resources->data, &card.resources, NULL) == ERR_NONE;
	*ret_card = card;
	return true;
}

/* What is missing, as far as it can be told when it cannot be had. False without a plan: the task is at its
 * end. */
static bool make_plan(struct task *task, struct fault *fault)
{
	struct order *order = task->order;
	struct plan *plan = arena_alloc(task->arena, sizeof(*plan));
	struct card_view card;

	if (!task_is_good(task, plan == NULL ? ERR_NOMEM : ERR_NONE) || !see(task, &card))
		return false;
	enum err err = ensure_plan(task, order->ensure, &card, plan, fault);
	if (err != ERR_NONE && fault->kind == ERR_NONE && !task_is_good(task, err))
		return false;
	order->plan = plan;
	return true;
}

/* While it is carried out, the plan is always the same. */
static bool has_plan(struct task *task)
{
	const struct order *order = task->order;
	struct fault fault = { 0 };

	return order->plan != NULL || make_plan(task, &fault);
}

static void tell_plan(struct task *task, const char *name, const struct plan *plan)
{
	json_t *list = json_array();

	for (size_t i = 0; i < plan->count; i++)
		json_array_append_new(list, action_json(task, &plan->actions[i]));
	task_report(task, name, list);
}

/* Something is missing that will not come. The reason of the card comes before ours. */
static void give_up(struct task *task, const struct plan *plan, const struct fault *fault)
{
	const uint32_t flags = task->kept.flags;
	const char *reason = arena_strdup(task->arena, task->kept.reason);

	if ((flags & CHANGED) != 0)
		tell_plan(task, "left", plan);
	if ((flags & FAILED) != 0)
		task_fail(task, task->kept.kind, "%s", reason != NULL ? reason : "");
	else if (fault->kind != ERR_NONE)
		task_fail(task, fault->kind, "%s", fault->text);
	else
		task_break(
			task, ERR_CONFLICT,
			"the card confirmed all commands, but its registry shows that %zu are still needed",
			plan->count);
}

static void decide(struct task *task, const struct fault *fault)
{
	const struct order *order = task->order;
	const struct plan *plan = order->plan;
	uint32_t *flags = &task->kept.flags;

	if ((*flags & TOLD_PLAN) == 0 && fault->kind == ERR_NONE) {
		tell_plan(task, "actions", plan);
		*flags |= TOLD_PLAN;
	}
	if (fault->kind == ERR_NONE && (order->ensure->is_plan || plan->count == 0)) {
		task_succeed(task);
	} else if (fault->kind != ERR_NONE || (*flags & (FAILED | CONFIRMED)) != 0) {
		give_up(task, plan, fault);
	} else {
		*flags |= CHANGED;
		task->kept.stage = STAGE_ACT;
	}
}

static void advance(struct task *task)
{
	struct fault fault = { 0 };

	if (task->kept.stage != STAGE_LOOK || !look_is_done(task) || task->kept.ending != ENDING_NONE)
		return;
	task->kept.is_unproven = false;
	if (make_plan(task, &fault))
		decide(task, &fault);
}

/* ---- acting ---- */

static enum err compose_install(struct task *task, const struct action *action, struct command *ret_command)
{
	const struct wanted_application *application = action->application;
	struct install_parameters parameters = application->parameters;
	struct install_order order = {
		.load_file = action->file->aid,
		.module = application->module,
		.instance = application->aid,
		.privileges = application->privileges,
		.make_selectable = application->state != WANT_INSTALLED,
	};

	if (!order.make_selectable)
		parameters.implicit_selection = bytes_of(NULL, 0);
	enum err err = install_parameters_build(task->arena, &parameters, &order.parameters);
	return err == ERR_NONE ? gp_install_for_install(task->arena, &order, ret_command) : err;
}

static enum err compose_selectable(struct task *task, const struct action *action,
				   struct command *ret_command)
{
	const struct wanted_application *application = action->application;
	const struct install_parameters parameters = { .implicit_selection =
							       application->parameters.implicit_selection };

	return gp_make_selectable(task->arena, action->aid, application->privileges, &parameters,
				  ret_command);
}

static enum err compose(struct task *task, const struct action *action, struct command *ret_command)
{
	switch (action->kind) {
	case ACTION_DELETE_APPLICATION:
	case ACTION_DELETE_LOAD_FILE:
		return gp_delete(task->arena, action->aid, false, ret_command);
	case ACTION_INSTALL:
		return compose_install(task, action, ret_command);
	case ACTION_MAKE_SELECTABLE:
		return compose_selectable(task, action, ret_command);
	case ACTION_LOCK:
		*ret_command = gp_set_status(TARGET_APPLICATION, STATE_LOCKED, action->aid);
		return ERR_NONE;
	case ACTION_UNLOCK:
		*ret_command = gp_set_status(TARGET_APPLICATION, STATE_UNLOCKED, action->aid);
		return ERR_NONE;
	default:
		return ERR_INTERNAL;
	}
}

/* The load file of an action; NULL when the task is at its end. */
static struct loading *loading_of(struct task *task, const struct action *action)
{
	struct order *order = task->order;
	struct fault fault = { 0 };

	if (order->loaded == action)
		return &order->loading;
	enum err err = ensure_load_file(task, action->file, &order->file, &fault);
	if (err != ERR_NONE) {
		task_break(task, err, "package %s: %s", action->file->package_id,
			   fault.kind != ERR_NONE ? fault.text : err_name(err));
		return NULL;
	}
	order->memory = (struct install_parameters){ .code_bytes = (uint32_t)order->file.block.len };
	order->loading = (struct loading){ .file = &order->file,
					   .delegation = &order->delegation,
					   .memory = &order->memory };
	order->loaded = action;
	return &order->loading;
}

/* Only one at a time: how far it is, is kept. */
static bool plan_loading(struct batch *batch, const struct action *action, bool is_first)
{
	struct loading *loading = is_first ? loading_of(batch->task, action) : NULL;

	return loading != NULL && loading_plan(batch->task, batch, loading);
}

/* False when no more fits. */
static bool plan_action(struct batch *batch, const struct action *action, bool is_first)
{
	struct task *task = batch->task;
	struct command command;

	if (action->kind == ACTION_LOAD)
		return plan_loading(batch, action, is_first);
	enum err err = compose(task, action, &command);
	if (err == ERR_LIMIT)
		task_break(task, err, "the parameters of %s are too long for one command",
			   bytes_to_hex(task->arena, action->aid));
	else if (task_is_good(task, err))
		return batch_add_change(batch, &command, ACT_OTHER);
	return false;
}

static void plan(struct task *task, struct batch *batch)
{
	const struct order *order = task->order;

	if (task->kept.stage == STAGE_LOOK) {
		look_plan(task, batch);
		return;
	}
	if (!has_plan(task))
		return;
	for (size_t i = task->kept.action; i < order->plan->count; i++) {
		if (!plan_action(batch, &order->plan->actions[i], i == task->kept.action))
			return;
	}
	look_plan_after(task, batch);
}

static void action_done(struct task *task)
{
	const struct order *order = task->order;

	next_action(task);
	task_progress(task, task->kept.action, order->plan->count);
	if (task->kept.action < order->plan->count)
		return;
	task->kept.flags |= CONFIRMED;
	go_look(task);
}

static void take_action(struct task *task, const struct planned *planned, const struct card_answer *answer)
{
	const struct order *order = task->order;
	const bool is_loading = planned->what < LOADING_ACTS_END;

	if (!has_plan(task) || task->kept.action >= order->plan->count)
		return;
	struct loading *loading =
		is_loading ? loading_of(task, &order->plan->actions[task->kept.action]) : NULL;
	if (is_loading && (loading == NULL || !loading_compose(task, loading) ||
			   !loading_take(task, loading, planned, answer)))
		return;
	action_done(task);
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
	} else if (!sw_is_success(sw)) {
		task->kept.flags |= FAILED;
		task_note_reason(task, sw_kind(sw), "%s: %04X %s%s",
				 command_text(task->arena, &planned->plain), sw, sw_text(sw),
				 sw == SW_CONDITIONS_NOT_SATISFIED ? " (something on the card needs it)"
								   : "");
		go_look(task);
	} else {
		take_action(task, planned, answer);
	}
}

/* ---- the end ---- */

static void finish(struct task *task)
{
	const struct order *order = task->order;
	const bool has_changed = (task->kept.flags & CHANGED) != 0;

	task_report(task, "isPlan", json_boolean(order->ensure->is_plan));
	if (!order->ensure->is_plan)
		task_report(task, "alreadyAsWanted", json_boolean(!has_changed));
	channel_report(task);
}

const struct operation ensure_operation = {
	.name = "se.ensure",
	.prepare = prepare,
	.plan = plan,
	.take = take,
	.advance = advance,
	.lost = go_look,
	.finish = finish,
};
