/* Profile ids (LwM2M Core TS 1.2, 6.2.1): names for lists of objects, which a device registers with instead of the list.
 *
 * What a dynamic id is the hash of is not defined, so that a list cannot be recognised by it: an operator says which
 * devices mean what, as JSON {"6:27354b9a": "</1/0>,</3/0>"}. */
#ifndef CARDEA_LWM2M_PROFILES_H
#define CARDEA_LWM2M_PROFILES_H

#include <cardea/bytes.h>

struct profiles;

/* ERR_MALFORMED names the profile whose name or list is wrong; ERR_NOMEM. */
MUST_CHECK enum err profiles_create(const char *json, struct profiles **ret_profiles, struct fault *fault);
void profiles_free(struct profiles *profiles); /* accepts NULL */

/* The lists of the profiles in `pid` (one, or several with commas in quotes), then the links of the message, in the arena
 * or borrowed. Ids that nobody has said anything about are passed: then the links have to be there, or *ret_links is
 * empty. `profiles` may be NULL. ERR_NOMEM. */
MUST_CHECK enum err profiles_expand(const struct profiles *profiles, struct arena *arena, struct bytes pid,
				    struct bytes links, struct bytes *ret_links);

#endif
