/* Secure Channel Protocol '11', the host's side (GPC Amendment F 1.4): 11a and 11c authenticate both sides, 11b the
 * card only. Afterwards messages are those of SCP03 with keys that both sides agreed on. */
#ifndef SE_SCP11_H
#define SE_SCP11_H

#include <cardea/crypto_ec.h>

#include "channel/session.h"

enum scp11_variant { SCP11A, SCP11B, SCP11C, SCP11_VARIANT_COUNT };

#define SCP11_RECEIPT_SIZE 16
#define SCP11_MAX_ANSWER   (3 + 1 + 2 * EC_SIZE_MAX + 2 + 2 + SCP11_RECEIPT_SIZE)

/* What a variant is called, and its key identifier as cards have it by convention. */
const char *scp11_variant_name(enum scp11_variant variant); /* "11a" */
MUST_CHECK enum err scp11_variant_find(const char *name, enum scp11_variant *ret_variant);
uint8_t scp11_key_id(enum scp11_variant variant);

/* Bits of the i parameter: its first byte. */
enum {
	SCP11_I_A = 0x01,
	SCP11_I_B = 0x02,
	SCP11_I_STORES_KEY = 0x04,
	SCP11_I_CHAINS = 0x08,
	SCP11_I_C = 0x10,
	SCP11_I_S16 = 0x40,
};
uint8_t scp11_variant_bit(enum scp11_variant variant);

/* The security level is said as a key usage: 0 when the variant cannot do it. */
uint8_t scp11_key_usage(enum scp11_variant variant, uint8_t level);
uint8_t scp11_level_of(uint8_t key_usage); /* 0 when there is none */

/* The answer to MUTUAL or INTERNAL AUTHENTICATE. */
struct scp11_answer {
	struct bytes point;   /* ephemeral; in 11c the static one */
	struct bytes receipt; /* 16 bytes */
	struct bytes point_element; /* as it stands under the receipt */
};
MUST_CHECK enum err scp11_answer_parse(struct bytes data, struct scp11_answer *ret_answer, struct fault *fault);

/* MUTUAL or INTERNAL AUTHENTICATE. */
struct scp11_order {
	enum scp11_variant variant;
	uint8_t key_version, key_id; /* of the card's static key */
	uint8_t key_usage, key_size; /* of the session keys: 16, 24 or 32 bytes */
	struct bytes ephemeral_public;
	struct bytes host_id; /* with it the names of both sides go into the derivation; empty: without */
};
#define SCP11_MAX_HOST_ID    16
#define SCP11_MAX_IDENTITIES 200
MUST_CHECK enum err scp11_authenticate(struct arena *arena, const struct scp11_order *order,
				       struct command *ret_command);

/* Everything that the two sides know of one another. */
struct scp11_agreement {
	enum scp11_variant variant;
	enum ec_curve curve;
	struct bytes own_private;       /* not of 11b */
	struct bytes ephemeral_private; /* belongs to the point of the command */
	struct bytes card_public;       /* static, from the card's certificate */
	struct bytes command_data;
	struct scp11_answer answer;
	struct bytes identities; /* LV of the host's and of the card's, when the command names the host; else empty */
	bool is_s16;
};

/* What is derived: the shared secrets and the five keys. */
struct scp11_keys {
	uint8_t shared[2 * EC_SIZE_MAX]; /* of the ephemeral keys, then with the static ones */
	struct secret receipt, enc, mac, rmac, dek;
};
MUST_CHECK enum err scp11_derive(const struct scp11_agreement *agreement, struct scp11_keys *ret_keys,
				 struct fault *fault);

/* Verifies the receipt, which is the proof that the card has the key of its certificate. ERR_DENIED. */
MUST_CHECK enum err scp11_session_open(const struct scp11_agreement *agreement, struct session *ret_session,
				       struct fault *fault);

/* The session of 11c before the card has answered; its receipt must be verified before answers are believed. */
MUST_CHECK enum err scp11_session_expect(struct arena *arena, const struct scp11_agreement *agreement,
					 struct session *ret_session, struct fault *fault);

#endif
