#include "keyset.h"

#include <stdio.h>
#include <string.h>

#include "store.h"
#include "vault.h"

enum err keyset_context(const struct keyset_row *row, char ret_context[static KEYSET_CONTEXT_SIZE])
{
	int length = snprintf(ret_context, KEYSET_CONTEXT_SIZE, "keyset/%s/%s/%s/%u", row->endpoint,
			      row->kind, row->aid, row->version);
	return length < KEYSET_CONTEXT_SIZE ? ERR_NONE : ERR_LIMIT;
}

enum err keyset_seal(const struct vault *vault, struct arena *arena, const struct keyset_row *row,
		     const struct cardea_keyset *keyset, struct bytes *ret_sealed)
{
	char context[KEYSET_CONTEXT_SIZE];
	uint8_t record[3 * (1 + SECRET_MAX)];
	const struct secret *const parts[] = { &keyset->enc, &keyset->mac, &keyset->dek };
	size_t len = 0;
	enum err err = keyset_context(row, context);
	if (err != ERR_NONE)
		return err;
	for (size_t i = 0; i < 3; i++) {
		record[len] = (uint8_t)parts[i]->len;
		memcpy(record + len + 1, parts[i]->at, parts[i]->len);
		len += 1 + parts[i]->len;
	}
	err = vault_seal(vault, arena, context, bytes_of(record, len), ret_sealed);
	wipe(record, sizeof record);
	return err;
}

enum err keyset_open(const struct vault *vault, struct arena *arena, const struct keyset_row *row,
		     struct cardea_keyset *ret_keyset)
{
	char context[KEYSET_CONTEXT_SIZE];
	struct bytes record;
	struct cardea_keyset keyset = { .version = row->version };
	struct secret *const parts[] = { &keyset.enc, &keyset.mac, &keyset.dek };
	enum err err = keyset_context(row, context);
	if (err == ERR_NONE)
		err = vault_open_sealed(vault, arena, context, row->sealed, &record);
	if (err != ERR_NONE)
		return err;
	struct reader r = reader_of(record);
	for (size_t i = 0; i < 3 && err == ERR_NONE; i++)
		err = secret_from(read_bytes(&r, read_u8(&r)), parts[i]);
	if (err == ERR_NONE && !reader_done(&r))
		err = ERR_MALFORMED;
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
	static const char *const kinds[] = { "scp11", "token", "receipt", "dap", "load-file-cipher" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i], kind) == 0)
			return true;
	}
	return false;
}

void keyset_wipe(struct cardea_keyset *keyset)
{
	secret_wipe(&keyset->enc);
	secret_wipe(&keyset->mac);
	secret_wipe(&keyset->dek);
}
