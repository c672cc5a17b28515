/* What the operator stored for SCP11: our key and the certificates that prove it, and the authority that signs the
 * cards' certificates. */
#ifndef SE_SCP11_KEYS_H
#define SE_SCP11_KEYS_H

#include "channel/scp11.h"
#include "engine/task.h"

#define SCP11_KIND             "scp11"
#define SCP11_MAX_CERTIFICATES 4

struct scp11_keyset {
	uint8_t version;          /* of the card's static key */
	uint8_t variants;         /* bits as in the i parameter */
	uint8_t key_size;         /* of session keys */
	enum ec_curve curve;
	uint8_t private[EC_SIZE_MAX]; /* ours; not of 11b */
	struct bytes certificates[SCP11_MAX_CERTIFICATES]; /* ours, from the one below the authority on */
	size_t certificate_count;
	uint8_t authority_version, authority_id; /* of the key on the card that verifies them; 0: the card finds it */
	struct bytes host_id;                    /* our name in the derivation; empty: none */
	struct bytes card_authority;             /* its public key */
	/* what se.put-keys brings to the card; empty where the card has it already */
	struct bytes authority_public;  /* of the authority that signs our certificates */
	struct bytes card_private;      /* static, for all variants */
	struct bytes card_certificates; /* of that key, one after another */
};

/* `version` 0: the lowest. ERR_NOT_FOUND; ERR_MALFORMED for a document that does not belong here. Bytes are in the
 * task's arena. */
MUST_CHECK enum err scp11_keyset_read(struct task *task, uint8_t version, struct scp11_keyset *ret_keyset,
				      struct fault *fault);
void scp11_keyset_wipe(struct scp11_keyset *keyset);

#endif
