/* An endpoint on a loop, and raw UDP sockets that speak to it byte by byte. */
#ifndef CARDEA_COAP_LAB_H
#define CARDEA_COAP_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "coap.h"
#include "credentials.h"
#include "loop.h"
#include "oscore_numbers.h"
#include "store.h"

#define LAB_TEXT 1024
#define LAB_BODY 65536

/* What a handler saw last. */
struct lab_seen {
	unsigned count;
	uint8_t code;
	char path[LAB_TEXT], query[LAB_TEXT], identity[LAB_TEXT];
	struct coap_address from;
	uint64_t reply, token;
	uint16_t content_format, accept;
	bool has_observe;
	uint32_t observe;
	uint8_t body[LAB_BODY];
	size_t body_len;
};

struct lab_result {
	unsigned count;
	enum err err;
	uint64_t id, token;
	bool was_acknowledged;
	uint8_t code;
	uint8_t body[LAB_BODY];
	size_t body_len;
	bool has_observe;
};

struct lab {
	struct loop *loop;
	struct endpoint *endpoint;
	struct credentials *credentials;
	struct store *store;                    /* in memory */
	struct oscore_numbers *oscore_numbers;
	struct endpoint_settings settings;
	struct coap_address server;             /* the first socket */
	struct lab_seen request, notification, moved, renewed, lost;
	struct lab_result result;
	struct coap_message answer;             /* what a request gets at once ... */
	bool is_silent;                         /* ... unless this is set */
	uint64_t observed_token;                /* notifications of this token are wanted; 0: none */
	unsigned order[32];                     /* ids of results as they come */
};

/* Settings for tests: loopback, any port, 40 ms and 2 retransmissions, blocks of 64. */
struct endpoint_settings lab_settings(void);
struct lab *lab_open(const struct endpoint_settings *settings);
void lab_close(struct lab *lab);
/* Another endpoint with the same store and credentials; devices connect anew. */
void lab_restart(struct lab *lab);

/* Turns the loop until `condition` holds; fails the test after 3 s. */
#define lab_until(lab, condition)                                                                                     \
	do {                                                                                                          \
		for (int turn_ = 0; !(condition); turn_++) {                                                          \
			assert_true(turn_ < 3000);                                                                    \
			assert_int_equal(loop_turn((lab)->loop, 1), ERR_NONE);                                        \
		}                                                                                                     \
	} while (0)
void lab_turn_for(struct lab *lab, int ms);

/* A device: a socket connected to the first socket of the endpoint. */
int device_open(const struct lab *lab);
struct coap_address device_address(const struct lab *lab, int device);
/* Hexadecimal with spaces; text in quotes. */
void device_send(int device, const char *hex);
/* The next datagram must look so: "??" is any byte, a final "..." anything. Returns it, valid until the next call. */
struct bytes device_expect(struct lab *lab, int device, const char *hex);
/* Nothing may come for some time. */
void device_expect_nothing(struct lab *lab, int device, int ms);
size_t lab_bytes(const char *hex, uint8_t *to, size_t size);

exchange_done lab_done;         /* `self` is the lab */

#endif
