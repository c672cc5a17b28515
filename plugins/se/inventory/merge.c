#include "inventory/merge.h"

#include <cardea/tlv.h>

#include "gp/gp_json.h"

/* ---- data objects ---- */

/* The value without its tag, when the card sent it with one. */
static struct bytes value_of(struct bytes data, uint32_t tag)
{
	struct bytes value;

	return tlv_find(data, tag, &value) == ERR_NONE ? value : data;
}

/* Each gives NULL for what it does not understand. */

static json_t *card_data(struct arena *arena, struct bytes data)
{
	struct card_data card;

	return card_data_parse(data, arena, &card, NULL) == ERR_NONE ? card_data_json(arena, &card) : NULL;
}

static json_t *capability(struct arena *arena, struct bytes data)
{
	struct card_capability value;

	return card_capability_parse(data, arena, &value, NULL) == ERR_NONE
		       ? card_capability_json(arena, &value)
		       : NULL;
}

static json_t *production(struct arena *arena, struct bytes data)
{
	struct cplc value;

	return cplc_parse(data, &value, NULL) == ERR_NONE ? cplc_json(arena, &value) : NULL;
}

static json_t *resources(struct arena *arena, struct bytes data)
{
	struct card_resources value;

	return card_resources_parse(data, &value, NULL) == ERR_NONE ? card_resources_json(&value) : NULL;
}

static json_t *keys(struct arena *arena, struct bytes data)
{
	struct key_information value;

	return key_information_parse(data, arena, &value, NULL) == ERR_NONE ? key_information_json(&value)
									    : NULL;
}

static json_t *issuer_number(struct arena *arena, struct bytes data)
{
	return json_hex(arena, value_of(data, 0x42));
}

static json_t *image_number(struct arena *arena, struct bytes data)
{
	return json_hex(arena, value_of(data, 0x45));
}

static json_t *counter(struct arena *arena, struct bytes data)
{
	const struct bytes value = value_of(data, 0xC1);
	struct reader r = reader_of(value);

	return value.len > 0 && value.len <= 4 ? json_integer((json_int_t)read_uint(&r, value.len)) : NULL;
}

static const struct object_kind {
	uint16_t tag;
	const char *member;
	json_t *(*to_json)(struct arena *arena, struct bytes data);
} object_kinds[] = {
	{ 0x0042, "iinHex", issuer_number },    { 0x0045, "cinHex", image_number },
	{ 0x0066, "cardData", card_data },      { 0x0067, "capabilities", capability },
	{ 0x00C1, "sequenceCounter", counter }, { 0x00E0, "keys", keys },
	{ 0x9F7F, "cplc", production },         { 0xFF21, "resources", resources },
};

static const struct object_kind *object_kind_of(uint16_t tag)
{
	for (size_t i = 0; i < sizeof(object_kinds) / sizeof(object_kinds[0]); i++) {
		if (object_kinds[i].tag == tag)
			return &object_kinds[i];
	}
	return NULL;
}

json_t *inventory_object_json(struct arena *arena, uint16_t tag, struct bytes data)
{
	const struct object_kind *kind = object_kind_of(tag);

	return kind == NULL ? NULL : kind->to_json(arena, data);
}

/* A data object that we do not understand is shown as it came. */
static void merge_object(struct task *task, json_t *domain, const struct object_kind *kind, struct bytes data)
{
	json_t *value = kind->to_json(task->arena, data);

	if (value == NULL)
		value = json_pack("{s:o}", "unreadableHex", json_hex(task->arena, data));
	if (data.len > 0)
		json_object_set_new(domain, kind->member, value);
	else
		json_decref(value);
}

/* ---- lists ---- */

static const char *text_of(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	return text != NULL ? text : "";
}

static bool begins_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static json_t *find_entry(const json_t *list, const char *aid)
{
	json_t *entry;
	size_t i;

	json_array_foreach (list, i, entry) {
		if (strcmp(text_of(entry, "aidHex"), aid) == 0)
			return entry;
	}
	return NULL;
}

struct looker { /* who asked */
	const char *aid;
	bool sees_all;
};

/* True when the domain would have been shown the entry. */
static bool is_in_sight(const struct looker *looker, const json_t *entry)
{
	return looker->sees_all || strcmp(text_of(entry, "securityDomainAidHex"), looker->aid) == 0;
}

/* `seen` takes the place of all that the question was about; what an answer leaves out of an entry stays. */
static void merge_list(json_t *item, const char *member, json_t *take_seen, const char *asked,
		       const struct looker *looker)
{
	json_t *old_list = json_object_get(item, member), *merged = json_array(), *entry;
	size_t i;

	json_array_foreach (old_list, i, entry) {
		const char *aid = text_of(entry, "aidHex");
		const json_t *seen = find_entry(take_seen, aid);
		if (seen == NULL && (!begins_with(aid, asked) || !is_in_sight(looker, entry)))
			json_array_append(merged, entry);
	}
	json_array_foreach (take_seen, i, entry) {
		json_t *old = find_entry(old_list, text_of(entry, "aidHex"));
		if (old != NULL)
			json_object_update_missing(entry, old);
		json_array_append(merged, entry);
	}
	/* after an answer to a question about one, nothing is known of the others */
	if (old_list != NULL || asked[0] == '\0')
		json_object_set(item, member, merged);
	json_decref(merged);
	json_decref(take_seen);
}

static void merge_registry(struct task *task, json_t *item, const struct query *query,
			   const struct registry *registry, const struct looker *looker)
{
	const char *asked = bytes_to_hex(task->arena, query->aid);
	json_t *files, *file;
	size_t i;

	if (!task_is_good(task, asked == NULL ? ERR_NOMEM : ERR_NONE))
		return;
	switch (query->scope) {
	case SCOPE_ISSUER_DOMAIN:
		if (registry->count > 0)
			json_object_set_new(
				item, "issuerSecurityDomain",
				registry_entry_json(task->arena, &registry->entries[0], REGISTRY_CARD));
		break;
	case SCOPE_APPLICATIONS:
		merge_list(item, "securityDomains",
			   registry_json(task->arena, registry, REGISTRY_APPLICATION, PART_DOMAINS), asked,
			   looker);
		merge_list(item, "applications",
			   registry_json(task->arena, registry, REGISTRY_APPLICATION, PART_APPLICATIONS),
			   asked, looker);
		break;
	case SCOPE_LOAD_FILES:
	case SCOPE_MODULES:
		files = registry_json(task->arena, registry, REGISTRY_LOAD_FILE, PART_ALL);
		json_array_foreach (files, i, file) {
			if (query->scope == SCOPE_LOAD_FILES)
				json_object_del(file, "modules"); /* not asked for */
		}
		merge_list(item, "loadFiles", files, asked, looker);
		break;
	}
}

/* ---- all of it ---- */

static bool is_answered(const struct query_answer *answer)
{
	return answer->state == QUERY_DONE && (sw_is_success(answer->sw) || answer->sw == SW_NO_SUCH_DATA);
}

/* Whose view the item is: the issuer's as soon as it has looked, until then that of whoever looked first. */
static bool is_main_view(json_t *item, const char *domain)
{
	const char *main_domain = text_of(item, "securityDomainAidHex");
	const json_t *issuer = json_object_get(item, "issuerSecurityDomain");

	if (main_domain[0] != '\0' && strcmp(main_domain, domain) != 0 &&
	    strcmp(text_of(issuer, "aidHex"), domain) != 0)
		return false;
	json_object_set_new(item, "securityDomainAidHex", json_string(domain));
	return true;
}

/* Where the data objects of the domain that was asked belong. */
static json_t *object_of(json_t *item, const struct looker *looker)
{
	return looker->sees_all ? item : find_entry(json_object_get(item, "securityDomains"), looker->aid);
}

static void merge_registries(struct task *task, json_t *item, bool is_issuer, const struct looker *looker)
{
	for (size_t i = 0; i < task->query_count; i++) {
		const struct query *query = &task->queries[i];
		const struct query_answer *answer = &task->kept.queries[i];
		struct registry registry;
		if (query->tag == 0 && (query->scope == SCOPE_ISSUER_DOMAIN) == is_issuer &&
		    is_answered(answer) &&
		    registry_parse(answer->data, task->arena, &registry, NULL) == ERR_NONE)
			merge_registry(task, item, query, &registry, looker);
	}
}

static void merge_objects(struct task *task, json_t *item, const struct looker *looker)
{
	json_t *object = object_of(item, looker);

	for (size_t i = 0; i < task->query_count && object != NULL; i++) {
		const struct query_answer *answer = &task->kept.queries[i];
		const struct object_kind *kind = object_kind_of(task->queries[i].tag);
		if (kind != NULL && is_answered(answer))
			merge_object(task, object, kind, answer->data);
	}
}

void inventory_merge(struct task *task, json_t *item)
{
	struct looker looker = { .aid = bytes_to_hex(task->arena, task->domain_aid) };

	if (!task_is_good(task, looker.aid == NULL ? ERR_NOMEM : ERR_NONE))
		return;
	merge_registries(task, item, true, &looker);
	looker.sees_all = is_main_view(item, looker.aid);
	merge_registries(task, item, false, &looker);
	merge_objects(task, item, &looker);
}
