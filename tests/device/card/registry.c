/* GPCS 2.3.1 6.5 and 6.6 */
#include "registry.h"

#include <utlist.h>

/* How much this card spends on its own bookkeeping: a figure of ours. */
#define INSTANCE_BYTES 64
#define OBJECT_BYTES   8
#define KEY_BYTES      16

/* Only one on the card has these; the ISD until they are given away, and again after that one is gone. Tokens
 * and receipts are a matter of one sub-hierarchy each (9.1.3); this card takes all of them for one. */
#define SINGLE_PRIVILEGES                                                                                    \
	(PRIVILEGE_CARD_RESET | PRIVILEGE_FINAL_APPLICATION | PRIVILEGE_TOKEN_VERIFICATION |                 \
	 PRIVILEGE_RECEIPT_GENERATION)

bool aid_read(struct bytes bytes, struct card_aid *ret_aid)
{
	if (bytes.len < 5 || bytes.len > CARD_AID_MAX)
		return false;
	*ret_aid = (struct card_aid){ .len = bytes.len };
	memcpy(ret_aid->at, bytes.at, bytes.len);
	return true;
}

struct bytes aid_bytes(const struct card_aid *aid)
{
	return bytes_of(aid->at, aid->len);
}

bool aid_equal(const struct card_aid *a, const struct card_aid *b)
{
	return bytes_equal(aid_bytes(a), aid_bytes(b));
}

struct entry *registry_find(const struct registry *registry, struct bytes aid)
{
	for (struct entry *entry = registry->entries; entry != NULL; entry = entry->next) {
		if (bytes_equal(aid_bytes(&entry->aid), aid))
			return entry;
	}
	return NULL;
}

struct entry *registry_add(struct registry *registry, const struct entry *entry)
{
	struct entry *copy = arena_alloc(registry->arena, sizeof(*copy));
	if (copy == NULL)
		return NULL;
	*copy = *entry;
	copy->next = NULL;
	LL_APPEND(registry->entries, copy);
	return copy;
}

void registry_remove(struct registry *registry, struct entry *entry)
{
	registry_isd(registry)->privileges |= entry->privileges & SINGLE_PRIVILEGES;
	LL_DELETE(registry->entries, entry);
}

bool registry_is_above(const struct registry *registry, const struct entry *security_domain,
		       const struct entry *entry)
{
	while (!aid_equal(&entry->security_domain, &security_domain->aid)) {
		if (aid_equal(&entry->security_domain, &entry->aid))
			return false;
		entry = registry_find(registry, aid_bytes(&entry->security_domain));
		if (entry == NULL)
			return false;
	}
	return true;
}

struct entry *registry_holder(const struct registry *registry, uint32_t privilege)
{
	for (struct entry *entry = registry->entries; entry != NULL; entry = entry->next) {
		if ((entry->privileges & privilege) != 0)
			return entry;
	}
	return registry_isd(registry);
}

bool registry_may_give(const struct registry *registry, uint32_t privileges, bool is_security_domain,
		       const struct entry *holder)
{
	if (((privileges & PRIVILEGE_SECURITY_DOMAIN) != 0) != is_security_domain)
		return false;
	if ((privileges & ~(uint32_t)(is_security_domain ? SSD_PRIVILEGES : APP_PRIVILEGES)) != 0)
		return false;
	if ((privileges & PRIVILEGE_MANDATED_DAP) != 0 && (privileges & PRIVILEGE_DAP_VERIFICATION) == 0)
		return false;
	uint32_t had = holder == NULL ? 0 : holder->privileges;
	uint32_t wanted = privileges & SINGLE_PRIVILEGES & ~had;
	return (registry_isd(registry)->privileges & wanted) == wanted;
}

void registry_give(struct registry *registry, struct entry *entry, uint32_t privileges)
{
	struct entry *isd = registry_isd(registry);
	isd->privileges |= entry->privileges & SINGLE_PRIVILEGES;
	isd->privileges &= ~(privileges & SINGLE_PRIVILEGES);
	entry->privileges = privileges;
}

uint32_t entry_nonvolatile_used(const struct entry *entry)
{
	uint32_t used = entry->nonvolatile_bytes;
	if (entry->kind == CARD_LOAD_FILE)
		return used;
	used += INSTANCE_BYTES;
	for (const struct data_object *object = entry->objects; object != NULL; object = object->next)
		used += OBJECT_BYTES + (uint32_t)object->value.len;
	for (const struct card_key *key = entry->keys; key != NULL; key = key->next) {
		used += KEY_BYTES;
		for (const struct key_component *component = key->components; component != NULL;
		     component = component->next)
			used += (uint32_t)component->value.len;
	}
	return used;
}

uint32_t registry_nonvolatile_used(const struct registry *registry)
{
	uint32_t used = 0;
	for (const struct entry *entry = registry->entries; entry != NULL; entry = entry->next)
		used += entry_nonvolatile_used(entry);
	for (const struct entry *entry = registry->upgrade.saved; entry != NULL; entry = entry->next)
		used += entry_nonvolatile_used(entry);
	return used;
}

uint32_t registry_volatile_used(const struct registry *registry)
{
	uint32_t used = 0;
	for (const struct entry *entry = registry->entries; entry != NULL; entry = entry->next)
		used += entry->volatile_bytes;
	return used;
}

struct data_object *entry_object(const struct entry *entry, uint32_t tag)
{
	for (struct data_object *object = entry->objects; object != NULL; object = object->next) {
		if (object->tag == tag)
			return object;
	}
	return NULL;
}

bool entry_store(struct registry *registry, struct entry *entry, uint32_t tag, struct bytes value)
{
	struct bytes copy;
	if (bytes_copy(registry->arena, value, &copy) != ERR_NONE)
		return false;
	struct data_object *object = entry_object(entry, tag);
	if (object == NULL) {
		object = arena_alloc(registry->arena, sizeof(*object));
		if (object == NULL)
			return false;
		object->tag = tag;
		LL_APPEND(entry->objects, object);
	}
	object->value = copy;
	return true;
}

void entry_forget(struct entry *entry, uint32_t tag)
{
	struct data_object *object = entry_object(entry, tag);
	if (object != NULL)
		LL_DELETE(entry->objects, object);
}

struct card_key *entry_key(const struct entry *entry, uint8_t version, uint8_t id)
{
	struct card_key *key = entry->keys;
	while (key != NULL && (key->version != version || key->id != id))
		key = key->next;
	return key;
}

struct key_version *entry_key_version(const struct entry *entry, uint8_t version)
{
	struct key_version *found = entry->key_versions;
	while (found != NULL && found->version != version)
		found = found->next;
	return found;
}

bool entry_add_key(struct registry *registry, struct entry *entry, uint8_t version, uint8_t id,
		   struct key_component *components)
{
	struct card_key *key = arena_alloc(registry->arena, sizeof(*key));
	if (key == NULL)
		return false;
	*key = (struct card_key){ .id = id, .version = version, .components = components };
	LL_APPEND(entry->keys, key);
	if (entry_key_version(entry, version) != NULL)
		return true;
	struct key_version *counters = arena_alloc(registry->arena, sizeof(*counters));
	if (counters == NULL)
		return false;
	counters->version = version;
	LL_APPEND(entry->key_versions, counters);
	return true;
}

void entry_remove_key(struct entry *entry, struct card_key *key)
{
	uint8_t version = key->version;
	LL_DELETE(entry->keys, key);
	for (key = entry->keys; key != NULL; key = key->next) {
		if (key->version == version)
			return;
	}
	struct key_version *counters = entry_key_version(entry, version);
	LL_DELETE(entry->key_versions, counters);
}

struct key_component *component_create(struct registry *registry, uint8_t type, struct bytes value)
{
	struct key_component *component = arena_alloc(registry->arena, sizeof(*component));
	if (component == NULL || bytes_copy(registry->arena, value, &component->value) != ERR_NONE)
		return NULL;
	component->type = type;
	return component;
}
