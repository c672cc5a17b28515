/* Notification attributes (LwM2M Core TS 1.2, 7.3) as in Write-Attributes queries and Discover links. */
#ifndef CARDEA_LWM2M_ATTRIBUTES_H
#define CARDEA_LWM2M_ATTRIBUTES_H

#include <cardea/lwm2m.h>

enum attribute_name {
	ATTRIBUTE_PMIN,
	ATTRIBUTE_PMAX,
	ATTRIBUTE_GT,
	ATTRIBUTE_LT,
	ATTRIBUTE_ST,
	ATTRIBUTE_EPMIN,
	ATTRIBUTE_EPMAX,
	ATTRIBUTE_EDGE,
	ATTRIBUTE_CON,
	ATTRIBUTE_HQMAX,
	ATTRIBUTE_COUNT
};

struct attributes {
	struct {
		bool present, unset; /* unset: the name alone, which removes it on the device */
		double value;
	} at[ATTRIBUTE_COUNT];
};

/* "pmin=10&gt=2.5&pmax" (no '?'). ERR_MALFORMED names the attribute. */
MUST_CHECK enum err attributes_parse(struct bytes query, struct attributes *ret_attributes,
				     struct fault *fault);
/* The rules between them (lt + 2 st < gt, pmin <= pmax, epmin < epmax) and where each may stand. */
MUST_CHECK enum err attributes_check(const struct attributes *attributes, struct lwm2m_path path,
				     struct fault *fault);
/* The rules about what the resource holds: thresholds are for numbers, edge is for booleans. */
MUST_CHECK enum err attributes_check_type(const struct attributes *attributes, enum lwm2m_type type,
					  struct fault *fault);
MUST_CHECK enum err attributes_print(struct arena *arena, const struct attributes *attributes,
				     struct bytes *ret_query);
const char *attribute_text(enum attribute_name name);

#endif
