/* se.delete: a load file or an application is not on the card. */
#include "operations/operations.h"

#include "channel/channel.h"
#include "operations/look.h"

enum stage { STAGE_LOOK, STAGE_ACT };
enum { ACT_DELETE = 100 };
enum { CHANGED = 1 << 0, CONFIRMED = 1 << 1, REFUSED = 1 << 2 /* kept.kind and reason say why */ };

struct order {
	struct bytes aid;
	bool related;
	unsigned load_files, applications;
};

static enum err prepare(struct task *task, struct fault *fault)
{
	struct order *order = arena_alloc(task->arena, sizeof(*order));

	if (order == NULL)
		return ERR_NOMEM;
	enum err err = task_hex(task, "aidHex", &order->aid, fault);
	if (err != ERR_NONE)
		return err;
	if (bytes_equal(order->aid, task->domain_aid))
		return fault_set(fault, ERR_CONFLICT,
				 "aidHex is the security domain that would have to delete it");
	order->related = task_flag(task, "related", false);
	order->load_files = look_ask_status(task, SCOPE_LOAD_FILES, order->aid, look_load_file_tags);
	order->applications = look_ask_status(task, SCOPE_APPLICATIONS, order->aid, look_application_tags);
	task->order = order;
	return ERR_NONE;
}

static void go_look(struct task *task)
{
	task->kept.stage = STAGE_LOOK;
	look_again(task);
}

static void still_there(struct task *task)
{
	const char *reason = arena_strdup(task->arena, task->kept.reason);

	if ((task->kept.flags & REFUSED) != 0)
		task_fail(task, task->kept.kind, "%s", reason != NULL ? reason : "");
	else if ((task->kept.flags & CONFIRMED) != 0)
		task_fail(task, ERR_CONFLICT,
			  "the card confirmed the deletion, but its registry still shows it");
	else {
		task->kept.flags |= CHANGED;
		task->kept.stage = STAGE_ACT;
	}
}

static void advance(struct task *task)
{
	const struct order *order = task->order;
	struct registry files, applications;

	if (task->kept.stage != STAGE_LOOK || !look_is_done(task) || task->kept.ending != ENDING_NONE)
		return;
	if (!look_registry(task, order->load_files, &files) ||
	    !look_registry(task, order->applications, &applications))
		return;
	task->kept.is_unproven = false;
	if (registry_entry_find(&files, order->aid) == NULL &&
	    registry_entry_find(&applications, order->aid) == NULL)
		task_succeed(task);
	else
		still_there(task);
}

static void plan(struct task *task, struct batch *batch)
{
	const struct order *order = task->order;
	struct command command;

	if (task->kept.stage == STAGE_LOOK)
		look_plan(task, batch);
	else if (task_is_good(task, gp_delete(task->arena, order->aid, order->related, &command)))
		batch_add_change(batch, &command, ACT_DELETE);
}

static void take(struct task *task, const struct planned *planned, const struct card_answer *answer)
{
	const uint16_t sw = answer->response.sw;

	if (planned->what < ACT_DELETE) {
		look_take(task, planned, answer);
		return;
	}
	if (answer->is_cut) {
		task_reopen(task, task->kept.key_version);
	} else if (sw_is_success(sw)) {
		task->kept.flags |= CONFIRMED;
	} else {
		task->kept.flags |= REFUSED;
		task_note_reason(task, sw_kind(sw), "%s: %04X %s%s",
				 command_text(task->arena, &planned->plain), sw, sw_text(sw),
				 sw == SW_CONDITIONS_NOT_SATISFIED ? " (something on the card still needs it)"
								   : "");
	}
	go_look(task);
}

static void finish(struct task *task)
{
	const struct order *order = task->order;

	task_report_hex(task, "aidHex", order->aid);
	task_report(task, "alreadyAbsent", json_boolean((task->kept.flags & CHANGED) == 0));
	channel_report(task);
}

const struct operation delete_operation = {
	.name = "se.delete",
	.prepare = prepare,
	.plan = plan,
	.take = take,
	.advance = advance,
	.lost = go_look,
	.finish = finish,
};
