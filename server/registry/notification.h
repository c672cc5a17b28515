/* What devices tell unasked: notifications and Send. For this folder only. */
#ifndef CARDEA_REGISTRY_NOTIFICATION_H
#define CARDEA_REGISTRY_NOTIFICATION_H

#include "state.h"

struct notification {
	const char *endpoint;
	uint64_t job_id;
	const char *prefix;                     /* of an end device behind a gateway; NULL: none */
	struct lwm2m_path path;
	uint16_t format;
	struct bytes payload;
	struct lwm2m_records records;
	const struct model *model;              /* by which they are decoded */
	struct fault fault;
	bool is_sent; /* by the device's own decision, as a Send: there is no path */
};

/* To the listeners, and as an event what no job observes. */
void notification_tell(struct registry *registry, const struct notification *notification);

/* The endpoint's handler; `self` is the registry. */
bool notification_arrived(void *self, const struct coap_address *from, const char *identity, uint64_t token,
                          const struct coap_message *message);
/* POST /dp */
void notification_receive_send(struct registry *registry, const struct coap_request *request);

#endif
