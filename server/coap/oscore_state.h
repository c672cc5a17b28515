/* What oscore.h keeps, for the files that share it: contexts while they live, and the observations in them. */
#ifndef CARDEA_COAP_OSCORE_STATE_H
#define CARDEA_COAP_OSCORE_STATE_H

#include <uthash.h>

#include "endpoint.h"
#include "oscore_message.h"
#include "oscore_renewal.h"

#define ECHO_BYTES 8

struct oscore_observation {
	UT_hash_handle hh;
	struct oscore_observation *prev, *next; /* of the context, the oldest first */
	struct oscore_context *context;
	uint64_t token, request_number;
	uint64_t next_number; /* above those of the notifications so far */
};

struct oscore_context {
	UT_hash_handle by_name, by_id;
	uint64_t id;
	char *name;              /* of the endpoint */
	struct oscore_keys base; /* of the credential */
	struct oscore_keys keys; /* the same, unless appendix B.2 has put others in their place */
	uint64_t checked;        /* credentials_changes when the base was looked up */
	struct oscore_window window; /* after a restart: what the store knows to be old */
	bool is_synchronized;        /* else a request has to show that it is not an old one */
	bool has_echo;
	uint8_t echo[ECHO_BYTES];
	struct oscore_observation *observations;
	size_t observation_count;
};

/* A context that is offered to a device, for the one message that says so (appendix B.2, response #1). */
struct oscore_offer {
	uint64_t id; /* as of a context */
	struct oscore_keys keys;
	uint8_t r2[OSCORE_R2_SIZE];
};

struct oscore {
	const struct credentials *credentials;
	struct oscore_numbers *numbers;
	struct arena *arena; /* of one message */
	struct oscore_context *by_name, *by_id;
	struct oscore_observation *observations; /* by token */
	uint64_t last_id;
	struct oscore_renewal renewal;
	struct oscore_offer offer;
	uint8_t opened[UDP_DATAGRAM_MAX];
};

/* The context of a credential, from now on kept if it was not. NULL: not now. */
struct oscore_context *oscore_context_of(struct oscore *oscore, const char *name, const struct oscore_keys *base);
/* NULL: it has gone. */
struct oscore_context *oscore_context_find(struct oscore *oscore, uint64_t id);
void oscore_context_free(struct oscore *oscore, struct oscore_context *context);

void oscore_observation_free(struct oscore *oscore, struct oscore_observation *observation);

/* Opens an answer to the request of this number; IGNORED too without a context. A notification's number is its order. */
enum oscore_result oscore_open_bound(struct oscore *oscore, const struct oscore_context *context,
                                     uint64_t request_number, struct bytes datagram, struct pdu *pdu,
                                     struct coap_message *message, enum pdu_verdict *verdict);

#endif
