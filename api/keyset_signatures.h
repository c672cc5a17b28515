/* Key sets that are one key for the management of content: what signs tokens and DAP blocks, what verifies receipts,
 * what ciphers load files (GPCS 2.3.1, tables C-1 and C-2). */
#ifndef CARDEA_API_KEYSET_SIGNATURES_H
#define CARDEA_API_KEYSET_SIGNATURES_H

#include "reply.h"

bool keyset_is_signature(const char *kind);
/* "token, receipt, dap, load-file-cipher" */
const char *keyset_signature_kinds(void);

/* As keyset_certificates_check, for a kind of which keyset_is_signature says so. */
MUST_CHECK enum err keyset_signatures_check(struct arena *arena, const char *kind, const json_t *body,
                                            const char **ret_check_values, struct fault *fault);

#endif
