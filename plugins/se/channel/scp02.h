/* Secure Channel Protocol '02', the host's side (GPCS appendix E): two-key triple DES, explicit initiation (i = 15
 * and 55, mostly), or implicit, where the first command with a C-MAC opens the session (i = 1A). For cards that have
 * nothing better. */
#ifndef SE_SCP02_H
#define SE_SCP02_H

#include "channel/keys.h"
#include "channel/session.h"

#define SCP02_CHALLENGE_SIZE 6
#define SCP02_COUNTER_TAG    0x00C1 /* GPCS 11.3.3: sequence counter of the default key version */

/* Bits of the i parameter (GPCS E.1.1). */
enum {
	SCP02_I_THREE_KEYS = 0x01,
	SCP02_I_UNMODIFIED = 0x02,
	SCP02_I_EXPLICIT = 0x04,
	SCP02_I_ICV_OVER_AID = 0x08,
	SCP02_I_ICV_ENCRYPTION = 0x10,
	SCP02_I_R_MAC = 0x20,
	SCP02_I_PSEUDO_RANDOM = 0x40,
};

/* What cards have that do not tell. */
#define SCP02_I_USUAL 0x15

/* What this side speaks, of what a card announces: explicit initiation, with any of the other options; implicit
 * initiation, with C-MAC on the unmodified command and the ICV that is a MAC over the AID (GPCS E.1.1 has no other). */
bool scp02_option_is_spoken(uint8_t i);
bool scp02_option_is_implicit(uint8_t i);

/* The answer to INITIALIZE UPDATE. */
struct scp02_opening {
	struct bytes diversification; /* 10 bytes */
	uint8_t key_version, protocol;
	uint16_t sequence_counter;
	struct bytes card_challenge, card_cryptogram; /* 6 and 8 bytes */
	uint8_t i; /* not of the answer: SCP02_I_USUAL, or what the card has announced */
};

MUST_CHECK enum err scp02_opening_parse(struct bytes data, struct scp02_opening *ret_opening, struct fault *fault);

/* 3DES-CBC of the constant and the sequence counter (GPCS E.4.1). */
enum scp02_constant {
	SCP02_C_MAC = 0x0101,
	SCP02_R_MAC = 0x0102,
	SCP02_DEK = 0x0181,
	SCP02_ENC = 0x0182,
};
MUST_CHECK enum err scp02_session_key(const struct key *base, enum scp02_constant constant, uint16_t sequence,
				      struct secret *ret_key);

/* ERR_DENIED when the card's cryptogram does not verify; ERR_MALFORMED when the keys are not of 16 bytes. */
MUST_CHECK enum err scp02_session_open(const struct key_set *keys, struct bytes host_challenge,
				       const struct scp02_opening *opening, struct session *ret_session,
				       struct fault *fault);

/* Implicit initiation: the keys are of the counter that GET DATA C1 told, the chain begins with the MAC over `aid`, of the
 * application that is selected. Nothing of the card is proven. ERR_MALFORMED when the keys are not of 16 bytes. */
MUST_CHECK enum err scp02_session_begin(const struct key_set *keys, uint8_t i, uint16_t counter, struct bytes aid,
					struct session *ret_session, struct fault *fault);

/* What a card with the option 40 answers to INITIALIZE UPDATE when this is its counter; `aid`: of the application. */
MUST_CHECK enum err scp02_opening_expect(const struct key_set *keys, uint8_t i, struct bytes host_challenge,
					 uint16_t counter, struct bytes aid, uint8_t ret_challenge[SCP02_CHALLENGE_SIZE],
					 uint8_t ret_cryptogram[DES_BLOCK]);

/* The challenge of a card with the option 40: of its session and the application's name (GPCS E.3.1). */
MUST_CHECK enum err scp02_pseudo_random_challenge(const struct session *session, struct bytes aid,
						  uint8_t ret_at[SCP02_CHALLENGE_SIZE]);

/* Levels 0, C-MAC, C-MAC with C-DEC, and with option 20 each of them with R-MAC; C-MAC only with implicit initiation. */
bool scp02_level_is_possible(uint8_t level, uint8_t i);
uint8_t scp02_highest_level(uint8_t i);
/* EXTERNAL AUTHENTICATE, which starts the MAC chain and puts the session at `level`. With implicit initiation GET DATA C1
 * in its place: it changes nothing, and its C-MAC is the first. */
MUST_CHECK enum err scp02_authenticate(struct session *session, uint8_t level, struct arena *arena,
				       struct command *ret_command);

/* The data field that `data_size` plain bytes become. */
size_t scp02_wrapped_data_size(uint8_t level, size_t data_size);
/* MACs, then encrypts. ERR_LIMIT when it does not fit a short command. */
MUST_CHECK enum err scp02_wrap(struct session *session, const struct command *plain, struct arena *arena,
			       struct command *ret_wrapped);

/* The first R-MAC chains to the C-MAC of EXTERNAL AUTHENTICATE, which left `mark`. */
void scp02_begin_responses(struct session *session, const struct session_mark *mark);
/* Checks the answer to `plain`, and moves the chain of responses; in the order of the commands. ERR_DENIED: the R-MAC is
 * wrong, the session must not be used any more. */
MUST_CHECK enum err scp02_unwrap(struct session *session, const struct command *plain, const struct response *wrapped,
				 struct arena *arena, struct response *ret_plain, struct fault *fault);

#endif
