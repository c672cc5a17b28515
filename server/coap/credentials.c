#include "credentials.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* One per endpoint name; found by either name. */
struct credential {
	UT_hash_handle by_endpoint, by_identity;
	char *endpoint, *identity;
	struct secret key;
};

struct credentials {
	struct credential *by_endpoint, *by_identity;
	uint64_t changes;
};

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
	free(credential->endpoint);
	free(credential->identity);
	free(credential);
}

static struct credential *find_endpoint(const struct credentials *credentials, const char *endpoint)
{
	struct credential *credential;

	HASH_FIND(by_endpoint, credentials->by_endpoint, endpoint, strlen(endpoint), credential);
	return credential;
}

static struct credential *find_identity(const struct credentials *credentials, const char *identity)
{
	struct credential *credential;

	HASH_FIND(by_identity, credentials->by_identity, identity, strlen(identity), credential);
	return credential;
}

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

enum err credentials_put_psk(struct credentials *credentials, const char *endpoint, const char *identity,
			     const struct secret *key)
{
	struct credential *old = find_endpoint(credentials, endpoint),
			  *other = find_identity(credentials, identity);

	if (other != NULL && other != old)
		return ERR_CONFLICT;
	struct credential *credential = calloc(1, sizeof(*credential));
	if (credential == NULL)
		return ERR_NOMEM;
	credential->key = *key;
	credential->endpoint = strdup(endpoint);
	credential->identity = strdup(identity);
	if (credential->endpoint == NULL || credential->identity == NULL) {
		credential_free(credential);
		return ERR_NOMEM;
	}
	if (old != NULL)
		credentials_drop(credentials, old);
	enum err err = credentials_add(credentials, credential);
	if (err != ERR_NONE)
		credential_free(credential);
	return err;
}

void credentials_remove(struct credentials *credentials, const char *endpoint)
{
	struct credential *credential = find_endpoint(credentials, endpoint);

	if (credential != NULL)
		credentials_drop(credentials, credential);
}

enum err credentials_find_psk(const struct credentials *credentials, const char *identity,
			      const char **ret_endpoint, const struct secret **ret_key)
{
	const struct credential *credential = find_identity(credentials, identity);

	if (credential == NULL)
		return ERR_NOT_FOUND;
	*ret_endpoint = credential->endpoint;
	*ret_key = &credential->key;
	return ERR_NONE;
}

bool credentials_has(const struct credentials *credentials, const char *endpoint)
{
	return find_endpoint(credentials, endpoint) != NULL;
}

const struct secret *credentials_key(const struct credentials *credentials, const char *endpoint)
{
	const struct credential *credential = find_endpoint(credentials, endpoint);

	return credential == NULL ? NULL : &credential->key;
}

uint64_t credentials_changes(const struct credentials *credentials)
{
	return credentials->changes;
}
