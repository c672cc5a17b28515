/* What the operator stored for SCP80: the keys of packets with their algorithms, and where their counter begins. */
#ifndef SE_SCP80_KEYS_H
#define SE_SCP80_KEYS_H

#include "channel/scp80.h"
#include "engine/task.h"

#define SCP80_KIND "scp80"

struct scp80_keyset {
	uint8_t version;
	uint8_t kic, kid; /* key set number and algorithm */
	struct secret cipher_key, mac_key;
	uint64_t counter; /* the last one that the card has taken, as the operator says */
};

/* `version` 0: the lowest. ERR_NOT_FOUND, ERR_MALFORMED. */
MUST_CHECK enum err scp80_keyset_read(struct task *task, uint8_t version, struct scp80_keyset *ret_keyset,
				      struct fault *fault);
void scp80_keyset_wipe(struct scp80_keyset *keyset);

/* A name of the counter that goes with these keys: other keys under the same number count anew. NULL when there is no
 * memory. */
const char *scp80_counter_name(struct task *task, const struct scp80_keyset *keyset);

#endif
