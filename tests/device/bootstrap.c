/* LwM2M Core TS 1.1, 6.1.7: the operations of a bootstrap server */
#include "bootstrap.h"

#include "account.h"
#include "dispatch.h"

#define MESSAGE_BYTES_MAX 65536

/* ---- before and after ---- */

/* A pack has many objects, which TLV cannot name. */
static uint16_t pack_format(const struct device *device)
{
	uint16_t preferred = device->options->preferred_format;

	return preferred == FORMAT_TLV ? FORMAT_SENML_CBOR : preferred;
}

static enum err send_request(struct line *line, const struct device *device)
{
	const struct options *options = device->options;
	struct arena *arena = arena_create(MESSAGE_BYTES_MAX);
	const char *queries[2];
	enum err err = ERR_NOMEM;

	if (arena == NULL)
		return ERR_NOMEM;
	queries[0] = arena_printf(arena, "ep=%s", device->endpoint);
	queries[1] = arena_printf(arena, "pct=%u", options->preferred_format);
	if (queries[0] != NULL && queries[1] != NULL)
		err = line_send(line, METHOD_POST, "/bs", queries, options->minor_version > 0 ? 2 : 1,
				FORMAT_NONE, bytes_of(NULL, 0));
	arena_free(arena);
	return err;
}

/* With the instance that has the account of the bootstrap server (1.2.1). */
static enum err send_pack_request(struct line *line, const struct device *device)
{
	struct arena *arena = arena_create(MESSAGE_BYTES_MAX);
	const char *queries[2];
	enum err err = ERR_NOMEM;

	if (arena == NULL)
		return ERR_NOMEM;
	queries[0] = arena_printf(arena, "ep=%s", device->endpoint);
	queries[1] = arena_printf(arena, "acc=</0/%u>", account_instance_of_bootstrap(device));
	if (queries[0] != NULL && queries[1] != NULL)
		err = line_fetch(line, "/bspack", queries, 2, pack_format(device));
	arena_free(arena);
	return err;
}

static enum err begin(struct bootstrap *bootstrap, struct line *line, struct device *device,
		      enum err (*send)(struct line *line, const struct device *device))
{
	enum err err;

	bootstrap_abandon(bootstrap, device);
	err = values_copy(&device->values, &bootstrap->before);
	bootstrap->is_open = err == ERR_NONE;
	if (err == ERR_NONE)
		err = send(line, device);
	if (err != ERR_NONE)
		bootstrap_abandon(bootstrap, device);
	return err;
}

enum err bootstrap_begin(struct bootstrap *bootstrap, struct line *line, struct device *device)
{
	return begin(bootstrap, line, device, send_request);
}

enum err bootstrap_begin_pack(struct bootstrap *bootstrap, struct line *line, struct device *device)
{
	return begin(bootstrap, line, device, send_pack_request);
}

static void close_bootstrap(struct bootstrap *bootstrap)
{
	values_free(&bootstrap->before);
	*bootstrap = (struct bootstrap){ .is_open = false };
}

void bootstrap_abandon(struct bootstrap *bootstrap, struct device *device)
{
	if (bootstrap->is_open) {
		values_free(&device->values);
		device->values = bootstrap->before;
		bootstrap->before = (struct values){ 0 };
	}
	close_bootstrap(bootstrap);
}

enum err bootstrap_keep(struct bootstrap *bootstrap, struct device *device)
{
	close_bootstrap(bootstrap);
	return device_save(device);
}

/* ---- Discover (6.1.7.3) ---- */

static void build_account_attributes(struct builder *b, const struct device *device, struct path instance)
{
	const struct value *id =
		values_get(&device->values, path_append(instance, instance.id[0] == 0 ? 10 : 0));
	const struct value *uri = values_get(&device->values, path_append(instance, 0));

	if (id != NULL)
		build_printf(b, ";ssid=%d", (int)id->integer);
	if (id != NULL && instance.id[0] == 0 && uri != NULL && device->options->minor_version > 0)
		build_printf(b, ";uri=\"%s\"", (const char *)uri->bytes.at);
}

static void build_instances(struct builder *b, const struct device *device, const struct object *object)
{
	uint16_t ids[INSTANCES_MAX];
	size_t count = object->instances(device, ids);

	for (size_t i = 0; i < count; i++) {
		struct path instance = INSTANCE_PATH(object->id, ids[i]);

		build_text(b, ",<");
		build_path(b, instance);
		build_u8(b, '>');
		if (object == &object_security || object == &object_server)
			build_account_attributes(b, device, instance);
	}
}

static enum answer_code discover(struct work *work)
{
	const struct device *device = work->device;
	struct path path = work->request->path;
	struct builder b = builder_in(work->arena);

	if (path.depth > 1)
		return work_refuse(work, BAD_REQUEST, "only / and objects are discovered in bootstrap");
	if (path.depth == 1 && object_find(path.id[0]) == NULL)
		return NOT_FOUND;
	build_text(&b, device->options->minor_version > 0 ? "</>;lwm2m=1.1" : "lwm2m=\"1.0\"");
	for (size_t i = 0; i < object_count(); i++)
		if (path.depth == 0 || object_at(i)->id == path.id[0])
			build_instances(&b, device, object_at(i));
	if (builder_bytes(&b, &work->answer->payload) != ERR_NONE)
		return INTERNAL_ERROR;
	work->answer->format = FORMAT_LINK;
	return CONTENT;
}

/* ---- Read, Write, Delete, Finish ---- */

static enum answer_code read(struct work *work)
{
	const struct request *request = work->request;
	struct records records = records_in(work->arena);
	enum answer_code code;

	if (request->accept == FORMAT_LINK)
		return discover(work);
	if (request->path.depth == 0 || (request->path.id[0] != 1 && request->path.id[0] != 2))
		return METHOD_NOT_ALLOWED;
	code = objects_read(work->device, request->path, &records);
	return code == ANSWER_NONE ? work_answer_records(work, &records, request->path,
							 request->accept == FORMAT_NONE
								 ? work->device->options->preferred_format
								 : request->accept)
				   : code;
}

/* Of the errors that a Write has two are allowed here. */
static enum answer_code write(struct work *work)
{
	struct path path = work->request->path;
	const struct object *object = path.depth > 0 ? object_find(path.id[0]) : NULL;
	enum answer_code code;

	if (object == NULL)
		return work_refuse(work, BAD_REQUEST, "there is no such object");
	if (object == &object_security && path.depth >= 2 && path.id[1] == 0 &&
	    account_of_bootstrap_is_fixed(work->device))
		return work_refuse(work, BAD_REQUEST, "the account of the bootstrap server is not written");
	if (object_is_fixed(object) && (path.depth < 2 || !instance_exists(work->device, object, path.id[1])))
		return work_refuse(work, BAD_REQUEST, "there is no such instance, and there cannot be");
	code = work_write_bootstrap(work, object);
	return code == CHANGED || code == UNSUPPORTED_FORMAT ? code : BAD_REQUEST;
}

static void remove_below(struct device *device, struct path path)
{
	values_remove(&device->values, path);
	servers_remove_attributes(device, path);
}

/* All accounts but that of the bootstrap server. */
static void remove_accounts(struct device *device)
{
	uint16_t ids[INSTANCES_MAX];
	size_t count = instances_with_values(device, 0, ids);

	for (size_t i = 0; i < count; i++)
		if (!account_is_of_bootstrap(device, ids[i]))
			remove_below(device, INSTANCE_PATH(0, ids[i]));
}

/* Whatever can be deleted at or below the path, which may be nothing. */
static enum answer_code delete_below(struct work *work)
{
	struct path path = work->request->path;

	if (path.depth > 2)
		return work_refuse(work, BAD_REQUEST, "a resource is not deleted");
	if (path.depth == 2 && path.id[0] == 0 && account_is_of_bootstrap(work->device, path.id[1]))
		return work_refuse(work, BAD_REQUEST, "the account of the bootstrap server is not deleted");
	for (size_t i = 0; i < object_count(); i++) {
		const struct object *object = object_at(i);
		struct path gone = path.depth < 2 ? OBJECT_PATH(object->id) : path;

		if (object_is_fixed(object) || (path.depth > 0 && path.id[0] != object->id))
			continue;
		if (object == &object_security && gone.depth == 1)
			remove_accounts(work->device);
		else
			remove_below(work->device, gone);
	}
	return DELETED;
}

static enum answer_code finish(struct work *work, struct bootstrap *bootstrap)
{
	if (accounts_check(work->device, work->fault) != ERR_NONE)
		return NOT_ACCEPTABLE;
	bootstrap->is_finished = true;
	return CHANGED;
}

static enum answer_code serve(struct work *work, struct bootstrap *bootstrap)
{
	const struct request *request = work->request;

	if (request->is_bootstrap_path)
		return request->method == METHOD_POST ? finish(work, bootstrap) : METHOD_NOT_ALLOWED;
	if (!request->is_path_known)
		return NOT_FOUND;
	switch (request->method) {
	case METHOD_GET:
		return read(work);
	case METHOD_PUT:
		return write(work);
	case METHOD_DELETE:
		return delete_below(work);
	default:
		return METHOD_NOT_ALLOWED;
	}
}

/* ---- Bootstrap-Pack (LwM2M Core TS 1.2, 6.1) ---- */

/* Object by object, as Writes one after another would do it. */
static enum err write_pack(struct work *work, struct records *all)
{
	for (size_t i = 0, next; i < all->count; i = next) {
		const struct object *object = object_find(all->at[i].path.id[0]);
		struct records group = { work->arena, &all->at[i], 0, 0, false };
		enum answer_code code;

		for (next = i; next < all->count && all->at[next].path.id[0] == all->at[i].path.id[0]; next++)
			group.count++;
		code = object == NULL ? NOT_FOUND : work_write_bootstrap_records(work, object, &group);
		if (code != CHANGED)
			return fault_set(work->fault, ERR_MALFORMED, "/%u cannot be written: %d.%02d",
					 all->at[i].path.id[0], code >> 5, code & 0x1F);
	}
	return ERR_NONE;
}

/* What is there goes first, but for the account of the bootstrap server. */
static enum err take_pack(struct device *device, struct bytes pack, struct arena *arena, struct fault *fault)
{
	const struct request request = { .method = METHOD_PUT, .path = { .depth = 0 } };
	const struct format *format = format_find(pack_format(device), device->options->minor_version);
	struct answer answer = { .format = FORMAT_NONE };
	struct work work = { device, &request, arena, &answer, fault, true };
	struct records records = records_in(arena);
	enum err err = format->read(pack, request.path, &records, fault);

	if (err != ERR_NONE)
		return err;
	delete_below(&work);
	err = write_pack(&work, &records);
	return err == ERR_NONE ? accounts_check(device, fault) : err;
}

enum err bootstrap_take_pack(struct bootstrap *bootstrap, struct device *device, uint8_t code,
			     struct bytes pack, struct fault *fault)
{
	struct arena *arena;
	enum err err;

	if (code != CONTENT)
		return fault_set(fault, ERR_DENIED, "the bootstrap server answers %d.%02d", code >> 5,
				 code & 0x1F);
	arena = arena_create(MESSAGE_BYTES_MAX << 4);
	err = arena == NULL ? ERR_NOMEM : take_pack(device, pack, arena, fault);
	bootstrap->is_finished = err == ERR_NONE;
	arena_free(arena);
	return err;
}

/* ---- without a server ---- */

enum err bootstrap_write_object(struct device *device, const struct object *object, struct bytes instances,
				struct arena *arena, struct fault *fault)
{
	const struct request request = {
		.method = METHOD_PUT,
		.path = OBJECT_PATH(object->id),
		.is_path_known = true,
		.content_format = FORMAT_TLV,
		.accept = FORMAT_NONE,
		.payload = instances,
	};
	struct answer answer = { .format = FORMAT_NONE };
	struct work work = { device, &request, arena, &answer, fault, true };
	enum answer_code code = work_write_bootstrap(&work, object);

	if (code == CHANGED)
		return ERR_NONE;
	return fault_set(fault, ERR_MALFORMED, "/%u cannot be written: %d.%02d", object->id, code >> 5,
			 code & 0x1F);
}

void bootstrap_remove_account(struct device *device)
{
	uint16_t instance = account_instance_of_bootstrap(device);

	if (account_is_of_bootstrap(device, instance))
		remove_below(device, INSTANCE_PATH(0, instance));
}

void bootstrap_remove_all(struct device *device)
{
	for (size_t i = 0; i < object_count(); i++)
		if (!object_is_fixed(object_at(i)))
			remove_below(device, OBJECT_PATH(object_at(i)->id));
}

/* Why not is told to the server too: whoever looks for it there has no access to this log. */
void bootstrap_dispatch(struct bootstrap *bootstrap, struct device *device, const struct request *request,
			struct arena *arena, struct answer *ret_answer, struct fault *fault)
{
	struct work work = { device, request, arena, ret_answer, fault, true };
	const char *reason;

	*ret_answer = (struct answer){ .format = FORMAT_NONE };
	ret_answer->code = serve(&work, bootstrap);
	if (ret_answer->code < BAD_REQUEST || fault->text[0] == '\0')
		return;
	reason = arena_strdup(arena, fault->text);
	if (reason != NULL)
		ret_answer->payload = bytes_of_text(reason);
}
