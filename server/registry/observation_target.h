/* What an observation is of: one path, or (of the root) several that a composite one names. For this folder only. */
#ifndef CARDEA_REGISTRY_OBSERVATION_TARGET_H
#define CARDEA_REGISTRY_OBSERVATION_TARGET_H

#include "operation.h"

#define OBSERVATION_TARGET_MAX_NAMES 64

struct observation_target {
	const char *prefix;                     /* of an end device behind the gateway that the device is; NULL: none */
	struct lwm2m_path path;
	const struct lwm2m_path *names;         /* in the order in which they were asked for */
	size_t name_count;                      /* 0 unless the path is the root */
	const char *attributes;                 /* that it was asked for with: "pmin=1&pmax=9"; NULL: none */
};

/* The names in the arena. ERR_LIMIT: too many; ERR_NOMEM. */
MUST_CHECK enum err observation_target_of(struct arena *arena, const struct operation_request *request,
                                          struct observation_target *ret_target);
/* With whatever attributes. */
bool observation_target_equal(const struct observation_target *a, const struct observation_target *b);
/* The names as records without values, in the arena. ERR_NOMEM. */
MUST_CHECK enum err observation_target_records(struct arena *arena, const struct observation_target *target,
                                               struct lwm2m_records *ret_records);

/* As the store keeps it: "/3/0/9", or "/,/3/0/9,/1/0", or "d01/3/0/9?pmax=60". ERR_NOMEM, ERR_MALFORMED. */
MUST_CHECK enum err observation_target_print(struct arena *arena, const struct observation_target *target,
                                             const char **ret_text);
MUST_CHECK enum err observation_target_parse(struct arena *arena, const char *text, struct observation_target *ret_target);

#endif
