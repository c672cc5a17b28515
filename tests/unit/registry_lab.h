/* A registry with everything below it, in memory, and devices that speak CoAP to it over UDP. */
#ifndef CARDEA_REGISTRY_LAB_H
#define CARDEA_REGISTRY_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "credentials.h"
#include "events.h"
#include "loop.h"
#include "operation.h"
#include "pdu.h"
#include "registry.h"
#include "store.h"

#define LAB_TEXT 512

/* What the listener heard last, and how often. */
struct lab_heard {
	unsigned registered, awake, gone, notified;
	char endpoint[LAB_TEXT];
	uint64_t job_id;
	struct lwm2m_path path;
	uint16_t format;
	struct fault fault;
	size_t record_count;
	struct lwm2m_record record; /* the first; its bytes are not kept */
};

struct lab_answer {
	unsigned count;
	uint64_t id;
	struct fault fault;
	uint8_t code;
	uint16_t format;
	size_t payload_len, record_count;
	struct lwm2m_record record; /* the first; its bytes are in `text` */
	char text[LAB_TEXT];
	struct lwm2m_path location;
	enum err kinds[64];                     /* fault.kind by id, of all */
};

struct registry_lab {
	struct loop *loop;
	struct store *store;
	struct model *model;
	struct events *events;
	struct credentials *credentials;
	struct registry *registry;
	struct endpoint *endpoint;
	struct coap_address server;
	struct registry_parts parts;
	struct lab_heard heard;
	struct lab_answer answer;
	unsigned event_count;
	char event_type[LAB_TEXT], event_json[LAB_TEXT];
};

/* Setup and teardown of a test: *state is the lab. awake_ms is 200, grace_ms 0, ACK_TIMEOUT 50 ms. */
int registry_lab_open(void **state);
int registry_lab_close(void **state);
/* As if the server had been stopped and started: only the store stays. The port stays too. */
void registry_lab_restart(struct registry_lab *lab);
/* With other settings, set in lab->parts. */
void registry_lab_recreate(struct registry_lab *lab);

/* Time is played: each turn of the loop takes a millisecond, however long the machine takes for it. A turn in which
 * nothing is ready waits as long as that, so that datagrams have time to arrive. */
void lab_turn(struct registry_lab *lab);
void lab_turn_for(struct registry_lab *lab, int ms);
int64_t lab_now_ms(void);

/* Turns the loop until `condition` holds; fails the test after 3 s. */
#define lab_until(lab, condition)                                                                            \
	do {                                                                                                 \
		for (int turn_ = 0; !(condition); turn_++) {                                                 \
			assert_true(turn_ < 3000);                                                           \
			lab_turn(lab);                                                                       \
		}                                                                                            \
	} while (0)
/* Tests never claim that something happens soon, only that it does not happen early: to the ticks of the wheel. */
#define LAB_TICK_MS 20

/* A device: a socket of its own. */
struct lab_device {
	int fd;
	uint16_t mid;
	char location[32]; /* after device_register */
	/* the last message that came */
	struct pdu pdu;
	struct coap_message message;
	uint8_t datagram[2048];
};

struct lab_device device_open(const struct registry_lab *lab);
void device_close(struct lab_device *device);

/* Sends a request ("/rd?ep=a&lt=60") and waits for its response, which is then in device->message. */
uint8_t device_ask(struct registry_lab *lab, struct lab_device *device, uint8_t method, const char *target,
		   uint16_t format, struct bytes payload);
/* Registers with the query ("ep=a&lt=60"), objects 1 and 3, and keeps the location. */
void device_register(struct registry_lab *lab, struct lab_device *device, const char *query);
uint8_t device_update(struct registry_lab *lab, struct lab_device *device, const char *query);

/* Waits for a request of the server. */
void device_await(struct registry_lab *lab, struct lab_device *device);
void device_expect_nothing(struct registry_lab *lab, struct lab_device *device, int ms);
/* Answers the request that came last, as an ACK. `observe` below 0: without the option. */
void device_answer(struct lab_device *device, uint8_t code, int observe, uint16_t format,
		   struct bytes payload);
/* Says that it has the request, and no more; or that it does not want it. */
void device_acknowledge(struct lab_device *device);
void device_reset(struct lab_device *device);
void device_answer_created(struct lab_device *device, const char *first, const char *second);
/* A notification, non-confirmable. */
void device_notify(struct lab_device *device, uint64_t token, uint8_t code, int observe, uint16_t format,
		   struct bytes payload);
uint64_t device_token(const struct lab_device *device); /* of the last message */
/* "3/0/0" */
const char *device_path(const struct lab_device *device);

operation_done lab_answered; /* `self` is the lab */

#endif
