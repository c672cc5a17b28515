/* OSCORE messages (RFC 8613 4 to 6, 8): a datagram of CoAP becomes a protected one and back, byte by byte. What is
 * encrypted, what stays readable and what binds an answer to its request is decided here and nowhere else. */
#ifndef CARDEA_COAP_OSCORE_MESSAGE_H
#define CARDEA_COAP_OSCORE_MESSAGE_H

#include "oscore_context.h"

/* What an OSCORE option says (RFC 8613 6.1); it points into the option's value. */
struct oscore_option {
	bool has_number, has_kid, has_kid_context;
	uint64_t number;                /* Partial IV */
	struct bytes kid, kid_context;
};

/* False: malformed. */
bool oscore_option_read(struct bytes value, struct oscore_option *ret_option);

/* One message of an exchange. */
struct oscore_message {
	const struct oscore_keys *keys;
	bool is_request;
	uint64_t request_number;        /* Partial IV of the request that is answered; of the message when it is one */
	bool has_own_number;            /* an answer with a Partial IV of its own */
	uint64_t own_number;
	struct bytes kid_context;       /* that our answer says (appendix B.2); empty: none */
};

/* Protects a whole datagram into one of at most `size` bytes. ERR_LIMIT: it does not fit. ERR_MALFORMED: the datagram
 * is none of CoAP, or has the option already. */
MUST_CHECK enum err oscore_protect(struct arena *arena, const struct oscore_message *message, struct bytes datagram,
                                   uint8_t *ret_at, size_t size, size_t *ret_len);

/* The datagram as it was before it was protected, of at most protected.len bytes. ERR_MALFORMED: no ciphertext, or what
 * was in it is none of CoAP. ERR_DENIED: not of these keys, or not the answer to this request. */
MUST_CHECK enum err oscore_unprotect(struct arena *arena, const struct oscore_message *message,
                                     struct bytes protected_datagram, uint8_t *ret_at, size_t *ret_len);

#endif
