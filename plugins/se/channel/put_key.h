/* One key of any kind as PUT KEY brings it (GPCS 2.3.1, 11.8.2.3): its components, and the check value of those that have
 * one. */
#ifndef SE_PUT_KEY_H
#define SE_PUT_KEY_H

#include <cardea/crypto_ec.h>
#include <cardea/crypto_rsa.h>

#include "channel/keys.h"

#define KEY_PARTS_MAX 2

struct new_key {
	uint8_t id;
	struct key_part {
		uint8_t type; /* GPCS table 11-16 */
		struct bytes value;
		bool is_secret;
	} parts[KEY_PARTS_MAX];
	size_t part_count;
};

/* Values are borrowed. */
struct new_key new_key_symmetric(uint8_t id, enum key_type type, struct bytes value);
struct new_key new_key_ec_public(uint8_t id, enum ec_curve curve, struct bytes point);
struct new_key new_key_ec_private(uint8_t id, enum ec_curve curve, struct bytes private);
struct new_key new_key_rsa_public(uint8_t id, const struct rsa_public *public);

/* The data field, and what the card answers: version and check value. */
MUST_CHECK enum err new_key_data(struct arena *arena, uint8_t new_version, const struct new_key *key,
				 const struct key_cipher *cipher, struct bytes *ret_data,
				 struct bytes *ret_answer);

#endif
