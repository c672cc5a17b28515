/* The card's side of one secure channel session: SCP03 (Amd D 1.2), and SCP02 with the arithmetic of scp02.h. */
#ifndef CARD_SECURE_CHANNEL_H
#define CARD_SECURE_CHANNEL_H

#include "apdu.h"
#include "card.h"

/* Amd D 1.2 table 7-6 */
#define LEVEL_CMAC 0x01
#define LEVEL_CDEC 0x02
#define LEVEL_RMAC 0x10
#define LEVEL_RENC 0x20

enum session_state {
	SESSION_NONE,
	SESSION_INITIATED, /* INITIALIZE UPDATE is answered */
	SESSION_OPEN,
	SESSION_ABORTED /* by a security error: nothing but a new start is taken */
};

struct session {
	enum session_state state;
	bool is_scp02;
	uint8_t options;       /* CARD_SCP02_..., or of SCP03 CARD_I_... */
	uint8_t response_chain[DES_BLOCK]; /* SCP02: the R-MAC before */
	bool is_authenticated; /* whoever owns the security domain is at the other end */
	bool is_replayable;    /* SCP11c: what must not happen twice is refused */
	uint8_t level, opened_level; /* of EXTERNAL AUTHENTICATE; another one inside an R-MAC session */
	size_t mac_len;                    /* 8 or 16, of cryptograms and challenges too */
	struct secret enc, mac, rmac, dek; /* session keys, and the static DEK (of SCP02: the session's) */
	uint8_t host_cryptogram[AES_BLOCK];
	uint8_t chaining_value[AES_BLOCK];
	uint64_t counter;          /* commands since EXTERNAL AUTHENTICATE, for the encryption's ICV */
	struct card_aid key_owner; /* security domain and version of the key set */
	uint8_t key_version;
};

void session_end(struct session *session);
void session_abort(struct session *session);

/* Verifies the C-MAC of SCP03, and moves the chain on; the data without it. */
bool session_mac_verify(struct session *session, const struct command *command, struct bytes *ret_unmacked);

/* Checks and removes the protection that the session's level asks for: the data of `command` become the plain
 * ones, in `arena`. SW_SUCCESS, or a security error, after which the session is aborted. */
uint16_t session_unwrap(struct session *session, struct arena *arena, struct command *command);

/* Protects an answer of 9000, 62xx or 63xx as `level` says, which was the session's when its command came.
 * ERR_NOMEM, ERR_INTERNAL. */
MUST_CHECK enum err session_wrap(const struct session *session, uint8_t level, struct arena *arena, uint16_t sw,
				 struct bytes answer, struct bytes *ret_protected);

/* AES-CBC with the static DEK and a zero ICV (Amd D 6.2.8); whole blocks, else ERR_MALFORMED. */
MUST_CHECK enum err session_decrypt(const struct session *session, struct arena *arena, struct bytes data,
				    struct bytes *ret_plain);

#endif
