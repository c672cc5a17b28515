/* Answers to devices: at once, or once the store has what they acknowledge. For this folder only. */
#ifndef CARDEA_REGISTRY_REPLY_H
#define CARDEA_REGISTRY_REPLY_H

#include "state.h"

void reply_code(struct registry *registry, uint64_t reply, uint8_t code);
/* With the reason as diagnostic payload (RFC 7252 5.5.2). */
void reply_fault(struct registry *registry, uint64_t reply, uint8_t code, const struct fault *fault);
/* 5.03: try again in a minute. */
void reply_busy(struct registry *registry, uint64_t reply);
/* 2.01 with the location of a registration. */
void reply_created(struct registry *registry, uint64_t reply, const char *location);

struct acknowledgement;
typedef void acknowledged(struct registry *registry, const struct acknowledgement *acknowledgement,
			  enum err result);

/* An answer that waits for the store. It is given when both have happened: the store is done, and memory has
 * followed (acknowledgement_arm), in whatever order. */
struct acknowledgement {
	uint64_t number, reply;
	char location[LOCATION_SIZE]; /* of the registration that it is about; a device may have a newer one
					 by then */
	void (*act)(struct registry *registry, const struct acknowledgement *acknowledgement,
		    enum err result);
	bool is_armed, is_stored;
	enum err result;
	UT_hash_handle hh;
};

MUST_CHECK enum err acknowledgement_begin(struct registry *registry, uint64_t reply, const char *location,
					  acknowledged *act, struct acknowledgement **ret_acknowledgement);
/* What to give to the write. */
struct store_done acknowledgement_stored(struct registry *registry,
					 const struct acknowledgement *acknowledgement);
/* The write was refused: nothing will be acknowledged. */
void acknowledgement_cancel(struct registry *registry, struct acknowledgement *take_acknowledgement);
void acknowledgement_arm(struct registry *registry, struct acknowledgement *take_acknowledgement);
/* At the end of the registry. */
void acknowledgement_cancel_all(struct registry *registry);

#endif
