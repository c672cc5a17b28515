/* The secure channel between a device and its smartcard (LwM2M Core TS 1.1, appendix H): SCP03 of GlobalPlatform (Card
 * Specification 2.3 amendment D), as the side that is not the card, with everything protected: level 33. */
#ifndef DEVICE_SMARTCARD_SESSION_H
#define DEVICE_SMARTCARD_SESSION_H

#include <cardea/crypto.h>

#define SMARTCARD_CHALLENGE_SIZE 8

/* What device and card share, and what they make of it. */
struct smartcard_session {
	struct secret enc, mac, rmac;
	uint8_t chaining_value[AES_BLOCK];
	uint64_t counter; /* commands since the session is open */
};

struct smartcard_keys {
	struct secret enc, mac;
};

/* From the answer to INITIALIZE UPDATE, without its status word. ERR_DENIED: the card does not have these keys.
 * ERR_MALFORMED: no such answer. */
MUST_CHECK enum err smartcard_session_open(const struct smartcard_keys *keys,
					   const uint8_t host_challenge[SMARTCARD_CHALLENGE_SIZE], struct bytes answer,
					   struct smartcard_session *ret_session,
					   uint8_t ret_host_cryptogram[SMARTCARD_CHALLENGE_SIZE]);
void smartcard_session_close(struct smartcard_session *session);

/* A command as it goes to the card: enciphered unless `is_first` (EXTERNAL AUTHENTICATE), with its C-MAC. ERR_LIMIT:
 * too long then; ERR_NOMEM. */
MUST_CHECK enum err smartcard_session_wrap(struct smartcard_session *session, struct arena *arena, bool is_first,
					   struct bytes command, struct bytes *ret_command);
/* The data of an answer with this status word. ERR_DENIED: not from this card, or not to this command. */
MUST_CHECK enum err smartcard_session_unwrap(struct smartcard_session *session, struct arena *arena, uint16_t status,
					     struct bytes data, struct bytes *ret_data);

#endif
