/* LwM2M paths as text: "/3/0/1". */
#ifndef CARDEA_LWM2M_PATH_H
#define CARDEA_LWM2M_PATH_H

#include <cardea/lwm2m.h>

#define PATH_TEXT_SIZE 25 /* "/65534/65534/65534/65534" and its 0 */

/* "/", "/3", "3/0", "/3/0/1", "/3/0/6/1": the leading slash may be missing, a trailing one not be there;
 * nothing is the root. ERR_MALFORMED. */
MUST_CHECK enum err path_parse(struct bytes text, struct lwm2m_path *ret_path, struct fault *fault);

/* Writes the text and answers `to`. */
const char *path_print(struct lwm2m_path path, char to[static PATH_TEXT_SIZE]);

bool path_equal(struct lwm2m_path a, struct lwm2m_path b);
bool path_starts_with(struct lwm2m_path path, struct lwm2m_path prefix); /* also when equal */
/* Below 0, 0, above 0, by the numbers of each level; a path stands before what is below it. */
int path_compare(struct lwm2m_path a, struct lwm2m_path b);

/* The id at level 1 to 4; LWM2M_ID_NONE below the path's depth. */
uint16_t path_id(struct lwm2m_path path, unsigned level);
/* The path one level down. ERR_MALFORMED below a resource instance. */
MUST_CHECK enum err path_append(struct lwm2m_path path, uint16_t id, struct lwm2m_path *ret_path);

#endif
