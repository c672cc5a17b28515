#include "inventory/inventory.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "gp/gp_json.h"
#include "inventory/atr.h"
#include "inventory/difference.h"
#include "inventory/domain_tree.h"
#include "inventory/merge.h"

#define SECTION         "secure-elements"
#define CHANGED_EVENT   "secure-element.changed"
#define MAX_READERS     32  /* of a device, that one answer is believed to have */
#define MAX_CHANGES     256 /* that an item holds; the oldest go */
#define MAX_EVENT_ITEMS 32  /* changes that an event tells; it always says how many there are */

/* Members of the item. */
#define AUDIT     "audit" /* the last: when, since when, what had changed */
#define LATER     "changesSinceAudit"
#define UNCERTAIN "isUncertain" /* a change was sent and not seen */

/* ---- the item ---- */

static const char *item_key(struct task *task, uint16_t instance)
{
	const char *key = arena_printf(task->arena, "%u", instance);

	task_is_good(task, key == NULL ? ERR_NOMEM : ERR_NONE);
	return key != NULL ? key : "";
}

static json_t *item_of(struct task *task, uint16_t instance)
{
	const char *text;
	json_t *item = NULL;

	if (task->plugin->api->known(task->out, SECTION, item_key(task, instance), &text) == ERR_NONE)
		item = json_loads(text, 0, NULL);
	if (item == NULL)
		item = json_pack("{s:i}", "instance", instance);
	task_is_good(task, item == NULL ? ERR_NOMEM : ERR_NONE);
	return item;
}

json_t *inventory_item(struct task *task)
{
	return item_of(task, task->instance);
}

/* An item says itself which it is. */
static uint16_t instance_of(const json_t *item)
{
	return (uint16_t)json_integer_value(json_object_get(item, "instance"));
}

static void learn(struct task *task, const json_t *item)
{
	char *text = json_dumps(item, JSON_COMPACT);

	if (task_is_good(task, text == NULL ? ERR_NOMEM : ERR_NONE))
		task_is_good(task, task->plugin->api->learn(task->out, SECTION,
							    item_key(task, instance_of(item)), text));
	free(text);
}

static json_t *now_json(const struct task *task)
{
	const time_t seconds = (time_t)(task->step->now_ms / 1000);
	struct tm tm;
	char text[32];

	if (gmtime_r(&seconds, &tm) == NULL || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return json_null();
	return json_string(text);
}

/* ---- changes ---- */

/* Applications take and free memory by themselves. */
static bool moves_by_itself(const json_t *change)
{
	const char *what = json_string_value(json_object_get(change, "what"));

	return what != NULL && strcmp(what, "resources") == 0;
}

/* Everything that is found at once has the same reason. Answers what nobody expected; a new reference. */
static json_t *sign(struct task *task, json_t *changes, bool has_reason)
{
	json_t *unexpected = json_array(), *change;
	size_t i;

	json_array_foreach (changes, i, change) {
		const bool is_expected = has_reason || moves_by_itself(change);
		json_object_set_new(change, "at", now_json(task));
		json_object_set_new(change, "operation", json_string(task->operation->name));
		json_object_set_new(change, "isExpected", json_boolean(is_expected));
		if (!is_expected)
			json_array_append(unexpected, change);
	}
	return unexpected;
}

static void note_changes(json_t *item, json_t *changes)
{
	json_t *list = json_object_get(item, LATER);

	if (list == NULL) {
		list = json_array();
		json_object_set_new(item, LATER, list);
	}
	json_array_extend(list, changes);
	while (json_array_size(list) > MAX_CHANGES)
		json_array_remove(list, 0);
}

static void announce(struct task *task, const json_t *item, json_t *changes)
{
	json_t *event = json_pack("{s:s, s:i}", "key", item_key(task, instance_of(item)), "count",
				  (int)json_array_size(changes));
	json_t *told = json_copy(changes);

	while (json_array_size(told) > MAX_EVENT_ITEMS)
		json_array_remove(told, MAX_EVENT_ITEMS);
	json_object_set_new(event, "changes", told);
	char *text = event != NULL ? json_dumps(event, JSON_COMPACT) : NULL;
	if (task_is_good(task, text == NULL ? ERR_NOMEM : ERR_NONE))
		task_is_good(task, task->plugin->api->announce(task->out, CHANGED_EVENT, text));
	free(text);
	json_decref(event);
}

/* Without an audit before, nothing is known that could have changed. */
static void note_differences(struct task *task, const json_t *before, json_t *item, bool has_reason)
{
	if (json_object_get(before, AUDIT) == NULL)
		return;
	json_t *changes = differences(before, item), *unexpected = sign(task, changes, has_reason);
	if (json_array_size(changes) > 0)
		note_changes(item, changes);
	if (json_array_size(unexpected) > 0)
		announce(task, item, unexpected);
	json_decref(unexpected);
	json_decref(changes);
}

/* ---- the reader ---- */

static void set_text(json_t *item, const char *name, struct bytes text)
{
	if (text.len > 0 && bytes_are_utf8(text))
		json_object_set_new(item, name, json_stringn((const char *)text.at, text.len));
}

static void set_channels(json_t *item, struct bytes atr)
{
	struct atr_channels channels;

	if (atr_channels(atr, &channels) != ERR_NONE) {
		json_object_del(item, "logicalChannels");
		return;
	}
	json_object_set_new(item, "logicalChannels",
			    json_pack("{s:i, s:b, s:b, s:b}", "count", (int)channels.count, "isAtLeast",
				      channels.is_at_least, "cardAssigns", channels.card_assigns,
				      "hostAssigns", channels.host_assigns));
}

/* One that others use is there all the same. */
static const char *state_text(enum seram_se_state state)
{
	static const char *const texts[] = {
		[SERAM_SE_PRESENT] = "present",
		[SERAM_SE_ABSENT] = "absent",
		[SERAM_SE_BUSY] = "present",
		[SERAM_SE_ERROR] = "error",
	};

	return texts[state];
}

static void set_reader(struct task *task, json_t *item, const struct seram_instance *instance)
{
	set_text(item, "identifier", instance->identifier);
	json_object_set_new(item, "type", json_string(seram_se_type_text(instance->type)));
	set_text(item, "readerName", instance->reader_name);
	if (!bytes_equal_text(instance->agent, task->step->endpoint))
		set_text(item, "agent", instance->agent);
	json_object_set_new(item, "state", json_string(state_text(instance->se_state)));
	if (instance->atr.len > 0) {
		json_object_set_new(item, "atrHex", json_hex(task->arena, instance->atr));
		set_channels(item, instance->atr);
	}
}

static bool is_another_card(const json_t *before, const json_t *after)
{
	const json_t *old = json_object_get(before, "identifier"),
		     *new = json_object_get(after, "identifier");

	return old != NULL && new != NULL && !json_equal(old, new);
}

/* What was known of the card that is gone is true no more. */
static void forget_card(const json_t *before, json_t *item)
{
	static const char *const reader_members[] = { "instance",        "identifier", "type",
						      "readerName",      "state",      "atrHex",
						      "logicalChannels", "agent" };
	json_t *kept = json_object();

	for (size_t i = 0; i < sizeof(reader_members) / sizeof(reader_members[0]); i++) {
		json_t *value = json_object_get(item, reader_members[i]);
		if (value != NULL)
			json_object_set(kept, reader_members[i], value);
	}
	json_t *audit = json_object_get(before, AUDIT);
	if (audit != NULL)
		json_object_set_new(kept, AUDIT, json_pack("{s:O}", "at", json_object_get(audit, "at")));
	json_object_clear(item);
	json_object_update(item, kept);
	json_decref(kept);
}

static void see_reader(struct task *task, uint16_t number, const struct seram_instance *instance)
{
	json_t *before = item_of(task, number), *item = json_deep_copy(before);

	set_reader(task, item, instance);
	if (is_another_card(before, item))
		forget_card(before, item);
	if (!json_equal(before, item)) {
		note_differences(task, before, item, false);
		learn(task, item);
	}
	json_decref(before);
	json_decref(item);
}

void inventory_see_reader(struct task *task, const struct seram_instance *instance)
{
	see_reader(task, task->instance, instance);
}

/* Each has an SE State; one that does not make sense is for the audit that is about it to complain of. */
void inventory_see_other_readers(struct task *task)
{
	const struct lwm2m_records *records = &task->step->records;
	struct seram_instance instance;
	unsigned seen = 0;

	for (size_t i = 0; i < records->count && seen < MAX_READERS; i++) {
		const struct lwm2m_path *path = &records->at[i].path;
		if (path->resource == SERAM_SE_STATE && path->instance != task->instance &&
		    seram_instance_read(*records, path->instance, &instance, NULL) == ERR_NONE) {
			see_reader(task, path->instance, &instance);
			seen++;
		}
	}
}

/* ---- the card ---- */

void inventory_expect_change(struct task *task)
{
	json_t *item = inventory_item(task);

	if (json_object_get(item, UNCERTAIN) == NULL) {
		json_object_set_new(item, UNCERTAIN, json_true());
		task->kept.made_uncertain = true;
		learn(task, item);
	}
	json_decref(item);
}

/* The changes since the audit before become those of this one. */
static void close_audit(struct task *task, const json_t *before, json_t *item)
{
	json_t *since = json_object_get(json_object_get(before, AUDIT), "at");
	json_t *changes = json_object_get(item, LATER), *audit = json_object();

	json_object_set_new(audit, "at", now_json(task));
	json_object_set(audit, "since", since != NULL ? since : json_null());
	if (changes != NULL)
		json_object_set(audit, "changes", changes);
	else
		json_object_set_new(audit, "changes", json_array());
	json_object_set_new(item, AUDIT, audit);
	json_object_del(item, LATER);
}

/* All changes that were sent have been seen. */
static bool is_certain(const struct kept *kept)
{
	return !kept->is_unproven && !kept->is_look_old;
}

static bool has_answers(const struct task *task)
{
	for (size_t i = 0; i < task->query_count; i++) {
		if (task->kept.queries[i].state == QUERY_DONE)
			return true;
	}
	return false;
}

void inventory_refresh(struct task *task)
{
	const bool is_audit = task->operation->sees_all && task->kept.ending == ENDING_DONE;

	if (!is_certain(&task->kept) || !has_answers(task))
		return;
	json_t *before = inventory_item(task), *item = json_deep_copy(before);
	const bool has_reason = task->kept.has_changed || json_object_get(before, UNCERTAIN) != NULL;
	inventory_merge(task, item);
	if (task->kept.made_uncertain || is_audit)
		json_object_del(item, UNCERTAIN);
	if (json_object_get(item, "securityDomains") != NULL)
		json_object_set_new(item, "securityDomainTree", domain_tree(item));
	note_differences(task, before, item, has_reason);
	if (is_audit)
		close_audit(task, before, item);
	if (!json_equal(before, item))
		learn(task, item);
	json_decref(before);
	json_decref(item);
}

void inventory_terminate(struct task *task)
{
	json_t *before = inventory_item(task), *item = json_deep_copy(before);
	json_t *issuer = json_object_get(item, "issuerSecurityDomain");

	if (issuer != NULL) {
		json_object_set_new(issuer, "state", json_string("terminated"));
		json_object_del(item, UNCERTAIN);
		note_differences(task, before, item, true);
		learn(task, item);
	}
	json_decref(before);
	json_decref(item);
}
