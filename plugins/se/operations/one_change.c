#include "operations/one_change.h"

#include "operations/look.h"

enum stage { STAGE_LOOK, STAGE_ACT };
enum { ACT_CHANGE = 100 };

void one_change_lost(struct task *task)
{
	task->kept.stage = STAGE_LOOK;
	look_again(task);
}

/* What is seen is not what is wanted. */
static void act(struct task *task)
{
	const char *reason = arena_strdup(task->arena, task->kept.reason);

	if ((task->kept.flags & CHANGE_REFUSED) != 0) {
		task_fail(task, task->kept.kind, "%s", reason != NULL ? reason : "");
	} else if ((task->kept.flags & CHANGE_CONFIRMED) != 0) {
		task_fail(task, ERR_CONFLICT,
			  "the card confirmed %s, but its registry still shows the old state",
			  task->operation->change->what);
	} else {
		task->kept.flags |= CHANGE_SENT;
		task->kept.stage = STAGE_ACT;
	}
}

void one_change_advance(struct task *task)
{
	if (task->kept.stage != STAGE_LOOK || !look_is_done(task) || task->kept.ending != ENDING_NONE)
		return;
	enum verdict verdict = task->operation->change->compare(task);
	if (verdict == HAS_ENDED)
		return;
	task->kept.is_unproven = false;
	if (verdict == AS_WANTED && task->operation->change->subject != NULL)
		delegation_succeed(task, task->order);
	else if (verdict == AS_WANTED)
		task_succeed(task);
	else
		act(task);
}

static bool add_change(struct task *task, struct batch *batch, const struct command *command)
{
	if (task->operation->change->subject == NULL)
		return batch_add_change(batch, command, ACT_CHANGE);
	return delegation_add(batch, task->order, DELEGATED_CHANGE, command, ACT_CHANGE);
}

void one_change_plan(struct task *task, struct batch *batch)
{
	struct command command;

	if (task->kept.stage == STAGE_LOOK)
		look_plan(task, batch);
	else if (task_is_good(task, task->operation->change->compose(task, &command)) &&
		 add_change(task, batch, &command))
		look_plan_after(task, batch);
}

static void note_refusal(struct task *task, const struct planned *planned, uint16_t sw)
{
	const char *conditions = task->operation->change->conditions;

	task->kept.flags |= CHANGE_REFUSED;
	if (sw == SW_CONDITIONS_NOT_SATISFIED && conditions != NULL)
		task_note_reason(task, sw_kind(sw), "%s: %04X %s (%s)",
				 command_text(task->arena, &planned->plain), sw, sw_text(sw), conditions);
	else
		task_note_reason(task, sw_kind(sw), "%s: %04X %s", command_text(task->arena, &planned->plain),
				 sw, sw_text(sw));
}

static void take_receipt(struct task *task, const struct card_answer *answer)
{
	const struct one_change *change = task->operation->change;
	struct receipt_subject subject = { .count = 0 };

	if (change->subject == NULL)
		return;
	change->subject(task, &subject);
	delegation_take(task, task->order, DELEGATED_CHANGE, &subject, answer);
}

void one_change_take(struct task *task, const struct planned *planned, const struct card_answer *answer)
{
	const struct one_change *change = task->operation->change;
	const uint16_t sw = answer->response.sw;

	if (planned->what < ACT_CHANGE) {
		look_take(task, planned, answer);
		return;
	}
	if (answer->is_cut) {
		task_reopen(task, task->kept.key_version);
	} else if (change->is_last_word != NULL && change->is_last_word(task, sw)) {
		task->kept.is_unproven = false;
		task_succeed(task);
		return;
	} else if (sw_is_success(sw)) {
		task->kept.flags |= CHANGE_CONFIRMED;
		take_receipt(task, answer);
	} else {
		note_refusal(task, planned, sw);
	}
	one_change_lost(task);
}

bool one_change_was_due(const struct task *task)
{
	return (task->kept.flags & CHANGE_SENT) != 0;
}
