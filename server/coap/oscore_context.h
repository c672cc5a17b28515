/* The keys of an OSCORE security context (RFC 8613 3), and its window against replays. Pure: what lives on between
 * messages is oscore.h. */
#ifndef CARDEA_COAP_OSCORE_CONTEXT_H
#define CARDEA_COAP_OSCORE_CONTEXT_H

#include <cardea/crypto.h>

#define OSCORE_ID_MAX 7                 /* RFC 8613 3.3, with nonces of 13 bytes */
#define OSCORE_ID_CONTEXT_MAX 48        /* [ours] */
#define OSCORE_KEY_SIZE 16
#define OSCORE_NONCE_SIZE 13
#define OSCORE_IV_MAX 5                 /* of a Partial IV */
#define OSCORE_NUMBER_MAX ((UINT64_C(1) << 40) - 1)
#define OSCORE_PRINT_SIZE 16

/* What both sides have agreed on. The AEAD is AES-CCM-16-64-128, the key derivation HKDF with SHA-256: what every
 * implementation has. */
struct oscore_parameters {
	struct bytes master_secret, master_salt;
	struct bytes sender_id, recipient_id;   /* ours and the device's; they differ */
	struct bytes id_context;                /* empty: none */
};

struct oscore_id {
	uint8_t len, at[OSCORE_ID_MAX];
};

struct oscore_keys {
	uint8_t root[SHA256_SIZE];              /* of all contexts of the master secret: HKDF's first step */
	struct oscore_id sender_id, recipient_id;
	uint8_t id_context_len, id_context[OSCORE_ID_CONTEXT_MAX];
	uint8_t sender_key[OSCORE_KEY_SIZE], recipient_key[OSCORE_KEY_SIZE], common_iv[OSCORE_NONCE_SIZE];
	uint8_t print[OSCORE_PRINT_SIZE];       /* tells sender keys apart without giving them away */
	bool is_renewed;                        /* by appendix B.2: both sides know the ID context, which we never send */
};

/* ERR_LIMIT: an id is too long. ERR_CONFLICT: both ids are the same. The caller wipes the keys. */
MUST_CHECK enum err oscore_derive(struct arena *arena, const struct oscore_parameters *parameters,
                                  struct oscore_keys *ret_keys);
/* The same master secret and ids with another ID context (appendix B.2). ERR_LIMIT: it is too long. */
MUST_CHECK enum err oscore_derive_renewed(struct arena *arena, const struct oscore_keys *base, struct bytes id_context,
                                          struct oscore_keys *ret_keys);

static inline struct bytes oscore_id_bytes(const struct oscore_id *id)
{
	return bytes_of(id->at, id->len);
}

/* The shortest form of a sequence number, at least one byte. */
size_t oscore_number_write(uint64_t number, uint8_t ret_iv[OSCORE_IV_MAX]);
/* False: not the shortest form. */
bool oscore_number_read(struct bytes iv, uint64_t *ret_number);

void oscore_nonce(const struct oscore_keys *keys, const struct oscore_id *id, uint64_t number,
                  uint8_t ret_nonce[OSCORE_NONCE_SIZE]);

/* ---- replays (RFC 8613 7.4) ---- */

#define OSCORE_WINDOW 64                /* numbers */

/* Zeroed, nothing has come. */
struct oscore_window {
	uint64_t next;                  /* above all that have come */
	uint64_t seen;                  /* bit i: next - 1 - i has come */
};

bool oscore_window_is_new(const struct oscore_window *window, uint64_t number);
/* Once the message has proved genuine. */
void oscore_window_mark(struct oscore_window *window, uint64_t number);
/* As if everything up to this number had come. */
struct oscore_window oscore_window_from(uint64_t number);

#endif
