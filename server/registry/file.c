/* A device asks for one block after the other (RFC 7959, 2.4); the endpoint cuts each out of the content,
 * which is nowhere copied. Who asks must be the device that the content is for: by its identity where it has
 * one, else by its IP address, since many devices download from a socket of its own. */
#include "file.h"

#include <stdlib.h>

#include <cardea/crypto.h>

#include "awake.h"
#include "reply.h"

#define FOLDER    "files"
#define ETAG_SIZE 8
#define URI_MAX   255 /* LwM2M Core TS 1.1, E.6: /5/0/1 */
#define RESTORE_MS                                                                                           \
	60000         /* [ours] after a start: jobs come one by one to where they offer their files again */
#define TRY_AGAIN_S 2 /* [ours] meanwhile */

struct file {
	UT_hash_handle hh;
	char name[FILE_NAME_SIZE];
	uint8_t etag[ETAG_SIZE];
	struct bytes content;
	char endpoint[];
};

static struct file *file_find(const struct registry *registry, struct bytes name)
{
	struct file *file;

	HASH_FIND(hh, registry->files, name.at, name.len, file);
	return file;
}

static enum err make_etag(const char *name, uint8_t ret_etag[ETAG_SIZE])
{
	uint8_t digest[SHA256_SIZE];
	enum err err = sha256(bytes_of_text(name), digest);

	if (err == ERR_NONE)
		memcpy(ret_etag, digest, ETAG_SIZE);
	return err;
}

enum err file_offer(struct registry *registry, const char *name, const char *endpoint, struct bytes content)
{
	struct file *file = file_find(registry, bytes_of_text(name));

	if (strlen(name) >= FILE_NAME_SIZE)
		return ERR_LIMIT;
	if (file != NULL) {
		file->content = content;
		return ERR_NONE;
	}
	file = calloc(1, sizeof(*file) + strlen(endpoint) + 1);
	if (file == NULL)
		return ERR_NOMEM;
	strcpy(file->name, name);
	strcpy(file->endpoint, endpoint);
	file->content = content;
	enum err err = make_etag(name, file->etag);
	if (err == ERR_NONE) {
		HASH_ADD(hh, registry->files, name[0], strlen(file->name), file);
		err = file->hh.tbl == NULL ? ERR_NOMEM : ERR_NONE;
	}
	if (err != ERR_NONE)
		free(file);
	return err;
}

static void file_free(struct registry *registry, struct file *file)
{
	HASH_DELETE(hh, registry->files, file);
	free(file);
}

void file_withdraw(struct registry *registry, const char *name)
{
	struct file *file = file_find(registry, bytes_of_text(name));

	if (file != NULL)
		file_free(registry, file);
}

void file_forget_all(struct registry *registry)
{
	struct file *file, *next;

	HASH_ITER (hh, registry->files, file, next)
		file_free(registry, file);
}

/* ---- where it is ---- */

/* "192.0.2.1:5683": the host that the operator has given, else the address that the device speaks to. */
static enum err host_and_port(const struct registry *registry, const struct device *device,
			      struct arena *arena, const char **ret_text)
{
	const char *host = registry->parts.public_host;
	char text[COAP_ADDRESS_TEXT_SIZE];
	struct coap_address ours;

	if (registry->endpoint == NULL)
		return ERR_UNAVAILABLE;
	enum err err = endpoint_local_address(registry->endpoint, &device->address, &ours);
	if (err != ERR_NONE)
		return err;
	coap_address_print(&ours, text);
	*ret_text = host != NULL && host[0] != 0 ? arena_printf(arena, "%s%s", host, strrchr(text, ':'))
						 : arena_strdup(arena, text);
	return *ret_text == NULL ? ERR_NOMEM : ERR_NONE;
}

enum err file_uri(const struct registry *registry, const char *name, const char *endpoint,
		  struct arena *arena, const char **ret_uri)
{
	const struct device *device = registry_find(registry, endpoint);
	const char *where, *uri;

	if (device == NULL)
		return ERR_NOT_FOUND;
	enum err err = host_and_port(registry, device, arena, &where);
	if (err != ERR_NONE)
		return err;
	uri = arena_printf(arena, "%s://%s/" FOLDER "/%s", coap_address_scheme(&device->address), where,
			   name);
	if (uri == NULL)
		return ERR_NOMEM;
	if (strlen(uri) > URI_MAX)
		return ERR_LIMIT;
	*ret_uri = uri;
	return ERR_NONE;
}

/* ---- fetching ---- */

static bool is_its_device(const struct device_entry *entry, const struct coap_request *request)
{
	const struct address_key from = address_key_of(request->from);
	const struct address_key known = address_key_of(&entry->device.address);

	if (entry->device.identity[0] != 0)
		return strcmp(entry->device.identity, request->identity) == 0;
	return memcmp(from.ip, known.ip, sizeof(from.ip)) == 0 && from.scope == known.scope;
}

static void reply_later(struct registry *registry, uint64_t reply)
{
	const struct coap_message message = {
		.code = COAP_CODE(5, 3),
		.content_format = COAP_NO_FORMAT,
		.accept = COAP_NO_FORMAT,
		.has_max_age = true,
		.max_age_s = TRY_AGAIN_S,
	};

	endpoint_reply(registry->endpoint, reply, &message);
}

static void refuse(struct registry *registry, const struct coap_request *request, bool is_known)
{
	bool is_restoring = loop_now_ms(registry->parts.loop) - registry->begun_ms < RESTORE_MS;

	if (!is_known && is_restoring)
		reply_later(registry, request->reply);
	else
		reply_code(registry, request->reply, COAP_CODE(4, 4));
}

void file_fetch(struct registry *registry, const struct coap_request *request)
{
	const struct file *file = file_find(registry, request->message->path[1]);
	struct device_entry *entry = file != NULL ? registry_entry(registry, file->endpoint) : NULL;

	if (entry == NULL || !is_its_device(entry, request)) {
		refuse(registry, request, file != NULL);
		return;
	}
	const struct coap_message content = {
		.code = COAP_CODE(2, 5),
		.content_format = FORMAT_OPAQUE,
		.accept = COAP_NO_FORMAT,
		.payload = file->content,
		.etag = bytes_of(file->etag, sizeof(file->etag)),
	};
	endpoint_reply(registry->endpoint, request->reply, &content);
	awake_begin(registry, entry);
}
