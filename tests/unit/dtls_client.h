/* A DTLS client made of OpenSSL alone, at the other end of a lab. */
#ifndef CARDEA_DTLS_CLIENT_H
#define CARDEA_DTLS_CLIENT_H

#include "coap_lab.h"

#include <openssl/ssl.h>

struct client {
	SSL_CTX *context;
	SSL *ssl;
	int socket;
	const char *identity, *key;
};

/* `resumed` may be NULL; `socket` -1: a new one. */
struct client *client_open(struct lab *lab, const char *identity, const char *key, const char *suite,
			   SSL_SESSION *resumed, int socket);
void client_leave(struct client *client);       /* the socket stays open: the caller keeps it */
void client_close(struct client *client);
/* Says good-bye, and waits until nobody has a session any more. */
void client_ends(struct lab *lab, struct client *client);

int client_step(struct client *client);         /* 1: up, 0: still under way, -1: failed */
void client_connect(struct lab *lab, struct client *client);
void client_send(struct client *client, const char *hex);
struct bytes client_expect(struct lab *lab, struct client *client);     /* the next message, valid until the next call */
/* POST /rd, and the answer to it. */
void client_registers(struct lab *lab, struct client *client, uint8_t mid);

#endif
