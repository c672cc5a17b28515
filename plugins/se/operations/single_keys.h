/* What se.put-keys brings where it is no key set of three: keys of SCP11 with the certificates of the card, or the card's side
 * of a key for tokens, receipts, DAP blocks or load files. */
#ifndef SE_SINGLE_KEYS_H
#define SE_SINGLE_KEYS_H

#include "channel/put_key.h"
#include "channel/scp11_keys.h"
#include "operations/signing_key.h"

#define SINGLE_KEYS_MAX 4 /* the authority's, and one per variant of SCP11 */

struct single_keys {
	const char *kind;
	uint8_t new_version, replace_version;
	struct new_key keys[SINGLE_KEYS_MAX];
	uint8_t versions[SINGLE_KEYS_MAX]; /* that of the authority may be another */
	size_t key_count;
	struct bytes certificates; /* BF21, for each key from first_certified on; empty: none */
	size_t first_certified;
	/* what the keys point to */
	struct scp11_keyset scp11;
	struct signature_key signing;
	struct rsa_public rsa;
	struct ec_point point;
};

bool is_single_keys(const char *kind);
/* What the parameters and the stored key sets say; into a place where it stays. To be wiped. */
MUST_CHECK enum err single_keys_read(struct task *task, struct single_keys *ret_keys, struct fault *fault);
void single_keys_wipe(struct single_keys *keys);

#endif
