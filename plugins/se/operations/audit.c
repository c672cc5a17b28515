/* se.audit: everything that a security domain tells about its card, learned as the inventory of the secure
 * element. */
#include "operations/operations.h"

#include "channel/channel.h"
#include "inventory/inventory.h"
#include "operations/look.h"

struct order {
	unsigned applications, modules, load_files; /* lists */
};

static const uint16_t data_objects[] = {
	0x0066, /* card data */
	0x0067, /* card capability */
	0x9F7F, /* production life cycle */
	0x0042, /* issuer identification number */
	0x0045, /* card image number */
	0xFF21, /* free memory */
	0x00E0, /* keys */
	0x00C1, /* sequence counter */
};

static enum err prepare(struct task *task, struct fault *fault)
{
	struct order *order = arena_alloc(task->arena, sizeof(*order));
	const struct bytes all = { NULL, 0 };

	if (order == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < sizeof(data_objects) / sizeof(data_objects[0]); i++)
		look_ask_data(task, data_objects[i]);
	look_ask_status(task, SCOPE_ISSUER_DOMAIN, all, look_application_tags);
	order->applications = look_ask_status(task, SCOPE_APPLICATIONS, all, look_application_tags);
	order->modules = look_ask_status(task, SCOPE_MODULES, all, look_module_tags);
	order->load_files = look_ask_status(task, SCOPE_LOAD_FILES, all, look_load_file_tags);
	task->queries[order->load_files].is_fallback = true;
	task->order = order;
	return ERR_NONE;
}

static void plan(struct task *task, struct batch *batch)
{
	look_plan(task, batch);
}

static void take(struct task *task, const struct planned *planned, const struct card_answer *answer)
{
	look_take(task, planned, answer);
}

/* A card that does not list what it has cannot be audited. What it says of the issuer's security domain it
 * may keep from another. */
static void advance(struct task *task)
{
	const struct order *order = task->order;
	const bool has_modules = task->kept.queries[order->load_files].state != QUERY_DONE;
	struct registry registry;

	if (task->kept.ending == ENDING_NONE && look_is_done(task) &&
	    look_registry(task, order->applications, &registry) &&
	    look_registry(task, has_modules ? order->modules : order->load_files, &registry))
		task_succeed(task);
}

static void finish(struct task *task)
{
	json_t *item = inventory_item(task);
	json_t *differences = json_object_get(item, "audit");

	if (differences != NULL)
		task_report(task, "differences", json_incref(differences));
	task_report(task, "secureElement", item);
	channel_report(task);
}

const struct operation audit_operation = {
	.name = "se.audit",
	.sees_all = true,
	.prepare = prepare,
	.plan = plan,
	.take = take,
	.advance = advance,
	.lost = look_again,
	.finish = finish,
};
