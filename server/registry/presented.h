/* Devices that somebody in this process presents: what is asked of them is answered by him and not over CoAP. They are
 * in memory alone, and there again when he presents them again. */
#ifndef CARDEA_REGISTRY_PRESENTED_H
#define CARDEA_REGISTRY_PRESENTED_H

#include <cardea/lwm2m.h>

#include "operation.h"

struct presenter {
	/* At once: a CoAP code and, to READ and OBSERVE, records in the arena. */
	uint8_t (*ask)(void *self, const char *endpoint, const struct operation_request *request, struct arena *arena,
	               struct lwm2m_records *ret_records);
	/* Removed, expired, or registered by itself. */
	void (*gone)(void *self, const char *endpoint);
	void *self;
};

struct presented_description {
	const char *endpoint, *links;
	uint32_t lifetime_s;
};

/* As a registration, acknowledged at once. ERR_CONFLICT: it has registered over CoAP. ERR_UNAVAILABLE: as many devices
 * are registered as may be. ERR_MALFORMED, ERR_NOMEM. */
MUST_CHECK enum err presented_register(struct registry *registry, const struct presented_description *description,
                                       const struct presenter *presenter, struct fault *fault);
/* Nothing happens for a device that is not presented. */
void presented_set_awake(struct registry *registry, const char *endpoint, bool is_awake);
/* Tells those who observe something at, above or below the path. */
void presented_changed(struct registry *registry, const char *endpoint, struct lwm2m_path path);

#endif
