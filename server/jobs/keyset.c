#include "keyset.h"

#include <stdio.h>
#include <string.h>

#include <cardea/tlv.h>

#include "store.h"
#include "token.h"
#include "vault.h"

enum err keyset_context(const struct keyset_row *row, char ret_context[static KEYSET_CONTEXT_SIZE])
{
	int length = snprintf(ret_context, KEYSET_CONTEXT_SIZE, "%s/%s/%s/%s/%u",
			      row->is_fleet ? "fleet-keyset" : "keyset", row->endpoint, row->kind, row->aid,
			      row->version);
	return length < KEYSET_CONTEXT_SIZE ? ERR_NONE : ERR_LIMIT;
}

#define IN_TOKEN 0x80 /* with the size of a key: its label follows, and not its value */

static void build_key(struct builder *b, const struct key *key)
{
	build_u8(b, (uint8_t)(key->size | (key_is_visible(key) ? 0 : IN_TOKEN)));
	if (key_is_visible(key))
		build_bytes(b, secret_bytes(&key->secret));
	else
		build_lv(b, bytes_of_text(key->label));
}

/* Each key with its length before it, then the diversification, which older records lack. */
static void build_record(struct builder *b, const struct cardea_keyset *keyset)
{
	const struct key *const keys[] = { &keyset->enc, &keyset->mac, &keyset->dek };

	for (size_t i = 0; i < 3; i++)
		build_key(b, keys[i]);
	build_lv(b, bytes_of_text(keyset->diversification != NULL ? keyset->diversification : "none"));
}

static enum err read_key(struct reader *r, struct token *token, struct key *ret_key)
{
	const uint8_t head = read_u8(r);
	struct secret secret = { .len = 0 };

	if ((head & IN_TOKEN) != 0) {
		const struct bytes label = read_lv(r);
		char text[KEY_LABEL_SIZE] = "";
		if (label.len >= sizeof(text))
			return ERR_MALFORMED;
		if (label.len > 0)
			memcpy(text, label.at, label.len);
		*ret_key = token_key(token, text, head & ~IN_TOKEN);
		return ERR_NONE;
	}
	enum err err = secret_from(read_bytes(r, head), &secret);
	*ret_key = key_of(&secret);
	secret_wipe(&secret);
	return err;
}

static enum err read_record(struct arena *arena, struct token *token, struct bytes record,
			    struct cardea_keyset *keyset)
{
	struct key *const keys[] = { &keyset->enc, &keyset->mac, &keyset->dek };
	struct reader r = reader_of(record);
	struct bytes diversification = bytes_of_text("none");
	enum err err = ERR_NONE;

	for (size_t i = 0; i < 3 && err == ERR_NONE; i++)
		err = read_key(&r, token, keys[i]);
	if (reader_left(&r) > 0)
		diversification = read_lv(&r);
	if (err == ERR_NONE && !reader_done(&r))
		err = ERR_MALFORMED;
	if (err == ERR_NONE)
		err = bytes_copy(arena, diversification, &diversification);
	keyset->diversification = (const char *)diversification.at;
	return err;
}

/* What was built is wiped. */
static enum err seal_built(const struct vault *vault, struct builder *b, const char *context,
			   struct bytes *ret_sealed)
{
	struct bytes record;
	enum err err = builder_bytes(b, &record);
	if (err != ERR_NONE)
		return err;
	err = vault_seal(vault, b->arena, context, record, ret_sealed);
	wipe(b->at, record.len);
	return err;
}

enum err keyset_seal(const struct vault *vault, struct arena *arena, const struct keyset_row *row,
		     const struct cardea_keyset *keyset, struct bytes *ret_sealed)
{
	char context[KEYSET_CONTEXT_SIZE];
	struct builder b = builder_in(arena);
	enum err err = keyset_context(row, context);
	if (err != ERR_NONE)
		return err;
	build_record(&b, keyset);
	return seal_built(vault, &b, context, ret_sealed);
}

enum err keyset_open(const struct vault *vault, struct token *token, struct arena *arena,
		     const struct keyset_row *row, struct cardea_keyset *ret_keyset)
{
	char context[KEYSET_CONTEXT_SIZE];
	struct bytes record;
	struct cardea_keyset keyset = { .version = row->version };
	enum err err = keyset_context(row, context);
	if (err == ERR_NONE)
		err = vault_open_sealed(vault, arena, context, row->sealed, &record);
	if (err != ERR_NONE)
		return err;
	err = read_record(arena, token, record, &keyset);
	wipe((void *)(uintptr_t)record.at, record.len);
	if (err == ERR_NONE)
		*ret_keyset = keyset;
	keyset_wipe(&keyset);
	return err;
}

static enum err transport_key_context(const char *name, char ret_context[static KEYSET_CONTEXT_SIZE])
{
	int length = snprintf(ret_context, KEYSET_CONTEXT_SIZE, "transport-key/%s", name);
	return length < KEYSET_CONTEXT_SIZE ? ERR_NONE : ERR_LIMIT;
}

enum err transport_key_seal(const struct vault *vault, struct arena *arena, const char *name,
			    const struct key *key, struct bytes *ret_sealed)
{
	char context[KEYSET_CONTEXT_SIZE];
	struct builder b = builder_in(arena);
	enum err err = transport_key_context(name, context);
	if (err != ERR_NONE)
		return err;
	build_key(&b, key);
	return seal_built(vault, &b, context, ret_sealed);
}

enum err transport_key_open(const struct vault *vault, struct token *token, struct arena *arena,
			    const struct transport_key_row *row, struct key *ret_key)
{
	char context[KEYSET_CONTEXT_SIZE];
	struct bytes record;
	struct key key;
	enum err err = transport_key_context(row->name, context);
	if (err == ERR_NONE)
		err = vault_open_sealed(vault, arena, context, row->sealed, &record);
	if (err != ERR_NONE)
		return err;
	struct reader r = reader_of(record);
	err = read_key(&r, token, &key);
	if (err == ERR_NONE && !reader_done(&r))
		err = ERR_MALFORMED;
	wipe((void *)(uintptr_t)record.at, record.len);
	if (err == ERR_NONE)
		*ret_key = key;
	key_wipe(&key);
	return err;
}

enum err keyset_seal_document(const struct vault *vault, struct arena *arena, const struct keyset_row *row,
			      struct bytes document, struct bytes *ret_sealed)
{
	char context[KEYSET_CONTEXT_SIZE];
	enum err err = keyset_context(row, context);
	return err == ERR_NONE ? vault_seal(vault, arena, context, document, ret_sealed) : err;
}

enum err keyset_open_document(const struct vault *vault, struct arena *arena, const struct keyset_row *row,
			      struct bytes *ret_document)
{
	char context[KEYSET_CONTEXT_SIZE];
	enum err err = keyset_context(row, context);
	return err == ERR_NONE ? vault_open_sealed(vault, arena, context, row->sealed, ret_document) : err;
}

bool keyset_is_document(const char *kind)
{
	static const char *const kinds[] = {
		"scp11", "scp80", "token", "receipt", "dap", "load-file-cipher"
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i], kind) == 0)
			return true;
	}
	return false;
}

void keyset_wipe(struct cardea_keyset *keyset)
{
	key_wipe(&keyset->enc);
	key_wipe(&keyset->mac);
	key_wipe(&keyset->dek);
}

bool keyset_is_in_token(const struct cardea_keyset *keyset)
{
	return !key_is_visible(&keyset->enc) || !key_is_visible(&keyset->mac) ||
	       !key_is_visible(&keyset->dek);
}
