/* Key sets of SCP11: a key agreement key with certificates instead of three symmetric keys. */
#ifndef CARDEA_API_KEYSET_CERTIFICATES_H
#define CARDEA_API_KEYSET_CERTIFICATES_H

#include "reply.h"

#define KIND_SCP11 "scp11"

/* Checks the members that such a key set has and gives the document that a job's steps read, and what is shown of it.
 * Both in the arena; the document is the caller's to wipe. */
MUST_CHECK enum err keyset_certificates_read(struct arena *arena, const json_t *body, struct bytes *ret_document,
                                             const char **ret_check_values, struct fault *fault);

#endif
