/* The bootstrap interface (LwM2M Core TS 1.1, 6.1) as a device has it: ask, let the server write, check. */
#ifndef DEVICE_BOOTSTRAP_H
#define DEVICE_BOOTSTRAP_H

#include "device.h"
#include "transport.h"

/* EXCHANGE_LIFETIME: without a Finish until then it has failed (6.1.7.6). */
#define BOOTSTRAP_DEADLINE_MS 247000

/* What the device had before, to have it back when the bootstrap fails. */
struct bootstrap {
	struct values before;
	bool is_open, is_finished;
};

/* Bootstrap-Request. ERR_UNAVAILABLE, ERR_NOMEM. */
MUST_CHECK enum err bootstrap_begin(struct bootstrap *bootstrap, struct line *line, struct device *device);
/* Bootstrap-Pack-Request (LwM2M 1.2): the answer comes as what was fetched. ERR_UNAVAILABLE, ERR_NOMEM. */
MUST_CHECK enum err bootstrap_begin_pack(struct bootstrap *bootstrap, struct line *line, struct device *device);
/* That answer: is_finished says that it was taken over whole. ERR_MALFORMED, ERR_DENIED with the reason; ERR_NOMEM. */
MUST_CHECK enum err bootstrap_take_pack(struct bootstrap *bootstrap, struct device *device, uint8_t code,
					struct bytes pack, struct fault *fault);
/* The server has accepted nothing, or not all: as before. Nothing to do when none is open. */
void bootstrap_abandon(struct bootstrap *bootstrap, struct device *device);
/* After the Finish was accepted: what was written is kept. ERR_IO, ERR_NOMEM. */
MUST_CHECK enum err bootstrap_keep(struct bootstrap *bootstrap, struct device *device);

/* Does a request of the bootstrap server; is_finished says that a Finish was accepted. */
void bootstrap_dispatch(struct bootstrap *bootstrap, struct device *device, const struct request *request,
			struct arena *arena, struct answer *ret_answer, struct fault *fault);

/* ---- without a server ---- */

/* Writes instances of an object, in TLV, as a bootstrap server would; nothing is saved yet. ERR_MALFORMED with the reason. */
MUST_CHECK enum err bootstrap_write_object(struct device *device, const struct object *object, struct bytes instances,
					   struct arena *arena, struct fault *fault);
/* The account of the bootstrap server. */
void bootstrap_remove_account(struct device *device);
/* As a Delete of everything, and with it any account of a bootstrap server. */
void bootstrap_remove_all(struct device *device);

#endif
