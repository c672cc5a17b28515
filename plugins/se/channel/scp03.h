/* Secure Channel Protocol '03', the host's side (GPC Amendment D): AES-128, 192 and 256, S8 and S16, random
 * and pseudo-random card challenge.
 */
#ifndef SE_SCP03_H
#define SE_SCP03_H

#include "channel/session.h"

#define SCP03_MAX_CHALLENGE   16
#define SCP03_SHORT_CHALLENGE 8
#define SCP03_DIVERSIFICATION 10

/* Bits of the i parameter. */
enum {
	SCP03_I_S16 = 0x01,
	SCP03_I_PSEUDO_RANDOM = 0x10,
	SCP03_I_R_MAC = 0x20,
	SCP03_I_R_ENC = 0x40,
};

/* Derivation constants (Amendment D, table 4-1). */
enum {
	SCP03_CARD_CRYPTOGRAM = 0x00,
	SCP03_HOST_CRYPTOGRAM = 0x01,
	SCP03_CARD_CHALLENGE = 0x02,
	SCP03_S_ENC = 0x04,
	SCP03_S_MAC = 0x06,
	SCP03_S_RMAC = 0x07,
};

/* The answer to INITIALIZE UPDATE. */
struct scp03_opening {
	struct bytes diversification; /* 10 bytes */
	uint8_t key_version, protocol, i;
	struct bytes card_challenge, card_cryptogram; /* 8 bytes in S8, 16 in S16 */
	struct bytes sequence_counter;                /* 3 bytes, or empty with a random challenge */
};

/* NIST SP 800-108 in counter mode with CMAC: all that is done with a static key, so that it may stay in a token; `bits` is a multiple of 8 (ERR_UNSUPPORTED). Writes bits / 8
 * bytes. */
MUST_CHECK enum err scp03_derive(const struct key *key, uint8_t constant, uint16_t bits, struct bytes context,
				 uint8_t *ret_at);

/* The data of the answer, without its status word. */
MUST_CHECK enum err scp03_opening_parse(struct bytes data, struct scp03_opening *ret_opening,
					struct fault *fault);

/* The highest security level that the i parameter allows. */
uint8_t scp03_highest_level(uint8_t i);
/* Whether a card with this i parameter can do `level`, and `level` exists at all. */
bool scp03_level_is_possible(uint8_t level, uint8_t i);

/* Derives session keys and cryptograms. Does not yet judge the card. */
MUST_CHECK enum err scp03_session_derive(const struct key *key_enc, const struct key *key_mac,
					 struct bytes host_challenge, const struct scp03_opening *opening,
					 struct session *ret_session);
/* As scp03_session_derive; ERR_DENIED when the card's cryptogram does not verify. */
MUST_CHECK enum err scp03_session_open(const struct key *key_enc, const struct key *key_mac,
				       struct bytes host_challenge, const struct scp03_opening *opening,
				       struct session *ret_session, struct fault *fault);

/* The challenge that a card with the pseudo-random option gives for this counter to the application `aid`. */
MUST_CHECK enum err scp03_pseudo_random_challenge(const struct key *key_enc, struct bytes sequence_counter,
						  struct bytes aid, size_t size, uint8_t *ret_at);

/* EXTERNAL AUTHENTICATE, which starts the MAC chain and puts the session at `level`. */
MUST_CHECK enum err scp03_authenticate(struct session *session, uint8_t level, struct arena *arena,
				       struct command *ret_command);

/* The longest plain data field that still fits a short command once wrapped. */
size_t scp03_max_data(uint8_t level, size_t mac_size);
/* The data field that `data_size` plain bytes become. */
size_t scp03_wrapped_data_size(uint8_t level, size_t mac_size, size_t data_size);

/* Encrypts and MACs as the level says, and moves the chains. ERR_LIMIT when it does not fit a short command.
 * BEGIN R-MAC SESSION, where the level lets a card take it, protects the answers after its own until END R-MAC
 * SESSION has been answered; whatever became of BEGIN, they are believed with their R-MAC only. */
MUST_CHECK enum err scp03_wrap(struct session *session, const struct command *plain,
			       struct arena *arena, struct command *ret_wrapped);

/* Checks and decrypts the answer to the command that left `mark`. ERR_DENIED: the R-MAC or padding is wrong,
 * the session must not be used any more. */
MUST_CHECK enum err scp03_unwrap(const struct session *session, const struct session_mark *mark,
				 const struct response *wrapped, struct arena *arena,
				 struct response *ret_plain, struct fault *fault);

#endif
