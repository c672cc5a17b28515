#include "credentials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* One per kind and endpoint name; found by kind and either name. */
struct credential {
	UT_hash_handle by_endpoint, by_identity;
	char *endpoint, *identity; /* behind the letter of the kind */
	struct secret key;
	struct oscore_keys *oscore;
};

struct credentials {
	struct credential *by_endpoint, *by_identity;
	uint64_t changes;
	bool accepts_issued;
};

static const enum credential_kind kinds[] = { CREDENTIAL_KIND_PSK, CREDENTIAL_KIND_OSCORE,
					      CREDENTIAL_KIND_X509 };

enum err credentials_create(struct credentials **ret_credentials)
{
	struct credentials *credentials = calloc(1, sizeof(*credentials));

	if (credentials == NULL)
		return ERR_NOMEM;
	*ret_credentials = credentials;
	return ERR_NONE;
}

static void credential_free(struct credential *credential)
{
	if (credential == NULL)
		return;
	secret_wipe(&credential->key);
	if (credential->oscore != NULL)
		wipe(credential->oscore, sizeof(*credential->oscore));
	free(credential->oscore);
	free(credential->endpoint);
	free(credential->identity);
	free(credential);
}

/* ---- names ---- */

/* A name with its kind in front, as the indexes have it; hashed and compared as bytes. */
static size_t name_of(enum credential_kind kind, const char *name, char to[static CREDENTIAL_NAME_SIZE])
{
	const size_t len = strnlen(name, CREDENTIAL_NAME_SIZE - 2);

	to[0] = (char)kind;
	memcpy(to + 1, name, len);
	to[1 + len] = 0;
	return name[len] == 0 ? 1 + len : 0;
}

static struct credential *find_endpoint(const struct credentials *credentials, enum credential_kind kind,
					const char *endpoint)
{
	char name[CREDENTIAL_NAME_SIZE];
	const size_t len = name_of(kind, endpoint, name);
	struct credential *credential = NULL;

	if (len > 0)
		HASH_FIND(by_endpoint, credentials->by_endpoint, name, len, credential);
	return credential;
}

static struct credential *find_identity(const struct credentials *credentials, enum credential_kind kind,
					const char *identity)
{
	char name[CREDENTIAL_NAME_SIZE];
	const size_t len = name_of(kind, identity, name);
	struct credential *credential = NULL;

	if (len > 0)
		HASH_FIND(by_identity, credentials->by_identity, name, len, credential);
	return credential;
}

static char *copy_name(enum credential_kind kind, const char *name)
{
	char text[CREDENTIAL_NAME_SIZE];

	return name_of(kind, name, text) > 0 ? strdup(text) : NULL;
}

const char *oscore_identity_print(struct bytes kid, struct bytes kid_context,
				  char to[static OSCORE_IDENTITY_SIZE])
{
	static const char digits[] = "0123456789ABCDEF";
	size_t len = 0;

	if (kid.len > OSCORE_ID_MAX || kid_context.len > OSCORE_ID_CONTEXT_MAX)
		return NULL;
	for (size_t i = 0; i < kid.len + kid_context.len; i++) {
		const uint8_t byte = i < kid.len ? kid.at[i] : kid_context.at[i - kid.len];
		if (i == kid.len)
			to[len++] = '/';
		to[len++] = digits[byte >> 4];
		to[len++] = digits[byte & 15];
	}
	to[len] = 0;
	return to;
}

const char *x509_identity_of_print(const uint8_t print[SHA256_SIZE], char to[static CREDENTIAL_NAME_SIZE])
{
	size_t len = (size_t)snprintf(to, CREDENTIAL_NAME_SIZE, "sha256:");

	for (size_t i = 0; i < SHA256_SIZE; i++)
		len += (size_t)snprintf(to + len, CREDENTIAL_NAME_SIZE - len, "%02X", print[i]);
	return to;
}

const char *x509_identity_of_issuer(const char *endpoint, const char *issuer,
				    char to[static CREDENTIAL_NAME_SIZE])
{
	const int len = snprintf(to, CREDENTIAL_NAME_SIZE, "name:%s,issuer:%s", endpoint, issuer);

	if (len >= CREDENTIAL_NAME_SIZE)
		to[0] = 0;
	return to;
}

/* ---- change ---- */

static void credentials_drop(struct credentials *credentials, struct credential *credential)
{
	HASH_DELETE(by_endpoint, credentials->by_endpoint, credential);
	HASH_DELETE(by_identity, credentials->by_identity, credential);
	credential_free(credential);
	credentials->changes++;
}

void credentials_free(struct credentials *credentials)
{
	if (credentials == NULL)
		return;
	while (credentials->by_endpoint != NULL)
		credentials_drop(credentials, credentials->by_endpoint);
	free(credentials);
}

static enum err credentials_add(struct credentials *credentials, struct credential *credential)
{
	HASH_ADD_KEYPTR(by_endpoint, credentials->by_endpoint, credential->endpoint,
			strlen(credential->endpoint), credential);
	if (credential->by_endpoint.tbl == NULL)
		return ERR_NOMEM;
	HASH_ADD_KEYPTR(by_identity, credentials->by_identity, credential->identity,
			strlen(credential->identity), credential);
	if (credential->by_identity.tbl == NULL) {
		HASH_DELETE(by_endpoint, credentials->by_endpoint, credential);
		return ERR_NOMEM;
	}
	credentials->changes++;
	return ERR_NONE;
}

/* In place of what the endpoint has of this kind; takes the credential, also on failure. */
static enum err put(struct credentials *credentials, enum credential_kind kind, const char *endpoint,
		    const char *identity, struct credential *take_credential)
{
	struct credential *credential = take_credential;
	struct credential *old = find_endpoint(credentials, kind, endpoint),
			  *other = find_identity(credentials, kind, identity);
	enum err err = ERR_NONE;

	if (other != NULL && other != old)
		err = ERR_CONFLICT;
	if (err == ERR_NONE) {
		credential->endpoint = copy_name(kind, endpoint);
		credential->identity = copy_name(kind, identity);
		if (credential->endpoint == NULL || credential->identity == NULL)
			err = ERR_NOMEM;
	}
	if (err == ERR_NONE && old != NULL)
		credentials_drop(credentials, old);
	if (err == ERR_NONE)
		err = credentials_add(credentials, credential);
	if (err != ERR_NONE)
		credential_free(credential);
	return err;
}

enum err credentials_put_psk(struct credentials *credentials, const char *endpoint, const char *identity,
			     const struct secret *key)
{
	struct credential *credential = calloc(1, sizeof(*credential));

	if (credential == NULL)
		return ERR_NOMEM;
	credential->key = *key;
	return put(credentials, CREDENTIAL_KIND_PSK, endpoint, identity, credential);
}

enum err credentials_put_oscore(struct credentials *credentials, const char *endpoint,
				const struct oscore_keys *keys)
{
	struct credential *credential = calloc(1, sizeof(*credential));
	char identity[OSCORE_IDENTITY_SIZE];

	if (credential == NULL)
		return ERR_NOMEM;
	credential->oscore = malloc(sizeof(*credential->oscore));
	if (credential->oscore == NULL) {
		credential_free(credential);
		return ERR_NOMEM;
	}
	*credential->oscore = *keys;
	(void)oscore_identity_print(oscore_id_bytes(&keys->recipient_id),
				    bytes_of(keys->id_context, keys->id_context_len), identity);
	return put(credentials, CREDENTIAL_KIND_OSCORE, endpoint, identity, credential);
}

enum err credentials_put_x509(struct credentials *credentials, const char *endpoint, const char *identity)
{
	struct credential *credential = calloc(1, sizeof(*credential));

	return credential == NULL ? ERR_NOMEM
				  : put(credentials, CREDENTIAL_KIND_X509, endpoint, identity, credential);
}

void credentials_accept_issued(struct credentials *credentials, bool is_enough)
{
	credentials->accepts_issued = is_enough;
	credentials->changes++;
}

void credentials_remove(struct credentials *credentials, enum credential_kind kind, const char *endpoint)
{
	struct credential *credential = find_endpoint(credentials, kind, endpoint);

	if (credential != NULL)
		credentials_drop(credentials, credential);
}

/* ---- finding ---- */

enum err credentials_find_psk(const struct credentials *credentials, const char *identity,
			      const char **ret_endpoint, const struct secret **ret_key)
{
	const struct credential *credential = find_identity(credentials, CREDENTIAL_KIND_PSK, identity);

	if (credential == NULL)
		return ERR_NOT_FOUND;
	*ret_endpoint = credential->endpoint + 1;
	*ret_key = &credential->key;
	return ERR_NONE;
}

enum err credentials_find_oscore(const struct credentials *credentials, struct bytes kid,
				 struct bytes kid_context, const char **ret_endpoint,
				 const struct oscore_keys **ret_keys)
{
	char text[OSCORE_IDENTITY_SIZE];
	const char *identity = oscore_identity_print(kid, kid_context, text);
	const struct credential *credential = NULL;

	if (identity != NULL)
		credential = find_identity(credentials, CREDENTIAL_KIND_OSCORE, identity);
	if (credential == NULL)
		return ERR_NOT_FOUND;
	*ret_endpoint = credential->endpoint + 1;
	*ret_keys = credential->oscore;
	return ERR_NONE;
}

const char *credentials_find_x509(const struct credentials *credentials, const char *identity)
{
	const struct credential *credential = find_identity(credentials, CREDENTIAL_KIND_X509, identity);

	return credential == NULL ? NULL : credential->endpoint + 1;
}

bool credentials_accepts_issued(const struct credentials *credentials)
{
	return credentials->accepts_issued;
}

bool credentials_has(const struct credentials *credentials, const char *endpoint)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (find_endpoint(credentials, kinds[i], endpoint) != NULL)
			return true;
	return false;
}

const char *credentials_psk_identity(const struct credentials *credentials, const char *endpoint)
{
	const struct credential *credential = find_endpoint(credentials, CREDENTIAL_KIND_PSK, endpoint);

	return credential == NULL ? NULL : credential->identity + 1;
}

const struct secret *credentials_key(const struct credentials *credentials, const char *endpoint)
{
	const struct credential *credential = find_endpoint(credentials, CREDENTIAL_KIND_PSK, endpoint);

	return credential == NULL ? NULL : &credential->key;
}

const struct oscore_keys *credentials_oscore(const struct credentials *credentials, const char *endpoint)
{
	const struct credential *credential = find_endpoint(credentials, CREDENTIAL_KIND_OSCORE, endpoint);

	return credential == NULL ? NULL : credential->oscore;
}

uint64_t credentials_changes(const struct credentials *credentials)
{
	return credentials->changes;
}
