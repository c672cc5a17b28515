/* The keys of a configuration: who may have them, and the new one that is made for each bootstrap. */
#include "bootstrap_session.h"

#include <stdlib.h>

#include "certificate.h"
#include "credential_rows.h"
#include "credentials.h"
#include "log.h"

#define KEY_BYTES      16 /* as strong as the cipher suites that devices have */
#define IDENTITY_BYTES 16
#define SEALING_BYTES  65536

/* ---- what only now can be known ---- */

static bool are_secret(struct lwm2m_records records)
{
	for (size_t i = 0; i < records.count; i++) {
		if (bootstrap_is_secret(records.at[i].path))
			return true;
	}
	return false;
}

static bool has_secrets(const struct bootstrap_configuration *configuration)
{
	for (size_t i = 0; i < configuration->server_count; i++) {
		if (configuration->servers[i].mode != SECURITY_NOSEC ||
		    are_secret(configuration->servers[i].security))
			return true;
	}
	for (size_t i = 0; i < configuration->object_count; i++) {
		if (are_secret(configuration->objects[i].records))
			return true;
	}
	return false;
}

static enum err generate(struct bootstrap_session *session)
{
	uint8_t identity[IDENTITY_BYTES];
	enum err err = random_bytes(identity, sizeof(identity));
	const char *given = NULL;

	if (err == ERR_NONE)
		err = random_bytes(session->generated.key.at, KEY_BYTES);
	if (err != ERR_NONE)
		return err;
	for (size_t i = 0; i < session->configuration.server_count; i++) {
		if (session->configuration.servers[i].is_generated)
			given = session->configuration.servers[i].identity;
	}
	session->generated.key.len = KEY_BYTES;
	session->generated.identity =
		given != NULL ? given : bytes_to_hex(session->arena, bytes_of(identity, sizeof(identity)));
	return session->generated.identity == NULL ? ERR_NOMEM : ERR_NONE;
}

/* Ours, where the configuration says of no other. */
static enum err give_certificate(struct bootstrap_session *session, struct fault *fault)
{
	const struct certificates *certificates = session->bootstrap->parts.certificates;

	if (certificates != NULL)
		session->generated.own_certificate = certificates_own(certificates);
	for (size_t i = 0; certificates == NULL && i < session->configuration.server_count; i++) {
		const struct bootstrap_server *server = &session->configuration.servers[i];

		if (server->mode == SECURITY_X509 && server->server_certificate.len == 0)
			return fault_set(
				fault, ERR_CONFLICT,
				"servers[%zu].security.serverCertificatePem: is missing, and we have no"
				" certificate of our own",
				i);
	}
	return ERR_NONE;
}

/* Without security whoever takes a device's name would get its keys, and the network would see them. */
enum err bootstrap_session_prepare(struct bootstrap_session *session, struct fault *fault)
{
	const struct credentials *credentials = session->bootstrap->parts.bootstrap_credentials;
	enum err err;

	if (!session->is_secure && has_secrets(&session->configuration))
		return fault_set(fault, ERR_DENIED,
				 "the configuration has keys: come over DTLS or with OSCORE");
	err = bootstrap_configuration_check_key(&session->configuration,
						credentials_key(credentials, session->endpoint), fault);
	if (err == ERR_NONE)
		err = give_certificate(session, fault);
	return err == ERR_NONE && bootstrap_wants_key(&session->configuration) ? generate(session) : err;
}

/* ---- keeping ---- */

struct keeping {
	struct bootstrap *bootstrap;
	char *endpoint, *identity;
	struct secret key;
	void (*then)(struct bootstrap *bootstrap, uint64_t number, enum err result);
};

static void keeping_free(struct keeping *keeping)
{
	free(keeping->endpoint);
	free(keeping->identity);
	secret_wipe(&keeping->key);
	free(keeping);
}

/* What is durable is in force, whatever has become of the session: memory and store do not differ. */
static void key_stored(void *self, uint64_t number, enum err result)
{
	struct keeping *keeping = self;
	struct bootstrap *bootstrap = keeping->bootstrap;

	if (result == ERR_NONE)
		result = credentials_put_psk(bootstrap->parts.credentials, keeping->endpoint,
					     keeping->identity, &keeping->key);
	if (result == ERR_NONE)
		log_info("bootstrap.key_replaced", "endpoint=%s", keeping->endpoint);
	keeping->then(bootstrap, number, result);
	keeping_free(keeping);
}

static enum err store_key(const struct bootstrap_session *session, struct keeping *keeping)
{
	const struct bootstrap_parts *parts = &session->bootstrap->parts;
	struct arena *arena = arena_create(SEALING_BYTES);
	struct credential_row row = {
		.endpoint = keeping->endpoint,
		.kind = CREDENTIAL_PSK,
		.identity = keeping->identity,
		.created_ms = loop_wall_ms(parts->loop),
	};
	enum err err = ERR_NOMEM;

	if (arena != NULL)
		err = credential_seal(parts->vault, arena, &row, &keeping->key, &row.sealed);
	if (err == ERR_NONE)
		err = store_put_credential(parts->store, &row,
					   (struct store_done){ key_stored, keeping, session->number });
	arena_free(arena);
	return err;
}

enum err bootstrap_session_keep_key(struct bootstrap_session *session,
				    void (*then)(struct bootstrap *bootstrap, uint64_t number,
						 enum err result))
{
	struct keeping *keeping = calloc(1, sizeof(*keeping));
	enum err err = ERR_NOMEM;

	if (keeping == NULL)
		return ERR_NOMEM;
	keeping->bootstrap = session->bootstrap;
	keeping->then = then;
	keeping->key = session->generated.key;
	keeping->endpoint = strdup(session->endpoint);
	keeping->identity = strdup(session->generated.identity);
	if (keeping->endpoint != NULL && keeping->identity != NULL)
		err = store_key(session, keeping);
	if (err != ERR_NONE)
		keeping_free(keeping);
	return err;
}
