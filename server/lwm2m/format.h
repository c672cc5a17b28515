/* The table of content formats (LwM2M Core TS 1.1, 7.4): number, names, and the functions that read and
 * write. */
#ifndef CARDEA_LWM2M_FORMAT_H
#define CARDEA_LWM2M_FORMAT_H

#include <cardea/lwm2m.h>

#include "model.h"

/* Payload to records with absolute paths, `base` being the request path. Types follow `model` where it knows
 * the resource, else the format; `model` may be NULL. Texts and opaques borrow from the payload. A multiple
 * resource without instances is one record of depth 3 and type NONE, where the format can tell.
 * ERR_MALFORMED, naming path and reason, also for what is not below `base`; ERR_UNSUPPORTED when the format
 * cannot carry `base`; ERR_NOMEM. */
typedef enum err format_read(struct arena *arena, const struct model *model, struct lwm2m_path base,
			     struct bytes payload, struct lwm2m_records *ret_records, struct fault *fault);

/* Records below `base`, in any order, to a payload. In a Create the instance id LWM2M_ID_NONE means: the
 * device chooses. ERR_UNSUPPORTED for what the format cannot carry; ERR_MALFORMED for records outside `base`
 * or told twice; ERR_LIMIT; ERR_NOMEM. */
typedef enum err format_write(struct arena *arena, const struct model *model, struct lwm2m_path base,
			      struct lwm2m_records records, struct bytes *ret_payload, struct fault *fault);

struct format {
	uint16_t number;
	const char *name;       /* as in ?format= : "tlv" */
	const char *media_type; /* as in Content-Type */
	bool single;            /* one resource (instance) only */
	format_read *read;
	format_write *write;
};

/* NULL when we do not have it. The legacy numbers 1541 to 1543 give their successors. */
const struct format *format_find(uint16_t number);
/* A media type may have parameters, and its case does not count. */
const struct format *format_find_name(const char *name_or_media_type);
/* Row by row, for documentation and tests; NULL after the last. */
const struct format *format_at(size_t i);

#endif
