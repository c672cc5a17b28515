/* Key sets of SCP80: what ciphers secured packets, what their checksums are made with, and what ciphers keys
 * (ETSI TS 102 225 and 102 226). */
#ifndef CARDEA_API_KEYSET_PACKETS_H
#define CARDEA_API_KEYSET_PACKETS_H

#include "reply.h"

#define KIND_SCP80 "scp80"

/* As keyset_certificates_check. */
MUST_CHECK enum err keyset_packets_check(struct arena *arena, const json_t *body,
                                         const char **ret_check_values, struct fault *fault);

#endif
