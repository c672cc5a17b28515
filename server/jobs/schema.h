/* The part of JSON Schema (draft 2020-12) that plugins declare their parameters with: the keywords that
 * cardea/plugin.h lists, and no other. */
#ifndef CARDEA_JOBS_SCHEMA_H
#define CARDEA_JOBS_SCHEMA_H

#include <cardea/error.h>
#include <jansson.h>

/* Refuses a schema with a keyword that schema_check would not honour. ERR_UNSUPPORTED names it. */
MUST_CHECK enum err schema_verify(const json_t *schema, struct fault *fault);

/* ERR_MALFORMED names the member ("se: must be at least 0"). */
MUST_CHECK enum err schema_check(const json_t *schema, const json_t *value, struct fault *fault);

/* The member of `schema` that names a package, and the kind of it; NULL when there is none. */
const char *schema_package_member(const json_t *schema, const char **ret_kind);

/* Calls `each` for the packages that a valid value names below its first level: where ("present[0].packageId"), kind
 * and id. Ends with the first failure. */
MUST_CHECK enum err schema_packages_below(const json_t *schema, const json_t *value,
                                          enum err (*each)(void *self, const char *place, const char *kind,
                                                           const char *id, struct fault *fault),
                                          void *self, struct fault *fault);

#endif
