/* se.audit: everything that a security domain tells about its card, learned as the inventory of the secure
 * element. */
#include "operations/operations.h"

#include <stdio.h>

#include <cardea/tlv.h>

#include "channel/channel.h"
#include "gp/gp_json.h"
#include "operations/look.h"
#include "seram/seram.h"

#define SECTION "secure-elements"

struct order {
	unsigned card_data, capability, cplc, iin, cin, resources, keys, counter;
	unsigned issuer, applications, modules, load_files; /* lists */
};

static enum err prepare(struct task *task, struct fault *fault)
{
	struct order *order = arena_alloc(task->arena, sizeof(*order));
	const struct bytes all = { NULL, 0 };

	if (order == NULL)
		return ERR_NOMEM;
	order->card_data = look_ask_data(task, 0x0066);
	order->capability = look_ask_data(task, 0x0067);
	order->cplc = look_ask_data(task, 0x9F7F);
	order->iin = look_ask_data(task, 0x0042);
	order->cin = look_ask_data(task, 0x0045);
	order->resources = look_ask_data(task, 0xFF21);
	order->keys = look_ask_data(task, 0x00E0);
	order->counter = look_ask_data(task, 0x00C1);
	order->issuer = look_ask_status(task, SCOPE_ISSUER_DOMAIN, all, look_application_tags);
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

struct lists {
	struct registry issuer, applications, files;
};

/* A card that does not list what it has cannot be audited. */
static bool read_lists(struct task *task, struct lists *ret_lists)
{
	const struct order *order = task->order;
	const bool has_modules = task->kept.queries[order->load_files].state != QUERY_DONE;

	return look_registry(task, order->issuer, &ret_lists->issuer) &&
	       look_registry(task, order->applications, &ret_lists->applications) &&
	       look_registry(task, has_modules ? order->modules : order->load_files, &ret_lists->files);
}

static void advance(struct task *task)
{
	struct lists lists;

	if (task->kept.ending == ENDING_NONE && look_is_done(task) && read_lists(task, &lists))
		task_succeed(task);
}

/* ---- the inventory ---- */

static struct bytes answered(const struct task *task, unsigned query)
{
	return task->kept.queries[query].data;
}

/* The value without its tag, when the card sent it with one. */
static struct bytes value_of(struct bytes data, uint32_t tag)
{
	struct bytes value;

	return tlv_find(data, tag, &value) == ERR_NONE ? value : data;
}

/* A data object that we do not understand is shown as it came. */
static void set_or_raw(struct task *task, json_t *object, const char *name, enum err err, json_t *take_value,
		       struct bytes data)
{
	if (data.len == 0)
		json_decref(take_value);
	else if (err == ERR_NONE)
		json_object_set_new(object, name, take_value);
	else
		json_object_set_new(object, name,
				    json_pack("{s:o}", "unreadableHex", json_hex(task->arena, data)));
}

static void add_card(struct task *task, const struct order *order, json_t *object)
{
	struct card_data card;
	struct card_capability capability;
	struct cplc cplc;
	struct card_resources resources;
	struct key_information keys;
	struct bytes data = answered(task, order->card_data);
	enum err err = card_data_parse(data, task->arena, &card, NULL);

	set_or_raw(task, object, "cardData", err, err == ERR_NONE ? card_data_json(task->arena, &card) : NULL,
		   data);
	data = answered(task, order->capability);
	err = card_capability_parse(data, task->arena, &capability, NULL);
	set_or_raw(task, object, "capabilities", err,
		   err == ERR_NONE ? card_capability_json(task->arena, &capability) : NULL, data);
	data = answered(task, order->cplc);
	err = cplc_parse(data, &cplc, NULL);
	set_or_raw(task, object, "cplc", err, err == ERR_NONE ? cplc_json(task->arena, &cplc) : NULL, data);
	data = answered(task, order->resources);
	err = card_resources_parse(data, &resources, NULL);
	set_or_raw(task, object, "resources", err, err == ERR_NONE ? card_resources_json(&resources) : NULL,
		   data);
	data = answered(task, order->keys);
	err = key_information_parse(data, task->arena, &keys, NULL);
	set_or_raw(task, object, "keys", err, err == ERR_NONE ? key_information_json(&keys) : NULL, data);
}

static void add_numbers(struct task *task, const struct order *order, json_t *object)
{
	struct bytes counter = value_of(answered(task, order->counter), 0xC1);
	struct bytes iin = answered(task, order->iin), cin = answered(task, order->cin);

	if (iin.len > 0)
		json_object_set_new(object, "iinHex", json_hex(task->arena, value_of(iin, 0x42)));
	if (cin.len > 0)
		json_object_set_new(object, "cinHex", json_hex(task->arena, value_of(cin, 0x45)));
	if (counter.len > 0 && counter.len <= 4) {
		struct reader r = reader_of(counter);
		json_object_set_new(object, "sequenceCounter",
				    json_integer((json_int_t)read_uint(&r, counter.len)));
	}
}

static void add_lists(struct task *task, const struct lists *lists, json_t *object)
{
	const struct registry *issuer = &lists->issuer, *applications = &lists->applications;

	json_object_set_new(object, "issuerSecurityDomain",
			    issuer->count > 0
				    ? registry_entry_json(task->arena, &issuer->entries[0], REGISTRY_CARD)
				    : json_null());
	json_object_set_new(object, "securityDomains",
			    registry_json(task->arena, applications, REGISTRY_APPLICATION, PART_DOMAINS));
	json_object_set_new(
		object, "applications",
		registry_json(task->arena, applications, REGISTRY_APPLICATION, PART_APPLICATIONS));
	json_object_set_new(object, "loadFiles",
			    registry_json(task->arena, &lists->files, REGISTRY_LOAD_FILE, PART_ALL));
}

static void add_text(json_t *object, const char *name, struct bytes text)
{
	if (text.len > 0 && bytes_are_utf8(text))
		json_object_set_new(object, name, json_stringn((const char *)text.at, text.len));
}

static void add_agent(struct task *task, json_t *object)
{
	struct seram_instance instance;

	json_object_set_new(object, "instance", json_integer(task->instance));
	if (seram_instance_read(task->step->records, task->instance, &instance, NULL) != ERR_NONE)
		return;
	add_text(object, "identifier", instance.identifier);
	json_object_set_new(object, "type", json_string(seram_se_type_text(instance.type)));
	add_text(object, "readerName", instance.reader_name);
	if (instance.atr.len > 0)
		json_object_set_new(object, "atrHex", json_hex(task->arena, instance.atr));
}

static void finish(struct task *task)
{
	const struct order *order = task->order;
	struct lists lists;
	char key[8];

	if (!read_lists(task, &lists))
		return;
	json_t *object = json_object();
	add_agent(task, object);
	json_object_set_new(object, "securityDomainAidHex", json_hex(task->arena, task->domain_aid));
	add_numbers(task, order, object);
	add_card(task, order, object);
	add_lists(task, &lists, object);
	char *text = json_dumps(object, JSON_COMPACT);
	snprintf(key, sizeof(key), "%u", task->instance);
	if (task_is_good(task, text == NULL ? ERR_NOMEM : ERR_NONE))
		task_is_good(task, task->plugin->api->learn(task->out, SECTION, key, text));
	free(text);
	task_report(task, "secureElement", object);
	channel_report(task);
}

const struct operation audit_operation = {
	.name = "se.audit",
	.prepare = prepare,
	.plan = plan,
	.take = take,
	.advance = advance,
	.lost = look_again,
	.finish = finish,
};
