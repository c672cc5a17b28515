/* The sealed form of a key set: three values in one record, so that they are replaced together. */
#ifndef CARDEA_JOBS_KEYSET_H
#define CARDEA_JOBS_KEYSET_H

#include <cardea/plugin.h>

struct keyset_row;
struct vault;

#define KEYSET_CONTEXT_SIZE 512

/* What binds the sealed values to their row. ERR_LIMIT when the names are too long. */
MUST_CHECK enum err keyset_context(const struct keyset_row *row, char ret_context[static KEYSET_CONTEXT_SIZE]);

/* In the arena. */
MUST_CHECK enum err keyset_seal(const struct vault *vault, struct arena *arena, const struct keyset_row *row,
                                const struct cardea_keyset *keyset, struct bytes *ret_sealed);
/* The caller wipes what it gets; the diversification is in the arena. */
MUST_CHECK enum err keyset_open(const struct vault *vault, struct arena *arena, const struct keyset_row *row,
                                struct cardea_keyset *ret_keyset);
/* A key set that is a document (JSON): what is opened ends with a 0 that is not counted, and is the caller's to wipe. */
MUST_CHECK enum err keyset_seal_document(const struct vault *vault, struct arena *arena, const struct keyset_row *row,
                                         struct bytes document, struct bytes *ret_sealed);
MUST_CHECK enum err keyset_open_document(const struct vault *vault, struct arena *arena, const struct keyset_row *row,
                                         struct bytes *ret_document);
bool keyset_is_document(const char *kind);
void keyset_wipe(struct cardea_keyset *keyset);

#endif
