/* The sealed form of a key set: three values in one record, so that they are replaced together. */
#ifndef CARDEA_JOBS_KEYSET_H
#define CARDEA_JOBS_KEYSET_H

#include <cardea/plugin.h>

struct keyset_row;
struct token;
struct transport_key_row;
struct vault;

#define KEYSET_CONTEXT_SIZE 512

/* What binds the sealed values to their row. ERR_LIMIT when the names are too long. */
MUST_CHECK enum err keyset_context(const struct keyset_row *row, char ret_context[static KEYSET_CONTEXT_SIZE]);

/* In the arena. */
MUST_CHECK enum err keyset_seal(const struct vault *vault, struct arena *arena, const struct keyset_row *row,
                                const struct cardea_keyset *keyset, struct bytes *ret_sealed);
/* The caller wipes what it gets; the diversification is in the arena. Keys that the record only names are
 * in the token, which may be NULL. */
MUST_CHECK enum err keyset_open(const struct vault *vault, struct token *token, struct arena *arena,
                                const struct keyset_row *row, struct cardea_keyset *ret_keyset);
/* A key set that is a document (JSON): what is opened ends with a 0 that is not counted, and is the caller's to wipe. */
MUST_CHECK enum err keyset_seal_document(const struct vault *vault, struct arena *arena, const struct keyset_row *row,
                                         struct bytes document, struct bytes *ret_sealed);
MUST_CHECK enum err keyset_open_document(const struct vault *vault, struct arena *arena, const struct keyset_row *row,
                                         struct bytes *ret_document);
bool keyset_is_document(const char *kind);
/* A key under which others come wrapped. */
MUST_CHECK enum err transport_key_seal(const struct vault *vault, struct arena *arena, const char *name,
                                       const struct key *key, struct bytes *ret_sealed);
MUST_CHECK enum err transport_key_open(const struct vault *vault, struct token *token, struct arena *arena,
                                       const struct transport_key_row *row, struct key *ret_key);

void keyset_wipe(struct cardea_keyset *keyset);
/* What is done with it may block. */
bool keyset_is_in_token(const struct cardea_keyset *keyset);

#endif
