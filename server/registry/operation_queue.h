/* The operations of a device, one at a time and in order. For this folder only. */
#ifndef CARDEA_REGISTRY_OPERATION_QUEUE_H
#define CARDEA_REGISTRY_OPERATION_QUEUE_H

#include "observation_target.h"
#include "operation.h"
#include "state.h"

#define OPERATION_QUEUE_MAX 32 /* per device */

struct operation {
	struct operation *next;           /* of the device */
	struct device_entry *entry;       /* owns it */
	struct arena *arena;              /* of itself, and of all that it needs until its end */
	const struct model *model;        /* as the device has it */
	struct operation_request request; /* a copy in the arena */
	const char *root;                 /* "/d01" of an end device; NULL without a prefix */
	struct coap_message message;      /* what is sent, in the format that is tried */
	size_t attempt;                   /* which format that is */
	bool was_sent;                    /* the device may have seen it */
	bool was_refused;                       /* the device did not take the one before */
	operation_done *done;             /* NULL: nobody waits */
	void *self;
	uint64_t id;
	uint64_t number, token;     /* of the exchange under way */
	uint64_t replaced_token;    /* OBSERVE: of one in another format, which ends when this one begins; 0: none */
	uint64_t observation_token; /* OBSERVE: of the one that is asked for again; CANCEL_OBSERVE: that ends
				     */
	struct observation_target target;       /* of these two */
	const struct operation_answer *ending; /* what it ends with in the next turn */
	struct timer timer;                    /* until then, or as long as it is patient */
	UT_hash_handle hh;
};

void operation_free(struct operation *operation); /* accepts NULL */

/* Takes a prepared operation and sends it, or lets it wait. ERR_UNAVAILABLE: the device sleeps and it may not
 * wait, or too many do; then it is still the caller's. */
MUST_CHECK enum err operation_queue_add(struct registry *registry, struct device_entry *entry,
					struct operation *take_operation, struct fault *fault);
/* Takes an operation that needs no device: it ends with the next turn. */
void operation_queue_answer(struct registry *registry, struct device_entry *entry,
			    struct operation *take_operation, const struct operation_answer *answer);

/* Sends the next one if the device may be spoken to and none is under way. */
void operation_queue_run(struct registry *registry, struct device_entry *entry);
/* The device cannot be spoken to: what may not wait for it ends. */
void operation_queue_sleep(struct registry *registry, struct device_entry *entry);
/* What is under way will not be answered any more; what waits stays. */
void operation_queue_break(struct registry *registry, struct device_entry *entry, const char *reason);
/* All of them end now. */
void operation_queue_end(struct registry *registry, struct device_entry *entry, enum err err,
			 const char *reason);
/* All of them are forgotten, without a call: the end of the registry. */
void operation_queue_forget(struct registry *registry, struct device_entry *entry);

#endif
