/* /credentials: what devices come with: pre-shared keys and certificates, one for the LwM2M server and one
 * for the bootstrap server, and OSCORE. In force as soon as they are durable; keys are never shown. */
#include "credentials.h"

#include <stddef.h>

#include <stdlib.h>
#include <string.h>

#include "api_parts.h"
#include "certificate.h"
#include "credential_rows.h"
#include "handlers.h"
#include "loop.h"
#include "oscore_numbers.h"
#include "reply.h"

#define MAX_IDENTITY  128
#define MIN_KEY_BYTES 16

struct credential_change;

static enum err read_psk(struct http_request *request, const json_t *body, struct credential_change *change,
			 struct credential_row *row, struct fault *fault);
static enum err read_oscore(struct http_request *request, const json_t *body,
			    struct credential_change *change, struct credential_row *row,
			    struct fault *fault);
static enum err read_x509(struct http_request *request, const json_t *body, struct credential_change *change,
			  struct credential_row *row, struct fault *fault);
static enum err put_psk(const struct credential_change *change, struct credentials *credentials);
static enum err put_oscore(const struct credential_change *change, struct credentials *credentials);
static enum err put_x509(const struct credential_change *change, struct credentials *credentials);

/* clang-format off */
static const struct kind {
	const char *name;
	const char *identity;           /* the members that say whose it is */
	size_t table;                   /* where it is in force ... */
	enum credential_kind kind;      /* ... and as what */
	/* Of the body of a PUT: the identity and what is sealed of the row, and the same for memory. */
	enum err (*read)(struct http_request *request, const json_t *body, struct credential_change *change,
	                 struct credential_row *row, struct fault *fault);
	enum err (*put)(const struct credential_change *change, struct credentials *credentials);
} kinds[] = {
	{ CREDENTIAL_PSK,              "identity",                      offsetof(struct api_parts, credentials),           CREDENTIAL_KIND_PSK,    read_psk,    put_psk },
	{ CREDENTIAL_BOOTSTRAP_PSK,    "identity",                      offsetof(struct api_parts, bootstrap_credentials), CREDENTIAL_KIND_PSK,    read_psk,    put_psk },
	{ CREDENTIAL_OSCORE,           "recipientIdHex, idContextHex",  offsetof(struct api_parts, credentials),           CREDENTIAL_KIND_OSCORE, read_oscore, put_oscore },
	{ CREDENTIAL_BOOTSTRAP_OSCORE, "recipientIdHex, idContextHex",  offsetof(struct api_parts, bootstrap_credentials), CREDENTIAL_KIND_OSCORE, read_oscore, put_oscore },
	{ CREDENTIAL_X509,             "certificate",                   offsetof(struct api_parts, credentials),           CREDENTIAL_KIND_X509,   read_x509,   put_x509 },
	{ CREDENTIAL_BOOTSTRAP_X509,   "certificate",                   offsetof(struct api_parts, bootstrap_credentials), CREDENTIAL_KIND_X509,   read_x509,   put_x509 },
};
/* clang-format on */

#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

/* NULL, and the reason in `fault`, when there is none of that name. */
static const struct kind *kind_of(const char *name, struct fault *fault)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	}
	if (strcmp(name, "rpk") == 0)
		fault_set(fault, ERR_UNSUPPORTED, "kind: %s", certificate_no_raw_keys());
	else
		fault_set(fault, ERR_MALFORMED,
			  "kind: must be " CREDENTIAL_PSK ", " CREDENTIAL_BOOTSTRAP_PSK ", " CREDENTIAL_OSCORE
			  ", " CREDENTIAL_BOOTSTRAP_OSCORE ", " CREDENTIAL_X509
			  " or " CREDENTIAL_BOOTSTRAP_X509);
	return NULL;
}

static struct credentials *table_of(const struct api *api, const struct kind *kind)
{
	return *(struct credentials *const *)((const char *)&api->parts + kind->table);
}

/* ?kind, the LwM2M server's without. */
static const struct kind *asked_kind(const struct http_request *request, struct fault *fault)
{
	const char *name = http_query(request, "kind");
	return kind_of(name != NULL ? name : CREDENTIAL_PSK, fault);
}

static json_t *credential_json(const struct credential_row *row)
{
	return json_pack("{s:s, s:s, s:s, s:o}", "endpoint", row->endpoint, "kind", row->kind, "identity",
			 row->identity, "createdAt", json_time(row->created_ms));
}

static enum err read_list(struct http_request *request, struct fault *fault)
{
	struct credential_row *rows;
	size_t count;
	enum err err = store_read_credentials(request->api->parts.store, request->arena, &rows, &count);
	if (err != ERR_NONE)
		return err;
	json_t *items = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(items, credential_json(&rows[i]));
	http_reply_list(request, items, NULL);
	return ERR_NONE;
}

void credentials_list(struct http_request *request)
{
	http_defer(request, read_list);
}

static enum err read_one(struct http_request *request, struct fault *fault)
{
	const struct kind *kind = asked_kind(request, fault);
	struct credential_row *rows;
	size_t count;
	if (kind == NULL)
		return fault->kind;
	enum err err = store_read_credentials(request->api->parts.store, request->arena, &rows, &count);
	if (err != ERR_NONE)
		return err;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(rows[i].endpoint, request->endpoint) == 0 &&
		    strcmp(rows[i].kind, kind->name) == 0) {
			http_reply_json(request, 200, credential_json(&rows[i]));
			return ERR_NONE;
		}
	}
	return fault_set(fault, ERR_NOT_FOUND, "credential of %s: there is none", request->endpoint);
}

void credential_get(struct http_request *request)
{
	http_defer(request, read_one);
}

/* ---- setting ---- */

struct credential_change {              /* in memory once it is durable */
	struct credential_change *next; /* those under way */
	struct api *api;
	uint64_t request;
	const struct kind *kind;
	bool is_removal;
	char *endpoint, *identity;
	struct secret key;
	struct oscore_keys oscore;
};

static void change_free(struct credential_change *change)
{
	free(change->endpoint);
	free(change->identity);
	secret_wipe(&change->key);
	wipe(&change->oscore, sizeof change->oscore);
	free(change);
}

static void change_end(struct credential_change *change)
{
	struct credential_change **at = &change->api->credential_changes;
	while (*at != change)
		at = &(*at)->next;
	*at = change->next;
	change_free(change);
}

static void change_stored(void *self, uint64_t id, enum err result)
{
	struct credential_change *change = self;
	struct credentials *credentials = table_of(change->api, change->kind);
	struct http_request *request = http_find(change->api->http, change->request);
	struct fault fault = { .kind = ERR_NONE };
	if (result == ERR_NONE && !change->is_removal)
		result = change->kind->put(change, credentials);
	else if (result == ERR_NONE)
		credentials_remove(credentials, change->kind->kind, change->endpoint);
	if (result == ERR_CONFLICT)
		fault_set(&fault, result, "%s: another device has it", change->kind->identity);
	change_end(change);
	if (request == NULL)
		return;
	if (result == ERR_NONE)
		http_reply_empty(request, 204);
	else
		http_reply_fault_or(request, &fault, result);
}

static struct credential_change *change_create(struct http_request *request, const struct kind *kind)
{
	struct credential_change *change = calloc(1, sizeof *change);
	if (change == NULL)
		return NULL;
	change->api = request->api;
	change->request = request->id;
	change->kind = kind;
	change->endpoint = strdup(request->endpoint);
	if (change->endpoint == NULL) {
		change_free(change);
		return NULL;
	}
	return change;
}

static struct store_done when_stored(struct credential_change *change)
{
	return (struct store_done){ change_stored, change, 0 };
}

/* Before the write: with an inline store it ends inside. */
static void change_begin(struct credential_change *change)
{
	change->next = change->api->credential_changes;
	change->api->credential_changes = change;
}

static bool is_key(const struct secret *key, const struct secret *other)
{
	return other != NULL && bytes_equal_constant_time(secret_bytes(key), secret_bytes(other));
}

/* Whoever breaks into one of the two servers must not be the other one too: neither by the key in force, nor
 * by one that is being written. */
static enum err check_not_shared(const struct credential_change *change, struct fault *fault)
{
	bool is_shared = false;
	for (size_t i = 0; i < KIND_COUNT; i++)
		is_shared |= kinds[i].kind == CREDENTIAL_KIND_PSK && &kinds[i] != change->kind &&
			     is_key(&change->key,
				    credentials_key(table_of(change->api, &kinds[i]), change->endpoint));
	for (const struct credential_change *other = change->api->credential_changes; other != NULL;
	     other = other->next)
		is_shared |= other->kind != change->kind && other->kind->kind == CREDENTIAL_KIND_PSK &&
			     !other->is_removal && strcmp(other->endpoint, change->endpoint) == 0 &&
			     is_key(&change->key, &other->key);
	return is_shared ? fault_set(fault, ERR_CONFLICT,
				     "keyHex: this key is the device's for the other server; LwM2M server and"
				     " bootstrap server need a key of their own each")
			 : ERR_NONE;
}

static enum err read_key(struct http_request *request, const json_t *body, struct secret *ret_key,
			 struct fault *fault)
{
	const char *hex;
	struct bytes key;
	enum err err = body_text(body, "keyHex", 2 * SECRET_MAX, &hex, fault);
	if (err != ERR_NONE)
		return err;
	if (bytes_from_hex(request->arena, hex, &key) != ERR_NONE || key.len < MIN_KEY_BYTES)
		return fault_set(fault, ERR_MALFORMED, "keyHex: %d to %d bytes in hexadecimal", MIN_KEY_BYTES,
				 SECRET_MAX);
	return secret_from(key, ret_key);
}

static enum err read_psk(struct http_request *request, const json_t *body, struct credential_change *change,
			 struct credential_row *row, struct fault *fault)
{
	static const char *const members[] = { "kind", "identity", "keyHex", NULL };
	enum err err = body_members(body, members, fault);
	if (err == ERR_NONE)
		err = body_text(body, "identity", MAX_IDENTITY, &row->identity, fault);
	if (err == ERR_NONE)
		err = read_key(request, body, &change->key, fault);
	if (err == ERR_NONE)
		err = check_not_shared(change, fault);
	if (err != ERR_NONE)
		return err;
	change->identity = strdup(row->identity);
	if (change->identity == NULL)
		return ERR_NOMEM;
	return credential_seal(request->api->parts.vault, request->arena, row, &change->key, &row->sealed);
}

static enum err put_psk(const struct credential_change *change, struct credentials *credentials)
{
	return credentials_put_psk(credentials, change->endpoint, change->identity, &change->key);
}

/* ---- OSCORE ---- */

/* clang-format off */
static const struct oscore_member {
	const char *name;
	size_t offset;                  /* in struct oscore_parameters */
	size_t min_bytes, max_bytes;
	bool is_optional;
} oscore_members[] = {
	{ "masterSecretHex", offsetof(struct oscore_parameters, master_secret), MIN_KEY_BYTES, SECRET_MAX, false },
	{ "masterSaltHex",   offsetof(struct oscore_parameters, master_salt),   0, SECRET_MAX,            true },
	{ "senderIdHex",     offsetof(struct oscore_parameters, sender_id),     0, OSCORE_ID_MAX,         true },
	{ "recipientIdHex",  offsetof(struct oscore_parameters, recipient_id),  0, OSCORE_ID_MAX,         false },
	{ "idContextHex",    offsetof(struct oscore_parameters, id_context),    0, OSCORE_ID_CONTEXT_MAX, true },
};
/* clang-format on */

#define OSCORE_MEMBER_COUNT (sizeof oscore_members / sizeof oscore_members[0])

static enum err read_parameters(struct http_request *request, const json_t *body,
				struct oscore_parameters *ret_parameters, struct fault *fault)
{
	struct oscore_parameters parameters = { .master_secret = { NULL, 0 } };
	for (size_t i = 0; i < OSCORE_MEMBER_COUNT; i++) {
		const struct oscore_member *member = &oscore_members[i];
		const json_t *value = json_object_get(body, member->name);
		struct bytes *bytes = (struct bytes *)((char *)&parameters + member->offset);
		if (value == NULL && member->is_optional)
			continue;
		const char *hex = json_string_value(value);
		if (hex == NULL || bytes_from_hex(request->arena, hex, bytes) != ERR_NONE ||
		    bytes->len < member->min_bytes || bytes->len > member->max_bytes)
			return fault_set(fault, ERR_MALFORMED, "%s: %zu to %zu bytes in hexadecimal",
					 member->name, member->min_bytes, member->max_bytes);
	}
	*ret_parameters = parameters;
	return ERR_NONE;
}

static enum err read_oscore(struct http_request *request, const json_t *body,
			    struct credential_change *change, struct credential_row *row, struct fault *fault)
{
	static const char *const members[] = { "kind",        "masterSecretHex", "masterSaltHex",
					       "senderIdHex", "recipientIdHex",  "idContextHex",
					       NULL };
	struct oscore_parameters parameters;
	char identity[OSCORE_IDENTITY_SIZE];
	enum err err = body_members(body, members, fault);
	if (err == ERR_NONE)
		err = read_parameters(request, body, &parameters, fault);
	if (err != ERR_NONE)
		return err;
	if (bytes_equal(parameters.sender_id, parameters.recipient_id))
		return fault_set(fault, ERR_MALFORMED, "senderIdHex: the server's id is not the device's");
	err = oscore_derive(request->arena, &parameters, &change->oscore);
	if (err != ERR_NONE)
		return err;
	row->identity = arena_strdup(request->arena, oscore_identity_print(parameters.recipient_id,
									   parameters.id_context, identity));
	if (row->identity == NULL)
		return ERR_NOMEM;
	/* Written before the credential: who is told that it is in force may use it. */
	err = oscore_numbers_expect(request->api->parts.oscore_numbers, change->oscore.print);
	if (err != ERR_NONE)
		return err;
	return credential_seal_oscore(request->api->parts.vault, request->arena, row, &parameters,
				      &row->sealed);
}

static enum err put_oscore(const struct credential_change *change, struct credentials *credentials)
{
	return credentials_put_oscore(credentials, change->endpoint, &change->oscore);
}

/* ---- certificates ---- */

static enum err read_pem(struct http_request *request, const char *text,
			 char ret_identity[static CREDENTIAL_NAME_SIZE], struct fault *fault)
{
	uint8_t print[SHA256_SIZE];
	struct bytes certificate;
	struct fault inner = { .kind = ERR_NONE };
	enum err err = certificate_from_pem(request->arena, bytes_of_text(text), &certificate, &inner);

	if (err != ERR_NONE)
		return fault_set(fault, err, "certificatePem: %s", inner.text);
	err = sha256(certificate, print);
	if (err != ERR_NONE)
		return err;
	(void)x509_identity_of_print(print, ret_identity);
	return ERR_NONE;
}

static enum err read_print(struct http_request *request, const char *text,
			   char ret_identity[static CREDENTIAL_NAME_SIZE], struct fault *fault)
{
	struct bytes print;

	if (bytes_from_hex(request->arena, text, &print) != ERR_NONE || print.len != SHA256_SIZE)
		return fault_set(fault, ERR_MALFORMED, "sha256Hex: %d bytes in hexadecimal", SHA256_SIZE);
	(void)x509_identity_of_print(print.at, ret_identity);
	return ERR_NONE;
}

static enum err read_issuer(struct http_request *request, const char *text,
			    char ret_identity[static CREDENTIAL_NAME_SIZE], struct fault *fault)
{
	if (x509_identity_of_issuer(request->endpoint, text, ret_identity)[0] == 0)
		return fault_set(fault, ERR_MALFORMED, "issuer: too long");
	return ERR_NONE;
}

/* The ways to say which certificate; one of them. */
static const struct {
	const char *name;
	size_t max_len;
	enum err (*read)(struct http_request *request, const char *text,
			 char ret_identity[static CREDENTIAL_NAME_SIZE], struct fault *fault);
} x509_members[] = {
	{ "certificatePem", 16384, read_pem },
	{ "sha256Hex", 2 * SHA256_SIZE, read_print },
	{ "issuer", CERTIFICATE_NAME_SIZE - 1, read_issuer },
};

#define X509_MEMBER_COUNT (sizeof x509_members / sizeof x509_members[0])

static enum err read_x509(struct http_request *request, const json_t *body, struct credential_change *change,
			  struct credential_row *row, struct fault *fault)
{
	static const char *const members[] = { "kind", "certificatePem", "sha256Hex", "issuer", NULL };
	char identity[CREDENTIAL_NAME_SIZE];
	const char *text;
	size_t count = 0;
	enum err err = body_members(body, members, fault);

	for (size_t i = 0; err == ERR_NONE && i < X509_MEMBER_COUNT; i++) {
		if (json_object_get(body, x509_members[i].name) == NULL)
			continue;
		count++;
		err = body_text(body, x509_members[i].name, x509_members[i].max_len, &text, fault);
		if (err == ERR_NONE)
			err = x509_members[i].read(request, text, identity, fault);
	}
	if (err == ERR_NONE && count != 1)
		err = fault_set(fault, ERR_MALFORMED,
				"certificatePem, sha256Hex, issuer: one of them says which certificate");
	if (err != ERR_NONE)
		return err;
	row->identity = arena_strdup(request->arena, identity);
	change->identity = strdup(identity);
	if (row->identity == NULL || change->identity == NULL)
		return ERR_NOMEM;
	return credential_seal_x509(request->api->parts.vault, request->arena, row, &row->sealed);
}

static enum err put_x509(const struct credential_change *change, struct credentials *credentials)
{
	return credentials_put_x509(credentials, change->endpoint, change->identity);
}

/* ---- the requests ---- */

static enum err put(struct http_request *request, const json_t *body, struct fault *fault)
{
	struct credential_row row = { .endpoint = request->endpoint,
				      .created_ms = loop_wall_ms(request->api->parts.loop) };
	const struct kind *kind = NULL;
	enum err err = body_text(body, "kind", 16, &row.kind, fault);
	if (err == ERR_NONE && (kind = kind_of(row.kind, fault)) == NULL)
		err = fault->kind;
	if (err != ERR_NONE)
		return err;
	struct credential_change *change = change_create(request, kind);
	if (change == NULL)
		return ERR_NOMEM;
	err = kind->read(request, body, change, &row, fault);
	if (err != ERR_NONE) {
		change_free(change);
		return err;
	}
	change_begin(change);
	err = store_put_credential(request->api->parts.store, &row, when_stored(change));
	if (err != ERR_NONE)
		change_end(change);
	return err;
}

void credential_put(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	json_t *body = NULL;
	enum err err = http_body_object(request, &body, &fault);
	if (err == ERR_NONE)
		err = put(request, body, &fault);
	json_decref(body);
	if (err != ERR_NONE)
		http_reply_fault_or(request, &fault, err);
}

static enum err remove_one(struct http_request *request, struct fault *fault)
{
	const struct kind *kind = asked_kind(request, fault);
	if (kind == NULL)
		return fault->kind;
	struct credential_change *change = change_create(request, kind);
	if (change == NULL)
		return ERR_NOMEM;
	change->is_removal = true;
	change_begin(change);
	enum err err = store_remove_credential(request->api->parts.store, request->endpoint, kind->name,
					       when_stored(change));
	if (err != ERR_NONE)
		change_end(change);
	return err;
}

void credential_delete(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	enum err err = remove_one(request, &fault);
	if (err != ERR_NONE)
		http_reply_fault_or(request, &fault, err);
}
