/* LwM2M Core TS 1.1, 6.1.7: Bootstrap-Delete, Bootstrap-Write, Bootstrap-Finish */
#include "bootstrap_plan.h"

#include "link.h"
#include "path.h"

#define MAX_FOUND 1024

/* ---- what the device has ---- */

static uint16_t short_server_id_of(const struct link *link)
{
	const struct link_attribute *attribute = link_attribute(link, "ssid");
	uint32_t id = 0;

	for (size_t i = 0; attribute != NULL && i < attribute->value.len; i++) {
		uint8_t digit = (uint8_t)(attribute->value.at[i] - '0');

		if (digit > 9 || id > LWM2M_ID_NONE)
			return 0;
		id = id * 10 + digit;
	}
	return id < LWM2M_ID_NONE ? (uint16_t)id : 0;
}

static bool is_told(const struct bootstrap_instance *instances, size_t count, struct lwm2m_path path)
{
	for (size_t i = 0; i < count; i++) {
		if (instances[i].object == path.object && instances[i].instance == path.instance)
			return true;
	}
	return false;
}

/* LwM2M 1.0 says lwm2m="1.0" before the first link. */
static struct bytes after_version(struct bytes text)
{
	const uint8_t *comma = NULL;

	if (bytes_equal_text(bytes_first(text, 6), "lwm2m="))
		comma = memchr(text.at, ',', text.len);
	return comma == NULL ? text : bytes_from(text, (size_t)(comma + 1 - text.at));
}

enum err bootstrap_found_read(struct arena *arena, struct bytes text, struct bootstrap_found *ret_found,
			      struct fault *fault)
{
	struct bootstrap_instance *instances;
	struct links links;
	size_t count = 0;
	enum err err;

	text = after_version(text);
	err = link_parse(arena, text, true, &links, fault);
	if (err != ERR_NONE)
		return err;
	if (links.count > MAX_FOUND)
		return fault_set(fault, ERR_MALFORMED, "more than %d links", MAX_FOUND);
	instances = arena_alloc_array(arena, links.count, sizeof(*instances));
	if (instances == NULL && links.count > 0)
		return ERR_NOMEM;
	for (size_t i = 0; i < links.count; i++) {
		struct lwm2m_path path;

		if (path_parse(links.at[i].target, &path, NULL) != ERR_NONE || path.depth != 2)
			continue;
		if (is_told(instances, count, path))
			return fault_set(fault, ERR_MALFORMED, "/%u/%u is told twice", path.object,
					 path.instance);
		instances[count++] = (struct bootstrap_instance){ path.object, path.instance,
								  short_server_id_of(&links.at[i]) };
	}
	*ret_found = (struct bootstrap_found){ instances, count };
	return ERR_NONE;
}

struct bootstrap_found bootstrap_found_unknown(void)
{
	static const struct bootstrap_instance account = { 0, 0, 0 };

	return (struct bootstrap_found){ &account, 1 };
}

/* ---- which instances are free ---- */

struct planning {
	struct arena *arena;
	const struct bootstrap_configuration *configuration;
	struct bootstrap_found found;
	const struct bootstrap_key *generated;
	struct bootstrap_step *steps; /* room for all */
	size_t count;
};

/* What belongs to the account of the bootstrap server, which no Delete removes. */
static bool is_bootstrap_account(const struct bootstrap_instance *instance)
{
	static const uint16_t objects[] = { 0, 21, 23, 24 };

	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		if (objects[i] == instance->object)
			return instance->short_server_id == 0;
	}
	return false;
}

static bool stays(const struct planning *planning, const struct bootstrap_instance *instance)
{
	const struct lwm2m_path path = LWM2M_INSTANCE(instance->object, instance->instance);

	if (is_bootstrap_account(instance))
		return true;
	for (size_t i = 0; i < planning->configuration->delete_count; i++) {
		if (path_starts_with(path, planning->configuration->deletes[i]))
			return false;
	}
	return true;
}

static bool is_taken(const struct planning *planning, uint16_t object, uint16_t id)
{
	for (size_t i = 0; i < planning->found.count; i++) {
		const struct bootstrap_instance *instance = &planning->found.at[i];

		if (instance->object == object && instance->instance == id && stays(planning, instance))
			return true;
	}
	for (size_t i = 0; i < planning->count; i++) {
		if (planning->steps[i].kind == BOOTSTRAP_WRITE &&
		    path_equal(planning->steps[i].path, LWM2M_INSTANCE(object, id)))
			return true;
	}
	return false;
}

/* The instance that the server has on the device, so that a repeated bootstrap writes the same, or a free
 * one. */
static enum err instance_for(const struct planning *planning, uint16_t object, uint16_t short_server_id,
			     uint16_t *ret_id)
{
	for (size_t i = 0; i < planning->found.count; i++) {
		const struct bootstrap_instance *instance = &planning->found.at[i];

		if (short_server_id != 0 && instance->object == object &&
		    instance->short_server_id == short_server_id && stays(planning, instance)) {
			*ret_id = instance->instance;
			return ERR_NONE;
		}
	}
	for (uint16_t id = 0; id < LWM2M_ID_NONE; id++) {
		if (!is_taken(planning, object, id)) {
			*ret_id = id;
			return ERR_NONE;
		}
	}
	return ERR_LIMIT;
}

/* ---- steps ---- */

static void add_step(struct planning *planning, enum bootstrap_step_kind kind, struct lwm2m_path path,
		     struct lwm2m_records records)
{
	planning->steps[planning->count++] = (struct bootstrap_step){ kind, path, records };
}

static const struct lwm2m_records no_records = { 0 };

/* The records of an instance: fixed ones, then the further ones of the configuration at the instance that was
 * chosen. */
static enum err add_write(struct planning *planning, struct lwm2m_path path, const struct lwm2m_record *fixed,
			  size_t fixed_count, struct lwm2m_records further)
{
	size_t count = fixed_count + further.count;
	struct lwm2m_record *records = arena_alloc_array(planning->arena, count, sizeof(*records));

	if (records == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < count; i++) {
		records[i] = i < fixed_count ? fixed[i] : further.at[i - fixed_count];
		records[i].path.instance = path.instance;
	}
	add_step(planning, BOOTSTRAP_WRITE, path, (struct lwm2m_records){ records, count });
	return ERR_NONE;
}

#define TEXT(o, r, text)                                                                                     \
	{                                                                                                    \
		.path = LWM2M_RESOURCE(o, 0, r), .value = {                                                  \
			.type = LWM2M_STRING,                                                                \
			.bytes = bytes_of_text(text)                                                         \
		}                                                                                            \
	}
#define NUMBER(o, r, n)                                                                                      \
	{                                                                                                    \
		.path = LWM2M_RESOURCE(o, 0, r), .value = {.type = LWM2M_INTEGER, .integer = (n) }           \
	}
#define BOOLEAN(o, r, is)                                                                                    \
	{                                                                                                    \
		.path = LWM2M_RESOURCE(o, 0, r), .value = {.type = LWM2M_BOOLEAN, .boolean = (is) }          \
	}
#define OCTETS(o, r, octets)                                                                                 \
	{                                                                                                    \
		.path = LWM2M_RESOURCE(o, 0, r), .value = {.type = LWM2M_OPAQUE, .bytes = (octets) }         \
	}

/* What /0/x/3, 4 and 5 are in each mode. */
struct security_values {
	struct bytes identity, server, key;
};

static struct security_values values_of(const struct planning *planning,
					const struct bootstrap_server *server)
{
	const struct bootstrap_key *generated = planning->generated;

	switch (server->mode) {
	case SECURITY_PSK:
		return (struct security_values){
			.identity =
				bytes_of_text(server->is_generated ? generated->identity : server->identity),
			.key = secret_bytes(server->is_generated ? &generated->key : &server->key),
		};
	case SECURITY_X509:
		return (struct security_values){
			.identity = server->certificate,
			.server = server->server_certificate.len > 0 ? server->server_certificate
								     : generated->own_certificate,
			.key = server->private_key,
		};
	default:
		return (struct security_values){ .key = { NULL, 0 } };
	}
}

static enum err add_security(struct planning *planning, const struct bootstrap_server *server)
{
	const struct security_values values = values_of(planning, server);
	/* clang-format off */
	const struct lwm2m_record fixed[] = {
		TEXT(0, 0, server->uri),
		BOOLEAN(0, 1, false),
		NUMBER(0, 2, server->mode),
		OCTETS(0, 3, values.identity),
		OCTETS(0, 4, values.server),
		OCTETS(0, 5, values.key),
		NUMBER(0, 10, server->short_server_id),
	};
	/* clang-format on */
	uint16_t id;
	enum err err = instance_for(planning, 0, server->short_server_id, &id);

	return err != ERR_NONE ? err
			       : add_write(planning, LWM2M_INSTANCE(0, id), fixed,
					   sizeof(fixed) / sizeof(fixed[0]), server->security);
}

static enum err add_server(struct planning *planning, const struct bootstrap_server *server)
{
	/* clang-format off */
	const struct lwm2m_record fixed[] = {
		NUMBER(1, 0, server->short_server_id),
		NUMBER(1, 1, server->lifetime_s),
		BOOLEAN(1, 6, server->is_storing),
		TEXT(1, 7, server->binding),
	};
	/* clang-format on */
	uint16_t id;
	enum err err = instance_for(planning, 1, server->short_server_id, &id);

	return err != ERR_NONE ? err
			       : add_write(planning, LWM2M_INSTANCE(1, id), fixed,
					   sizeof(fixed) / sizeof(fixed[0]), server->server);
}

static enum err add_access(struct planning *planning, const struct bootstrap_access *access)
{
	struct lwm2m_record fixed[3 + BOOTSTRAP_MAX_ITEMS] = {
		NUMBER(2, 0, access->object),
		NUMBER(2, 1, access->instance),
		NUMBER(2, 3, access->owner),
	};
	size_t count = 3;
	uint16_t id;
	enum err err = instance_for(planning, 2, 0, &id);

	for (size_t i = 0; i < access->right_count; i++) {
		struct lwm2m_record right = NUMBER(2, 2, access->rights[i].bits);

		right.path.resource_instance = access->rights[i].short_server_id;
		right.path.depth = 4;
		fixed[count++] = right;
	}
	return err != ERR_NONE ? err : add_write(planning, LWM2M_INSTANCE(2, id), fixed, count, no_records);
}

bool bootstrap_wants_key(const struct bootstrap_configuration *configuration)
{
	for (size_t i = 0; i < configuration->server_count; i++) {
		if (configuration->servers[i].is_generated)
			return true;
	}
	return false;
}

static enum err add_writes(struct planning *planning)
{
	const struct bootstrap_configuration *configuration = planning->configuration;
	enum err err = ERR_NONE;

	for (size_t i = 0; i < configuration->server_count && err == ERR_NONE; i++)
		err = add_security(planning, &configuration->servers[i]);
	for (size_t i = 0; i < configuration->server_count && err == ERR_NONE; i++)
		err = add_server(planning, &configuration->servers[i]);
	for (size_t i = 0; i < configuration->access_count && err == ERR_NONE; i++)
		err = add_access(planning, &configuration->accesses[i]);
	for (size_t i = 0; i < configuration->object_count; i++)
		add_step(planning, BOOTSTRAP_WRITE, configuration->objects[i].path,
			 configuration->objects[i].records);
	return err;
}

enum err bootstrap_plan_make(struct arena *arena, const struct bootstrap_configuration *configuration,
			     struct bootstrap_found found, const struct bootstrap_key *generated,
			     struct bootstrap_plan *ret_plan)
{
	struct planning planning = { arena, configuration, found, generated, NULL, 0 };
	size_t capacity = configuration->delete_count + 1 + 2 * configuration->server_count +
			  configuration->access_count + configuration->object_count +
			  configuration->read_count + 1;
	enum err err;

	planning.steps = arena_alloc_array(arena, capacity, sizeof(*planning.steps));
	if (planning.steps == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < configuration->delete_count; i++)
		add_step(&planning, BOOTSTRAP_DELETE, configuration->deletes[i], no_records);
	if (bootstrap_wants_key(configuration))
		add_step(&planning, BOOTSTRAP_KEEP_KEY, (struct lwm2m_path){ .depth = 0 }, no_records);
	err = add_writes(&planning);
	if (err != ERR_NONE)
		return err;
	for (size_t i = 0; i < configuration->read_count; i++)
		add_step(&planning, configuration->reads[i].depth == 0 ? BOOTSTRAP_DISCOVER : BOOTSTRAP_READ,
			 configuration->reads[i], no_records);
	add_step(&planning, BOOTSTRAP_FINISH, (struct lwm2m_path){ .depth = 0 }, no_records);
	*ret_plan = (struct bootstrap_plan){ planning.steps, planning.count };
	return ERR_NONE;
}
