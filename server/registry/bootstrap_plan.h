/* What a bootstrap sends, in order: made from the configuration and from what the device has already. Pure. */
#ifndef CARDEA_REGISTRY_BOOTSTRAP_PLAN_H
#define CARDEA_REGISTRY_BOOTSTRAP_PLAN_H

#include "bootstrap_configuration.h"

/* ---- what the device has ---- */

struct bootstrap_instance {
	uint16_t object, instance;
	uint16_t short_server_id;               /* 0: none, which in the security objects is the bootstrap server's account */
};

struct bootstrap_found {
	const struct bootstrap_instance *at;
	size_t count;
};

/* From the answer to a Bootstrap-Discover, or the accounts of a Bootstrap-Pack-Request (links without attributes). Links
 * that are no instances are passed. ERR_MALFORMED, ERR_NOMEM. */
MUST_CHECK enum err bootstrap_found_read(struct arena *arena, struct bytes links, struct bootstrap_found *ret_found,
					 struct fault *fault);
/* What is taken for granted of a device that does not tell: its bootstrap server's account is /0/0. */
struct bootstrap_found bootstrap_found_unknown(void);

/* ---- what is sent ---- */

enum bootstrap_step_kind {
	BOOTSTRAP_DISCOVER,
	BOOTSTRAP_DELETE,
	BOOTSTRAP_KEEP_KEY,                     /* makes the new key ours, before the device has it */
	BOOTSTRAP_WRITE,
	BOOTSTRAP_READ,
	BOOTSTRAP_FINISH,
};

struct bootstrap_step {
	enum bootstrap_step_kind kind;
	struct lwm2m_path path;
	struct lwm2m_records records;           /* of a write */
};

struct bootstrap_plan {
	const struct bootstrap_step *steps;
	size_t count;
};

/* What is not in the configuration: generated for this one bootstrap, and the certificate that we show. */
struct bootstrap_key {
	const char *identity;
	struct secret key;
	struct bytes own_certificate;
};

/* The steps after the Discover. `generated` is for the servers that want it, NULL when none does; the plan borrows from it and from the
 * configuration. ERR_LIMIT when there is no instance left, ERR_NOMEM. */
MUST_CHECK enum err bootstrap_plan_make(struct arena *arena, const struct bootstrap_configuration *configuration,
					struct bootstrap_found found, const struct bootstrap_key *generated,
					struct bootstrap_plan *ret_plan);

bool bootstrap_wants_key(const struct bootstrap_configuration *configuration);

#endif
