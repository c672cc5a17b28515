/* The record protection of DTLS 1.2 (RFC 6347 4.1; RFC 5246 6.2.3.3, RFC 5288, RFC 6655) for sessions that OpenSSL has
 * set up. After its handshake a session needs two keys and two counters; OpenSSL keeps 36 KiB for it, 22 of them a
 * handshake buffer that it never gives back with DTLS. So an open session with an AEAD suite is taken over from OpenSSL,
 * and that of a device which sleeps for a day may simply stay. */
#ifndef CARDEA_COAP_RECORD_H
#define CARDEA_COAP_RECORD_H

#include <openssl/ssl.h>

#include <cardea/bytes.h>

#define RECORD_OVERHEAD_MAX (13 + 8 + 16)

enum record_type { RECORD_CHANGE_CIPHER_SPEC = 20, RECORD_ALERT = 21, RECORD_HANDSHAKE = 22, RECORD_APPLICATION = 23 };

/* As it is on the wire. */
struct record {
	uint8_t type;
	uint16_t version;
	uint64_t number;                /* epoch << 48 | sequence number */
	struct bytes content;
};

/* The next record of a datagram. False: none, or none of DTLS. */
bool record_read(struct reader *r, struct record *ret_record);

struct record_cipher;

struct record_direction {
	uint8_t key[16], salt[4];
};

/* A session without OpenSSL. */
struct record_state {
	const struct record_cipher *cipher;     /* NULL: OpenSSL still has it */
	struct record_direction in, out;
	uint64_t next_out;                      /* numbers */
	uint64_t newest_in, seen_in;            /* bit i of seen_in: newest_in - i has come */
};

/* The ciphers of all sessions of a context. */
struct record_ciphers;
MUST_CHECK enum err record_ciphers_create(struct record_ciphers **ret_ciphers);
void record_ciphers_free(struct record_ciphers *ciphers);       /* accepts NULL */

/* NULL: not with this suite (its number in the registry of TLS). */
const struct record_cipher *record_cipher_of(const struct record_ciphers *ciphers, uint16_t suite);

/* Takes over from OpenSSL after the newest records in either direction. ERR_UNSUPPORTED: not with this suite. */
MUST_CHECK enum err record_take_over(const struct record_ciphers *ciphers, SSL *ssl, uint64_t newest_in,
                                     uint64_t newest_out, struct record_state *ret_state);

/* A protected record, of plain.len + RECORD_OVERHEAD_MAX bytes at most. 0 on failure. */
size_t record_seal(struct record_state *state, uint8_t type, struct bytes plain, uint8_t *ret_at);
/* The content of a record, which is new and genuine; *ret_at takes record->content.len bytes. False: drop it. */
bool record_open(struct record_state *state, const struct record *record, uint8_t *ret_at, size_t *ret_len);

#endif
