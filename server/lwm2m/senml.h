/* SenML (RFC 8428) as LwM2M uses it, without its encoding: what the fields of one record after another mean,
 * and which fields say what there is to say. JSON and CBOR share it. */
#ifndef CARDEA_LWM2M_SENML_H
#define CARDEA_LWM2M_SENML_H

#include <cardea/lwm2m.h>

#include "model.h"
#include "record_list.h"

/* The fields that mean something here; units and sums do not. */
enum senml_field {
	SENML_BASE_VERSION,
	SENML_BASE_NAME,
	SENML_BASE_TIME,
	SENML_BASE_VALUE,
	SENML_NAME,
	SENML_VALUE,
	SENML_STRING,
	SENML_BOOLEAN,
	SENML_TIME,
	SENML_DATA,
	SENML_LINK,
	SENML_FIELD_COUNT
};

#define SENML_BIT(field) (1u << (field))
#define SENML_VALUES                                                                                         \
	(SENML_BIT(SENML_VALUE) | SENML_BIT(SENML_STRING) | SENML_BIT(SENML_BOOLEAN) |                       \
	 SENML_BIT(SENML_DATA) | SENML_BIT(SENML_LINK))

/* One record of a pack. Numbers are INTEGER, UNSIGNED, FLOAT or TIME. */
struct senml_entry {
	unsigned present; /* SENML_BIT of each field that is there */
	struct bytes base_name, name;
	struct lwm2m_value base_version, base_time, base_value, time;
	struct lwm2m_value value; /* of whichever of SENML_VALUES; NULL: said to be none */
};

/* ---- reading ---- */

/* What the caller knows; the rest is zero at first. */
struct senml_reading {
	const struct model *model; /* may be NULL; its root is taken off the names */
	struct lwm2m_path base;    /* all names are below it */
	struct arena *arena;
	struct fault *fault;
	bool opaque_is_text;     /* base64 in a string, as in LwM2M JSON */
	struct record_list list; /* the records so far */
	/* what the base fields said last */
	struct bytes base_name;
	bool has_base_time;
	struct lwm2m_value base_time, base_value;
};

/* The next record of the pack. A time below 2^28 is relative to now (4.5.3); it is handed on as it stands,
 * since only the caller knows when now is. ERR_MALFORMED, naming the record, ERR_NOMEM. */
MUST_CHECK enum err senml_add(struct senml_reading *reading, const struct senml_entry *entry);
/* What came of it. ERR_MALFORMED when a path is told twice for the same time. */
MUST_CHECK enum err senml_finish(const struct senml_reading *reading, struct lwm2m_records *ret_records);

/* ---- writing ---- */

struct senml_pack {
	const struct senml_entry *entries;
	size_t count;
};

/* The records as a pack, `root` ("" or an alternate path) in front of each name, with one base name and, where
 * every record has a time, one base time. Records without value are names (the body of a composite read) when
 * `base` is the root; below a path they say that a multiple resource is empty, and are left out.
 * ERR_MALFORMED, ERR_UNSUPPORTED for an instance without id, ERR_NOMEM. */
MUST_CHECK enum err senml_compose(struct arena *arena, const char *root, struct lwm2m_path base,
				  struct lwm2m_records records,
				  struct senml_pack *ret_pack, struct fault *fault);

#endif
