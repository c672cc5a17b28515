/* se.create-domain: a supplementary security domain with its privileges is on the card, below the one that
 * makes it.
 *
 * Its first keys come by se.put-keys, over a channel that the keys of the domain above open, since a domain
 * without keys uses those services (GPCS 2.3.1, 7.2); then se.set-state makes it personalized, if its keys
 * have not. */
#include "operations/operations.h"

#include <cardea/tlv.h>

#include "channel/channel.h"
#include "gp/gp_json.h"
#include "operations/content_parameters.h"
#include "operations/look.h"
#include "operations/one_change.h"

#define PRIVILEGE_SECURITY_DOMAIN 0x800000
#define PRIVILEGE_TRUSTED_PATH    0x008000
#define STATE_INSTALLED           0x03

/* AIDs of GlobalPlatform for its own load file of security domains; cards have others too. */
static const uint8_t usual_load_file[] = { 0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50 };
static const uint8_t usual_module[] = { 0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50, 0x41 };

/* Content of C9 as the UICC Configuration has it; the tags are from public hosts and profiles, which write F0
 * for whoever asks: what single bits mean was not seen, so domainParametersHex takes anything else. */
#define TAG_PROTOCOL 0x81
#define ACCEPTS_ALL  0xF0
#define ACCEPTS_NONE 0x00
static const struct policy {
	const char *name;
	uint32_t tag;
} policies[] = {
	{ "acceptsExtradition", 0x82 },    /* to it, of others' applications and load files */
	{ "acceptsDeletion", 0x83 },       /* of what is associated with it */
	{ "releasesByExtradition", 0x87 }, /* from it, of what is associated with it */
};

struct order {
	struct delegation delegation;
	struct bytes aid;
	struct install_order install;
	unsigned applications;
};

/* Of kept.flags: what is due is to make it selectable. */
enum { NEEDS_SELECT = CHANGE_FLAGS_END };

/* ---- parameters ---- */

static enum err build_protocols(struct task *task, struct builder *b, struct fault *fault)
{
	json_t *list = json_object_get(task->params, "protocolsHex"), *one;
	struct bytes value;
	size_t i;

	json_array_foreach (list, i, one) {
		const char *hex = json_string_value(one);
		enum err err = hex == NULL ? ERR_MALFORMED : bytes_from_hex(task->arena, hex, &value);
		if (err == ERR_NOMEM)
			return err;
		if (err != ERR_NONE || value.len < 2)
			return fault_set(fault, ERR_MALFORMED,
					 "protocolsHex: a protocol and its option, as in 0370");
		build_tlv(b, TAG_PROTOCOL, value);
	}
	return ERR_NONE;
}

static enum err read_domain_parameters(struct task *task, struct bytes *ret_parameters, struct fault *fault)
{
	struct builder b = builder_in(task->arena);
	struct bytes more;
	enum err err = build_protocols(task, &b, fault);

	if (err == ERR_NONE)
		err = task_hex(task, "domainParametersHex", &more, fault);
	if (err != ERR_NONE)
		return err;
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		if (json_object_get(task->params, policies[i].name) != NULL)
			build_tlv_u8(&b, policies[i].tag,
				     task_flag(task, policies[i].name, false) ? ACCEPTS_ALL : ACCEPTS_NONE);
	}
	build_bytes(&b, more);
	return builder_bytes(&b, ret_parameters);
}

static enum err read_origin(struct task *task, struct order *order, struct fault *fault)
{
	struct install_order *install = &order->install;
	enum err err = task_hex(task, "aidHex", &order->aid, fault);

	if (err == ERR_NONE)
		err = task_hex(task, "loadFileAidHex", &install->load_file, fault);
	if (err == ERR_NONE)
		err = task_hex(task, "moduleAidHex", &install->module, fault);
	if (err != ERR_NONE)
		return err;
	if ((install->load_file.len == 0) != (install->module.len == 0))
		return fault_set(fault, ERR_MALFORMED, "loadFileAidHex and moduleAidHex come together");
	if (install->load_file.len == 0) {
		install->load_file = bytes_of(usual_load_file, sizeof(usual_load_file));
		install->module = bytes_of(usual_module, sizeof(usual_module));
	}
	install->instance = order->aid;
	return ERR_NONE;
}

static enum err read_install(struct task *task, struct order *order, struct fault *fault)
{
	struct install_order *install = &order->install;
	struct install_parameters parameters;
	enum err err = content_privileges(task, "privileges", &install->privileges, fault);

	if (err == ERR_NONE)
		err = content_install_parameters(task, &parameters, fault);
	if (err == ERR_NONE)
		err = read_domain_parameters(task, &parameters.application, fault);
	if (err != ERR_NONE)
		return err;
	if (json_object_get(task->params, "privileges") == NULL)
		install->privileges = PRIVILEGE_TRUSTED_PATH;
	install->privileges |= PRIVILEGE_SECURITY_DOMAIN;
	install->make_selectable = task_flag(task, "makeSelectable", true);
	return install_parameters_build(task->arena, &parameters, &install->parameters);
}

static enum err prepare(struct task *task, struct fault *fault)
{
	struct order *order = arena_alloc(task->arena, sizeof(*order));
	struct command command;

	if (order == NULL)
		return ERR_NOMEM;
	*order = (struct order){ 0 };
	enum err err = read_origin(task, order, fault);
	if (err == ERR_NONE)
		err = read_install(task, order, fault);
	if (err == ERR_NONE)
		err = delegation_prepare(task, &order->delegation, fault);
	if (err == ERR_NONE)
		err = gp_install_for_install(task->arena, &order->install, &command);
	if (err == ERR_LIMIT)
		return fault_set(fault, err, "the parameters are too long for one INSTALL command");
	if (err != ERR_NONE)
		return err;
	order->applications = look_ask_status(task, SCOPE_APPLICATIONS, order->aid, look_application_tags);
	task->order = order;
	return ERR_NONE;
}

/* ---- looking ---- */

static const char *hex_of(struct task *task, struct bytes bytes)
{
	const char *hex = bytes_to_hex(task->arena, bytes);

	return hex != NULL ? hex : "?";
}

/* Something that has the AID, and is not what was asked for. */
static bool is_another(struct task *task, const struct registry_entry *entry)
{
	const struct order *order = task->order;
	const uint32_t has = privileges_of(entry->privileges), wanted = order->install.privileges;

	if ((has & PRIVILEGE_SECURITY_DOMAIN) == 0)
		task_fail(task, ERR_CONFLICT, "%s is on the card and is no security domain",
			  hex_of(task, order->aid));
	else if (entry->security_domain.len > 0 && !bytes_equal(entry->security_domain, task->domain_aid))
		task_fail(task, ERR_CONFLICT, "security domain %s is on the card below %s",
			  hex_of(task, order->aid), hex_of(task, entry->security_domain));
	else if ((has & wanted) != wanted || (has != wanted && !one_change_was_due(task)))
		task_fail(task, ERR_CONFLICT,
			  "security domain %s is on the card with privileges %06X, wanted are %06X",
			  hex_of(task, order->aid), (unsigned)has, (unsigned)wanted);
	return task->kept.ending != ENDING_NONE;
}

static enum verdict compare(struct task *task)
{
	const struct order *order = task->order;
	struct registry registry;

	task->kept.flags &= ~(unsigned)NEEDS_SELECT;
	if (!look_registry(task, order->applications, &registry))
		return HAS_ENDED;
	const struct registry_entry *entry = registry_entry_find(&registry, order->aid);
	if (entry == NULL)
		return NOT_AS_WANTED;
	if (is_another(task, entry))
		return HAS_ENDED;
	if (!order->install.make_selectable || entry->life_cycle.len == 0 ||
	    entry->life_cycle.at[0] != STATE_INSTALLED)
		return AS_WANTED;
	task->kept.flags |= NEEDS_SELECT;
	return NOT_AS_WANTED;
}

/* ---- acting ---- */

static enum err compose(struct task *task, struct command *ret_command)
{
	const struct order *order = task->order;
	const struct install_parameters none = { 0 };

	if ((task->kept.flags & NEEDS_SELECT) != 0)
		return gp_make_selectable(task->arena, order->aid, order->install.privileges, &none,
					  ret_command);
	return gp_install_for_install(task->arena, &order->install, ret_command);
}

static void subject(struct task *task, struct receipt_subject *ret_subject)
{
	const struct order *order = task->order;

	*ret_subject =
		(struct receipt_subject){ .fields = { order->install.load_file, order->aid }, .count = 2 };
}

static void finish(struct task *task)
{
	const struct order *order = task->order;
	struct registry registry;

	if (!look_registry(task, order->applications, &registry))
		return;
	const struct registry_entry *entry = registry_entry_find(&registry, order->aid);
	task_report_hex(task, "aidHex", order->aid);
	task_report(task, "alreadyCreated", json_boolean(!one_change_was_due(task)));
	task_report(task, "securityDomain", registry_entry_json(task->arena, entry, REGISTRY_APPLICATION));
	delegation_report(task, &order->delegation);
	channel_report(task);
}

static const struct one_change creation = {
	.compare = compare,
	.compose = compose,
	.subject = subject,
	.what = "the installation",
	.conditions = "the security domain that makes it needs the right to manage content",
};

const struct operation create_domain_operation = {
	.name = "se.create-domain",
	.prepare = prepare,
	.change = &creation,
	.plan = one_change_plan,
	.take = one_change_take,
	.advance = one_change_advance,
	.lost = one_change_lost,
	.finish = finish,
};
