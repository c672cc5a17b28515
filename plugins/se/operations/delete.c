/* se.delete: a load file or an application is not on the card. */
#include "operations/operations.h"

#include "channel/channel.h"
#include "operations/look.h"
#include "operations/one_change.h"

struct order {
	struct delegation delegation;
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
	if (err == ERR_NONE)
		err = delegation_prepare(task, &order->delegation, fault);
	if (err != ERR_NONE)
		return err;
	if (bytes_equal(order->aid, task->domain_aid))
		return fault_set(fault, ERR_CONFLICT,
				 "aidHex is the security domain that would have to delete it");
	order->related = task_flag(task, "related", false);
	order->load_files = look_ask_status(task, SCOPE_LOAD_FILES, order->aid, look_load_file_tags);
	order->applications = look_ask_status(task, SCOPE_APPLICATIONS, order->aid, look_application_tags);
	look_ask_memory(task);
	task->order = order;
	return ERR_NONE;
}

static enum verdict compare(struct task *task)
{
	const struct order *order = task->order;
	struct registry files, applications;

	if (!look_registry(task, order->load_files, &files) ||
	    !look_registry(task, order->applications, &applications))
		return HAS_ENDED;
	return registry_entry_find(&files, order->aid) == NULL &&
			       registry_entry_find(&applications, order->aid) == NULL
		       ? AS_WANTED
		       : NOT_AS_WANTED;
}

static enum err compose(struct task *task, struct command *ret_command)
{
	const struct order *order = task->order;

	return gp_delete(task->arena, order->aid, order->related, ret_command);
}

static void subject(struct task *task, struct receipt_subject *ret_subject)
{
	const struct order *order = task->order;

	*ret_subject = (struct receipt_subject){ .fields = { order->aid }, .count = 1 };
}

static void finish(struct task *task)
{
	const struct order *order = task->order;

	task_report_hex(task, "aidHex", order->aid);
	task_report(task, "alreadyAbsent", json_boolean(!one_change_was_due(task)));
	delegation_report(task, &order->delegation);
	channel_report(task);
}

static const struct one_change deletion = {
	.compare = compare,
	.compose = compose,
	.subject = subject,
	.what = "the deletion",
	.conditions = "something on the card still needs it",
};

const struct operation delete_operation = {
	.name = "se.delete",
	.prepare = prepare,
	.change = &deletion,
	.plan = one_change_plan,
	.take = one_change_take,
	.advance = one_change_advance,
	.lost = one_change_lost,
	.finish = finish,
};
