/* se.extradite: an application, a security domain or a load file is associated with another security domain
 * (GPCS 2.3.1, 9.4.1). */
#include "operations/operations.h"

#include "channel/channel.h"
#include "operations/look.h"
#include "operations/one_change.h"

struct order {
	struct delegation delegation;
	struct bytes aid, domain;
	unsigned applications, load_files;
};

static enum err prepare(struct task *task, struct fault *fault)
{
	struct order *order = arena_alloc(task->arena, sizeof(*order));

	if (order == NULL)
		return ERR_NOMEM;
	enum err err = task_hex(task, "aidHex", &order->aid, fault);
	if (err == ERR_NONE)
		err = task_hex(task, "toSecurityDomainAidHex", &order->domain, fault);
	if (err == ERR_NONE)
		err = delegation_prepare(task, &order->delegation, fault);
	if (err != ERR_NONE)
		return err;
	order->applications = look_ask_status(task, SCOPE_APPLICATIONS, order->aid, look_application_tags);
	order->load_files = look_ask_status(task, SCOPE_LOAD_FILES, order->aid, look_load_file_tags);
	task->order = order;
	return ERR_NONE;
}

/* False when the task is at its end. */
static bool find(struct task *task, const struct registry_entry **ret_entry)
{
	const struct order *order = task->order;
	struct registry applications, load_files;

	if (!look_registry(task, order->applications, &applications) ||
	    !look_registry(task, order->load_files, &load_files))
		return false;
	const struct registry_entry *entry = registry_entry_find(&applications, order->aid);
	*ret_entry = entry != NULL ? entry : registry_entry_find(&load_files, order->aid);
	return true;
}

/* What goes to another hierarchy is seen no more by a security domain that sees only its own. */
static bool went_out_of_sight(const struct task *task)
{
	return (task->kept.flags & CHANGE_CONFIRMED) != 0;
}

static enum verdict compare(struct task *task)
{
	const struct order *order = task->order;
	const struct registry_entry *entry;

	if (!find(task, &entry))
		return HAS_ENDED;
	if (entry == NULL && went_out_of_sight(task))
		return AS_WANTED;
	if (entry == NULL) {
		task_fail(task, ERR_NOT_FOUND, "the card has no application or load file %s",
			  bytes_to_hex(task->arena, order->aid));
		return HAS_ENDED;
	}
	if (entry->security_domain.len == 0) {
		task_break(task, ERR_UNSUPPORTED,
			   "the card does not tell which security domain %s belongs to",
			   bytes_to_hex(task->arena, order->aid));
		return HAS_ENDED;
	}
	return bytes_equal(entry->security_domain, order->domain) ? AS_WANTED : NOT_AS_WANTED;
}

static enum err compose(struct task *task, struct command *ret_command)
{
	const struct order *order = task->order;

	return gp_extradite(task->arena, order->domain, order->aid, ret_command);
}

/* Before the look is forgotten, so with the security domain that it comes from. */
static void subject(struct task *task, struct receipt_subject *ret_subject)
{
	const struct order *order = task->order;
	const struct registry_entry *entry;

	if (find(task, &entry) && entry != NULL)
		*ret_subject = (struct receipt_subject){
			.fields = { entry->security_domain, order->aid, order->domain }, .count = 3
		};
}

static void finish(struct task *task)
{
	const struct order *order = task->order;
	const struct registry_entry *entry;

	if (!find(task, &entry))
		return;
	task_report_hex(task, "aidHex", order->aid);
	task_report_hex(task, "securityDomainAidHex", order->domain);
	task_report(task, "alreadyExtradited", json_boolean(!one_change_was_due(task)));
	task_report(task, "isVisible", json_boolean(entry != NULL));
	delegation_report(task, &order->delegation);
	channel_report(task);
}

static const struct one_change extradition = {
	.compare = compare,
	.compose = compose,
	.subject = subject,
	.what = "the extradition",
	.conditions = "the new security domain must be personalized and accept it, the old one let it go",
};

const struct operation extradite_operation = {
	.name = "se.extradite",
	.prepare = prepare,
	.change = &extradition,
	.plan = one_change_plan,
	.take = one_change_take,
	.advance = one_change_advance,
	.lost = one_change_lost,
	.finish = finish,
};
