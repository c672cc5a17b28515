#include "keyset.h"

#include <stdio.h>
#include <string.h>

#include <cardea/tlv.h>

#include "store.h"
#include "vault.h"

enum err keyset_context(const struct keyset_row *row, char ret_context[static KEYSET_CONTEXT_SIZE])
{
	int length = snprintf(ret_context, KEYSET_CONTEXT_SIZE, "keyset/%s/%s/%s/%u", row->endpoint,
			      row->kind, row->aid, row->version);
	return length < KEYSET_CONTEXT_SIZE ? ERR_NONE : ERR_LIMIT;
}

/* Each key with its length before it, then the diversification, which older records lack. */
static void build_record(struct builder *b, const struct cardea_keyset *keyset)
{
	const struct key *const keys[] = { &keyset->enc, &keyset->mac, &keyset->dek };

	for (size_t i = 0; i < 3; i++)
		build_lv(b, secret_bytes(&keys[i]->secret));
	build_lv(b, bytes_of_text(keyset->diversification != NULL ? keyset->diversification : "none"));
}

static enum err read_record(struct arena *arena, struct bytes record, struct cardea_keyset *keyset)
{
	struct key *const keys[] = { &keyset->enc, &keyset->mac, &keyset->dek };
	struct reader r = reader_of(record);
	enum err err = ERR_NONE;

	for (size_t i = 0; i < 3 && err == ERR_NONE; i++) {
		struct secret secret = { .len = 0 };
		err = secret_from(read_lv(&r), &secret);
		*keys[i] = key_of(&secret);
		secret_wipe(&secret);
	}
	struct bytes diversification = bytes_of_text("none");
	if (reader_left(&r) > 0)
		diversification = read_lv(&r);
	if (err == ERR_NONE && !reader_done(&r))
		err = ERR_MALFORMED;
	if (err == ERR_NONE)
		err = bytes_copy(arena, diversification, &diversification);
	keyset->diversification = (const char *)diversification.at;
	return err;
}

enum err keyset_seal(const struct vault *vault, struct arena *arena, const struct keyset_row *row,
		     const struct cardea_keyset *keyset, struct bytes *ret_sealed)
{
	char context[KEYSET_CONTEXT_SIZE];
	struct builder b = builder_in(arena);
	struct bytes record;
	enum err err = keyset_context(row, context);
	if (err != ERR_NONE)
		return err;
	build_record(&b, keyset);
	err = builder_bytes(&b, &record);
	if (err != ERR_NONE)
		return err;
	err = vault_seal(vault, arena, context, record, ret_sealed);
	wipe(b.at, record.len);
	return err;
}

enum err keyset_open(const struct vault *vault, struct arena *arena, const struct keyset_row *row,
		     struct cardea_keyset *ret_keyset)
{
	char context[KEYSET_CONTEXT_SIZE];
	struct bytes record;
	struct cardea_keyset keyset = { .version = row->version };
	enum err err = keyset_context(row, context);
	if (err == ERR_NONE)
		err = vault_open_sealed(vault, arena, context, row->sealed, &record);
	if (err != ERR_NONE)
		return err;
	err = read_record(arena, record, &keyset);
	wipe((void *)(uintptr_t)record.at, record.len);
	if (err == ERR_NONE)
		*ret_keyset = keyset;
	keyset_wipe(&keyset);
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
	static const char *const kinds[] = { "scp11", "scp80", "token", "receipt", "dap", "load-file-cipher" };

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
