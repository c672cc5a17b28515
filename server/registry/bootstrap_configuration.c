/* LwM2M Core TS 1.1, 6.1.7.6 and appendix E.1, E.2: what makes a configuration consistent */
#include "bootstrap_configuration.h"

#include <stdio.h>

#include "access_control.h"
#include "path.h"

struct checking {
	const struct model *model;
	const struct bootstrap_configuration *configuration;
	bool is_for_all;
	struct fault *fault;
};

/* What the members of the document say already, and what is a key. */
static const struct {
	uint16_t object, resource;
} said_elsewhere[] = {
	{ 0, 0 }, { 0, 1 }, { 0, 2 }, { 0, 3 }, { 0, 4 }, { 0, 5 }, { 0, 10 },
	{ 1, 0 }, { 1, 1 }, { 1, 6 }, { 1, 7 },
}, secrets[] = {
	{ 0, 5 },  /* secret key */
	{ 0, 8 },  /* SMS binding secret keys */
	{ 21, 0 }, /* OSCORE master secret */
	{ 21, 5 }, /* OSCORE master salt */
	{ 23, 2 }, /* COSE key */
	{ 24, 8 }, /* MQTT password */
};

bool bootstrap_is_secret(struct lwm2m_path path)
{
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		if (secrets[i].object == path.object && secrets[i].resource == path.resource)
			return true;
	}
	return false;
}

/* ---- servers ---- */

/* The schemes of LwM2M over CoAP, and whether they carry security. */
static const struct {
	const char *prefix;
	bool is_secure;
} schemes[] = {
	{ "coap://", false },
	{ "coaps://", true },
	{ "coap+tcp://", false },
	{ "coaps+tcp://", true },
};

static const char *mode_name(enum security_mode mode)
{
	switch (mode) {
	case SECURITY_PSK:
		return "psk";
	case SECURITY_X509:
		return "x509";
	default:
		return "nosec";
	}
}

enum err bootstrap_check_uri(const char *uri, enum security_mode mode, const char *name, struct fault *fault)
{
	bool wants_security = mode != SECURITY_NOSEC;

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t length = strlen(schemes[i].prefix);

		if (strncmp(uri, schemes[i].prefix, length) != 0)
			continue;
		if (uri[length] == 0 || strchr(":/?#", uri[length]) != NULL)
			return fault_set(fault, ERR_MALFORMED, "%s: has no host", name);
		if (schemes[i].is_secure != wants_security)
			return fault_set(fault, ERR_MALFORMED, "%s: %s does not go with security.mode %s",
					 name, schemes[i].prefix, mode_name(mode));
		return ERR_NONE;
	}
	return fault_set(fault, ERR_MALFORMED,
			 "%s: must begin with coap://, coaps://, coap+tcp:// or coaps+tcp://", name);
}

static enum err check_uri(const struct checking *checking, size_t i)
{
	const struct bootstrap_server *server = &checking->configuration->servers[i];
	char name[40];

	snprintf(name, sizeof(name), "servers[%zu].uri", i);
	return bootstrap_check_uri(server->uri, server->mode, name, checking->fault);
}

static enum err check_uniqueness(const struct checking *checking, size_t i)
{
	const struct bootstrap_server *servers = checking->configuration->servers, *server = &servers[i];

	for (size_t j = 0; j < i; j++) {
		if (servers[j].short_server_id == server->short_server_id)
			return fault_set(checking->fault, ERR_MALFORMED,
					 "servers[%zu].shortServerId: %u is that of servers[%zu] too", i,
					 server->short_server_id, j);
		/* The server keeps one key of each device. */
		if (servers[j].is_generated && server->is_generated)
			return fault_set(checking->fault, ERR_MALFORMED,
					 "servers[%zu].security.generate: only one server can have it", i);
		if (servers[j].key.len > 0 &&
		    bytes_equal_constant_time(secret_bytes(&servers[j].key), secret_bytes(&server->key)))
			return fault_set(checking->fault, ERR_MALFORMED,
					 "servers[%zu].security.keyHex: is the key of servers[%zu] too", i,
					 j);
	}
	return ERR_NONE;
}

static enum err check_for_all(const struct checking *checking, size_t i)
{
	const struct bootstrap_server *server = &checking->configuration->servers[i];

	if (checking->is_for_all && server->mode == SECURITY_X509)
		return fault_set(
			checking->fault, ERR_MALFORMED,
			"servers[%zu].security.certificatePem: is of one device, this configuration is"
			" for many",
			i);
	if (!checking->is_for_all || server->identity == NULL)
		return ERR_NONE;
	return fault_set(checking->fault, ERR_MALFORMED,
			 "servers[%zu].security.%s: a configuration for many devices has to generate it", i,
			 server->is_generated ? "identity" : "keyHex");
}

/* Letters of LwM2M 1.0 to 1.2, each at most once. */
static enum err check_binding(const struct checking *checking, size_t i)
{
	const char *binding = checking->configuration->servers[i].binding;

	for (const char *at = binding; *at != 0; at++) {
		if (strchr("UTSNMHQ", *at) == NULL || strchr(at + 1, *at) != NULL)
			return fault_set(
				checking->fault, ERR_MALFORMED,
				"servers[%zu].binding: must be letters of U, T, S, N, M, H and Q, each once",
				i);
	}
	return ERR_NONE;
}

static enum err check_further(const struct checking *checking, size_t i, struct lwm2m_records records,
			      const char *member)
{
	for (size_t j = 0; j < records.count; j++) {
		const struct lwm2m_path path = records.at[j].path;

		for (size_t k = 0; k < sizeof(said_elsewhere) / sizeof(said_elsewhere[0]); k++) {
			if (said_elsewhere[k].object == path.object &&
			    said_elsewhere[k].resource == path.resource)
				return fault_set(checking->fault, ERR_MALFORMED,
						 "servers[%zu].%s.%u: is said by another member", i, member,
						 path.resource);
		}
	}
	return ERR_NONE;
}

static enum err check_server(const struct checking *checking, size_t i)
{
	const struct bootstrap_server *server = &checking->configuration->servers[i];
	enum err err = check_uri(checking, i);

	if (err == ERR_NONE)
		err = check_uniqueness(checking, i);
	if (err == ERR_NONE)
		err = check_for_all(checking, i);
	if (err == ERR_NONE)
		err = check_binding(checking, i);
	if (err == ERR_NONE)
		err = check_further(checking, i, server->security, "security.resources");
	return err == ERR_NONE ? check_further(checking, i, server->server, "resources") : err;
}

/* ---- access control ---- */

static bool is_server(const struct bootstrap_configuration *configuration, uint16_t short_server_id)
{
	for (size_t i = 0; i < configuration->server_count; i++) {
		if (configuration->servers[i].short_server_id == short_server_id)
			return true;
	}
	return false;
}

/* The right to create is one of the object, and given in bootstrap only (8.2). */
static enum err check_access(const struct checking *checking, size_t i)
{
	const struct bootstrap_access *access = &checking->configuration->accesses[i];
	bool is_creation = access->instance == LWM2M_ID_NONE;

	if (access->owner != LWM2M_ID_NONE && !is_server(checking->configuration, access->owner))
		return fault_set(checking->fault, ERR_MALFORMED, "acl[%zu].owner: no server has the id %u", i,
				 access->owner);
	if (is_creation && access->owner != LWM2M_ID_NONE)
		return fault_set(checking->fault, ERR_MALFORMED,
				 "acl[%zu].owner: must be 65535 where the instance is", i);
	for (size_t j = 0; j < access->right_count; j++) {
		const struct bootstrap_right right = access->rights[j];

		if (right.short_server_id != 0 && !is_server(checking->configuration, right.short_server_id))
			return fault_set(checking->fault, ERR_MALFORMED,
					 "acl[%zu].rights: no server has the id %u", i,
					 right.short_server_id);
		if (is_creation && right.bits != ACCESS_CREATE)
			return fault_set(checking->fault, ERR_MALFORMED,
					 "acl[%zu].rights: must be 16, to create, with instance 65535", i);
	}
	for (size_t j = 0; j < i; j++) {
		const struct bootstrap_access *other = &checking->configuration->accesses[j];

		if (other->object == access->object && other->instance == access->instance)
			return fault_set(checking->fault, ERR_MALFORMED,
					 "acl[%zu]: acl[%zu] is about the same", i, j);
	}
	return ERR_NONE;
}

/* ---- objects, and what is deleted and read ---- */

static bool has_resource(const struct bootstrap_object *object, uint16_t resource)
{
	for (size_t i = 0; i < object->records.count; i++) {
		if (object->records.at[i].path.resource == resource)
			return true;
	}
	return false;
}

/* Of the mandatory resources those that nobody but a bootstrap server can write. */
static enum err check_mandatory(const struct checking *checking, size_t i)
{
	const struct bootstrap_object *object = &checking->configuration->objects[i];
	const struct object_model *known = model_object(checking->model, object->path.object, NULL);

	for (size_t j = 0; known != NULL && j < known->resource_count; j++) {
		const struct resource_model *resource = &known->resources[j];

		if (resource->is_mandatory && resource->access == 0 && !has_resource(object, resource->id))
			return fault_set(checking->fault, ERR_MALFORMED,
					 "objects[%zu].resources: %u (%s) is mandatory", i, resource->id,
					 resource->name);
	}
	return ERR_NONE;
}

static enum err check_object(const struct checking *checking, size_t i)
{
	const struct bootstrap_object *objects = checking->configuration->objects, *object = &objects[i];

	if (object->path.object <= 2)
		return fault_set(checking->fault, ERR_MALFORMED,
				 "objects[%zu].path: object %u is what servers and acl say", i,
				 object->path.object);
	if (object->records.count == 0)
		return fault_set(checking->fault, ERR_MALFORMED, "objects[%zu].resources: there are none", i);
	for (size_t j = 0; j < i; j++) {
		if (path_equal(objects[j].path, object->path))
			return fault_set(checking->fault, ERR_MALFORMED,
					 "objects[%zu].path: is that of objects[%zu] too", i, j);
	}
	return check_mandatory(checking, i);
}

static enum err check_delete(const struct checking *checking, size_t i)
{
	return checking->configuration->deletes[i].depth <= 2
		       ? ERR_NONE
		       : fault_set(checking->fault, ERR_MALFORMED,
				   "delete[%zu]: must be /, an object or an instance", i);
}

static enum err check_read(const struct checking *checking, size_t i)
{
	const struct lwm2m_path path = checking->configuration->reads[i];

	return path.depth == 0 || (path.depth <= 2 && (path.object == 1 || path.object == 2))
		       ? ERR_NONE
		       : fault_set(checking->fault, ERR_MALFORMED,
				   "read[%zu]: must be /, object 1 or 2, or an instance of it", i);
}

/* ---- the whole ---- */

static enum err check_each(const struct checking *checking, size_t count,
			   enum err (*check)(const struct checking *checking, size_t i))
{
	enum err err = ERR_NONE;

	for (size_t i = 0; i < count && err == ERR_NONE; i++)
		err = check(checking, i);
	return err;
}

enum err bootstrap_configuration_check(const struct model *model,
				       const struct bootstrap_configuration *configuration, bool is_for_all,
				       struct fault *fault)
{
	const struct checking checking = { model, configuration, is_for_all, fault };
	enum err err = check_each(&checking, configuration->server_count, check_server);

	if (err == ERR_NONE)
		err = check_each(&checking, configuration->access_count, check_access);
	if (err == ERR_NONE)
		err = check_each(&checking, configuration->object_count, check_object);
	if (err == ERR_NONE)
		err = check_each(&checking, configuration->delete_count, check_delete);
	return err == ERR_NONE ? check_each(&checking, configuration->read_count, check_read) : err;
}

enum err bootstrap_configuration_check_key(const struct bootstrap_configuration *configuration,
					   const struct secret *bootstrap_key, struct fault *fault)
{
	for (size_t i = 0; bootstrap_key != NULL && i < configuration->server_count; i++) {
		const struct bootstrap_server *server = &configuration->servers[i];

		if (server->mode == SECURITY_PSK && !server->is_generated &&
		    bytes_equal_constant_time(secret_bytes(&server->key), secret_bytes(bootstrap_key)))
			return fault_set(
				fault, ERR_CONFLICT,
				"servers[%zu].security.keyHex: is the device's key for the bootstrap server"
				" too; each server needs one of its own",
				i);
	}
	return ERR_NONE;
}
