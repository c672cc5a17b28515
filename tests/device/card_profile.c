#include "card_profile.h"

#include <jansson.h>

struct reading {
	struct arena *arena;
	struct fault *fault;
	bool is_bad;
};

/* Says what is wrong once; all that comes after it counts no more. */
static void refuse(struct reading *reading, const char *member, const char *what)
{
	if (!reading->is_bad)
		fault_set(reading->fault, ERR_MALFORMED, "card profile: %s: %s", member, what);
	reading->is_bad = true;
}

static struct bytes read_hex(struct reading *reading, const json_t *object, const char *member)
{
	const json_t *value = json_object_get(object, member);
	struct bytes bytes = { NULL, 0 };
	if (value != NULL && (!json_is_string(value) ||
			      bytes_from_hex(reading->arena, json_string_value(value), &bytes) != ERR_NONE))
		refuse(reading, member, "hexadecimal");
	return bytes;
}

static struct card_aid read_aid(struct reading *reading, const json_t *object)
{
	struct bytes bytes = read_hex(reading, object, "aidHex");
	struct card_aid aid = { .len = bytes.len };
	if (bytes.len > CARD_AID_MAX)
		refuse(reading, "aidHex", "at most 16 bytes");
	else if (bytes.len > 0)
		memcpy(aid.at, bytes.at, bytes.len);
	return aid;
}

static uint8_t read_number(struct reading *reading, const json_t *object, const char *member, json_int_t min,
			   json_int_t max)
{
	const json_t *value = json_object_get(object, member);
	if (!json_is_integer(value) || json_integer_value(value) < min || json_integer_value(value) > max) {
		refuse(reading, member, "a number in its range");
		return 0;
	}
	return (uint8_t)json_integer_value(value);
}

static void read_keys(struct reading *reading, const json_t *object, struct card_key_set *keys)
{
	struct bytes key = read_hex(reading, object, "keyHex");
	if (json_object_get(object, "keyVersion") == NULL)
		return;
	keys->version = read_number(reading, object, "keyVersion", 1, 127);
	if ((key.len != 16 && key.len != 24 && key.len != 32) || secret_from(key, &keys->enc) != ERR_NONE)
		refuse(reading, "keyHex", "16, 24 or 32 bytes");
	keys->mac = keys->dek = keys->enc;
}

static void read_domain(struct reading *reading, const json_t *object, struct card_domain *domain)
{
	struct bytes privileges = read_hex(reading, object, "privilegesHex");
	struct reader r = reader_of(privileges);
	domain->aid = read_aid(reading, object);
	domain->privileges = read_u24(&r);
	read_keys(reading, object, &domain->keys);
	if (domain->aid.len < 5)
		refuse(reading, "aidHex", "5 to 16 bytes");
	if (!reader_done(&r))
		refuse(reading, "privilegesHex", "three bytes");
}

static void read_key(struct reading *reading, const json_t *object, struct card_extra_key *key)
{
	const json_t *components = json_object_get(object, "components"), *component;
	size_t i;
	key->domain = read_aid(reading, object);
	key->version = read_number(reading, object, "version", 1, 127);
	key->id = read_number(reading, object, "id", 0, 127);
	if (json_array_size(components) == 0 || json_array_size(components) > CARD_KEY_COMPONENTS)
		refuse(reading, "components", "one or two");
	json_array_foreach (components, i, component) {
		if (i == CARD_KEY_COMPONENTS)
			break;
		key->components[i].type = read_number(reading, component, "type", 0x80, 0xFE);
		key->components[i].value = read_hex(reading, component, "valueHex");
	}
}

/* Memory for each element of a list. */
static void *list_memory(struct reading *reading, const json_t *list, size_t size)
{
	void *at = arena_alloc_array(reading->arena, json_array_size(list) + 1, size);
	if (at == NULL)
		refuse(reading, "file", "too long");
	return at;
}

static void read_profile(struct reading *reading, const json_t *profile, struct card_settings *settings)
{
	const json_t *domains = json_object_get(profile, "domains"), *keys = json_object_get(profile, "keys");
	struct card_domain *domain = list_memory(reading, domains, sizeof(*domain));
	struct card_extra_key *key = list_memory(reading, keys, sizeof(*key));
	const json_t *element;
	size_t i;
	if (reading->is_bad)
		return;
	json_array_foreach (domains, i, element)
		read_domain(reading, element, &domain[i]);
	json_array_foreach (keys, i, element)
		read_key(reading, element, &key[i]);
	settings->has_uicc = json_is_true(json_object_get(profile, "uicc"));
	if (json_object_get(profile, "minimumSecurity") != NULL)
		settings->minimum_security = read_number(reading, profile, "minimumSecurity", 0, 0x1F);
	settings->domains = domain;
	settings->domain_count = json_array_size(domains);
	settings->extra_keys = key;
	settings->extra_key_count = json_array_size(keys);
}

enum err card_profile_read(const char *path, struct arena *arena, struct card_settings *settings,
			   struct fault *fault)
{
	struct reading reading = { .arena = arena, .fault = fault };
	json_error_t error;
	json_t *profile = json_load_file(path, 0, &error);
	if (profile == NULL)
		return fault_set(fault, ERR_MALFORMED, "%s:%d: %s", path, error.line, error.text);
	read_profile(&reading, profile, settings);
	json_decref(profile);
	return reading.is_bad ? ERR_MALFORMED : ERR_NONE;
}
