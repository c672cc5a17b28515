#include "credential_rows.h"

#include <cardea/cbor.h>

#include "credentials.h"
#include "vault.h"

/* The kind has no slash and stands first, the name is preceded by its length: no two rows share a context. */
static char *context_of(struct arena *arena, const struct credential_row *row)
{
	return arena_printf(arena, "credential/%s/%zu/%s/%s", row->kind, strlen(row->endpoint), row->endpoint,
			    row->identity);
}

enum err credential_seal(const struct vault *vault, struct arena *arena, const struct credential_row *row,
			 const struct secret *key, struct bytes *ret_sealed)
{
	char *context = context_of(arena, row);

	if (context == NULL)
		return ERR_NOMEM;
	return vault_seal(vault, arena, context, secret_bytes(key), ret_sealed);
}

enum err credential_open(const struct vault *vault, struct arena *arena, const struct credential_row *row,
			 struct secret *ret_key)
{
	char *context = context_of(arena, row);
	struct bytes key;
	enum err err;

	if (context == NULL)
		return ERR_NOMEM;
	err = vault_open_sealed(vault, arena, context, row->sealed, &key);
	if (err != ERR_NONE)
		return err;
	return secret_from(key, ret_key);
}

/* ---- OSCORE: a CBOR array of its five parameters ---- */

enum { SECRET, SALT, SENDER_ID, RECIPIENT_ID, ID_CONTEXT, PARAMETER_COUNT };

enum err credential_seal_oscore(const struct vault *vault, struct arena *arena,
				const struct credential_row *row, const struct oscore_parameters *parameters,
				struct bytes *ret_sealed)
{
	const struct bytes values[PARAMETER_COUNT] = {
		[SECRET] = parameters->master_secret,  [SALT] = parameters->master_salt,
		[SENDER_ID] = parameters->sender_id,   [RECIPIENT_ID] = parameters->recipient_id,
		[ID_CONTEXT] = parameters->id_context,
	};
	struct builder b = builder_in(arena);
	char *context = context_of(arena, row);
	struct bytes plain;

	build_cbor_array(&b, PARAMETER_COUNT);
	for (size_t i = 0; i < PARAMETER_COUNT; i++)
		build_cbor_bytes(&b, values[i]);
	if (context == NULL || builder_bytes(&b, &plain) != ERR_NONE)
		return ERR_NOMEM;
	return vault_seal(vault, arena, context, plain, ret_sealed);
}

enum err credential_open_oscore(const struct vault *vault, struct arena *arena,
				const struct credential_row *row, struct oscore_parameters *ret_parameters)
{
	char *context = context_of(arena, row);
	struct cbor_item item, values[PARAMETER_COUNT];
	struct bytes plain;

	if (context == NULL)
		return ERR_NOMEM;
	enum err err = vault_open_sealed(vault, arena, context, row->sealed, &plain);
	if (err != ERR_NONE)
		return err;
	struct reader r = reader_of(plain);
	if (!read_cbor(&r, arena, &item) || item.kind != CBOR_ARRAY || item.count != PARAMETER_COUNT)
		return ERR_MALFORMED;
	for (size_t i = 0; i < PARAMETER_COUNT; i++)
		if (!read_cbor(&r, arena, &values[i]) || values[i].kind != CBOR_BYTES)
			return ERR_MALFORMED;
	*ret_parameters = (struct oscore_parameters){
		.master_secret = values[SECRET].bytes,
		.master_salt = values[SALT].bytes,
		.sender_id = values[SENDER_ID].bytes,
		.recipient_id = values[RECIPIENT_ID].bytes,
		.id_context = values[ID_CONTEXT].bytes,
	};
	return reader_done(&r) ? ERR_NONE : ERR_MALFORMED;
}

/* ---- certificates ---- */

enum err credential_seal_x509(const struct vault *vault, struct arena *arena,
			      const struct credential_row *row, struct bytes *ret_sealed)
{
	char *context = context_of(arena, row);

	if (context == NULL)
		return ERR_NOMEM;
	return vault_seal(vault, arena, context, bytes_of_text(row->identity), ret_sealed);
}

enum err credential_open_x509(const struct vault *vault, struct arena *arena,
			      const struct credential_row *row)
{
	char *context = context_of(arena, row);
	struct bytes identity;

	if (context == NULL)
		return ERR_NOMEM;
	enum err err = vault_open_sealed(vault, arena, context, row->sealed, &identity);
	if (err != ERR_NONE)
		return err;
	return bytes_equal_text(identity, row->identity) ? ERR_NONE : ERR_DENIED;
}

/* ---- at the start ---- */

static enum err load_oscore(const struct vault *vault, struct arena *arena, const struct credential_row *row,
			    struct credentials *credentials)
{
	struct oscore_parameters parameters;
	struct oscore_keys keys;
	enum err err = credential_open_oscore(vault, arena, row, &parameters);

	if (err == ERR_NONE)
		err = oscore_derive(arena, &parameters, &keys);
	if (err != ERR_NONE)
		return err;
	err = credentials_put_oscore(credentials, row->endpoint, &keys);
	wipe(&keys, sizeof(keys));
	return err;
}

static enum err load_psk(const struct vault *vault, struct arena *arena, const struct credential_row *row,
			 struct credentials *credentials)
{
	struct secret key;
	enum err err = credential_open(vault, arena, row, &key);

	if (err != ERR_NONE)
		return err;
	err = credentials_put_psk(credentials, row->endpoint, row->identity, &key);
	secret_wipe(&key);
	return err;
}

static enum err load_x509(const struct vault *vault, struct arena *arena, const struct credential_row *row,
			  struct credentials *credentials)
{
	enum err err = credential_open_x509(vault, arena, row);

	return err == ERR_NONE ? credentials_put_x509(credentials, row->endpoint, row->identity) : err;
}

/* clang-format off */
static const struct {
	const char *kind;
	enum err (*load)(const struct vault *vault, struct arena *arena, const struct credential_row *row,
	                 struct credentials *credentials);
} loads[] = {
	{ CREDENTIAL_PSK,              load_psk },
	{ CREDENTIAL_BOOTSTRAP_PSK,    load_psk },
	{ CREDENTIAL_OSCORE,           load_oscore },
	{ CREDENTIAL_BOOTSTRAP_OSCORE, load_oscore },
	{ CREDENTIAL_X509,             load_x509 },
	{ CREDENTIAL_BOOTSTRAP_X509,   load_x509 },
};
/* clang-format on */

static enum err load_one(const struct vault *vault, struct arena *arena, const struct credential_row *row,
			 const char *kind, struct credentials *credentials)
{
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		if (strcmp(row->kind, loads[i].kind) == 0)
			return strcmp(row->kind, kind) == 0 ? loads[i].load(vault, arena, row, credentials)
							    : ERR_NONE;
	}
	return ERR_UNSUPPORTED;
}

enum err credentials_load(struct store *store, const struct vault *vault, const char *kind,
			  struct credentials *credentials, struct fault *fault)
{
	struct arena *arena = arena_create(0);
	struct credential_row *rows = NULL;
	size_t count = 0;
	enum err err;

	if (arena == NULL)
		return fault_set(fault, ERR_NOMEM, "no memory");
	err = store_read_credentials(store, arena, &rows, &count);
	if (err != ERR_NONE)
		err = fault_set(fault, err, "the credentials cannot be read");
	for (size_t i = 0; i < count && err == ERR_NONE; i++) {
		err = load_one(vault, arena, &rows[i], kind, credentials);
		if (err != ERR_NONE)
			err = fault_set(fault, err, "the credential of %s cannot be used: %s%s",
					rows[i].endpoint, err_name(err),
					err == ERR_DENIED ? ", is this the right key encryption key?" : "");
	}
	arena_free(arena);
	return err;
}
