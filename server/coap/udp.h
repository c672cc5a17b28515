/* UDP sockets that are read and written in batches (recvmmsg, sendmmsg). */
#ifndef CARDEA_COAP_UDP_H
#define CARDEA_COAP_UDP_H

#include "address.h"

struct loop;
struct udp_socket;

#define UDP_DATAGRAM_MAX 2048           /* longer ones are dropped: a message of one block takes 1152 (RFC 7252 4.6) */

struct udp_receiver {
	void (*coming)(void *self, const struct peer_key *const *keys, size_t count);  /* these are received next */
	void (*received)(void *self, const struct route *from, struct bytes datagram);
	void (*truncated)(void *self);          /* a datagram was too long */
	void *self;
};

struct udp_settings {
	struct coap_address listen;     /* socket and is_secure are those of the keys that it hands out */
	struct udp_receiver receiver;
};

/* ERR_CONFLICT: another socket has the port, even one that would share it. ERR_IO: said in `fault`. */
MUST_CHECK enum err udp_open(struct loop *loop, const struct udp_settings *settings, struct udp_socket **ret_socket,
                             struct fault *fault);
void udp_close(struct udp_socket *udp);         /* sends what waits; accepts NULL */
struct coap_address udp_bound(const struct udp_socket *udp);
uint64_t udp_sent(const struct udp_socket *udp);

/* Where to build the next datagram, of at most UDP_DATAGRAM_MAX bytes; udp_end queues it. What is queued while
 * datagrams are received leaves with the batch, and else in the loop's next turn. */
uint8_t *udp_begin(struct udp_socket *udp);
void udp_end(struct udp_socket *udp, const struct route *to, size_t len);

#endif
