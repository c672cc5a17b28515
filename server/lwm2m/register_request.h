/* What a Register or Update says (LwM2M Core TS 1.1, 6.2.1): query and payload, as a pure parser. */
#ifndef CARDEA_LWM2M_REGISTER_REQUEST_H
#define CARDEA_LWM2M_REGISTER_REQUEST_H

#include <cardea/lwm2m.h>

#include "link.h"

struct registered_object {
	uint16_t object;
	uint16_t instance;    /* LWM2M_ID_NONE: the object has none */
	struct bytes version; /* of the object, on each of its instances; empty when not given */
};

struct register_request {
	struct bytes endpoint; /* empty in an Update, and where the security layer names the device */
	bool has_lifetime;
	uint32_t lifetime_s;  /* 86400 when absent, 0 infinite */
	bool has_version;
	struct bytes version; /* "1.0" when absent */
	bool has_binding;
	struct bytes binding; /* without Q; "U" when absent */
	bool is_queue_mode, has_queue_letter; /* the letter Q of 1.0 in the binding */
	struct bytes sms_number;
	struct bytes profile; /* pid as it was sent; what it stands for is in the payload already (profiles.h) */
	bool has_links;
	struct bytes root;                       /* alternate path without trailing slash, empty for "/" */
	const struct registered_object *objects; /* in order, each once; /0, /21 and /23 left out */
	size_t object_count;
	const uint16_t *formats; /* from ct of the root link */
	size_t format_count;
	uint32_t rules; /* of tolerance (core/tolerance.h) that were needed to read it */
};

/* `queries` are the Uri-Query options; what is answered borrows from them and from `payload`. Unknown
 * parameters and links are ignored, duplicate parameters refused. An Update without payload takes no memory
 * (but for a binding like UQS). ERR_MALFORMED, also for a Register without objects; ERR_UNSUPPORTED for a
 * version of another major or newer than ours (4.12); ERR_CONFLICT when a profile id stands for the list
 * (4.09); ERR_NOMEM. */
MUST_CHECK enum err register_request_parse(struct arena *arena, const struct bytes *queries,
					   size_t query_count, struct bytes payload, bool is_update,
					   struct register_request *ret_request, struct fault *fault);

#endif
