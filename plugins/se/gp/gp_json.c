#include "gp/gp_json.h"

#include <stdio.h>

json_t *json_hex(struct arena *arena, struct bytes bytes)
{
	const char *hex = bytes_to_hex(arena, bytes);

	return hex == NULL ? NULL : json_string(hex);
}

static void add_hex(json_t *object, struct arena *arena, const char *name, struct bytes bytes)
{
	if (bytes.len > 0)
		json_object_set_new(object, name, json_hex(arena, bytes));
}

/* ---- registry ---- */

static json_t *privileges_json(uint32_t value)
{
	json_t *names = json_array();

	for (const struct privilege *p = privileges; p->name != NULL; p++) {
		if ((value & p->mask) == p->bits)
			json_array_append_new(names, json_string(p->name));
	}
	return names;
}

static json_t *version_json(struct arena *arena, struct bytes version)
{
	if (version.len != 2)
		return json_hex(arena, version);
	return json_sprintf("%u.%u", version.at[0], version.at[1]);
}

json_t *registry_entry_json(struct arena *arena, const struct registry_entry *entry, enum registry_kind kind)
{
	json_t *object = json_object();
	json_t *modules = json_array();

	add_hex(object, arena, "aidHex", entry->aid);
	json_object_set_new(object, "state", json_string(life_cycle_text(entry, kind)));
	if (kind != REGISTRY_LOAD_FILE)
		json_object_set_new(object, "privileges", privileges_json(privileges_of(entry->privileges)));
	if (entry->version.len > 0)
		json_object_set_new(object, "version", version_json(arena, entry->version));
	add_hex(object, arena, "loadFileAidHex", entry->load_file);
	add_hex(object, arena, "securityDomainAidHex", entry->security_domain);
	add_hex(object, arena, "implicitSelectionHex", entry->implicit_selection);
	for (size_t i = 0; i < entry->module_count; i++)
		json_array_append_new(modules, json_hex(arena, entry->modules[i]));
	if (kind == REGISTRY_LOAD_FILE)
		json_object_set(object, "modules", modules);
	json_decref(modules);
	return object;
}

static bool is_domain(const struct registry_entry *entry)
{
	return (privileges_of(entry->privileges) & 0x800000) != 0;
}

json_t *registry_json(struct arena *arena, const struct registry *registry, enum registry_kind kind,
		      enum registry_part part)
{
	json_t *list = json_array();

	for (size_t i = 0; i < registry->count; i++) {
		const struct registry_entry *entry = &registry->entries[i];
		if (part == PART_ALL || is_domain(entry) == (part == PART_DOMAINS))
			json_array_append_new(list, registry_entry_json(arena, entry, kind));
	}
	return list;
}

/* ---- keys ---- */

static const struct {
	uint16_t type;
	const char *name;
} key_types[] = {
	{ 0x80, "DES" },           { 0x85, "TLS-PSK" },
	{ 0x88, "AES" },           { 0x90, "HMAC-SHA1" },
	{ 0x91, "HMAC-SHA1-160" }, { 0xA0, "RSA public exponent" },
	{ 0xA1, "RSA modulus" },   { 0xB0, "ECC public" },
	{ 0xB1, "ECC private" },   { 0xF0, "ECC curve reference" },
};

static json_t *key_type_json(uint16_t told)
{
	const uint16_t type = told >> 8 == 0xFF ? told & 0xFF : told; /* the extended form begins with FF */

	for (size_t i = 0; i < sizeof(key_types) / sizeof(key_types[0]); i++) {
		if (key_types[i].type == type)
			return json_string(key_types[i].name);
	}
	return json_sprintf("%02X", type);
}

/* GPCS 2.3.1, 11.1.9, table 11-16: two bytes, most significant first */
static const struct {
	uint16_t bit;
	const char *name;
} key_usages[] = {
	{ 0x8000, "verification-or-encipherment" },
	{ 0x4000, "computation-or-decipherment" },
	{ 0x2000, "response-messages" },
	{ 0x1000, "command-messages" },
	{ 0x0800, "confidentiality" },
	{ 0x0400, "cryptographic-checksum" },
	{ 0x0200, "digital-signature" },
	{ 0x0100, "cryptographic-authorization" },
	{ 0x0080, "key-agreement" },
};

static json_t *key_usage_json(struct bytes usage)
{
	struct reader r = reader_of(usage);
	unsigned bits = (unsigned)read_u8(&r) << 8;
	json_t *names = json_array();

	if (reader_left(&r) > 0)
		bits |= read_u8(&r);
	for (size_t i = 0; i < sizeof(key_usages) / sizeof(key_usages[0]); i++) {
		if ((bits & key_usages[i].bit) != 0)
			json_array_append_new(names, json_string(key_usages[i].name));
	}
	return names;
}

static json_t *key_access_json(struct bytes access)
{
	static const char *const names[] = { "security-domain-and-applications", "security-domain",
					     "applications" };

	return access.len == 1 && access.at[0] < 3 ? json_string(names[access.at[0]])
						   : json_string("unknown");
}

json_t *key_information_json(const struct key_information *keys)
{
	json_t *list = json_array();

	for (size_t i = 0; i < keys->count; i++) {
		const struct key_entry *key = &keys->entries[i];
		json_t *components = json_array();
		for (size_t n = 0; n < key->component_count; n++) {
			json_t *component = json_object();
			json_object_set_new(component, "type", key_type_json(key->components[n].type));
			json_object_set_new(component, "bytes", json_integer(key->components[n].length));
			json_array_append_new(components, component);
		}
		json_t *object = json_object();
		json_object_set_new(object, "version", json_integer(key->version));
		json_object_set_new(object, "id", json_integer(key->id));
		json_object_set_new(object, "components", components);
		if (key->usage.len > 0)
			json_object_set_new(object, "usage", key_usage_json(key->usage));
		if (key->access.len > 0)
			json_object_set_new(object, "access", key_access_json(key->access));
		json_array_append_new(list, object);
	}
	return list;
}

/* ---- card data and capability ---- */

json_t *card_data_json(struct arena *arena, const struct card_data *card)
{
	json_t *object = json_object();
	json_t *protocols = json_array();

	if (card->version != NULL)
		json_object_set_new(object, "globalPlatformVersion", json_string(card->version));
	for (size_t i = 0; i < card->protocol_count; i++) {
		json_t *protocol = json_object();
		json_object_set_new(protocol, "protocol",
				    json_sprintf("SCP%02X", card->protocols[i].protocol));
		add_hex(protocol, arena, "optionsHex", card->protocols[i].options);
		json_array_append_new(protocols, protocol);
	}
	json_object_set_new(object, "secureChannels", protocols);
	return object;
}

json_t *card_capability_json(struct arena *arena, const struct card_capability *c)
{
	json_t *object = json_object();
	json_t *protocols = json_array();

	for (size_t i = 0; i < c->protocol_count; i++) {
		const struct protocol_capability *p = &c->protocols[i];
		json_t *protocol = json_object();
		json_object_set_new(protocol, "protocol", json_sprintf("SCP%02X", p->protocol));
		add_hex(protocol, arena, "optionsHex", p->options);
		add_hex(protocol, arena, "keySizesHex", p->key_sizes);
		add_hex(protocol, arena, "cipherSuitesHex", p->suites);
		if (p->has_max_psk)
			json_object_set_new(protocol, "maxPskBytes", json_integer(p->max_psk_bytes));
		json_array_append_new(protocols, protocol);
	}
	json_object_set_new(object, "secureChannels", protocols);
	json_object_set_new(object, "securityDomainPrivileges",
			    privileges_json(privileges_of(c->domain_privileges)));
	json_object_set_new(object, "applicationPrivileges",
			    privileges_json(privileges_of(c->application_privileges)));
	add_hex(object, arena, "loadFileHashesHex", c->hashes);
	add_hex(object, arena, "loadFileCiphersHex", c->load_file_ciphers);
	add_hex(object, arena, "tokenSuitesHex", c->token_suites);
	add_hex(object, arena, "receiptSuitesHex", c->receipt_suites);
	add_hex(object, arena, "dapSuitesHex", c->dap_suites);
	add_hex(object, arena, "curvesHex", c->curves);
	return object;
}

json_t *cplc_json(struct arena *arena, const struct cplc *cplc)
{
	json_t *object = json_object();
	char name[48];

	for (size_t i = 0; i < CPLC_FIELDS; i++) {
		snprintf(name, sizeof(name), "%sHex", cplc_names[i]);
		json_object_set_new(object, name, json_hex(arena, cplc->fields[i]));
	}
	return object;
}

json_t *card_resources_json(const struct card_resources *resources)
{
	json_t *object = json_object();

	json_object_set_new(object, "installedApplications", json_integer(resources->applications));
	json_object_set_new(object, "freeNonVolatileBytes",
			    json_integer((json_int_t)resources->free_non_volatile_bytes));
	json_object_set_new(object, "freeVolatileBytes",
			    json_integer((json_int_t)resources->free_volatile_bytes));
	return object;
}
