/* Key sets of SCP11: a key agreement key with certificates instead of three symmetric keys. */
#ifndef CARDEA_API_KEYSET_CERTIFICATES_H
#define CARDEA_API_KEYSET_CERTIFICATES_H

#include "reply.h"

#define KIND_SCP11 "scp11"

/* Checks the members that such a key set has: the body is the document that a job's steps read. Gives what is shown of it,
 * in the arena. */
MUST_CHECK enum err keyset_certificates_check(struct arena *arena, const json_t *body,
                                              const char **ret_check_values, struct fault *fault);

#endif
