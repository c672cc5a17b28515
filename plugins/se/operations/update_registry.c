/* se.update-registry: privileges, implicit selection, global services and restrictions of an application or
 * security domain, or restrictions of the whole card, are as wanted (GPCS 2.3.1, 9.4.2).
 *
 * The registry shows privileges, implicit selection and security domain. Services and restrictions it does
 * not show: there the card's own word is all that can be had, so they are always sent. */
#include "operations/operations.h"

#include <string.h>

#include <cardea/tlv.h>

#include "channel/channel.h"
#include "gp/gp_json.h"
#include "gp/token.h"
#include "operations/content_parameters.h"
#include "operations/look.h"
#include "operations/one_change.h"

/* Table 11-53 */
#define RESTRICTS_REGISTRY_UPDATE 0x40
static const struct restriction {
	const char *name;
	uint8_t bit;
} restrictions[] = {
	{ "delete", 0x01 },
	{ "load", 0x02 },
	{ "install", 0x04 },
	{ "make-selectable", 0x08 },
	{ "extradition", 0x10 },
	{ "personalization", 0x20 },
	{ "registry-update", RESTRICTS_REGISTRY_UPDATE },
};

struct order {
	struct delegation delegation;
	struct registry_update update;
	struct bytes selection; /* that it has to have */
	unsigned query;
	bool has_query; /* not for the whole card */
};

/* ---- parameters ---- */

static enum err read_restrictions(const struct task *task, uint8_t *ret_bits, struct fault *fault)
{
	json_t *names = json_object_get(task->params, "restrictions"), *one;
	uint8_t bits = 0;
	size_t i;

	json_array_foreach (names, i, one) {
		const char *name = json_is_string(one) ? json_string_value(one) : "";
		uint8_t bit = 0;
		for (size_t j = 0; j < sizeof(restrictions) / sizeof(restrictions[0]); j++)
			bit = strcmp(restrictions[j].name, name) == 0 ? restrictions[j].bit : bit;
		if (bit == 0)
			return fault_set(fault, ERR_MALFORMED, "restrictions: %s does not exist", name);
		bits |= bit;
	}
	*ret_bits = bits;
	return ERR_NONE;
}

static bool changes_something(const struct order *order)
{
	const struct registry_update *update = &order->update;

	return update->has_privileges || update->domain.len > 0 || order->selection.len > 0 ||
	       update->parameters.global_services.len > 0 || update->parameters.restrictions != 0;
}

static enum err check(const struct task *task, const struct order *order, struct fault *fault)
{
	const struct registry_update *update = &order->update;

	if (!changes_something(order))
		return fault_set(fault, ERR_MALFORMED, "there is nothing to change");
	if (update->application.len == 0 &&
	    (update->has_privileges || update->domain.len > 0 || order->selection.len > 0 ||
	     update->parameters.global_services.len > 0))
		return fault_set(fault, ERR_MALFORMED, "aidHex: without it there are only restrictions");
	if (update->parameters.restrictions != 0 && !task_flag(task, "confirmRestrictions", false))
		return fault_set(fault, ERR_CONFLICT,
				 "restrictions cannot be taken back: confirmRestrictions must be true");
	return ERR_NONE;
}

static enum err read_update(struct task *task, struct order *order, struct fault *fault)
{
	struct registry_update *update = &order->update;
	enum err err = task_hex(task, "aidHex", &update->application, fault);

	if (err == ERR_NONE)
		err = task_hex(task, "toSecurityDomainAidHex", &update->domain, fault);
	if (err == ERR_NONE)
		err = task_hex(task, "globalServicesHex", &update->parameters.global_services, fault);
	if (err == ERR_NONE)
		err = content_selection(task, &order->selection, fault);
	if (err == ERR_NONE)
		err = content_privileges(task, "privileges", &update->privileges, fault);
	if (err == ERR_NONE)
		err = read_restrictions(task, &update->parameters.restrictions, fault);
	update->has_privileges = json_object_get(task->params, "privileges") != NULL;
	return err;
}

static enum err prepare(struct task *task, struct fault *fault)
{
	struct order *order = arena_alloc(task->arena, sizeof(*order));

	if (order == NULL)
		return ERR_NOMEM;
	*order = (struct order){ 0 };
	enum err err = read_update(task, order, fault);
	if (err == ERR_NONE)
		err = check(task, order, fault);
	if (err == ERR_NONE)
		err = delegation_prepare(task, &order->delegation, fault);
	if (err != ERR_NONE)
		return err;
	order->has_query = order->update.application.len > 0;
	order->query = look_ask_status(task, order->has_query ? SCOPE_APPLICATIONS : SCOPE_ISSUER_DOMAIN,
				       order->update.application, look_application_tags);
	task->order = order;
	return ERR_NONE;
}

/* ---- looking ---- */

/* NULL when the task is at its end. */
static const struct registry_entry *find(struct task *task)
{
	const struct order *order = task->order;
	struct registry registry;

	if (!look_registry(task, order->query, &registry))
		return NULL;
	const struct registry_entry *entry = registry_entry_find(&registry, order->update.application);
	if (entry == NULL)
		task_fail(task, ERR_NOT_FOUND, "the card has no application or security domain %s",
			  bytes_to_hex(task->arena, order->update.application));
	return entry;
}

/* A card adds to what it has, so only what is missing is sent. */
static struct bytes missing_selection(struct task *task, const struct registry_entry *entry)
{
	const struct order *order = task->order;
	struct builder b = builder_in(task->arena);
	struct bytes missing = { NULL, 0 };

	for (size_t i = 0; i < order->selection.len; i++) {
		bool has = false;
		for (size_t j = 0; j < entry->implicit_selection.len; j++)
			has = has || entry->implicit_selection.at[j] == order->selection.at[i];
		if (!has)
			build_u8(&b, order->selection.at[i]);
	}
	task_is_good(task, builder_bytes(&b, &missing));
	return missing;
}

static bool shows_what_is_wanted(struct task *task, const struct registry_entry *entry)
{
	const struct registry_update *update = &((const struct order *)task->order)->update;

	return (!update->has_privileges || privileges_of(entry->privileges) == update->privileges) &&
	       (update->domain.len == 0 || bytes_equal(entry->security_domain, update->domain)) &&
	       missing_selection(task, entry).len == 0;
}

static enum verdict compare(struct task *task)
{
	const struct order *order = task->order;
	const struct install_parameters *parameters = &order->update.parameters;
	const bool is_told_only = parameters->global_services.len > 0 || parameters->restrictions != 0;
	const bool is_confirmed = (task->kept.flags & CHANGE_CONFIRMED) != 0;
	const struct registry_entry *entry = NULL;

	if (order->has_query && (entry = find(task)) == NULL)
		return HAS_ENDED;
	if (entry != NULL && !shows_what_is_wanted(task, entry))
		return NOT_AS_WANTED;
	return !is_told_only || is_confirmed ? AS_WANTED : NOT_AS_WANTED;
}

/* A card that may not update its registry any more refuses to be told so twice. */
static void lost(struct task *task)
{
	const struct order *order = task->order;

	if (task->kept.is_unproven &&
	    (order->update.parameters.restrictions & RESTRICTS_REGISTRY_UPDATE) != 0)
		task_break(
			task, ERR_UNAVAILABLE,
			"the secure channel was lost before the card said whether it took the restriction");
	else
		one_change_lost(task);
}

/* ---- acting ---- */

static enum err compose(struct task *task, struct command *ret_command)
{
	const struct order *order = task->order;
	struct registry_update update = order->update;
	const struct registry_entry *entry = order->has_query ? find(task) : NULL;

	if (entry != NULL)
		update.parameters.implicit_selection = missing_selection(task, entry);
	return gp_update_registry(task->arena, &update, ret_command);
}

/* The fields as the card got them, with what says whose token it was. */
static enum err command_fields(struct task *task, struct reader *ret_fields)
{
	const struct order *order = task->order;
	struct command command, with;
	enum err err = compose(task, &command);

	if (err == ERR_NONE && order->delegation.token_identifier.len > 0) {
		with = command;
		err = token_reference_add(task->arena, &with, order->delegation.token_identifier, &command);
	}
	if (err == ERR_NONE)
		*ret_fields = reader_of(command.data);
	return err;
}

/* Security domains are in it when it extradites (C.5.4). */
static void subject(struct task *task, struct receipt_subject *ret_subject)
{
	const struct registry_update *update = &((const struct order *)task->order)->update;
	struct receipt_subject subject = { .count = 5, .is_update = true };
	const struct registry_entry *entry = update->domain.len > 0 ? find(task) : NULL;
	struct reader fields;

	if (!task_is_good(task, command_fields(task, &fields)))
		return;
	subject.fields[2] = read_lv(&fields);
	read_lv(&fields);
	subject.fields[1] = read_lv(&fields);
	subject.fields[3] = read_lv(&fields);
	subject.fields[4] = read_bytes(&fields, read_ber_length(&fields));
	if (entry != NULL)
		subject.fields[0] = entry->security_domain;
	*ret_subject = subject;
}

static void finish(struct task *task)
{
	const struct order *order = task->order;
	const struct registry_entry *entry = order->has_query ? find(task) : NULL;

	if (entry != NULL)
		task_report(task, "application",
			    registry_entry_json(task->arena, entry, REGISTRY_APPLICATION));
	task_report(task, "alreadyUpdated", json_boolean(!one_change_was_due(task)));
	delegation_report(task, &order->delegation);
	channel_report(task);
}

static const struct one_change update_of_registry = {
	.compare = compare,
	.compose = compose,
	.subject = subject,
	.what = "the update of its registry",
	.conditions = "whoever asks must be above it, and have the right to manage content",
};

const struct operation update_registry_operation = {
	.name = "se.update-registry",
	.prepare = prepare,
	.change = &update_of_registry,
	.plan = one_change_plan,
	.take = one_change_take,
	.advance = one_change_advance,
	.lost = lost,
	.finish = finish,
};
