/* The document of bootstrap_configuration.h, member by member. */
#include "bootstrap_configuration.h"

#include <stdlib.h>

#include "bootstrap_json_hide.h"
#include "certificate.h"
#include "json_node.h"
#include "json_resources.h"
#include "path.h"

#define MAX_URI_BYTES      255
#define MAX_BINDING_BYTES  14
#define MAX_IDENTITY_BYTES 128
#define MIN_KEY_BYTES      16
#define MAX_PEM_BYTES      16384
#define DEFAULT_LIFETIME_S 86400

struct reading {
	struct arena *arena;
	const struct model *model;
	struct fault *fault;
};

/* ---- servers ---- */

static enum err read_key(const struct reading *reading, const struct json_node *node, struct secret *ret_key)
{
	const char *hex;
	struct bytes key;
	enum err err = json_text_of(node, 2 * SECRET_MAX, &hex);

	if (err != ERR_NONE)
		return err;
	if (bytes_from_hex(reading->arena, hex, &key) != ERR_NONE || key.len < MIN_KEY_BYTES)
		return json_wrong(node, ERR_MALFORMED, "must be %d to %d bytes in hexadecimal", MIN_KEY_BYTES,
				  SECRET_MAX);
	return secret_from(key, ret_key);
}

static enum err read_psk(const struct reading *reading, const struct json_node *node,
			 struct bootstrap_server *server)
{
	const struct json_node generate = json_member(node, "generate"), key = json_member(node, "keyHex"),
			       identity = json_member(node, "identity");
	static const char *const only[] = { "mode", "identity", "keyHex", "generate", "resources", NULL };
	enum err err;

	server->mode = SECURITY_PSK;
	err = json_object_of(node, only);
	if (err == ERR_NONE && generate.json != NULL)
		err = json_boolean_of(&generate, &server->is_generated);
	if (err == ERR_NONE && server->is_generated == (key.json != NULL))
		err = json_wrong(node, ERR_MALFORMED, "needs either generate or keyHex");
	if (err == ERR_NONE && (identity.json != NULL || !server->is_generated))
		err = json_text_of(&identity, MAX_IDENTITY_BYTES, &server->identity);
	if (err == ERR_NONE && server->identity != NULL) {
		server->identity = arena_strdup(reading->arena, server->identity);
		err = server->identity == NULL ? ERR_NOMEM : ERR_NONE;
	}
	return err == ERR_NONE && !server->is_generated ? read_key(reading, &key, &server->key) : err;
}

static enum err read_pem(const struct json_node *node, struct bytes *ret_pem)
{
	const char *text;
	enum err err = json_text_of(node, MAX_PEM_BYTES, &text);

	if (err == ERR_NONE)
		*ret_pem = bytes_of_text(text);
	return err;
}

static enum err read_certificate(const struct reading *reading, const struct json_node *node,
				 struct bytes *ret_der)
{
	struct fault fault = { .kind = ERR_NONE };
	struct bytes pem;
	enum err err = read_pem(node, &pem);

	if (err != ERR_NONE)
		return err;
	err = certificate_from_pem(reading->arena, pem, ret_der, &fault);
	return err == ERR_NONE ? ERR_NONE : json_wrong(node, err, "%s", fault.text);
}

static enum err read_x509(const struct reading *reading, const struct json_node *node,
			  struct bootstrap_server *server)
{
	static const char *const only[] = { "mode",          "certificatePem",
					    "privateKeyPem", "serverCertificatePem",
					    "resources",     NULL };
	const struct json_node certificate = json_member(node, "certificatePem"),
			       key = json_member(node, "privateKeyPem"),
			       server_certificate = json_member(node, "serverCertificatePem");
	struct fault fault = { .kind = ERR_NONE };
	struct bytes pem;
	enum err err = json_object_of(node, only);

	server->mode = SECURITY_X509;
	if (err == ERR_NONE)
		err = read_certificate(reading, &certificate, &server->certificate);
	if (err == ERR_NONE)
		err = read_pem(&key, &pem);
	if (err != ERR_NONE)
		return err;
	err = certificate_key_from_pem(reading->arena, pem, server->certificate, &server->private_key,
				       &fault);
	if (err != ERR_NONE)
		return json_wrong(&key, err, "%s", fault.text);
	return server_certificate.json == NULL
		       ? ERR_NONE
		       : read_certificate(reading, &server_certificate, &server->server_certificate);
}

static enum err read_nosec(const struct reading *reading, const struct json_node *node,
			   struct bootstrap_server *server)
{
	static const char *const only[] = { "mode", "resources", NULL };

	server->mode = SECURITY_NOSEC;
	return json_object_of(node, only);
}

static const struct {
	const char *name;
	enum err (*read)(const struct reading *reading, const struct json_node *node,
			 struct bootstrap_server *server);
} modes[] = {
	{ "psk", read_psk },
	{ "x509", read_x509 },
	{ "nosec", read_nosec },
};

static enum err read_security(const struct reading *reading, const struct json_node *node,
			      struct bootstrap_server *server)
{
	static const char *const members[] = {
		"mode",      "identity",       "keyHex",        "generate",
		"resources", "certificatePem", "privateKeyPem", "serverCertificatePem",
		NULL
	};
	const struct json_node mode = json_member(node, "mode"), resources = json_member(node, "resources");
	const char *name;
	enum err err = json_object_of(node, members);

	if (err == ERR_NONE)
		err = json_text_of(&mode, 16, &name);
	if (err == ERR_NONE)
		err = json_resources_of(reading->model, &resources, LWM2M_INSTANCE(0, 0), &server->security);
	if (err != ERR_NONE)
		return err;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(modes[i].name, name) == 0)
			return modes[i].read(reading, node, server);
	}
	return json_wrong(&mode, ERR_UNSUPPORTED, "must be psk, x509 or nosec");
}

static enum err read_text_or(const struct json_node *node, size_t max_bytes, const char *fallback,
			     const char **ret_text)
{
	const char *text = fallback;
	enum err err =
		node->json == NULL && fallback != NULL ? ERR_NONE : json_text_of(node, max_bytes, &text);

	if (err != ERR_NONE)
		return err;
	*ret_text = arena_strdup(node->arena, text);
	return *ret_text == NULL ? ERR_NOMEM : ERR_NONE;
}

static enum err read_server(const struct reading *reading, const struct json_node *node, void *ret_item)
{
	static const char *const members[] = { "shortServerId", "uri",      "lifetime",  "binding",
					       "storing",       "security", "resources", NULL };
	const struct json_node id = json_member(node, "shortServerId"), uri = json_member(node, "uri"),
			       lifetime = json_member(node, "lifetime"),
			       binding = json_member(node, "binding"), storing = json_member(node, "storing"),
			       security = json_member(node, "security"),
			       resources = json_member(node, "resources");
	struct bootstrap_server *server = ret_item;
	json_int_t short_server_id = 0, lifetime_s = DEFAULT_LIFETIME_S;
	enum err err = json_object_of(node, members);

	server->is_storing = true;
	if (err == ERR_NONE)
		err = json_number_of(&id, 1, LWM2M_ID_NONE - 1, &short_server_id);
	if (err == ERR_NONE)
		err = read_text_or(&uri, MAX_URI_BYTES, NULL, &server->uri);
	if (err == ERR_NONE && lifetime.json != NULL)
		err = json_number_of(&lifetime, 0, UINT32_MAX, &lifetime_s);
	if (err == ERR_NONE)
		err = read_text_or(&binding, MAX_BINDING_BYTES, "U", &server->binding);
	if (err == ERR_NONE && storing.json != NULL)
		err = json_boolean_of(&storing, &server->is_storing);
	if (err == ERR_NONE)
		err = read_security(reading, &security, server);
	if (err == ERR_NONE)
		err = json_resources_of(reading->model, &resources, LWM2M_INSTANCE(1, 0), &server->server);
	server->short_server_id = (uint16_t)short_server_id;
	server->lifetime_s = (uint32_t)lifetime_s;
	return err;
}

/* ---- access control ---- */

static enum err read_rights(const struct reading *reading, const struct json_node *node,
			    struct bootstrap_access *access)
{
	struct bootstrap_right *rights;
	size_t count = json_object_size(node->json);
	const char *name;
	json_t *value;

	if (count == 0 || count > BOOTSTRAP_MAX_ITEMS)
		return json_wrong(node, ERR_MALFORMED, "must be an object of 1 to %d rights",
				  BOOTSTRAP_MAX_ITEMS);
	rights = arena_alloc_array(reading->arena, count, sizeof(*rights));
	if (rights == NULL)
		return ERR_NOMEM;
	access->rights = rights;
	json_object_foreach ((json_t *)node->json, name, value) {
		const struct json_node right = json_member(node, name);
		struct lwm2m_path id;
		json_int_t bits = 0;
		enum err err = json_number_of(&right, 0, 31, &bits);

		if (err == ERR_NONE &&
		    (path_parse(bytes_of_text(name), &id, NULL) != ERR_NONE || id.depth != 1))
			err = json_wrong(&right, ERR_MALFORMED, "must be a short server id, or 0");
		if (err != ERR_NONE)
			return err;
		rights[access->right_count++] = (struct bootstrap_right){ id.object, (uint8_t)bits };
	}
	return ERR_NONE;
}

static enum err read_access(const struct reading *reading, const struct json_node *node, void *ret_item)
{
	static const char *const members[] = { "object", "instance", "owner", "rights", NULL };
	const struct json_node object = json_member(node, "object"), instance = json_member(node, "instance"),
			       owner = json_member(node, "owner"), rights = json_member(node, "rights");
	struct bootstrap_access *access = ret_item;
	json_int_t object_id = 0, instance_id = 0, owner_id = 0;
	enum err err = json_object_of(node, members);

	if (err == ERR_NONE)
		err = json_number_of(&object, 1, LWM2M_ID_NONE - 1, &object_id);
	if (err == ERR_NONE)
		err = json_number_of(&instance, 0, LWM2M_ID_NONE, &instance_id);
	if (err == ERR_NONE)
		err = json_number_of(&owner, 1, LWM2M_ID_NONE, &owner_id);
	access->object = (uint16_t)object_id;
	access->instance = (uint16_t)instance_id;
	access->owner = (uint16_t)owner_id;
	return err == ERR_NONE ? read_rights(reading, &rights, access) : err;
}

/* ---- objects and paths ---- */

static enum err read_path(const struct reading *reading, const struct json_node *node, void *ret_item)
{
	const char *text;
	enum err err = json_text_of(node, PATH_TEXT_SIZE, &text);

	if (err == ERR_NONE && path_parse(bytes_of_text(text), ret_item, NULL) != ERR_NONE)
		err = json_wrong(node, ERR_MALFORMED, "must be a path, as in /1/0");
	return err;
}

static enum err read_object(const struct reading *reading, const struct json_node *node, void *ret_item)
{
	static const char *const members[] = { "path", "resources", NULL };
	const struct json_node path = json_member(node, "path"), resources = json_member(node, "resources");
	struct bootstrap_object *object = ret_item;
	enum err err = json_object_of(node, members);

	if (err == ERR_NONE)
		err = read_path(reading, &path, &object->path);
	if (err == ERR_NONE && object->path.depth != 2)
		err = json_wrong(&path, ERR_MALFORMED, "must be the path of an instance, as in /11/0");
	return err == ERR_NONE ? json_resources_of(reading->model, &resources, object->path, &object->records)
			       : err;
}

/* ---- the whole ---- */

struct item_list {
	void *at;
	size_t count;
};

struct item_kind {
	const char *name; /* of the list */
	size_t min, max, size;
	enum err (*read)(const struct reading *reading, const struct json_node *node, void *ret_item);
};

/* clang-format off */
static const struct item_kind servers_kind  = { "servers", 1, BOOTSTRAP_MAX_SERVERS, sizeof(struct bootstrap_server), read_server };
static const struct item_kind accesses_kind = { "acl", 0, BOOTSTRAP_MAX_ITEMS, sizeof(struct bootstrap_access), read_access };
static const struct item_kind deletes_kind  = { "delete", 0, BOOTSTRAP_MAX_ITEMS, sizeof(struct lwm2m_path), read_path };
static const struct item_kind objects_kind  = { "objects", 0, BOOTSTRAP_MAX_ITEMS, sizeof(struct bootstrap_object), read_object };
static const struct item_kind reads_kind    = { "read", 0, BOOTSTRAP_MAX_ITEMS, sizeof(struct lwm2m_path), read_path };
/* clang-format on */

static enum err read_list(const struct reading *reading, const struct json_node *document,
			  const struct item_kind *kind, struct item_list *ret_list)
{
	const struct json_node node = json_member(document, kind->name);
	size_t count = 0;
	uint8_t *items;
	enum err err = json_array_of(&node, kind->min, kind->max, &count);

	if (err != ERR_NONE)
		return err;
	items = arena_alloc_array(reading->arena, count, kind->size);
	if (items == NULL && count > 0)
		return ERR_NOMEM;
	for (size_t i = 0; i < count && err == ERR_NONE; i++) {
		const struct json_node item = json_item(&node, i);

		err = kind->read(reading, &item, &items[i * kind->size]);
	}
	*ret_list = (struct item_list){ items, count };
	return err;
}

static enum err read_document(const struct reading *reading, const struct json_node *document,
			      struct bootstrap_configuration *ret_configuration)
{
	static const char *const members[] = { "servers", "acl", "delete", "objects", "read", NULL };
	static const struct lwm2m_path everything = { .depth = 0 };
	struct item_list servers = { 0 }, accesses = { 0 }, deletes = { 0 }, objects = { 0 }, reads = { 0 };
	bool has_deletes = json_member(document, "delete").json != NULL;
	enum err err = json_object_of(document, members);

	if (err == ERR_NONE)
		err = read_list(reading, document, &servers_kind, &servers);
	if (err == ERR_NONE)
		err = read_list(reading, document, &accesses_kind, &accesses);
	if (err == ERR_NONE)
		err = read_list(reading, document, &deletes_kind, &deletes);
	if (err == ERR_NONE)
		err = read_list(reading, document, &objects_kind, &objects);
	if (err == ERR_NONE)
		err = read_list(reading, document, &reads_kind, &reads);
	if (err != ERR_NONE)
		return err;
	*ret_configuration = (struct bootstrap_configuration){
		.servers = servers.at,
		.server_count = servers.count,
		.accesses = accesses.at,
		.access_count = accesses.count,
		.deletes = has_deletes ? deletes.at : &everything,
		.delete_count = has_deletes ? deletes.count : 1,
		.objects = objects.at,
		.object_count = objects.count,
		.reads = reads.at,
		.read_count = reads.count,
	};
	return ERR_NONE;
}

static enum err print(struct arena *arena, const json_t *document, const char **ret_text)
{
	char *text = json_dumps(document, JSON_COMPACT);

	*ret_text = text == NULL ? NULL : arena_strdup(arena, text);
	free(text);
	return *ret_text == NULL ? ERR_NOMEM : ERR_NONE;
}

enum err bootstrap_configuration_read(struct arena *arena, const struct model *model, struct bytes json,
				      bool is_for_all, struct bootstrap_configuration *ret_configuration,
				      const char **ret_document, struct fault *fault)
{
	const struct reading reading = { arena, model, fault };
	struct bootstrap_configuration configuration = { 0 };
	json_error_t error;
	json_t *document = json_loadb((const char *)json.at, json.len, JSON_REJECT_DUPLICATES, &error);
	const struct json_node root = { document, "", arena, fault };
	const char *text;
	enum err err;

	if (document == NULL)
		return fault_set(fault, ERR_MALFORMED, "line %d, column %d: no JSON", error.line,
				 error.column);
	err = read_document(&reading, &root, &configuration);
	if (err == ERR_NONE)
		err = bootstrap_configuration_check(model, &configuration, is_for_all, fault);
	bootstrap_hide_keys(document);
	if (err == ERR_NONE)
		err = print(arena, document, &text);
	json_decref(document);
	if (err != ERR_NONE)
		return fault_set(fault, err, "%s", err_name(err));
	*ret_configuration = configuration;
	*ret_document = text;
	return ERR_NONE;
}
