/* Addresses as the sockets and the table of peers want them. */
#ifndef CARDEA_COAP_ADDRESS_H
#define CARDEA_COAP_ADDRESS_H

#include "coap.h"

/* Whom a datagram comes from or goes to: compared and hashed as 24 bytes, so it has no padding. */
struct peer_key {
	struct in6_addr ip;             /* IPv4 as ::ffff:a.b.c.d */
	uint32_t scope;                 /* interface of a link-local address, else 0 */
	in_port_t port;                 /* network order */
	uint8_t socket;
	uint8_t is_secure : 1, is_stream : 1, unused : 6;       /* a byte */
};
_Static_assert(sizeof(struct peer_key) == 24, "peer_key must not have padding");

struct route {
	struct peer_key key;
	struct in6_addr local;          /* the address of ours that it speaks to: answers leave from it; :: is any */
};

struct peer_key peer_key_of(const struct coap_address *address);
struct coap_address peer_key_address(const struct peer_key *key);

/* Between a key and what the system calls take; `family` is the socket's. */
void peer_key_from_sockaddr(const struct sockaddr *from, struct peer_key *ret_key);
socklen_t peer_key_to_sockaddr(const struct peer_key *key, sa_family_t family, struct sockaddr_in6 *ret_to);

/* Where a socket binds to listen there: a system without IPv6 has no "[::]", but what is meant by it, everything. */
struct coap_address address_to_listen_at(const struct coap_address *listen);
bool address_is_any(const struct coap_address *address);
socklen_t address_size(const struct coap_address *address);

#endif
